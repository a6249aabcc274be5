"""FLUX.1 and FLUX.2."""

from __future__ import annotations

from .autoencoders import small_autoencoder
from .drawing import Draw, Weights, joined
from .encoders import CLIP_WIDTH, MISTRAL_WIDTH, QWEN_WIDTH, T5_WIDTH, clip_l, t5

HIDDEN = 32  # transformer width
FLUX_CHANNELS, FILL_CHANNELS, CONTROL_CHANNELS = 16, 96, 32  # latent channels that the transformer reads
FLUX2_CHANNELS = 128


def transformer(
    draw: Draw,
    channels: int,
    guidance: bool,
    *,
    hidden: int = HIDDEN,
    head: int = HIDDEN,
    double: int = 1,
    single: int = 0,
) -> Weights:
    """FLUX.1's transformer; the true one has hidden 3072, 19 double and 38 single blocks."""
    import torch

    weights = draw.linear("img_in", hidden, channels * 4) | draw.linear("txt_in", hidden, T5_WIDTH)
    embedders = {"time_in": 256, "vector_in": CLIP_WIDTH} | ({"guidance_in": 256} if guidance else {})
    for name, into in embedders.items():
        weights |= draw.linear(f"{name}.in_layer", hidden, into) | draw.linear(f"{name}.out_layer", hidden, hidden)
    scale = torch.ones(head, dtype=torch.bfloat16)
    for block in range(double):
        for stream in ("img", "txt"):
            name = f"double_blocks.{block}.{stream}"
            weights |= draw.linear(f"{name}_mod.lin", 6 * hidden, hidden)
            weights |= draw.linear(f"{name}_attn.qkv", 3 * hidden, hidden)
            weights |= draw.linear(f"{name}_attn.proj", hidden, hidden)
            weights |= {f"{name}_attn.norm.{part}_norm.scale": scale.clone() for part in ("query", "key")}
            weights |= draw.linear(f"{name}_mlp.0", 4 * hidden, hidden) | draw.linear(
                f"{name}_mlp.2", hidden, 4 * hidden
            )
    for block in range(single):
        name = f"single_blocks.{block}"
        weights |= draw.linear(f"{name}.linear1", 7 * hidden, hidden) | draw.linear(
            f"{name}.linear2", hidden, 5 * hidden
        )
        weights |= draw.linear(f"{name}.modulation.lin", 3 * hidden, hidden)
        weights |= {f"{name}.norm.{part}_norm.scale": scale.clone() for part in ("query", "key")}
    weights |= draw.linear("final_layer.linear", 4 * FLUX_CHANNELS, hidden)
    return weights | draw.linear("final_layer.adaLN_modulation.1", 2 * hidden, hidden)


def flux2(draw: Draw, *, guidance: bool) -> Weights:
    """FLUX.2-dev's transformer, or klein 4B's without guidance; dev has hidden 6144, 8 double and 48 single blocks."""
    import torch

    def linear(name: str, out: int, into: int) -> Weights:
        return draw.linear(name, out, into, bias=False)

    reads = MISTRAL_WIDTH if guidance else QWEN_WIDTH
    weights = linear("img_in", HIDDEN, FLUX2_CHANNELS) | linear("txt_in", HIDDEN, 3 * reads)
    for name in ("time_in", *(["guidance_in"] if guidance else [])):
        weights |= linear(f"{name}.in_layer", HIDDEN, 256) | linear(f"{name}.out_layer", HIDDEN, HIDDEN)
    for stream in ("img", "txt"):
        name = f"double_blocks.0.{stream}"
        weights |= linear(f"double_stream_modulation_{stream}.lin", 6 * HIDDEN, HIDDEN)
        weights |= linear(f"{name}_attn.qkv", 3 * HIDDEN, HIDDEN) | linear(f"{name}_attn.proj", HIDDEN, HIDDEN)
        scales = [f"{name}_attn.norm.{part}_norm.scale" for part in ("query", "key")]
        weights |= {scale: torch.ones(HIDDEN, dtype=torch.bfloat16) for scale in scales}
        weights |= linear(f"{name}_mlp.0", 6 * HIDDEN, HIDDEN) | linear(f"{name}_mlp.2", HIDDEN, 3 * HIDDEN)
    weights |= linear("single_stream_modulation.lin", 3 * HIDDEN, HIDDEN)
    weights |= linear("final_layer.linear", FLUX2_CHANNELS, HIDDEN)
    return weights | linear("final_layer.adaLN_modulation.1", 2 * HIDDEN, HIDDEN)


def lora(draw: Draw) -> Weights:
    weights = {}
    for name, out, into in (("img_attn.qkv", 3 * HIDDEN, HIDDEN), ("img_mlp.0", 4 * HIDDEN, HIDDEN)):
        key = f"diffusion_model.double_blocks.0.{name}"
        weights[f"{key}.lora_A.weight"] = draw.tensor(4, into, scale=0.1)
        weights[f"{key}.lora_B.weight"] = draw.tensor(out, 4, scale=0.1)
    return weights


def checkpoint(draw: Draw, *, guidance: bool) -> Weights:
    return joined(
        {
            "model.diffusion_model.": transformer(draw, FLUX_CHANNELS, guidance),
            "text_encoders.clip_l.transformer.": clip_l(Draw("clip_l")),
            "text_encoders.t5xxl.transformer.": t5(Draw("t5")),
            "vae.": small_autoencoder(Draw("vae")),
        }
    )
