"""What a conversion says about itself: JSON with stable keys, for people, programs and the node's face."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

from .fidelity import Item
from .rule import MOST_TOLD, Change, Notice, shorten_for_report
from .targets import Target

VERSION = 1


@dataclass(frozen=True)
class Tokens:
    """Lengths of the two texts."""

    t5xxl: int  # end mark included
    t5xxl_limit: int
    clip_l: int  # start and end mark not included
    clip_l_limit: int
    measured: bool  # False: estimated, no tokenizers were at hand


@dataclass(frozen=True)
class Lost:
    """Something the prompt said and the text does not."""

    item: Item
    why: str  # name of the rule, "shortened", or "unexplained"


@dataclass(frozen=True)
class Rewriting:
    """What an LLM had to do with the text."""

    model: str
    outcome: str  # "rewritten", "from_disk", "fell_back" (the rules' text is used), "skipped" (verbatim)
    complaints: tuple[str, ...] = ()  # what was wrong with its answers
    attempts: int = 0


@dataclass(frozen=True)
class Report:
    """How two texts came about."""

    mode: str  # "rules", "as_is", "frozen", "rewritten"
    target: Target
    language: str
    changes: tuple[Change, ...]
    warnings: tuple[Notice, ...]
    not_kept: tuple[Lost, ...]
    left_out: tuple[str, ...]
    tokens: Tokens
    guidance: float | None
    steps: int
    size: str
    asked: dict[str, str | int | float] = field(default_factory=dict)
    negative: str = ""  # the negative prompt, for a model that has one
    rewriting: Rewriting | None = None

    def with_rewriting(self, rewriting: Rewriting, mode: str | None = None) -> Report:
        """The same, saying what the rewriter did."""
        return replace(self, rewriting=rewriting, mode=mode or self.mode)

    def as_dict(self) -> dict[str, Any]:
        """The report's JSON as Python values."""
        from .rules import in_order

        by_rule: dict[str, list[dict[str, Any]]] = {}
        for change in self.changes[:MOST_TOLD]:
            by_rule.setdefault(change.rule, []).append(
                {
                    "at": change.at,
                    "before": shorten_for_report(change.before),
                    "after": shorten_for_report(change.after),
                }
            )
        reasons = {rule.name: rule.reason for rule in in_order}
        return {
            "version": VERSION,
            "mode": self.mode,
            "target": self.target.value,
            "language": self.language,
            "rules": [
                {"rule": name, "reason": reasons.get(name, ""), "changes": changes} for name, changes in by_rule.items()
            ],
            "warnings": [{"code": warning.code, "message": warning.message} for warning in self.warnings[:MOST_TOLD]],
            "not_kept": [
                {"kind": lost.item.kind, "text": shorten_for_report(lost.item.text), "why": lost.why}
                for lost in self.not_kept[:MOST_TOLD]
            ],
            "left_out": [shorten_for_report(part) for part in self.left_out[:MOST_TOLD]],
            "tokens": {
                "t5xxl": self.tokens.t5xxl,
                "t5xxl_limit": self.tokens.t5xxl_limit,
                "clip_l": self.tokens.clip_l,
                "clip_l_limit": self.tokens.clip_l_limit,
                "measured": self.tokens.measured,
            },
            "suggested": {"size": self.size, "steps": self.steps, "guidance": self.guidance},
            "asked": self.asked,
            "negative": self.negative,
            "rewriting": None
            if self.rewriting is None
            else {
                "model": self.rewriting.model,
                "outcome": self.rewriting.outcome,
                "attempts": self.rewriting.attempts,
                "complaints": list(self.rewriting.complaints),
            },
        }

    def json(self) -> str:
        """The report as the node puts it out."""
        return json.dumps(self.as_dict(), ensure_ascii=False)
