"""SSIM and MS-SSIM, computed with numpy in pieces that fit a core's cache.

SSIM: Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error visibility to structural
similarity" (2004): Gaussian window of 11×11, sigma 1.5, K1 0.01, K2 0.03, each colour channel by itself, then
their mean. The same as scikit-image's `structural_similarity(gaussian_weights=True, sigma=1.5,
use_sample_covariance=False)`, which the tests hold it against.
MS-SSIM: Wang, Simoncelli and Bovik (2003), five scales with the paper's weights, halved by 2×2 means.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import tiles

WINDOW = 11  # px
SIGMA = 1.5
TILE = 96  # px; window positions along an edge of a piece
C1, C2 = np.float32(0.01**2), np.float32(0.03**2)  # for pictures in 0…1
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
SMALLEST_EDGE = WINDOW  # px, for SSIM
SMALLEST_EDGE_MS = (WINDOW - 1) * 2 ** (len(SCALE_WEIGHTS) - 1) + 1  # px: 161, for MS-SSIM

_GAUSSIAN = np.exp(-((np.arange(WINDOW) - WINDOW // 2) ** 2) / (2 * SIGMA**2))
_GAUSSIAN = (_GAUSSIAN / _GAUSSIAN.sum()).astype(np.float32)


@dataclass(frozen=True)
class Structure:
    """Structural similarity of two pictures; 1 means the same."""

    ssim: float | None  # None when an edge is below 11 px
    ms_ssim: float | None  # None when an edge is below 161 px


def structure(a: np.ndarray, b: np.ndarray) -> Structure:
    """SSIM and MS-SSIM of two `[H,W,3]` float32 pictures in 0…1 of one size."""
    if min(a.shape[:2]) < SMALLEST_EDGE:
        return Structure(None, None)
    x, y = (np.ascontiguousarray(np.moveaxis(picture, -1, 0)) for picture in (a, b))
    whole, contrast = _similarity(x, y)
    ssim = float(whole.mean())
    if min(a.shape[:2]) < SMALLEST_EDGE_MS:
        return Structure(ssim, None)
    product = np.maximum(contrast, 0.0) ** SCALE_WEIGHTS[0]
    for scale, weight in enumerate(SCALE_WEIGHTS[1:], start=1):
        x, y = _halved(x), _halved(y)
        whole, contrast = _similarity(x, y)
        last = scale == len(SCALE_WEIGHTS) - 1
        product = product * np.maximum(whole if last else contrast, 0.0) ** weight
    return Structure(ssim, float(product.mean()))


def _halved(planes: np.ndarray) -> np.ndarray:
    """Means of 2×2 pixels of `[C,H,W]`; an odd edge is padded with zeros, as in the usual ports to torch."""
    odd = [(0, 0), *((edge % 2, edge % 2) for edge in planes.shape[1:])]
    padded = np.pad(planes, odd) if any(pad != (0, 0) for pad in odd) else planes
    height, width = padded.shape[1] // 2 * 2, padded.shape[2] // 2 * 2
    rows = padded[:, 0:height:2, :width] + padded[:, 1:height:2, :width]
    return np.asarray((rows[..., 0::2] + rows[..., 1::2]) * np.float32(0.25))


def _similarity(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """SSIM, and its contrast and structure part alone, of each channel of `[C,H,W]`: two `[C]`, float64."""
    height, width = x.shape[1] - WINDOW + 1, x.shape[2] - WINDOW + 1
    pieces = [
        (plane_x[rows, columns], plane_y[rows, columns])
        for plane_x, plane_y in zip(x, y, strict=True)
        for rows in _windows(height)
        for columns in _windows(width)
    ]
    sums = np.array(tiles.each(pieces, lambda piece: _piece(*piece)))
    means = sums.reshape(len(x), -1, 2).sum(1) / (height * width)
    return means[:, 0], means[:, 1]


def _windows(count: int) -> list[slice]:
    """Cut an edge with `count` window positions into pieces that overlap by a window."""
    return [slice(start, min(start + TILE, count) + WINDOW - 1) for start in range(0, count, TILE)]


def _piece(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Sums of SSIM and of its contrast part over all windows inside two `[H,W]` pieces."""
    mean_x, mean_y, squares, product = _blur(np.stack((x, y, x * x + y * y, x * y)))
    means, under = mean_x * mean_y, mean_x * mean_x + mean_y * mean_y
    contrast = (2 * (product - means) + C2) / (squares - under + C2)
    whole = contrast * (2 * means + C1) / (under + C1)
    return float(whole.sum()), float(contrast.sum())


def _blur(planes: np.ndarray) -> np.ndarray:
    """Gaussian mean of `[N,H,W]` where the window lies inside: `[N,H-10,W-10]`. Shifted sums of mirrored pairs."""
    half = WINDOW // 2
    height, width = planes.shape[1] - 2 * half, planes.shape[2] - 2 * half
    down = planes[:, half : half + height] * _GAUSSIAN[half]
    for tap in range(half):
        mirror = WINDOW - 1 - tap
        down += (planes[:, tap : tap + height] + planes[:, mirror : mirror + height]) * _GAUSSIAN[tap]
    across = down[..., half : half + width] * _GAUSSIAN[half]
    for tap in range(half):
        mirror = WINDOW - 1 - tap
        across += (down[..., tap : tap + width] + down[..., mirror : mirror + width]) * _GAUSSIAN[tap]
    return np.asarray(across)
