"""The 400 judged texts: where they lie, what is recorded of each, and when a verdict is out of date."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from nodes.prompts.convert import Conversion

DATA = Path(__file__).parent / "data"
GOLDEN = DATA / "golden.jsonl"
JUDGEMENTS = DATA / "judgements.jsonl"
SOURCES = ("drawbench", "drawbench_upsampled")
VERDICTS = ("good", "fair", "poor")


def texts(source: str) -> Iterator[tuple[int, str]]:
    """(number from 1, prompt) of one of the two sources."""
    return enumerate((DATA / f"{source}.txt").read_text("utf-8").splitlines(), 1)


def entry(source: str, number: int, done: Conversion) -> dict:
    """What is recorded of a conversion."""
    rules = {change.rule for change in done.report.changes} - {"style_cue", "format_cue"}
    return {
        "text": f"{source}:{number}",
        "t5xxl": done.t5xxl,
        "clip_l": done.clip_l,
        "rules": sorted(rules),
        "warnings": sorted({warning.code for warning in done.report.warnings}),
    }


def mark(recorded: dict) -> str:
    """Changes when anything does that a verdict is about."""
    return hashlib.sha256(json.dumps(recorded, ensure_ascii=False).encode()).hexdigest()[:12]


def read(file: Path) -> list[dict]:
    """The objects of a file of JSON lines."""
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def write(file: Path, objects: Iterable[dict]) -> None:
    """Write `objects`, one a line."""
    file.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in objects), "utf-8")
