"""Metrics against scikit-image, ImageHash, pytorch-msssim and published values."""

from __future__ import annotations

import json
import math
import sys

import imagehash
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pytorch_msssim import ms_ssim
from scipy import ndimage
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from nodes.comparison.align import Align, align
from nodes.comparison.colour import ciede2000, mean_ciede2000, palette, palette_difference
from nodes.comparison.compare import clean
from nodes.comparison.metrics import MEANINGS, Numbers, measure, measurer, numbers, perceptual_hash
from nodes.comparison.perception import ClipMismatch, adherence
from nodes.comparison.structure import structure

TOLERANCE = 1e-4

# Sharma, Wu and Dalal (2005), table 1: L1 a1 b1 L2 a2 b2 and the difference, four decimals.
SHARMA = """
50.0000 2.6772 -79.7751 50.0000 0.0000 -82.7485 2.0425
50.0000 3.1571 -77.2803 50.0000 0.0000 -82.7485 2.8615
50.0000 2.8361 -74.0200 50.0000 0.0000 -82.7485 3.4412
50.0000 -1.3802 -84.2814 50.0000 0.0000 -82.7485 1.0000
50.0000 -1.1848 -84.8006 50.0000 0.0000 -82.7485 1.0000
50.0000 -0.9009 -85.5211 50.0000 0.0000 -82.7485 1.0000
50.0000 0.0000 0.0000 50.0000 -1.0000 2.0000 2.3669
50.0000 -1.0000 2.0000 50.0000 0.0000 0.0000 2.3669
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0009 7.1792
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0010 7.1792
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0011 7.2195
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0012 7.2195
50.0000 -0.0010 2.4900 50.0000 0.0009 -2.4900 4.8045
50.0000 -0.0010 2.4900 50.0000 0.0011 -2.4900 4.7461
50.0000 2.5000 0.0000 50.0000 0.0000 -2.5000 4.3065
50.0000 2.5000 0.0000 73.0000 25.0000 -18.0000 27.1492
50.0000 2.5000 0.0000 61.0000 -5.0000 29.0000 22.8977
50.0000 2.5000 0.0000 56.0000 -27.0000 -3.0000 31.9030
50.0000 2.5000 0.0000 58.0000 24.0000 15.0000 19.4535
50.0000 2.5000 0.0000 50.0000 3.1736 0.5854 1.0000
50.0000 2.5000 0.0000 50.0000 3.2972 0.0000 1.0000
50.0000 2.5000 0.0000 50.0000 1.8634 0.5757 1.0000
50.0000 2.5000 0.0000 50.0000 3.2592 0.3350 1.0000
60.2574 -34.0099 36.2677 60.4626 -34.1751 39.4387 1.2644
63.0109 -31.0961 -5.8663 62.8187 -29.7946 -4.0864 1.2630
61.2901 3.7196 -5.3901 61.4292 2.2480 -4.9620 1.8731
35.0831 -44.1164 3.7933 35.0232 -40.0716 1.5901 1.8645
22.7233 20.0904 -46.6940 23.0331 14.9730 -42.5619 2.0373
36.4612 47.8580 18.3852 36.2715 50.5065 21.2231 1.4146
90.8027 -2.0831 1.4410 91.1528 -1.6435 0.0447 1.4441
90.9257 -0.5406 -0.9208 88.6381 -0.8985 -0.7239 1.5381
6.7747 -0.2908 -2.4247 5.8714 -0.0985 -2.2286 0.6377
2.0776 0.0795 -1.1350 0.9033 -0.0636 -0.5514 0.9082
"""


def scene(height: int = 200, width: int = 240, seed: int = 3) -> np.ndarray:
    """A picture with edges, gradients and texture, `[H,W,3]` float32 0…1, the same on every machine."""
    y, x = np.mgrid[0:height, 0:width]
    generator = np.random.default_rng(seed)
    planes = [
        0.5 + 0.4 * np.sin(x / 9 + seed) * np.cos(y / 13),
        x / width,
        ((x - width / 2) ** 2 + (y - height / 2) ** 2 < (height / 3) ** 2) * 0.7 + 0.1,
    ]
    return np.clip(np.stack(planes, -1) + generator.normal(0, 0.02, (height, width, 3)), 0, 1).astype(np.float32)


def noisy(picture: np.ndarray) -> np.ndarray:
    return np.clip(picture + np.random.default_rng(1).normal(0, 0.08, picture.shape), 0, 1).astype(np.float32)


VARIANTS = {
    "noise": noisy,
    "shifted": lambda p: np.roll(p, (3, 5), (0, 1)),
    "inverted": lambda p: 1 - p,
    "coarse": lambda p: np.ascontiguousarray(p[::2, ::2].repeat(2, 0).repeat(2, 1)),
    "greyscale": lambda p: np.repeat(p.mean(-1, keepdims=True), 3, -1).astype(np.float32),
    "blurred": lambda p: ndimage.gaussian_filter(p, (2, 2, 0)),
    "black": np.zeros_like,
}


def assert_agrees_with_scikit_image(ours: Numbers, wide_a: np.ndarray, wide_b: np.ndarray) -> None:
    """Pictures are float64."""
    assert ours.psnr_db == pytest.approx(peak_signal_noise_ratio(wide_a, wide_b, data_range=1), abs=TOLERANCE)
    theirs = structural_similarity(
        wide_a, wide_b, data_range=1, channel_axis=-1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert ours.ssim == pytest.approx(theirs, abs=TOLERANCE)
    assert ours.ciede2000 == pytest.approx(deltaE_ciede2000(rgb2lab(wide_a), rgb2lab(wide_b)).mean(), abs=TOLERANCE)


@pytest.mark.parametrize("variant", VARIANTS)
def test_numbers_agree_with_scikit_image(variant):
    a = scene()
    b = VARIANTS[variant](a)
    assert_agrees_with_scikit_image(numbers(a, b), a.astype(np.float64), b.astype(np.float64))


@pytest.mark.parametrize(
    ("rule", "size", "part"),
    [
        (Align.FIT, (400, 480), np.s_[:, :]),  # twice as large: reduced
        (Align.FIT, (77, 90), np.s_[:, :]),  # smaller and of a slightly other shape: enlarged to 234x200
        (Align.CROP, (100, 160), np.s_[:, 40:280]),  # wider: 320x200, its sides are cut off
        (Align.STRETCH, (150, 100), np.s_[:, :]),
    ],
)
def test_numbers_of_a_scaled_picture_agree_with_pillow_and_scikit_image(rule, size, part):
    """The whole way of a picture of another size, against Pillow's own antialiased bicubic filter."""
    a, b = scene(), noisy(scene(*size, seed=5))
    aligned = align(torch.from_numpy(a), torch.from_numpy(b), rule)
    place = aligned.placement
    planes = [
        np.asarray(Image.fromarray(plane).resize((place.width, place.height), Image.Resampling.BICUBIC))
        for plane in np.moveaxis(b, -1, 0).copy()
    ]
    wide_b = np.clip(np.stack(planes, -1), 0, 1)[part].astype(np.float64)
    left, top, right, bottom = place.overlap(a.shape[1], a.shape[0])
    wide_a = a[top:bottom, left:right].astype(np.float64)
    assert_agrees_with_scikit_image(numbers(aligned.a.numpy(), aligned.b.numpy()), wide_a, wide_b)


@pytest.mark.parametrize(
    ("size", "variant"), [((200, 240), "noise"), ((200, 240), "inverted"), ((200, 240), "black"), ((161, 323), "noise")]
)
def test_ms_ssim_agrees_with_the_usual_torch_port(size, variant):
    a = scene(*size)
    b = VARIANTS[variant](a)
    planes = [torch.from_numpy(np.moveaxis(p, -1, 0).copy())[None] for p in (a, b)]
    assert structure(a, b).ms_ssim == pytest.approx(float(ms_ssim(*planes, data_range=1.0)), abs=TOLERANCE)


def test_prompt_adherence_is_the_cosine_of_each_picture_with_the_prompt():
    pictures = torch.tensor([[2.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    assert adherence(torch.tensor([[1.0, 0.0]]), pictures) == pytest.approx([1.0, 0.0, 0.5**0.5])
    with pytest.raises(ClipMismatch, match="768 numbers and `clip_vision` of 1152"):
        adherence(torch.zeros(1, 768), torch.zeros(1, 1152))


def test_lpips_is_left_out_in_silence_when_its_package_is_not_there(monkeypatch):
    monkeypatch.setitem(sys.modules, "lpips", None)
    measured, note = measurer()
    picture = torch.zeros(16, 16, 3)
    assert "lpips" not in measured(align(picture, picture, Align.FIT))
    assert note == ""


def test_the_network_of_lpips_is_made_once(monkeypatch, tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "alexnet-owt-7be5be79.pth").touch()
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "lpips.py").write_text(
        "import torch\nmade = []\n"
        "class LPIPS(torch.nn.Module):\n"
        "    def __init__(self, net, verbose):\n        super().__init__()\n        made.append(net)\n"
        "    def forward(self, a, b):\n        return (a - b).abs().mean()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "lpips", raising=False)
    aligned = align(torch.zeros(16, 16, 3), torch.ones(16, 16, 3), Align.FIT)
    for _ in range(3):
        measured, note = measurer()
        assert (measured(aligned)["lpips"], note) == (2.0, "")
    assert sys.modules["lpips"].made == ["alex"]


def test_ciede2000_gives_the_published_values():
    table = np.array([[float(word) for word in line.split()] for line in SHARMA.strip().splitlines()])
    columns = table.T
    ours = ciede2000(tuple(columns[0:3].copy()), tuple(columns[3:6].copy()))
    assert ours == pytest.approx(columns[6], abs=TOLERANCE)
    back = ciede2000(tuple(columns[3:6].copy()), tuple(columns[0:3].copy()))
    assert back == pytest.approx(columns[6], abs=TOLERANCE)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_perceptual_hash_is_imagehashs_phash(variant):
    picture = Image.fromarray((VARIANTS[variant](scene()) * 255 + 0.5).astype(np.uint8))
    assert (perceptual_hash(picture) == imagehash.phash(picture).hash).all()


def test_identical_pictures_are_identical_by_every_number():
    ours = numbers(scene(), scene())
    assert ours.identical
    assert ours.psnr_db is None  # infinite
    assert ours.ssim == pytest.approx(1.0, abs=1e-6)
    assert ours.ms_ssim == pytest.approx(1.0, abs=1e-6)
    assert (ours.ciede2000, ours.hash_distance, ours.sharpness_ratio) == (0.0, 0, 1.0)
    assert ours.palette_difference == pytest.approx(0.0, abs=1e-9)


def test_a_single_pixel_has_colour_and_error_but_no_structure():
    black, white = np.zeros((1, 1, 3), np.float32), np.ones((1, 1, 3), np.float32)
    ours = numbers(black, white)
    assert ours.psnr_db == pytest.approx(0.0)
    assert ours.ciede2000 == pytest.approx(100.0, abs=1e-3)
    assert (ours.ssim, ours.ms_ssim, ours.sharpness_ratio) == (None, None, None)
    assert ours.palette_difference == pytest.approx(100.0, abs=1e-3)


def test_structure_needs_room_for_its_window():
    small, smaller = scene(160, 300), scene(10, 300)
    assert structure(small, small).ms_ssim is None
    assert structure(small, small).ssim == pytest.approx(1.0)
    assert structure(smaller, smaller).ssim is None


def test_sharpness_is_the_variance_of_the_laplacian():
    picture = scene()
    luma = picture.astype(np.float64) @ (0.299, 0.587, 0.114) * 255
    expected = ndimage.laplace(luma)[1:-1, 1:-1].var()
    assert numbers(picture, picture).sharpness_a == pytest.approx(expected, rel=1e-4)


def test_a_palette_names_the_main_colours_by_share():
    picture = Image.new("RGB", (100, 100), "#204080")
    picture.paste("#e0a010", (0, 0, 100, 25))
    found = palette(picture)
    assert found.colours == ("#204080", "#e0a010")
    assert found.shares == (0.75, 0.25)


def test_palette_difference_is_the_colour_that_has_to_move():
    blue = palette(Image.new("RGB", (64, 64), "#204080"))
    half = Image.new("RGB", (64, 64), "#204080")
    half.paste("#e0a010", (0, 0, 64, 32))
    whole = palette_difference(blue, palette(Image.new("RGB", (64, 64), "#e0a010")))
    assert palette_difference(blue, palette(half)) == pytest.approx(whole / 2, rel=1e-3)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 7.0, -3.0])
def test_broken_values_are_repaired_and_said(bad):
    picture = torch.from_numpy(scene(32, 32))[None].clone()
    picture[0, 4, 5, 1] = bad
    cleaned, repaired = clean(picture)
    assert repaired
    aligned = align(cleaned[0], cleaned[0], Align.FIT)
    assert json.dumps(measure(aligned), allow_nan=False)


def test_alpha_lies_over_white_and_greyscale_becomes_three_channels():
    transparent = torch.zeros(1, 8, 8, 4)
    assert clean(transparent)[0].eq(1.0).all()
    grey = torch.full((1, 8, 8, 1), 0.25)
    assert clean(grey)[0].shape == (1, 8, 8, 3)
    assert not clean(grey)[1]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_any_two_pictures_give_numbers_that_json_can_carry(height, width, seed):
    generator = np.random.default_rng(seed)
    a, b = (generator.random((height, width, 3), dtype=np.float32) for _ in range(2))
    aligned = align(torch.from_numpy(a), torch.from_numpy(b), Align.STRETCH)
    found = measure(aligned)
    json.dumps(found, allow_nan=False)
    assert found["psnr_db"] > 0
    assert mean_ciede2000(a, b) == pytest.approx(mean_ciede2000(b, a), rel=1e-4)


def test_every_number_has_its_meaning_in_one_sentence():
    found = numbers(scene(32, 32), scene(32, 32))
    explained = {
        name for name in vars(found) if not name.startswith(("sharpness_a", "sharpness_b", "palette_a", "palette_b"))
    }
    assert explained - {"identical"} <= set(MEANINGS)
    assert all(text.endswith(".") for text in MEANINGS.values())
