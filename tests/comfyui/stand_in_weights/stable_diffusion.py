"""SDXL and Stable Diffusion 3.5, medium."""

from __future__ import annotations

from .autoencoders import small_autoencoder
from .drawing import Draw, Weights, joined
from .encoders import CLIP_G_WIDTH, CLIP_WIDTH, T5_WIDTH, clip_g, clip_text

SDXL_CHANNELS = 32  # the true one has 320
TEXT_LAYERS = 3  # the host reads the last but one
SD35_HEAD = 64  # its width is this times its number of blocks: here one, in medium 24
SD35_PLACES = 192  # patches along an edge that it knows places for


def unet(draw: Draw) -> Weights:
    """SDXL's U-Net with a tenth of its channels, one transformer block where it has ten, and none where it has two."""
    edges = [SDXL_CHANNELS, 2 * SDXL_CHANNELS, 4 * SDXL_CHANNELS]
    embedding = 4 * SDXL_CHANNELS

    def residual(name: str, out: int, into: int) -> Weights:
        weights = draw.norm(f"{name}.in_layers.0", into) | draw.conv(f"{name}.in_layers.2", out, into)
        weights |= draw.linear(f"{name}.emb_layers.1", out, embedding)
        weights |= draw.norm(f"{name}.out_layers.0", out) | draw.conv(f"{name}.out_layers.3", out, out)
        return weights | (draw.conv(f"{name}.skip_connection", out, into, 1) if out != into else {})

    def attention(name: str, width: int) -> Weights:
        block = f"{name}.transformer_blocks.0"
        weights = draw.norm(f"{name}.norm", width)
        weights |= draw.linear(f"{name}.proj_in", width, width) | draw.linear(f"{name}.proj_out", width, width)
        for number, context in ((1, width), (2, 2048)):
            weights |= draw.linear(f"{block}.attn{number}.to_q", width, width, bias=False)
            for part in ("k", "v"):
                weights |= draw.linear(f"{block}.attn{number}.to_{part}", width, context, bias=False)
            weights |= draw.linear(f"{block}.attn{number}.to_out.0", width, width)
        weights |= draw.linear(f"{block}.ff.net.0.proj", 8 * width, width)
        weights |= draw.linear(f"{block}.ff.net.2", width, 4 * width)
        for norm in ("norm1", "norm2", "norm3"):
            weights |= draw.norm(f"{block}.{norm}", width)
        return weights

    weights: Weights = {}
    for name, into in (("time_embed", SDXL_CHANNELS), ("label_emb.0", 2816)):
        weights |= draw.linear(f"{name}.0", embedding, into) | draw.linear(f"{name}.2", embedding, embedding)
    weights |= draw.conv("input_blocks.0.0", edges[0], 4)
    skips, into, place = [edges[0]], edges[0], 1
    for level, out in enumerate(edges):
        for _ in range(2):
            weights |= residual(f"input_blocks.{place}.0", out, into)
            weights |= attention(f"input_blocks.{place}.1", out) if level == 2 else {}
            skips.append(out)
            into, place = out, place + 1
        if level < 2:
            weights |= draw.conv(f"input_blocks.{place}.0.op", out, out)
            skips.append(out)
            place += 1
    weights |= residual("middle_block.0", into, into) | attention("middle_block.1", into)
    weights |= residual("middle_block.2", into, into)
    for place in range(9):
        level = 2 - place // 3
        out = edges[level]
        weights |= residual(f"output_blocks.{place}.0", out, into + skips.pop())
        weights |= attention(f"output_blocks.{place}.1", out) if level == 2 else {}
        if level and place % 3 == 2:
            weights |= draw.conv(f"output_blocks.{place}.{2 if level == 2 else 1}.conv", out, out)
        into = out
    return weights | draw.norm("out.0", into) | draw.conv("out.2", 4, into)


def sdxl(draw: Draw) -> Weights:
    """The whole checkpoint."""
    return joined({
        "model.diffusion_model.": unet(draw),
        "conditioner.embedders.0.transformer.": clip_text(draw, CLIP_WIDTH, TEXT_LAYERS),
        "conditioner.embedders.1.model.": clip_g(draw, TEXT_LAYERS),
        "first_stage_model.": small_autoencoder(draw, 4),
    })  # fmt: skip


def sd35(draw: Draw) -> Weights:
    """The whole checkpoint, without T5, which the host then does without; FLUX.1's stand-ins have it."""
    return joined({
        "model.diffusion_model.": _mmdit(draw),
        "text_encoders.clip_l.transformer.": clip_text(draw, CLIP_WIDTH, TEXT_LAYERS),
        "text_encoders.clip_g.transformer.": clip_text(draw, CLIP_G_WIDTH, TEXT_LAYERS)
        | {"text_projection.weight": draw.tensor(CLIP_G_WIDTH, CLIP_G_WIDTH)},
        "first_stage_model.": small_autoencoder(draw),
    })  # fmt: skip


def _mmdit(draw: Draw) -> Weights:
    """One block of SD 3.5 medium's transformer; being the last, it gives up the text, as the true one's last does."""
    hidden, block = SD35_HEAD, "joint_blocks.0"
    weights = draw.conv("x_embedder.proj", hidden, 16, 2) | draw.linear("context_embedder", hidden, T5_WIDTH)
    for name, into in (("t_embedder", 256), ("y_embedder", CLIP_WIDTH + CLIP_G_WIDTH)):
        weights |= draw.linear(f"{name}.mlp.0", hidden, into) | draw.linear(f"{name}.mlp.2", hidden, hidden)
    weights["pos_embed"] = draw.tensor(1, SD35_PLACES * SD35_PLACES, hidden)
    for attention in ("context_block.attn", "x_block.attn", "x_block.attn2"):
        weights |= draw.linear(f"{block}.{attention}.qkv", 3 * hidden, hidden)
        for norm in ("ln_q", "ln_k"):
            weights |= draw.norm(f"{block}.{attention}.{norm}", SD35_HEAD, bias=False)
        if attention.startswith("x_block"):
            weights |= draw.linear(f"{block}.{attention}.proj", hidden, hidden)
    weights |= draw.linear(f"{block}.context_block.adaLN_modulation.1", 2 * hidden, hidden)
    weights |= draw.linear(f"{block}.x_block.adaLN_modulation.1", 9 * hidden, hidden)
    weights |= draw.linear(f"{block}.x_block.mlp.fc1", 4 * hidden, hidden)
    weights |= draw.linear(f"{block}.x_block.mlp.fc2", hidden, 4 * hidden)
    weights |= draw.linear("final_layer.adaLN_modulation.1", 2 * hidden, hidden)
    return weights | draw.linear("final_layer.linear", 2 * 2 * 16, hidden)
