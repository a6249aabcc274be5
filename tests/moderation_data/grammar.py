"""Sentences from the templates in `grammar/`: what the model for descriptions is trained with.

A template is a line `language: text` below a head `== category` (harmful_*.txt) or `== context` (harmless_*.txt). In
it `{slot}` stands for a word of `slots.txt` in that language, `(a|b|)` for one of a, b and nothing. Everything is drawn
from a seed, so the same files give the same sentences on every machine.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "grammar"
_SLOT = re.compile(r"\{(\w+)\}")
_CHOICE = re.compile(r"\(([^()]*\|[^()]*)\)")
_BLANKS = re.compile(r"\s+")
_MIXED = 0.1  # of slots are filled in another language, so that meanings meet across them

Slots = Mapping[str, Mapping[str, list[str]]]


@dataclass(frozen=True)
class Template:
    """One line of a file; all its sentences mean the same."""

    file: str
    label: str  # a category, or "" for what is harmless
    language: str
    text: str

    def sentence(self, slots: Slots, random: random.Random) -> str:
        """One sentence, drawn anew."""

        def fill(match: re.Match[str]) -> str:
            languages = slots[match[1]]
            mixed = random.random() < _MIXED
            language = random.choice(sorted(languages)) if mixed else self.language
            return random.choice(languages.get(language) or languages["en"])

        text = _CHOICE.sub(lambda match: random.choice(match[1].split("|")), self.text)
        while _CHOICE.search(text):
            text = _CHOICE.sub(lambda match: random.choice(match[1].split("|")), text)
        return _BLANKS.sub(" ", _SLOT.sub(fill, text)).strip()


def slots() -> Slots:
    """Slot → language → its words."""
    found: dict[str, dict[str, list[str]]] = defaultdict(dict)
    for line in (FOLDER / "slots.txt").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            head, words = line.split(": ", 1)
            name, language = head.split()
            found[name][language] = words.split("|")
    return found


def templates() -> list[Template]:
    """All templates, in the order of the files' names."""
    found: list[Template] = []
    for file in sorted(FOLDER.glob("harm*.txt")):
        label = ""
        for line in file.read_text("utf-8").splitlines():
            if line.startswith("=="):
                label = line.removeprefix("==").strip() if file.name.startswith("harmful") else ""
            elif line and not line.startswith("#"):
                language, text = line.split(": ", 1)
                found.append(Template(file.stem, label, language, text))
    return found
