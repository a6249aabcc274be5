"""How a picture is laid onto picture A before the two are compared, by a written rule and never silently.

Everything works in A's pixels. What is compared is a rectangle that both pictures cover completely, so no
padding ever enters a number.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


class Align(str, Enum):
    """The rules. The value is what the node's widget shows and what `metrics` states."""

    FIT = "fit"
    CROP = "crop"
    STRETCH = "stretch"
    NONE = "none"
    SHIFT = "shift"


RULES: dict[Align, str] = {
    Align.FIT: "scaled to fit inside A with its shape kept, centred; only the area both cover is compared",
    Align.CROP: "scaled to cover A with its shape kept, centred; what reaches over A is cut off",
    Align.STRETCH: "scaled to A's exact size; its shape changes where the two differ",
    Align.NONE: "not scaled, centred on A pixel for pixel; only the area both cover is compared",
    Align.SHIFT: "fitted inside A, then moved by the whole-pixel shift that phase correlation finds",
}


@dataclass(frozen=True)
class Placement:
    """Where the second picture lies in A's frame, in A's pixels; may reach over it."""

    x: int
    y: int
    width: int
    height: int

    def overlap(self, width: int, height: int) -> tuple[int, int, int, int]:
        """The part of A's frame it covers: left, top, right, bottom."""
        return (
            max(0, self.x),
            max(0, self.y),
            min(width, self.x + self.width),
            min(height, self.y + self.height),
        )


@dataclass(frozen=True)
class Aligned:
    """Two pictures of one size, ready to be measured."""

    a: torch.Tensor  # [H,W,3] float32 0…1
    b: torch.Tensor  # the same shape
    placement: Placement
    scaled: bool  # the second picture was resampled
    note: str  # one sentence: sizes and what was done


def placement(rule: Align, a: tuple[int, int], b: tuple[int, int]) -> Placement:
    """Where a picture of size `b` goes in a frame of size `a` (both width, height in pixels)."""
    if rule is Align.STRETCH:
        return Placement(0, 0, *a)
    if rule is Align.NONE:
        scale = 1.0
    elif rule is Align.CROP:
        scale = max(a[0] / b[0], a[1] / b[1])
    else:
        scale = min(a[0] / b[0], a[1] / b[1])
    width, height = max(1, round(b[0] * scale)), max(1, round(b[1] * scale))
    return Placement((a[0] - width) // 2, (a[1] - height) // 2, width, height)


def align(a: torch.Tensor, b: torch.Tensor, rule: Align) -> Aligned:
    """Lay `b` onto `a`.

    Args:
        a, b: `[H,W,3]` float32 0…1, of any sizes.
    """
    height_a, width_a = int(a.shape[0]), int(a.shape[1])
    height_b, width_b = int(b.shape[0]), int(b.shape[1])
    place = placement(rule, (width_a, height_a), (width_b, height_b))
    moved = scale_to(b, place.width, place.height)
    extra = ""
    if rule is Align.SHIFT:
        dx, dy = _shift(*_overlapping(a, moved, place))
        place = Placement(place.x + dx, place.y + dy, place.width, place.height)
        extra = f"; shift found: {dx} px right, {dy} px down"
    part_a, part_b = _overlapping(a, moved, place)
    if (width_a, height_a) == (width_b, height_b):
        note = f"same size, {width_a}x{height_a}"
    else:
        note = f"sizes differ, A is {width_a}x{height_a}, the other {width_b}x{height_b}: {RULES[rule]}"
    whole = part_a.shape[:2] == a.shape[:2]
    compared = "" if whole else f"; compared: {part_a.shape[1]}x{part_a.shape[0]}"
    return Aligned(part_a, part_b, place, moved is not b, note + extra + compared)


def scale_to(picture: torch.Tensor, width: int, height: int) -> torch.Tensor:
    """Resample `[H,W,C]` to another size with an antialiased bicubic filter; returns it unchanged at its own size."""
    if (int(picture.shape[1]), int(picture.shape[0])) == (width, height):
        return picture
    from torch.nn.functional import interpolate

    planes = picture.movedim(-1, 0).unsqueeze(0)
    scaled = interpolate(planes, size=(height, width), mode="bicubic", antialias=True, align_corners=False)
    return scaled[0].movedim(0, -1).clamp(0.0, 1.0).contiguous()


def _overlapping(a: torch.Tensor, b: torch.Tensor, place: Placement) -> tuple[torch.Tensor, torch.Tensor]:
    left, top, right, bottom = place.overlap(int(a.shape[1]), int(a.shape[0]))
    part_b = b[top - place.y : bottom - place.y, left - place.x : right - place.x]
    return a[top:bottom, left:right], part_b


def _shift(a: torch.Tensor, b: torch.Tensor) -> tuple[int, int]:
    """Whole pixels to move `b` right and down so that it matches `a` best, at most a quarter of each edge.

    Phase correlation (Kuglin and Hines, 1975) on luma; a Hann window keeps the picture's borders out of it.
    """
    import torch

    height, width = int(a.shape[0]), int(a.shape[1])
    if min(height, width) < 8:
        return 0, 0
    window = torch.hann_window(height, periodic=False)[:, None] * torch.hann_window(width, periodic=False)[None, :]
    grey_a, grey_b = a.mean(-1), b.mean(-1)
    spectrum_a = torch.fft.rfft2((grey_a - grey_a.mean()) * window)
    spectrum_b = torch.fft.rfft2((grey_b - grey_b.mean()) * window)
    cross = spectrum_a * spectrum_b.conj()
    surface = torch.fft.irfft2(cross / cross.abs().clamp_min(1e-9), s=(height, width))
    reach_y, reach_x = max(1, height // 4), max(1, width // 4)
    rows = torch.arange(-reach_y, reach_y + 1)
    columns = torch.arange(-reach_x, reach_x + 1)
    near = surface[rows % height][:, columns % width]
    best = int(near.argmax())
    return int(columns[best % len(columns)]), int(rows[best // len(columns)])
