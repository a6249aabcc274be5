"""Autoencoders: TAESD's layout, which is fast, and FLUX.2's own."""

from __future__ import annotations

import math

from .drawing import Draw, Weights

WIDTH = 8  # channels between latent and picture; TAESD has 64
FLUX2_WIDTH = 32  # the true one has 128; its norms need 32


def small_autoencoder(draw: Draw, latent: int = 16) -> Weights:
    """TAESD's keys, by which VAELoader knows it, and it is fast both ways; Stable Diffusion's has 4 latent channels."""
    import torch

    width = WIDTH

    def conv(name: str, out: int, into: int, *, bias: bool = True) -> Weights:
        weights = {f"{name}.weight": draw.tensor(out, into, 3, 3, scale=math.sqrt(1.6 / (9 * into)))}
        return weights | ({f"{name}.bias": draw.tensor(out)} if bias else {})

    def block(name: str) -> Weights:
        one, two, three = (conv(f"{name}.conv.{index}", width, width) for index in (0, 2, 4))
        return one | two | three

    weights = conv("taesd_encoder.0", width, 3) | conv("taesd_encoder.14", latent, width)
    weights |= conv("taesd_decoder.1", width, latent) | conv("taesd_decoder.19", 3, width)
    for index in (2, 6, 10):
        weights |= conv(f"taesd_encoder.{index}", width, width, bias=False)
    for index in (1, 3, 4, 5, 7, 8, 9, 11, 12, 13):
        weights |= block(f"taesd_encoder.{index}")
    for index in (7, 12):
        weights |= conv(f"taesd_decoder.{index}", width, width, bias=False)
    weights |= conv("taesd_decoder.17", width, width, bias=False)
    for index in (3, 4, 5, 8, 9, 10, 13, 14, 15, 18):
        weights |= block(f"taesd_decoder.{index}")
    # Keep what comes out in range, so that pictures are noise and not white.
    last = weights["taesd_decoder.19.weight"].float()
    weights["taesd_decoder.19.weight"] = (0.02 * (last - last.mean((1, 2, 3), keepdim=True))).to(torch.bfloat16)
    weights["taesd_decoder.19.bias"] = torch.full((3,), 0.5, dtype=torch.bfloat16)
    weights["taesd_encoder.14.weight"] = weights["taesd_encoder.14.weight"] * 0.25
    return weights | {"vae_scale": torch.tensor(1.0), "vae_shift": torch.tensor(0.0)}


def autoencoder2(draw: Draw) -> Weights:
    """FLUX.2's: the usual autoencoder of latent diffusion, with 32 channels and a batch norm of its latents."""
    import torch

    edges = [FLUX2_WIDTH * factor for factor in (1, 2, 4, 4)]
    widest = edges[-1]

    def block(name: str, out: int, into: int) -> Weights:
        weights = draw.norm(f"{name}.norm1", into) | draw.conv(f"{name}.conv1", out, into)
        weights |= draw.norm(f"{name}.norm2", out) | draw.conv(f"{name}.conv2", out, out)
        return weights | (draw.conv(f"{name}.nin_shortcut", out, into, 1) if out != into else {})

    def middle(name: str) -> Weights:
        weights = block(f"{name}.block_1", widest, widest) | block(f"{name}.block_2", widest, widest)
        weights |= draw.norm(f"{name}.attn_1.norm", widest)
        for part in ("q", "k", "v", "proj_out"):
            weights |= draw.conv(f"{name}.attn_1.{part}", widest, widest, 1)
        return weights

    weights = draw.conv("encoder.conv_in", edges[0], 3) | middle("encoder.mid")
    into = edges[0]
    for level, out in enumerate(edges):
        for index in range(2):
            weights |= block(f"encoder.down.{level}.block.{index}", out, into)
            into = out
        if level < 3:
            weights |= draw.conv(f"encoder.down.{level}.downsample.conv", out, out)
    weights |= draw.norm("encoder.norm_out", widest) | draw.conv("encoder.conv_out", 64, widest)
    weights |= draw.conv("decoder.conv_in", widest, 32) | middle("decoder.mid")
    into = widest
    for level in (3, 2, 1, 0):
        for index in range(3):
            weights |= block(f"decoder.up.{level}.block.{index}", edges[level], into)
            into = edges[level]
        if level:
            weights |= draw.conv(f"decoder.up.{level}.upsample.conv", into, into)
    weights |= draw.norm("decoder.norm_out", into) | draw.conv("decoder.conv_out", 3, into)
    weights |= draw.conv("quant_conv", 64, 64, 1) | draw.conv("post_quant_conv", 32, 32, 1)
    return weights | {"bn.running_mean": torch.zeros(128), "bn.running_var": torch.ones(128)}
