"""Masks for Fill, and room for outpainting. MASK is `[1,H,W]` float 0…1, 1 = change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..sizes import Size

if TYPE_CHECKING:
    import torch

_GROW = 1 / 128  # of the long edge: FLUX redraws this much more, so that it can blend; 8 px at 1024
_FEATHER = 1 / 256  # of the long edge: the result fades in over this much inside the mask; 4 px at 1024


@dataclass(frozen=True)
class FillMasks:
    """What FLUX redraws, and what is shown of it."""

    redraw: torch.Tensor  # the mask, grown
    show: torch.Tensor  # the mask, feathered inwards: 0 wherever the mask is 0


@dataclass(frozen=True)
class Outpainted:
    """A picture with room around it."""

    picture: torch.Tensor  # IMAGE [1,H,W,3]; the room is mid-grey
    room: torch.Tensor  # MASK [1,H,W]; 1 in the room


def marks_something(mask: torch.Tensor | None) -> bool:
    """False for no mask and for an empty one, which LoadImage gives for a picture without alpha."""
    return mask is not None and bool((mask > 0).any())


def has_room(own: Size, asked: Size, *, masked: bool) -> bool:
    """True if a picture is to be drawn on beyond its borders to reach the size asked for.

    With a mask and the same shape it is not: there DALL·E 2 edited the picture and delivered it larger.
    """
    larger = asked != own and asked.width >= own.width and asked.height >= own.height
    same_shape = abs(own.width * asked.height - own.height * asked.width) <= max(*own, *asked)
    return larger and not (masked and same_shape)


def for_picture(mask: torch.Tensor, size: Size) -> torch.Tensor:
    """The first mask of the batch, `[1,H,W]`, scaled to the picture if it has another size."""
    import torch

    plane = mask.reshape(-1, *mask.shape[-2:])[:1].float().clamp(0.0, 1.0)
    if (plane.shape[2], plane.shape[1]) != size:
        plane = torch.nn.functional.interpolate(plane[None], (size.height, size.width), mode="bilinear")[0]
    return plane


def for_fill(mask: torch.Tensor) -> FillMasks:
    """Growth and feather by rule, from a mask `[1,H,W]` of the picture's size."""
    edge = max(mask.shape[-2:])
    return FillMasks(_dilated(mask, max(1, round(edge * _GROW))), _feathered(mask, max(1, round(edge * _FEATHER))))


def outpaint(picture: torch.Tensor, asked: Size) -> Outpainted:
    """Put a picture `[1,H,W,3]` in the middle of a larger one."""
    height, width = picture.shape[1:3]
    left, top = (asked.width - width) // 2, (asked.height - height) // 2
    larger = picture.new_full((1, asked.height, asked.width, 3), 0.5)
    larger[:, top : top + height, left : left + width] = picture
    room = picture.new_ones((1, asked.height, asked.width))
    room[:, top : top + height, left : left + width] = 0.0
    return Outpainted(larger, room)


def moved(mask: torch.Tensor, asked: Size) -> torch.Tensor:
    """A mask of the picture, where `outpaint` put the picture."""
    height, width = mask.shape[1:3]
    left, top = (asked.width - width) // 2, (asked.height - height) // 2
    larger = mask.new_zeros((1, asked.height, asked.width))
    larger[:, top : top + height, left : left + width] = mask
    return larger


def _dilated(mask: torch.Tensor, radius: int) -> torch.Tensor:
    """The greatest value of a square around each pixel; by columns, then by rows, which costs far less."""
    from torch.nn.functional import max_pool2d

    edge = 2 * radius + 1
    columns = max_pool2d(mask[None], (edge, 1), stride=1, padding=(radius, 0))
    return max_pool2d(columns, (1, edge), stride=1, padding=(0, radius))[0]


def _feathered(mask: torch.Tensor, radius: int) -> torch.Tensor:
    """Shrunk, then blurred: averaging over the same radius cannot reach outside the mask again."""
    import torch

    shrunk = 1.0 - _dilated(1.0 - mask, radius)
    padded = torch.nn.functional.pad(shrunk[None], (radius,) * 4, mode="replicate")
    blurred = torch.nn.functional.avg_pool2d(padded, 2 * radius + 1, stride=1)[0]
    # A mask thinner than the feather would vanish: there the mask itself is shown.
    vanished = _dilated(shrunk, 2 * radius) == 0
    return torch.where(vanished, mask, torch.minimum(blurred, mask))
