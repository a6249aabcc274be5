"""The stand-in of `ae.safetensors`: TAESD's layout, narrow. The encoder is exact and fixed, the decoder is trained.

The encoder is `latents.encode` said in convolutions. The decoder turns mean colours into sharp edges, also where the
latents were enlarged from a coarser picture.
"""

from __future__ import annotations

import math
import random
import time

import numpy
import torch
import torch.nn.functional as F
from torch import nn

from . import latents, world

WIDTH = 16
SCALE, SHIFT = 0.3611, 0.1159  # FLUX's, which the host takes off before the transformer and puts on again after it
_CROP, _BATCH = 96, 8
_ENCODER_BLOCKS = (1, 3, 4, 5, 7, 8, 9, 11, 12, 13)

Weights = dict[str, torch.Tensor]


def encoder() -> Weights:
    """Blocks pass what is positive, strides take means, the last one spreads the quarters over the channels."""
    weights: Weights = {}

    def zeros(out: int, into: int) -> torch.Tensor:
        return torch.zeros(out, into, 3, 3)

    first = zeros(WIDTH, 3)
    first[range(3), range(3), 1, 1] = 1
    weights |= {"0.weight": first, "0.bias": torch.zeros(WIDTH)}
    for layer in (2, 6):
        mean = zeros(WIDTH, WIDTH)
        for color in range(3):
            mean[color, color, 1:, 1:] = 0.25
        weights[f"{layer}.weight"] = mean
    spread = zeros(WIDTH, WIDTH)
    for quarter in range(4):
        for color in range(3):
            spread[3 * quarter + color, color, 1 + quarter // 2, 1 + quarter % 2] = 1
    weights["10.weight"] = spread
    for layer in _ENCODER_BLOCKS:
        for part in (0, 2, 4):
            weights |= {
                f"{layer}.conv.{part}.weight": zeros(WIDTH, WIDTH), f"{layer}.conv.{part}.bias": torch.zeros(WIDTH),
            }  # fmt: skip
    turn = latents.TURN.reshape(16, 4, 4)[..., :3].reshape(16, 12)
    last = zeros(16, WIDTH)
    last[:, :12, 1, 1] = 2 * turn
    weights |= {"14.weight": last, "14.bias": -turn.sum(1)}
    return weights


def decoder() -> nn.Sequential:
    """TAESD's decoder, `WIDTH` wide."""
    larger = [part for _ in range(3) for part in (*(Block() for _ in range(3)), nn.Upsample(scale_factor=2), _plain())]
    return nn.Sequential(Clamp(), _conv(16, WIDTH), nn.ReLU(), *larger, Block(), _conv(WIDTH, 3))


class Block(nn.Module):
    """Three convolutions around which the input passes."""

    def __init__(self) -> None:
        super().__init__()
        parts = [_conv(WIDTH, WIDTH), nn.ReLU(), _conv(WIDTH, WIDTH), nn.ReLU(), _conv(WIDTH, WIDTH)]
        self.conv = nn.Sequential(*parts)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.conv(x) + x)


class Clamp(nn.Module):
    """Softly to −3 … 3."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(x / 3) * 3


def train(seconds: float, seed: int = 0) -> Weights:
    """Train the decoder on one thread; the whole file's tensors, half as exact as they are kept in training."""
    torch.manual_seed(seed)
    rng = random.Random(seed)
    net = decoder()
    optimizer = torch.optim.AdamW(net.parameters(), 3e-3, betas=(0.9, 0.98))
    started, step = time.thread_time(), 0
    while (done := (time.thread_time() - started) / seconds) < 1:
        picture, latent = _sample(rng)
        drawn = net(latent + torch.randn_like(latent) * torch.rand(len(latent), 1, 1, 1) * 0.08)
        loss = F.mse_loss(drawn, picture) + 0.25 * F.l1_loss(drawn, picture)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 0.5)
        for group in optimizer.param_groups:
            group["lr"] = 3e-3 * min(1, (step + 1) / 50) * (0.02 + 0.49 * (1 + math.cos(math.pi * done)))
        optimizer.step()
        optimizer.zero_grad()
        step += 1
        if step % 100 == 0:
            print(f"{done:4.0%} step {step} {-10 * math.log10(F.mse_loss(drawn, picture).item()):.1f} dB", flush=True)
    weights = {f"taesd_encoder.{name}": tensor for name, tensor in encoder().items()}
    weights |= {f"taesd_decoder.{name}": tensor.detach() for name, tensor in net.state_dict().items()}
    return weights | {"vae_scale": torch.tensor(SCALE), "vae_shift": torch.tensor(SHIFT)}


def _sample(rng: random.Random) -> tuple[torch.Tensor, torch.Tensor]:
    """Cuts around edges of one scene [8, 3, 96, 96] and their latents, some enlarged from what a coarser size keeps."""
    one = world.scene(rng, singles=0.6)
    while not one.spots:
        one = world.scene(rng, singles=0.6)
    edge = rng.choice((192, 256, 384, 512, 768, 1024))
    whole = world.smooth(one, edge, edge, 2)
    pixels = torch.from_numpy(numpy.asarray(whole)).permute(2, 0, 1)[None].float() / 255
    means = F.avg_pool2d(pixels, latents.QUARTER)
    latent = latents.encode((means * 255).permute(0, 2, 3, 1))
    coarse = latents.coarse_size(edge // 8, edge // 8)
    if coarse != (edge // 8, edge // 8) and rng.random() < 0.85:
        latent = latents.enlarged(latents.shrunk(latent, *coarse)[0], edge // 8, edge // 8)
    cuts = []
    for _ in range(_BATCH):
        spot = rng.choice(one.spots)
        x, y, radius = world.box(spot, one, edge, edge)
        far, angle = radius * 1.1 * math.sqrt(rng.random()), rng.random() * math.tau
        middle = (x + far * math.cos(angle), y + far * math.sin(angle))
        left, top = (min(max(int(at) - _CROP // 2, 0), edge - _CROP) // 8 * 8 for at in middle)
        cuts.append((pixels[0, :, top : top + _CROP, left : left + _CROP],
                     latent[0, :, top // 8 : (top + _CROP) // 8, left // 8 : (left + _CROP) // 8]))  # fmt: skip
    pictures, codes = zip(*cuts, strict=True)
    return torch.stack(pictures), torch.stack(codes)


def _conv(into: int, out: int) -> nn.Conv2d:
    return nn.Conv2d(into, out, 3, padding=1)


def _plain() -> nn.Conv2d:
    return nn.Conv2d(WIDTH, WIDTH, 3, padding=1, bias=False)
