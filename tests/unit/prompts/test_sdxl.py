"""Prompts for SDXL: what is not wanted goes to the negative prompt, and lengths are CLIP's."""

from __future__ import annotations

import pytest

from nodes.prompts.convert import Conversion, ConversionRequest, convert
from nodes.prompts.targets import PromptMode, Style, Target


def for_sdxl(prompt: str, mode: PromptMode = PromptMode.CONVERT) -> Conversion:
    return convert(ConversionRequest(prompt, Style.NONE, "", Target.SDXL, mode))


@pytest.mark.parametrize(
    ("prompt", "text", "negative"),
    [
        ("A street in the rain, no people.", "A street in the rain.", "people"),
        ("A street, without cars or traffic. Evening.", "A street. Evening.", "cars or traffic"),
        ("a fox --no snow, trees", "a fox", "snow, trees"),
        ("a fox\nNegative prompt: blurry, extra limbs", "a fox.", "blurry, extra limbs"),
        ("a fox in the snow", "a fox in the snow", ""),
    ],
)
def test_what_is_not_wanted_is_said_apart(prompt, text, negative):
    done = for_sdxl(prompt)
    assert (done.t5xxl, done.report.negative) == (text, negative)
    assert done.report.as_dict()["negative"] == negative
    assert for_sdxl(done.t5xxl).t5xxl == done.t5xxl


def test_for_flux_it_is_said_as_what_is_wanted_instead():
    done = convert(ConversionRequest("A street in the rain, no people.", Style.NONE, ""))
    assert "empty and deserted" in done.t5xxl
    assert done.report.negative == ""


def test_nothing_is_moved_from_a_prompt_that_is_used_as_it_is():
    done = for_sdxl("A street, no people.", PromptMode.AS_IS)
    assert (done.t5xxl, done.report.negative) == ("A street, no people.", "")


def test_a_long_prompt_is_cut_to_what_clip_follows():
    done = for_sdxl(" ".join(f"Fox number {n} runs over the hill." for n in range(100)))
    assert done.report.tokens.t5xxl <= Target.SDXL.text_limit == 150
    assert done.t5xxl.startswith("Fox number 0 runs over the hill.")


def test_sd35_reads_with_t5_and_takes_what_is_not_wanted_apart_too() -> None:
    done = convert(ConversionRequest("A street in #0047AB, no people.", Style.NONE, "", Target.SD35))
    assert done.report.negative == "people"
    assert "#" not in done.t5xxl
    assert Target.SD35.text_limit == 256
    long = convert(ConversionRequest("A red house by the sea. " * 200, Style.NONE, "", Target.SD35))
    assert long.report.tokens.t5xxl <= 256


def test_klein_reads_hex_colours_and_knows_no_negative_prompt() -> None:
    for target in (Target.FLUX2_KLEIN, Target.FLUX2_KLEIN_BASE):
        done = convert(ConversionRequest("A street in #0047AB, no people.", Style.NONE, "", target))
        assert ("#0047AB" in done.t5xxl, done.report.negative) == (True, "")


def test_what_t5_cannot_read_is_told_only_where_t5_reads() -> None:
    chinese = "一只狐狸在雪地里,阳光照在它的毛上。"
    for target in (Target.DEV, Target.SD35):
        assert convert(ConversionRequest(chinese, Style.NONE, "", target)).report.warnings
    for target in (Target.FLUX2_DEV, Target.FLUX2_KLEIN):
        assert not convert(ConversionRequest(chinese, Style.NONE, "", target)).report.warnings
