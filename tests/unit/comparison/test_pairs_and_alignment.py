"""Which picture meets which, and how it is laid onto A."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nodes.comparison.align import RULES, Align, Placement, align, placement
from nodes.comparison.difference import GREY, heat_map
from nodes.comparison.pairs import EmptyBatch, pair


def pattern(height: int, width: int) -> torch.Tensor:
    generator = np.random.default_rng(5)
    small = torch.from_numpy(generator.random((1, 3, 12, 12), dtype=np.float32))
    return torch.nn.functional.interpolate(small, size=(height, width), mode="bicubic")[0].movedim(0, -1).clamp(0, 1)


def test_batches_of_one_length_pair_in_order_without_a_word():
    assert pair([2, 2]).rows == ((0, 0), (1, 1))
    assert pair([2, 2]).note == ""


def test_one_picture_meets_every_picture_of_a_batch():
    found = pair([1, 3])
    assert found.rows == ((0, 0), (0, 1), (0, 2))
    assert "the one picture of A goes with all 3" in found.note


def test_a_batch_that_runs_out_leaves_its_place_empty_and_says_so():
    found = pair([3, 2, 1])
    assert found.rows == ((0, 0, 0), (1, 1, 0), (2, None, 0))
    assert "B has 2 of 3 pictures" in found.note


def test_an_empty_batch_is_named():
    with pytest.raises(EmptyBatch, match="Picture B"):
        pair([2, 0])


@given(st.lists(st.integers(1, 20), min_size=2, max_size=4))
def test_every_picture_appears_and_none_is_invented(lengths):
    rows = pair(lengths).rows
    for column, length in enumerate(lengths):
        assert {row[column] for row in rows} - {None} == set(range(length))


def test_a_smaller_picture_is_fitted_with_its_shape_kept():
    assert placement(Align.FIT, (1024, 1024), (512, 256)) == Placement(0, 256, 1024, 512)
    assert placement(Align.CROP, (1024, 1024), (512, 256)) == Placement(-512, 0, 2048, 1024)
    assert placement(Align.STRETCH, (1024, 1024), (512, 256)) == Placement(0, 0, 1024, 1024)
    assert placement(Align.NONE, (1024, 1024), (512, 256)) == Placement(256, 384, 512, 256)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(Align), *[st.integers(1, 60)] * 4)
def test_any_two_sizes_give_two_parts_of_one_size_without_padding(rule, wide_a, high_a, wide_b, high_b):
    done = align(torch.ones(high_a, wide_a, 3), torch.ones(high_b, wide_b, 3), rule)
    assert done.a.shape == done.b.shape
    assert min(done.a.shape) >= 1
    assert torch.allclose(done.b, torch.ones_like(done.b), atol=1e-5)


def test_sizes_that_differ_are_said_with_the_rule():
    done = align(torch.zeros(100, 100, 3), torch.zeros(50, 100, 3), Align.FIT)
    assert done.note == f"sizes differ, A is 100x100, the other 100x50: {RULES[Align.FIT]}; compared: 100x50"
    assert not done.scaled
    assert align(torch.zeros(8, 8, 3), torch.zeros(8, 8, 3), Align.FIT).note == "same size, 8x8"


@pytest.mark.parametrize(("right", "down"), [(0, 0), (5, 0), (-7, 3), (12, -9)])
def test_shift_finds_how_far_a_picture_was_moved(right, down):
    scene = pattern(160, 200)
    a, b = scene[30:130, 30:170], scene[30 + down : 130 + down, 30 + right : 170 + right]
    done = align(a, b, Align.SHIFT)
    assert (done.placement.x, done.placement.y) == (right, down)
    assert torch.equal(done.a, done.b)
    assert f"shift found: {right} px right, {down} px down" in done.note


def test_the_heat_map_is_dark_where_pictures_agree_and_pale_where_they_are_opposite():
    a = torch.zeros(4, 6, 3)
    b = a.clone()
    b[:, 3:] = 1.0
    shown = heat_map(align(a, b, Align.FIT), 6, 4)
    assert shown.shape == (4, 6, 3)
    assert shown[:, :3].max() < 0.1
    assert shown[:, 3:].mean() > 0.9


def test_the_heat_map_is_grey_where_nothing_was_compared():
    shown = heat_map(align(torch.zeros(8, 8, 3), torch.zeros(4, 8, 3), Align.FIT), 8, 8)
    assert torch.allclose(shown[0, 0], torch.tensor(GREY))
    assert shown[4].max() < 0.1


def test_the_scale_of_the_heat_map_gets_lighter_all_the_way():
    ramp = torch.linspace(0, 1, 256).view(1, -1, 1).expand(1, 256, 3)
    shown = heat_map(align(torch.zeros(1, 256, 3), ramp, Align.FIT), 256, 1)[0]
    luma = shown @ torch.tensor((0.2126, 0.7152, 0.0722))
    assert (luma.diff() >= -1e-4).all()
