"""The 400 texts of the DALL·E 3 paper: what becomes of each is kept here; data/README.md says how much was judged.

After a change of rules on purpose: `REWRITE_GOLDEN=1 pytest tests/unit/prompts/test_golden.py`, then read the diff.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from nodes.prompts.convert import Conversion, Request, convert
from nodes.prompts.fidelity import items, missing
from nodes.prompts.targets import Style, Target

DATA = Path(__file__).parent / "data"
GOLDEN = DATA / "golden.jsonl"
SOURCES = ("drawbench", "drawbench_upsampled")
TEXTS = [
    (source, number, text)
    for source in SOURCES
    for number, text in enumerate((DATA / f"{source}.txt").read_text("utf-8").splitlines(), 1)
]


def entry(source: str, number: int, done: Conversion) -> dict:
    rules = [change.rule for change in done.report.changes if change.rule not in ("style_cue", "format_cue")]
    return {
        "text": f"{source}:{number}",
        "t5xxl": done.t5xxl,
        "clip_l": done.clip_l,
        "rules": sorted(set(rules)),
        "warnings": sorted({warning.code for warning in done.report.warnings}),
    }


@pytest.fixture(scope="module")
def conversions() -> list[tuple[str, int, str, Conversion]]:
    return [(source, number, text, convert(Request(text))) for source, number, text in TEXTS]


def test_all_400_are_as_they_were_judged(conversions):
    made = [entry(source, number, done) for source, number, _, done in conversions]
    if os.environ.get("REWRITE_GOLDEN"):
        GOLDEN.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in made), "utf-8")
    judged = [json.loads(line) for line in GOLDEN.read_text("utf-8").splitlines()]
    assert len(made) == len(judged) == 400
    for one, other in zip(made, judged, strict=True):
        assert one == other


def test_nothing_that_was_said_is_lost(conversions):
    for source, number, text, done in conversions:
        allowed = {lost.item for lost in done.report.not_kept} | {
            item for change in done.report.changes if change.rule == "quality_words" for item in items(change.before)
        }
        lost = [item for item in missing(items(text), done.t5xxl) if item not in allowed]
        assert lost == [], f"{source}:{number}"


def test_the_words_stay_in_place(conversions):
    """These texts hold no talk and no parameters: beyond quality words and punctuation every word stays, in order."""
    for source, number, text, done in conversions:
        if {change.rule for change in done.report.changes} & {"quality_words", "repetition"}:
            continue
        before = [word.strip(".,;:-").lower() for word in text.split()]
        after = [word.strip(".,;:-").lower() for word in done.text.split()]
        assert after[: len(before)] == before, f"{source}:{number}"


def test_converting_again_changes_nothing(conversions):
    for source, number, _, done in conversions:
        again = convert(Request(done.t5xxl))
        assert (again.t5xxl, again.clip_l) == (done.t5xxl, done.clip_l), f"{source}:{number}"


@pytest.mark.parametrize("target", list(Target))
@pytest.mark.parametrize("style", list(Style))
def test_every_target_and_style_keeps_within_its_limits(target, style):
    for _, _, text in TEXTS[::29]:
        done = convert(Request(text, style, "1792x1024", target))
        assert 0 < done.report.tokens.t5xxl <= target.text_limit
        assert 0 < done.report.tokens.clip_l <= 75
