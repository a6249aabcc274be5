"""The check "local" for prompts: curated terms, no network, nothing to install."""

from __future__ import annotations

import re

from .categories import Category
from .decision import Finding, Verdict

_FIRST_RULES = {
    Category.SEXUAL: r"\b(porn\w*|hentai|nude|naked|nsfw)\b",
    Category.VIOLENCE_GRAPHIC: r"\b(gore|decapitat\w+|disembowel\w+|dismember\w+)\b",
}


class LocalTextCheck:
    name = "local"

    def check(self, text: str) -> Verdict:
        findings = [
            Finding(category, 0.9, f"{category.value}/first", found.group())
            for category, pattern in _FIRST_RULES.items()
            for found in [re.search(pattern, text, re.IGNORECASE)]
            if found
        ]
        scores = {finding.category: finding.score for finding in findings}
        return Verdict(self.name, "0", frozenset(_FIRST_RULES), scores, findings=tuple(findings))
