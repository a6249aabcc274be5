"""The page that lists every model says what the code does."""

from __future__ import annotations

from pathlib import Path

from nodes.flux.families import Family, traits
from nodes.recipes import RECIPES

PAGE = Path(__file__).parents[3] / "js" / "docs" / "models.md"


def row(family: Family) -> list[str]:
    """The cells of a family's line."""
    known, recipe = traits(family), RECIPES[traits(family).recipe]
    pixels = [size.width * size.height for size in known.trained] or [*known.pixels]
    least, most = (f"{edge / 1e6:.1f}" for edge in (min(pixels), max(pixels)))
    guidance = "none" if recipe.vivid is None else f"{recipe.vivid:g} / {recipe.natural:g}"
    return [
        family.value,
        f"{recipe.standard} / {recipe.hd}",
        guidance,
        f"{recipe.sampler}, {recipe.scheduler}",
        ("one of its trained sizes, " if known.trained else "") + (least if least == most else f"{least} to {most}"),
        {None: "no", "MASK": "by mask", "WORDS": "by words", "REFERENCES": "by words, several pictures"}[
            known.edits and known.edits.name
        ],
        {None: "no", "REDUX": "with Redux", "REFERENCES": "yes"}[known.varies and known.varies.name],
        f"{'yes' if known.licence.commercial else 'no'}: {known.licence.name}",
    ]


def test_each_family_has_its_line() -> None:
    lines = [line.strip("|").split("|") for line in PAGE.read_text("utf-8").splitlines()]
    cells = [[cell.strip() for cell in line] for line in lines]
    for family in Family:
        assert row(family) in cells, row(family)
