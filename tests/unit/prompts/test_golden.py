"""The 400 texts of the DALL·E 3 paper: what becomes of each, and what somebody who read it thought of that.

After a change of rules on purpose: `REWRITE_GOLDEN=1 pytest tests/unit/prompts/test_golden.py`, then
`python tests/unit/prompts/judge.py`, which shows every text that changed and asks for its verdict anew.
"""

from __future__ import annotations

import os

import pytest
from unit.prompts import golden

from nodes.prompts.convert import Conversion, ConversionRequest, convert
from nodes.prompts.fidelity import items, missing
from nodes.prompts.targets import Style, Target

TEXTS = [(source, number, text) for source in golden.SOURCES for number, text in golden.texts(source)]


@pytest.fixture(scope="module")
def conversions() -> list[tuple[str, int, str, Conversion]]:
    return [(source, number, text, convert(ConversionRequest(text))) for source, number, text in TEXTS]


def test_all_400_are_as_they_were_recorded(conversions):
    made = [golden.entry(source, number, done) for source, number, _, done in conversions]
    if os.environ.get("REWRITE_GOLDEN"):
        golden.write(golden.GOLDEN, made)
    recorded = golden.read(golden.GOLDEN)
    assert len(made) == len(recorded) == 400
    for one, other in zip(made, recorded, strict=True):
        assert one == other


def test_all_400_were_read_as_they_are():
    judged = {one["text"]: one for one in golden.read(golden.JUDGEMENTS)}
    recorded = golden.read(golden.GOLDEN)
    assert list(judged) == [one["text"] for one in recorded]
    unread = [one["text"] for one in recorded if judged[one["text"]]["read"] != golden.mark(one)]
    assert unread == [], "their texts have changed since somebody judged them; run tests/unit/prompts/judge.py"
    for one in judged.values():
        assert one["verdict"] in golden.VERDICTS
        assert one["verdict"] == "good" or one["remark"], f"{one['text']}: say what is not good"


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
        before = [word.strip(".,;:-[]").lower() for word in text.split()]
        after = [word.strip(".,;:-[]").lower() for word in done.text.split()]
        assert after[: len(before)] == before, f"{source}:{number}"


def test_converting_again_changes_nothing(conversions):
    for source, number, _, done in conversions:
        again = convert(ConversionRequest(done.t5xxl))
        assert (again.t5xxl, again.clip_l) == (done.t5xxl, done.clip_l), f"{source}:{number}"


@pytest.mark.parametrize("target", list(Target))
@pytest.mark.parametrize("style", list(Style))
def test_every_target_and_style_keeps_within_its_limits(target, style):
    for _, _, text in TEXTS[::29]:
        done = convert(ConversionRequest(text, style, "1792x1024", target))
        assert 0 < done.report.tokens.t5xxl <= target.text_limit
        assert 0 < done.report.tokens.clip_l <= 75
