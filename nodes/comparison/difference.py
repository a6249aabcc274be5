"""The difference heat map: where two aligned pictures differ, and how much."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .align import Aligned

if TYPE_CHECKING:
    import torch

# Stops of the colour scale, RGB 0…255, from no difference to full: dark, violet, orange, pale yellow. Lightness
# rises all the way, so it reads without colour vision and in print.
STOPS = ((6, 6, 14), (66, 15, 117), (151, 39, 121), (221, 81, 58), (252, 165, 10), (252, 255, 200))
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
    position = amount.sqrt() * (len(STOPS) - 1)
    low = position.floor().clamp(max=len(STOPS) - 2)
    part = (position - low).unsqueeze(-1)
    stops = torch.tensor(STOPS, dtype=torch.float32) / 255.0
    index = low.long()
    coloured = stops[index] * (1 - part) + stops[index + 1] * part
    left, top, right, bottom = aligned.placement.overlap(width, height)
    if (left, top, right, bottom) == (0, 0, width, height):
        return coloured
    whole = torch.tensor(GREY).expand(height, width, 3).clone()
    whole[top:bottom, left:right] = coloured
    return whole
