"""Colour differences as people see them: CIEDE2000 and palettes.

sRGB to CIELAB under D65 with the constants of ITU-R BT.709, and CIEDE2000 as Sharma, Wu and Dalal published it
with test data (2005, "The CIEDE2000 color-difference formula"). The tests hold it against that data and against
scikit-image.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from . import tiles

COLOURS = 6  # of a palette
_PALETTE_EDGE = 96  # px; palettes are taken from a reduced picture
_SETTLED = 92  # pixels, one in a hundred: k-means ends when no more than these change sides
_XYZ = ((0.412453, 0.357580, 0.180423), (0.212671, 0.715160, 0.072169), (0.019334, 0.119193, 0.950227))
_WHITE = (0.95047, 1.0, 1.08883)
_TO_WHITE = np.array(_XYZ) / np.array(_WHITE)[:, None]
_TURN = 2 * math.pi
_25_TO_7 = 25.0**7

Lab = tuple[np.ndarray, np.ndarray, np.ndarray]  # L*, a*, b*, each [N]


@dataclass(frozen=True)
class Palette:
    """The main colours of a picture."""

    colours: tuple[str, ...]  # "#rrggbb", most frequent first
    shares: tuple[float, ...]  # of all pixels; together 1


def mean_ciede2000(a: np.ndarray, b: np.ndarray) -> float:
    """Mean CIEDE2000 difference of two sRGB pictures `[H,W,3]` float32 0…1 of one size."""
    flat_a, flat_b = a.reshape(-1, 3), b.reshape(-1, 3)
    starts = range(0, len(flat_a), tiles.PIXELS)

    def total(start: int) -> float:
        part = slice(start, start + tiles.PIXELS)
        return float(ciede2000(lab(flat_a[part]), lab(flat_b[part])).sum(dtype=np.float64))

    return sum(tiles.each(starts, total)) / len(flat_a)


def lab(rgb: np.ndarray) -> Lab:
    """sRGB `[N,3]` 0…1 → CIELAB."""
    planes = np.ascontiguousarray(rgb.T)
    straight = planes * (1 / 12.92)
    curved = ((planes + 0.055) * (1 / 1.055)) ** 2.4
    linear = np.where(planes > 0.04045, curved, straight)
    xyz = (_TO_WHITE.astype(rgb.dtype) @ linear).astype(rgb.dtype)
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), xyz * 7.787 + 16.0 / 116.0)
    return 116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)


def ciede2000(first: Lab, second: Lab) -> np.ndarray:
    """CIEDE2000 (kL = kC = kH = 1) of two lists of CIELAB colours; returns `[N]`."""
    l1, a1, b1 = first
    l2, a2, b2 = second
    g = 1.5 - 0.5 * _chroma_weight((_length(a1, b1) + _length(a2, b2)) * 0.5)
    a1, a2 = a1 * g, a2 * g
    c1, c2 = _length(a1, b1), _length(a2, b2)
    h1, h2 = np.arctan2(b1, a1), np.arctan2(b2, a2)
    h1 += (h1 < 0) * _TURN
    h2 += (h2 < 0) * _TURN
    both = c1 * c2
    coloured = both > 0  # where one of the two is grey, its hue means nothing and the other's counts
    turn = h2 - h1
    far = np.abs(turn) > math.pi  # the short way between the two hues goes through 0
    turn = np.where(far, turn - np.copysign(_TURN, turn), turn)
    delta_h = 2 * np.sqrt(both) * np.sin(turn * 0.5)
    total = h1 + h2
    mean_h = total * 0.5
    mean_h = np.where(far, mean_h + np.copysign(_TURN * 0.5, _TURN - total), mean_h)
    mean_h = np.where(coloured, mean_h, total)
    mean_c = (c1 + c2) * 0.5
    off = ((l1 + l2) * 0.5 - 50) ** 2
    s_h = 1 + 0.015 * mean_c * _hue_weight(mean_h)
    turned = (mean_h - math.radians(275)) * (1 / math.radians(25))
    r_t = -2 * _chroma_weight(mean_c) * np.sin(math.radians(60) * np.exp(-turned * turned))
    light = (l2 - l1) / (1 + 0.015 * off / np.sqrt(20 + off))
    chroma = (c2 - c1) / (1 + 0.045 * mean_c)
    hue = delta_h / s_h
    return np.asarray(np.sqrt(np.maximum(light * light + chroma * chroma + hue * hue + r_t * chroma * hue, 0)))


def _hue_weight(hue: np.ndarray) -> np.ndarray:
    """The formula's T."""
    return np.asarray(
        1
        - 0.17 * np.cos(hue - math.radians(30))
        + 0.24 * np.cos(2 * hue)
        + 0.32 * np.cos(3 * hue + math.radians(6))
        - 0.20 * np.cos(4 * hue - math.radians(63))
    )


def _length(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(np.sqrt(a * a + b * b))


def _chroma_weight(chroma: np.ndarray) -> np.ndarray:
    """sqrt(C^7 / (C^7 + 25^7))."""
    squared = chroma * chroma
    to_7 = squared * squared * squared * chroma
    return np.asarray(np.sqrt(to_7 / (to_7 + _25_TO_7)))


def palette(picture: Image.Image) -> Palette:
    """The main colours of an RGB picture, by median cut refined with k-means (Pillow)."""
    small = picture.copy()
    small.thumbnail((_PALETTE_EDGE, _PALETTE_EDGE), Image.Resampling.BOX)
    indexed = small.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, kmeans=_SETTLED)
    counts = indexed.histogram()[: len(indexed.palette.colors)] if indexed.palette else []
    flat = indexed.getpalette() or []
    found = sorted(((count, tuple(flat[3 * i : 3 * i + 3])) for i, count in enumerate(counts) if count), reverse=True)
    total = sum(count for count, _ in found)
    return Palette(
        tuple("#{:02x}{:02x}{:02x}".format(*colour) for _, colour in found),
        tuple(round(count / total, 4) for count, _ in found),
    )


def palette_difference(a: Palette, b: Palette) -> float:
    """Mean CIEDE2000 by which colour must change to turn one palette into the other (earth mover's distance)."""
    from scipy.optimize import linprog

    def colours(of: Palette) -> np.ndarray:
        return np.array([[int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)] for colour in of.colours])

    rows, columns = len(a.colours), len(b.colours)
    costs = ciede2000(lab(np.repeat(colours(a), columns, axis=0)), lab(np.tile(colours(b), (rows, 1))))
    takes = np.kron(np.eye(rows), np.ones(columns))
    gives = np.kron(np.ones(rows), np.eye(columns))
    have, want = np.asarray(a.shares), np.asarray(b.shares)
    amounts = np.concatenate([have / have.sum(), want / want.sum()])
    solved = linprog(costs, A_eq=np.concatenate([takes, gives])[:-1], b_eq=amounts[:-1], bounds=(0, None))
    return float(solved.fun)
