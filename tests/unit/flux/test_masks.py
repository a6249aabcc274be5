"""Masks for Fill: growth and feather by rule, and nothing shown outside the mask."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodes.flux import masks
from nodes.sizes import Size

torch = pytest.importorskip("torch")


def square(size: int = 256, start: int = 96, stop: int = 160) -> torch.Tensor:
    mask = torch.zeros(1, size, size)
    mask[:, start:stop, start:stop] = 1.0
    return mask


def test_flux_redraws_a_little_more_than_the_mask() -> None:
    fill = masks.for_fill(square())
    assert fill.redraw[0, 94, 100] == 1.0  # 256 / 128 = 2 px
    assert fill.redraw[0, 93, 100] == 0.0


def test_the_result_fades_in_inside_the_mask() -> None:
    show = masks.for_fill(square()).show[0]
    assert show[128, 128] == 1.0
    assert 0.0 < show[97, 128] <= show[98, 128] <= 1.0
    assert show[95, 128] == 0.0


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31))
def test_nothing_is_shown_where_the_mask_is_empty(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    mask = (torch.rand(1, 40, 56, generator=generator) > 0.8).float() * torch.rand(1, 40, 56, generator=generator)
    fill = masks.for_fill(mask)
    assert (fill.show[mask == 0] == 0).all()
    assert (fill.redraw >= mask).all()


def test_a_mask_one_pixel_wide_is_still_shown() -> None:
    mask = torch.zeros(1, 512, 512)
    mask[:, 256, 100:400] = 1.0
    assert torch.equal(masks.for_fill(mask).show, mask)


def test_loadimages_empty_mask_is_no_mask() -> None:
    assert not masks.marks_something(None)
    assert not masks.marks_something(torch.zeros(1, 64, 64))
    assert masks.marks_something(square())


def test_a_mask_of_another_size_is_scaled_to_the_picture() -> None:
    assert masks.for_picture(square(), Size(300, 200)).shape == (1, 200, 300)


def test_outpainting_puts_the_picture_in_the_middle() -> None:
    picture = torch.rand(1, 20, 30, 3)
    larger = masks.outpaint(picture, Size(50, 40))
    assert torch.equal(larger.picture[:, 10:30, 10:40], picture)
    assert larger.room.sum() == 50 * 40 - 20 * 30
    mask = torch.ones(1, 20, 30)
    assert torch.equal(masks.moved(mask, Size(50, 40)), 1.0 - larger.room)


@pytest.mark.parametrize(
    ("own", "asked", "masked", "expected"),
    [
        (Size(1024, 1024), Size(1792, 1024), False, True),
        (Size(1024, 1024), Size(1792, 1024), True, True),
        (Size(512, 512), Size(1024, 1024), False, True),
        (Size(512, 512), Size(1024, 1024), True, False),  # as DALL·E 2 delivered its edits
        (Size(1024, 1024), Size(1024, 1024), False, False),
        (Size(2048, 2048), Size(1792, 1024), False, False),
    ],
)
def test_when_a_picture_is_drawn_on_beyond_its_borders(own: Size, asked: Size, masked: bool, expected: bool) -> None:
    assert masks.has_room(own, asked, masked=masked) is expected
