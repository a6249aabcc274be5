"""Which model does an edit, at which size, and what is said of it."""

from __future__ import annotations

import pytest
import torch

from nodes.flux.edits import Edit, edit_for
from nodes.flux.families import Family
from nodes.prompts.targets import PromptMode

PICTURE = torch.zeros(1, 100, 200, 3)
EMPTY = torch.zeros(1, 100, 200)
MARKED = EMPTY.clone()
MARKED[:, 20:40, 20:40] = 1.0


@pytest.mark.parametrize(
    ("mask", "size", "family", "drawn", "outpaints"),
    [
        (None, "auto", Family.KONTEXT, "200x100", False),
        (EMPTY, "auto", Family.KONTEXT, "200x100", False),
        (None, "100x100", Family.KONTEXT, "100x100", False),
        (MARKED, "auto", Family.FILL, "200x100", False),
        (MARKED, "400x200", Family.FILL, "200x100", False),
        (MARKED, "100x100", Family.FILL, "200x100", False),
        (None, "300x200", Family.FILL, "300x200", True),
        (MARKED, "300x200", Family.FILL, "300x200", True),
    ],
)
def test_mask_and_size_say_what_is_done(mask, size: str, family: Family, drawn: str, outpaints: bool) -> None:
    edit = edit_for(PICTURE, mask, size)
    assert (edit.families[0], str(edit.drawn_by(family)), edit.outpaints) == (family, drawn, outpaints)
    assert (Family.FLUX2_DEV in edit.families) == (family is Family.KONTEXT)


def test_a_mask_of_another_size_is_brought_to_the_pictures() -> None:
    edit = edit_for(PICTURE, torch.ones(64, 64), "auto")
    assert edit.mask is not None
    assert edit.mask.shape == (1, 100, 200)


def told(edit: Edit) -> list[str]:
    return edit.notes(edit.settings("standard", 1, edit.families[0]))


def test_what_was_mapped_is_told() -> None:
    assert any("surroundings were drawn to fill 300x200" in note for note in told(edit_for(PICTURE, None, "300x200")))
    assert any("then brought to 400x200" in note for note in told(edit_for(PICTURE, MARKED, "400x200")))
    assert told(edit_for(PICTURE, None, "auto")) == ["FLUX drew 1456x720 and the picture was brought to 200x100."]


def test_kontext_reads_the_prompt_to_the_letter_and_fill_a_converted_one() -> None:
    without, masked = edit_for(PICTURE, None, "auto"), edit_for(PICTURE, MARKED, "auto")
    assert without.request("make it night", Family.KONTEXT).mode is PromptMode.AS_IS
    assert without.request("make it night", Family.FLUX2_DEV).mode is PromptMode.AS_IS
    assert masked.request("a moon", Family.FILL).mode is PromptMode.CONVERT


def test_of_several_pictures_flux2_looks_at_all_and_the_others_say_that_they_do_not() -> None:
    edit = edit_for(PICTURE.repeat(3, 1, 1, 1), None, "auto")
    assert edit.picture.shape == (1, 100, 200, 3)
    assert any("the first was edited" in note for note in edit.notes(edit.settings("standard", 1, Family.KONTEXT)))
    assert not edit.notes(edit.settings("standard", 1, Family.FLUX2_DEV))[1:]
