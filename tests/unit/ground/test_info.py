"""`info`: one shape, written down in one help page, and read back by whatever shows it."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest

from nodes.comparison.captions import captions
from nodes.info import Info, PictureInfo

DOCS = Path(__file__).parents[3] / "js" / "docs"
GENERATORS = ("Generate", "Edit", "Variation", "LocalGenerate", "LocalEdit", "LocalVariation")
REMOTE = Info(
    provider="service",
    endpoint="openai",
    kind="openai",
    operation="generate",
    model="gpt-image-2",
    prompt="a fox",
    revised_prompt="a fox\n\nStyle: vivid.",
    size="1024x1024",
    drawn_at="1024x1024",
    quality="hd",
    style="vivid",
    n=2,
    seed=7,
    sent={"model": "gpt-image-2", "n": 1},
    notes=("quality hd is sent as high.",),
    cost_usd=0.2,
    cost_is_estimate=False,
    cached=False,
    seconds=12.34,
    request_id="req_1",
    pictures=(
        PictureInfo(size="1024x1024", revised_prompt="a fox\n\nStyle: vivid.", cost_usd=0.1, seconds=11.0),
        PictureInfo(size="1024x1024", revised_prompt="a red fox", cost_usd=0.1),
    ),
)


def field_names(kind: type) -> list[str]:
    return [field.name for field in dataclasses.fields(kind)]


def test_it_comes_back_as_it_was_written():
    assert Info.from_json(REMOTE.to_json()) == REMOTE
    assert list(json.loads(REMOTE.to_json())) == field_names(Info)


def test_half_a_character_can_still_be_written_and_read():
    broken = dataclasses.replace(REMOTE, prompt="a\ud83d fox")
    broken.to_json().encode()
    assert Info.from_json(broken.to_json()) == broken


def test_keys_of_a_later_version_of_this_shape_are_left_out():
    entries = {**json.loads(REMOTE.to_json()), "new": 1}
    entries["pictures"][0]["new"] = 2
    assert Info.from_json(json.dumps(entries)) == REMOTE


@pytest.mark.parametrize(
    "text", ["", "drawn by hand", "[]", "null", "{}", "[" * 200_000, '{"version": 1}', "{" * 5_000_000]
)
def test_other_text_is_not_ours_and_no_error(text):
    assert Info.from_json(text) is None
    assert len(captions(text, 2)) == 2


@pytest.mark.parametrize("name", field_names(Info))
def test_a_value_of_another_type_is_not_ours(name):
    wrong = 3 if name in ("files", "licence", "sent") else {"a": 1}
    assert Info.from_json(json.dumps({**json.loads(REMOTE.to_json()), name: wrong})) is None


def test_a_gpt_pictures_caption_has_prompt_quality_and_style():
    first, second = captions(REMOTE.to_json(), 2)
    assert first.line == "gpt-image-2 · 1024x1024 · hd · vivid · seed 7 · 11.0 s · $0.100"
    assert first.facts["prompt"] == "a fox"
    assert first.prompt == "a fox\n\nStyle: vivid."
    assert second.prompt == "a red fox"


def test_a_batch_that_grew_after_the_generator_still_has_captions():
    third = captions(REMOTE.to_json(), 3)[2]
    assert third.facts["model"] == "gpt-image-2"


def test_the_help_page_lists_every_key_in_order():
    page = (DOCS / "info.md").read_text("utf-8")
    run, picture = page.split("## Each picture")
    keys = re.compile(r"^\| `(\w+)` \|", re.MULTILINE)
    assert keys.findall(run) == field_names(Info)
    assert keys.findall(picture) == field_names(PictureInfo)


@pytest.mark.parametrize("node", [*(f"DalleFlux{name}" for name in GENERATORS), "DalleFluxCompare"])
def test_help_pages_link_to_it(node):
    assert "info.md" in (DOCS / f"{node}.md").read_text("utf-8")
