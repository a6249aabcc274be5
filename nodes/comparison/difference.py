"""The difference heat map: where two aligned pictures differ, and how much."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from .align import Aligned

if TYPE_CHECKING:
    import torch

# Stops of the colour scale, RGB 0…255, from no difference to full: dark, violet, orange, pale yellow. Lightness
# rises all the way, so it reads without colour vision and in print.
STOPS = ((6, 6, 14), (66, 15, 117), (151, 39, 121), (221, 81, 58), (252, 165, 10), (252, 255, 200))
SHADES = 4096  # of the scale: finer than the 8 bits of a picture
GREY = (0.18, 0.18, 0.18)  # where nothing was compared


def heat_map(aligned: Aligned, width: int, height: int) -> torch.Tensor:
    """Colour the largest of the three channels' absolute differences.

    Args:
        width, height: picture A's size in pixels, which is the map's size; what was not compared is grey.

    Returns:
        `[H,W,3]` float32 0…1.
    """
    import torch

    amount = (aligned.a - aligned.b).abs().amax(-1).clamp(0.0, 1.0)
    # A square root lifts the small differences that matter most to the eye.
    coloured = _scale()[(amount.sqrt() * (SHADES - 1)).round().int()]
    left, top, right, bottom = aligned.placement.overlap(width, height)
    if (left, top, right, bottom) == (0, 0, width, height):
        return coloured
    whole = torch.tensor(GREY).expand(height, width, 3).clone()
    whole[top:bottom, left:right] = coloured
    return whole


@functools.cache
def _scale() -> torch.Tensor:
    """The colours from no difference to full, `[SHADES,3]` float32 0…1."""
    import torch

    stops = torch.tensor(STOPS, dtype=torch.float32).T.unsqueeze(0) / 255.0
    shades = torch.nn.functional.interpolate(stops, size=SHADES, mode="linear", align_corners=True)
    return shades[0].T.contiguous()
