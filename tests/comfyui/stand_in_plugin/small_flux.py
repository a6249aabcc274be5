"""The trained small FLUX in the host (tests/small_flux): it sees every picture at one coarse size.

It learned from pictures of about `latents.TOKENS` tokens. At that size it says what the picture will be; what is drawn
is that, enlarged. So it draws at any size and proportion, and no slower at 1792x1024 than at 512x512.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from comfy.ldm.flux.model import Flux

from . import latents

HIDDEN = 192
SPAN = 16.0  # see `positions` in tests/small_flux/transformer.py


def install() -> None:
    """Change the host's FLUX for models of this width alone."""
    Flux.forward = coarse(Flux.forward)
    Flux.process_img = centred(Flux.process_img)


def coarse(original: Callable[..., Any]) -> Callable[..., Any]:
    """FLUX at the coarse size, its prediction enlarged.

    A mean over areas leaves the picture and weakens the noise, so what is left is the coarse picture at an earlier
    time; from the model's velocity there follows the picture that it expects, and from that, enlarged, the velocity
    at the true size.
    """

    def forward(self: Any, x: torch.Tensor, timestep: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        if self.hidden_size != HIDDEN:
            return original(self, x, timestep, *args, **kwargs)
        size, small_size = x.shape[2:], latents.coarse_size(*x.shape[2:])
        small, weaker = latents.shrunk(x.float(), *small_size)
        time = timestep.float().view(-1, 1, 1, 1)
        total = (1 - time) + time * weaker
        small, earlier = small / total, time * weaker / total
        velocity = original(self, small.to(x.dtype), earlier.flatten().to(timestep.dtype), *args, **kwargs).float()
        expected = latents.enlarged(small - earlier * velocity, *size)
        return ((x - expected) / time.clamp(min=1e-4)).to(x.dtype)

    return forward


def centred(original: Callable[..., Any]) -> Callable[..., Any]:
    """Every picture spans the same positions, around the same middle."""

    def process_img(self: Any, x: torch.Tensor, *args: Any, **kwargs: Any) -> tuple[torch.Tensor, torch.Tensor]:
        tokens, places = original(self, x, *args, **kwargs)
        if self.hidden_size == HIDDEN:
            rows, columns = ((edge + 1) // 2 for edge in x.shape[2:])
            step = SPAN / (rows * columns) ** 0.5
            places = places.float().clone()  # a batch shares one
            for axis, count in ((1, rows), (2, columns)):
                places[..., axis] = SPAN / 2 + (places[..., axis] + 0.5 - count / 2) * step
        return tokens, places

    return process_img
