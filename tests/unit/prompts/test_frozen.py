"""Frozen texts: what a person edited is used as it is, on the canvas and headless."""

from __future__ import annotations

import json

import pytest

from nodes.prompts.convert import ConversionRequest, convert
from nodes.prompts.frozen import BadFrozenText, prompt_key
from nodes.prompts.targets import Target


def test_frozen_texts_are_used_as_they_are():
    frozen = json.dumps({"t5xxl": "my own text, no people, 8k", "clip_l": "my own", "prompt": prompt_key("a fox")})
    done = convert(ConversionRequest("a fox", frozen=frozen))
    assert (done.t5xxl, done.clip_l) == ("my own text, no people, 8k", "my own")
    assert done.report.mode == "frozen"
    assert done.report.warnings == ()


def test_plain_text_is_the_long_text_and_the_short_one_is_composed():
    done = convert(ConversionRequest("a fox", frozen="my own text"))
    assert (done.t5xxl, done.clip_l) == ("my own text", "my own text")


def test_parentheses_stay_literal_however_they_were_typed():
    assert convert(ConversionRequest("", frozen=r"a fox (red) \(old\)")).t5xxl == r"a fox \(red\) \(old\)"


def test_a_prompt_that_changed_since_is_told():
    frozen = json.dumps({"t5xxl": "my own text", "clip_l": "mine", "prompt": prompt_key("a fox")})
    assert [warning.code for warning in convert(ConversionRequest("a wolf", frozen=frozen)).report.warnings] == [
        "frozen_stale"
    ]


def test_a_frozen_text_that_is_too_long_is_kept_and_told():
    done = convert(ConversionRequest("", frozen="word " * 2000, target=Target.SCHNELL))
    assert done.t5xxl == ("word " * 2000).strip()
    assert "long" in [warning.code for warning in done.report.warnings]


@pytest.mark.parametrize(
    "frozen",
    ['{"t5xxl": 3}', '{"clip_l": "x"}', '{"t5xxl": "x"', '{"t5xxl": "  "}', '{"a":' * 5000, "x" * 300_000],
)
def test_broken_frozen_text_is_an_error_that_says_what_to_do(frozen):
    with pytest.raises(BadFrozenText, match="clear"):
        convert(ConversionRequest("a fox", frozen=frozen))
