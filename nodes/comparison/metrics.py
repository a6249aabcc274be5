"""Numbers about two aligned pictures, what each means, and when it means little."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from PIL import Image

from . import tiles
from .align import Aligned
from .colour import Palette, mean_ciede2000, palette, palette_difference
from .perception import lpips
from .structure import structure

HASH_EDGE = 8  # a perceptual hash has 8×8 bits

# Metric → its meaning in one sentence. These stand in the `metrics` output, in the widget and in the report.
MEANINGS: dict[str, str] = {
    "psnr_db": "Peak signal-to-noise ratio in decibels: how close the pixel values are; above 40 is hard to see, "
    "empty means identical.",
    "ssim": "Structural similarity from -1 to 1: whether the same edges and textures lie in the same places; 1 is the "
    "same.",
    "ms_ssim": "SSIM over five sizes from 0 to 1: similarity at several viewing distances; needs edges of 161 px.",
    "ciede2000": "Mean colour difference ΔE00: below 1 cannot be seen, around 10 is another colour at a glance.",
    "hash_distance": "Perceptual hash distance from 0 to 64: up to about 10 it is the same composition, around 32 "
    "unrelated.",
    "sharpness_ratio": "Variance of the Laplacian of the picture divided by A's: above 1 it has more fine detail or "
    "noise than A.",
    "palette_difference": "Mean ΔE00 needed to turn A's six main colours into the other's: 0 is the same colouring.",
    "lpips": "Learned perceptual distance (AlexNet) from 0 to about 1: 0 looks the same, closer to human judgement "
    "than SSIM.",
    "clip_adherence": "Cosine of CLIP's picture and prompt vectors: higher follows the prompt better; about 0.2 to "
    "0.35 is usual, compare only under one prompt.",
}
CAUTION = (
    "Two different generations of one prompt differ in nearly every pixel, so PSNR, SSIM, MS-SSIM and hash distance "
    "then say little about quality; they matter for pictures that ought to be the same. Judge generations by eye, "
    "blind, and by colour, sharpness and prompt adherence."
)


@dataclass(frozen=True)
class Numbers:
    """All numbers of one pair. None where the number is not defined."""

    identical: bool
    psnr_db: float | None  # None for identical pictures, where it is infinite
    ssim: float | None  # None when an edge is below 11 px
    ms_ssim: float | None  # None when an edge is below 161 px
    ciede2000: float
    hash_distance: int  # 0…64
    sharpness_a: float  # variance of the Laplacian of luma 0…255
    sharpness_b: float
    sharpness_ratio: float | None  # None when A is perfectly flat
    palette_a: Palette
    palette_b: Palette
    palette_difference: float  # ΔE00


def measurer() -> tuple[Callable[[Aligned], dict[str, Any]], str]:
    """What measures one aligned pair here, LPIPS included where it can, and a sentence if it could not."""
    distance, note = lpips()
    if distance is None:
        return measure, note
    found = distance
    return lambda aligned: {**measure(aligned), "lpips": found(aligned.a, aligned.b)}, note


def measure(aligned: Aligned) -> dict[str, Any]:
    """All numbers of one aligned pair, by name; unrounded."""
    return asdict(numbers(aligned.a.numpy(), aligned.b.numpy()))


def numbers(a: np.ndarray, b: np.ndarray) -> Numbers:
    """Measure two pictures `[H,W,3]` float32 0…1 of one size."""
    error = _mean_square_error(a, b)
    similar = structure(a, b)
    picture_a, picture_b = _pillow(a), _pillow(b)
    sharp_a, sharp_b = _sharpness(a), _sharpness(b)
    palette_a, palette_b = palette(picture_a), palette(picture_b)
    return Numbers(
        identical=error == 0.0,
        psnr_db=-10.0 * math.log10(error) if error else None,
        ssim=similar.ssim,
        ms_ssim=similar.ms_ssim,
        ciede2000=mean_ciede2000(a, b),
        hash_distance=int((perceptual_hash(picture_a) != perceptual_hash(picture_b)).sum()),
        sharpness_a=sharp_a,
        sharpness_b=sharp_b,
        sharpness_ratio=sharp_b / sharp_a if sharp_a else None,
        palette_a=palette_a,
        palette_b=palette_b,
        palette_difference=palette_difference(palette_a, palette_b),
    )


def perceptual_hash(picture: Image.Image) -> np.ndarray:
    """8×8 booleans: which low frequencies of the picture's luma lie above their median.

    The algorithm of the ImageHash library's `phash`, bit for bit: DCT of a 32×32 reduction.
    """
    from scipy.fft import dct

    edge = 4 * HASH_EDGE
    luma = np.asarray(picture.convert("L").resize((edge, edge), Image.Resampling.LANCZOS), dtype=np.float64)
    low = dct(dct(luma, axis=0), axis=1)[:HASH_EDGE, :HASH_EDGE]
    return np.asarray(low > np.median(low))


def _mean_square_error(a: np.ndarray, b: np.ndarray) -> float:
    flat_a, flat_b = a.reshape(-1), b.reshape(-1)
    step = 3 * tiles.PIXELS

    def total(start: int) -> float:
        difference = flat_a[start : start + step] - flat_b[start : start + step]
        return float(np.square(difference, out=difference).sum(dtype=np.float64))

    return sum(tiles.each(range(0, flat_a.size, step), total)) / flat_a.size


def _sharpness(picture: np.ndarray) -> float:
    """Variance of the Laplacian of luma 0…255 (Pech-Pacheco and others, 2000); 0.0 below 3×3 pixels."""
    if min(picture.shape[:2]) < 3:
        return 0.0
    luma = picture @ np.array((0.299 * 255, 0.587 * 255, 0.114 * 255), np.float32)
    inner = luma[1:-1, 1:-1] * -4
    inner += luma[:-2, 1:-1]
    inner += luma[2:, 1:-1]
    inner += luma[1:-1, :-2]
    inner += luma[1:-1, 2:]
    return float(inner.var(dtype=np.float64))


def _pillow(picture: np.ndarray) -> Image.Image:
    return Image.fromarray((picture * 255 + 0.5).astype(np.uint8))
