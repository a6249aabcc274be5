"""The labelled set and what is counted on it. See labelled/README.md for the files' form."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nodes.moderation.categories import Category
from nodes.moderation.gate import check_prompt
from nodes.moderation.local_text import LocalTextCheck
from nodes.moderation.policy import Policy, Preset

FOLDER = Path(__file__).parent / "labelled"


@dataclass(frozen=True)
class Labelled:
    """One prompt and what must be found in it."""

    file: str
    language: str
    prompt: str
    labels: frozenset[Category]
    tolerated: frozenset[Category]
    why: str


@dataclass
class Counts:
    """Of one category."""

    caught: int = 0
    missed: int = 0
    false_alarms: int = 0

    @property
    def recall(self) -> float:
        return self.caught / (self.caught + self.missed) if self.caught + self.missed else 1.0

    @property
    def precision(self) -> float:
        return self.caught / (self.caught + self.false_alarms) if self.caught + self.false_alarms else 1.0


def read(name: str) -> list[Labelled]:
    """One file of the set."""
    rows: list[Labelled] = []
    labels: frozenset[Category] = frozenset()
    tolerated: frozenset[Category] = frozenset()
    why = ""
    for line in (FOLDER / name).read_text("utf-8").splitlines():
        if line.startswith("=="):
            head, why = line.removeprefix("==").split("::", 1)
            wanted, _, more = head.partition("|")
            labels, tolerated = _categories(wanted), _categories(more)
        elif line.strip():
            language, prompt = line.split("\t", 1)
            rows.append(Labelled(name, language, prompt, labels, tolerated, why.strip()))
    return rows


def found(prompt: str, preset: Preset = Preset.DALLE_LIKE) -> frozenset[Category]:
    """What the local check makes the policy block."""
    return frozenset(check_prompt(prompt, Policy.from_preset(preset), [LocalTextCheck()]).blocked)


def measure(rows: Iterable[Labelled]) -> dict[Category, Counts]:
    """Counts of every category over the rows."""
    counts = {category: Counts() for category in Category}
    for row in rows:
        got = found(row.prompt)
        for category in Category:
            if category in row.labels:
                counts[category].caught += category in got
                counts[category].missed += category not in got
            elif category in got and category not in row.tolerated:
                counts[category].false_alarms += 1
    return counts


def table(counts: dict[Category, Counts]) -> str:
    """The counts as a Markdown table."""
    lines = ["| category | prompts | recall | precision |", "|---|---|---|---|"]
    for category, count in counts.items():
        prompts = count.caught + count.missed
        lines.append(f"| {category.value} | {prompts} | {count.recall:.2f} | {count.precision:.2f} |")
    return "\n".join(lines)


def _categories(names: str) -> frozenset[Category]:
    return frozenset(Category(name.strip()) for name in names.split(",") if name.strip() not in ("", "none"))
