"""DALL·E's knobs on FLUX."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.flux.families import Family, traits
from nodes.flux.families.family import MAX_RENDER_PIXELS, MIN_RENDER_PIXELS
from nodes.flux.settings import (
    MAX_SEED,
    SIZES,
    BadSetting,
    Canvas,
    canvas_for,
    redux_weight,
    seeds_for,
    settings_for,
)
from nodes.prompts.targets import Style, Target
from nodes.recipes import RECIPES
from nodes.sizes import BadSize, Size, parse_size

PACK = Path(__file__).parents[3]
ROOMS = PACK / "nodes"


@pytest.mark.parametrize("size", ["1024x1024", "1792x1024", "1024x1792", "512x512", "1536x1024", "1024x1536"])
def test_flux_draws_the_common_sizes_as_they_are(size: str) -> None:
    canvas = canvas_for(parse_size(size))
    assert canvas.is_exact
    assert canvas.scale == 1.0


def test_dalle_2s_smallest_size_is_drawn_at_512_and_halved() -> None:
    canvas = canvas_for(Size(256, 256))
    assert canvas.render == Size(512, 512)
    assert canvas.scale == 0.5


def test_a_4k_picture_is_drawn_at_2_megapixels_and_enlarged() -> None:
    canvas = canvas_for(Size(3840, 2160))
    assert canvas.render == Size(1936, 1088)
    assert canvas.scale == pytest.approx(1.989, abs=0.001)


def test_an_odd_size_is_rounded_up_and_not_resampled() -> None:
    canvas = canvas_for(Size(1000, 1001))
    assert canvas.render == Size(1008, 1008)
    assert canvas.scale == 1.0


@given(st.integers(64, 4096), st.integers(64, 4096))
def test_every_legal_size_is_drawn_at_multiples_of_16_that_cover_it(width: int, height: int) -> None:
    if max(width, height) > 4 * min(width, height):
        with pytest.raises(BadSize, match="4 times"):
            canvas_for(Size(width, height))
        return
    canvas = canvas_for(Size(width, height))
    assert canvas.render.width % 16 == 0
    assert canvas.render.height % 16 == 0
    assert canvas.render.width * canvas.scale >= width - 0.01
    assert canvas.render.height * canvas.scale >= height - 0.01
    pixels = canvas.render.width * canvas.render.height
    assert MIN_RENDER_PIXELS <= pixels <= MAX_RENDER_PIXELS * 1.05


@pytest.mark.parametrize(
    ("family", "quality", "style", "steps", "guidance"),
    [
        (Family.DEV, "standard", "vivid", 20, 3.5),
        (Family.DEV, "hd", "natural", 50, 2.5),
        (Family.SCHNELL, "standard", "vivid", 4, None),
        (Family.SCHNELL, "hd", "natural", 8, None),
        (Family.FILL, "standard", "vivid", 20, 30.0),
        (Family.KONTEXT, "hd", "vivid", 30, 2.5),
    ],
)
def test_the_table(family: Family, quality: str, style: str, steps: int, guidance: float | None) -> None:
    settings = settings_for(SIZES[0], quality, style, 1, family)
    assert (settings.steps, settings.guidance) == (steps, guidance)


def test_only_dev_and_krea_shift_their_schedule_by_size() -> None:
    shifted = {family for family in Family if settings_for(SIZES[0], "hd", "vivid", 1, family).shift}
    assert shifted == {Family.DEV, Family.KREA}


def test_an_unknown_knob_lists_the_known_ones() -> None:
    with pytest.raises(BadSetting, match=r"quality 'ultra'.*standard, hd"):
        settings_for(SIZES[0], "ultra", "vivid", 1)
    with pytest.raises(BadSetting, match=r"style 'noir'.*vivid, natural"):
        settings_for(SIZES[0], "hd", "noir", 1)
    with pytest.raises(BadSetting, match="1 to 10"):
        settings_for(SIZES[0], "hd", "vivid", 11)


def test_each_picture_has_a_seed_of_its_own() -> None:
    assert seeds_for(41, 3) == (41, 42, 43)
    assert seeds_for(MAX_SEED, 2) == (MAX_SEED, 0)


def test_prompts_and_settings_agree_on_guidance_and_steps() -> None:
    for family in Family:
        for style in ("vivid", "natural"):
            settings = settings_for(SIZES[0], "standard", style, 1, family)
            assert Target(traits(family).recipe).guidance(Style(style)) == settings.guidance
            assert Target(traits(family).recipe).steps == settings.steps


def test_other_steps_for_hd_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RECIPES, "FLUX.1-dev", replace(RECIPES["FLUX.1-dev"], hd=41))
    assert settings_for(SIZES[0], "hd", "vivid", 1).steps == 41
    for path in ROOMS.rglob("*.py"):
        if path.name != "recipes.py":
            said = re.search(r"\b\d+ steps|guidance \d", path.read_text("utf-8"))
            assert not said, f"{path} repeats {said} of the table in recipes.py"


@pytest.mark.parametrize("page", ["DalleFluxLocalGenerate", "DalleFluxSettings"])
def test_help_pages_say_what_the_table_says(page: str) -> None:
    text = (PACK / "js" / "docs" / f"{page}.md").read_text("utf-8")
    dev, schnell = RECIPES["FLUX.1-dev"], RECIPES["FLUX.1-schnell"]
    rows = {tuple(cell.strip() for cell in line.strip("|").split("|")) for line in text.splitlines()}
    for quality in ("standard", "hd"):
        (row,) = [row for row in rows if " ".join(row).startswith(f"quality {quality}")]
        assert row[-2:] == (f"{dev.steps(quality)} steps", f"{schnell.steps(quality)} steps")
    for style in ("vivid", "natural"):
        (row,) = [row for row in rows if " ".join(row).startswith(f"style {style}")]
        assert f"guidance {dev.guidance(style)}" in row[-2]


def test_kontext_draws_at_the_trained_size_nearest_in_shape_to_the_picture() -> None:
    def kontext(picture: Size, asked: Size) -> Canvas:
        return canvas_for(asked, Family.KONTEXT, picture)

    assert kontext(Size(1920, 1080), Size(1920, 1080)).render == Size(1392, 752)
    assert kontext(Size(300, 300), Size(1024, 1024)).render == Size(1024, 1024)
    assert kontext(Size(600, 800), Size(600, 800)).render == Size(880, 1184)


def test_strength_runs_from_near_copy_to_loosely_inspired() -> None:
    assert redux_weight(1.0) == 1.0
    assert redux_weight(0.0) == 0.1
    with pytest.raises(BadSetting, match="0 "):
        redux_weight(1.5)
