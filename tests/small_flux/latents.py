"""Latents without training: the mean colours of the four 4×4 quarters of each 8×8 block, turned into 16 channels.

The turn is orthonormal, so a picture in −1 … 1 gives latents of about unit scale, white noise stays white noise, and
the way back is exact. The mean colour of a block lies along the host's `latent_rgb_factors` of FLUX, so its live
previews have the right hues. A quarter has red, green, blue and a fourth number, which no picture uses.

The stand-in plugin gets a copy of this file, so it stands alone.
"""

from __future__ import annotations

import math

import numpy
import torch

QUARTER = 4  # pixels a quarter's edge
TOKENS = 64  # of the picture that the small FLUX sees, whatever the size that is drawn
# Channels to red, green, blue (source: ComfyUI `comfy.latent_formats.Flux.latent_rgb_factors`).
_FACTORS = (
    (-0.0346, 0.0244, 0.0681), (0.0034, 0.0210, 0.0687), (0.0275, -0.0668, -0.0433), (-0.0174, 0.0160, 0.0617),
    (0.0859, 0.0721, 0.0329), (0.0004, 0.0383, 0.0115), (0.0405, 0.0861, 0.0915), (-0.0236, -0.0185, -0.0259),
    (-0.0245, 0.0250, 0.1180), (0.1008, 0.0755, -0.0421), (-0.0515, 0.0201, 0.0011), (0.0428, -0.0012, -0.0036),
    (0.0817, 0.0765, 0.0749), (-0.1264, -0.0522, -0.1103), (-0.0280, -0.0881, -0.0499), (-0.1262, -0.0982, -0.0778),
)  # fmt: skip


def _turn() -> torch.Tensor:
    """[16, 16]: from (quarter, colour) to channels."""
    left, _, right = torch.linalg.svd(torch.tensor(_FACTORS, dtype=torch.double), full_matrices=True)
    signs = torch.tensor([[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]], dtype=torch.double) / 2
    parts = [left[:, :3] @ right, left[:, 3:6], left[:, 6:9], left[:, 9:12]]  # the mean, three differences
    colors = sum(part[:, None] * sign[:, None] for part, sign in zip(parts, signs, strict=True))
    return torch.cat((colors, left[:, 12:, None]), -1).reshape(16, 16).float()


TURN = _turn()


def from_quarters(quarters: torch.Tensor) -> torch.Tensor:
    """[batch, 4, height, width] → latents [batch, 16, height / 2, width / 2]."""
    batch, _, height, width = quarters.shape
    blocks = quarters.reshape(batch, 4, height // 2, 2, width // 2, 2).permute(0, 2, 4, 3, 5, 1)
    return (blocks.reshape(batch, height // 2, width // 2, 16) @ TURN.to(quarters).T).permute(0, 3, 1, 2)


def to_quarters(latents: torch.Tensor) -> torch.Tensor:
    """The way back."""
    batch, _, height, width = latents.shape
    blocks = (latents.permute(0, 2, 3, 1) @ TURN.to(latents)).reshape(batch, height, width, 2, 2, 4)
    return blocks.permute(0, 5, 1, 3, 2, 4).reshape(batch, 4, 2 * height, 2 * width)


def encode(means: torch.Tensor) -> torch.Tensor:
    """Pictures of quarters [batch, height, width, 3] in 0 … 255 → latents."""
    colors = (means.float() / 127.5 - 1).permute(0, 3, 1, 2)
    return from_quarters(torch.cat((colors, torch.zeros_like(colors[:, :1])), 1))


def decode(latents: torch.Tensor) -> numpy.ndarray:
    """The way back, to bytes."""
    colors = to_quarters(latents.float())[:, :3].permute(0, 2, 3, 1)
    return ((colors + 1) * 127.5).round().clamp(0, 255).byte().numpy()


def coarse_size(height: int, width: int) -> tuple[int, int]:
    """The latent height and width, both even, at which a picture is seen that is drawn at this latent size."""
    scale = min(1.0, math.sqrt(4 * TOKENS / (height * width)))
    return 2 * max(2, round(height * scale / 2)), 2 * max(2, round(width * scale / 2))


def shrunk(latents: torch.Tensor, height: int, width: int) -> tuple[torch.Tensor, float]:
    """Means over areas, and the standard deviation that white noise of 1 has after it."""
    quarters = to_quarters(latents)
    down, across = _areas(quarters.shape[2], 2 * height), _areas(quarters.shape[3], 2 * width)
    left = math.sqrt(float(down.square().sum(1).mean() * across.square().sum(1).mean()))
    return from_quarters(down.to(quarters) @ quarters @ across.to(quarters).T), left


def enlarged(latents: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Smoothly, as pictures are."""
    return from_quarters(torch.nn.functional.interpolate(to_quarters(latents), (2 * height, 2 * width), mode="bicubic"))


def _areas(size: int, parts: int) -> torch.Tensor:
    """[parts, size]: how much of each part every element makes up; rows add up to 1."""
    edges = torch.arange(parts + 1, dtype=torch.double) * size / parts
    start = torch.arange(size, dtype=torch.double)
    overlap = torch.minimum(edges[1:, None], start + 1) - torch.maximum(edges[:-1, None], start)
    return (overlap.clamp(min=0) * parts / size).float()
