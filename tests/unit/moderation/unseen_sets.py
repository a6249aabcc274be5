"""The evasions, plain forms and harmless look-alikes of labelled/unseen, and the shares that are stopped."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from .labelled_set import FOLDER, found

KINDS = ("evasions", "plain", "harmless")
AUTHORS = ("a", "b")
PARTS = ("a", "b", "c", "d", "e")  # in the order they were written
_CODE = re.compile(r"⟦([0-9A-F]+)⟧")


@dataclass(frozen=True)
class Line:
    """One prompt of one author."""

    kind: str  # of KINDS
    technique: str
    language: str
    prompt: str


@dataclass(frozen=True)
class Share:
    """How many of some lines were stopped."""

    stopped: int
    lines: int

    @property
    def part(self) -> float:
        return self.stopped / self.lines


def written(kind: str, part: str) -> bool:
    """Not every part holds plain forms."""
    return (FOLDER / "unseen" / f"{kind}_{part}.txt").is_file()


def lines(kind: str, author: str) -> list[Line]:
    """One file, `⟦code⟧` as the characters themselves."""
    technique, rows = "", []
    for line in (FOLDER / "unseen" / f"{kind}_{author}.txt").read_text("utf-8").splitlines():
        if line.startswith("=="):
            technique = line.removeprefix("==").strip()
        elif line.strip():
            language, prompt = line.split("\t", 1)
            rows.append(Line(kind, technique, language, _CODE.sub(lambda code: chr(int(code[1], 16)), prompt)))
    return rows


def shares(rows: Iterable[Line], group: Callable[[Line], str]) -> Mapping[str, Share]:
    """What is stopped of each group, in any category, under DALL·E-like; the last entry holds all."""
    counted: dict[str, list[bool]] = defaultdict(list)
    for row in rows:
        counted[group(row)].append(bool(found(row.prompt)))
    every = [stopped for answers in counted.values() for stopped in answers]
    return {name: Share(sum(answers), len(answers)) for name, answers in [*counted.items(), ("all", every)]}
