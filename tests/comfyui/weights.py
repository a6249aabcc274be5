"""Stand-in weights of FLUX.1, FLUX.2 and SDXL: the official file names and key layout, at toy sizes.

FLUX.1-dev is 22 GB and no test machine has it. With these files the official graphs run unchanged, at full
picture sizes and steps, in seconds on two CPU cores. The pictures are noise; loaders, samplers, masks,
expansion, caching, previews and the queue are real. The host needs `stand_in_plugin` in its custom_nodes.

Everything is drawn from fixed seeds: the same files come out each time.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import math
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from .environment import cache_folder

if TYPE_CHECKING:
    import torch

Weights = dict[str, "torch.Tensor"]

# What costs time at 1024x1024 is attention and convolution, so the transformer is one narrow block with one head and
# the autoencoder has a few channels; `stand_in_plugin` tells the host so.
HIDDEN = 32  # transformer width
AUTOENCODER_WIDTH = 8  # channels between latent and picture; TAESD has 64
T5_WIDTH = 4096  # Redux's projection has this width, so it must stay true
T5_HIDDEN = 128
CLIP_WIDTH = 768
CLIP_HIDDEN = 64
VISION_WIDTH = 1152
VISION_HIDDEN = 64
FLUX_CHANNELS, FILL_CHANNELS, CONTROL_CHANNELS = 16, 96, 32  # latent channels that the transformer reads
FLUX2_CHANNELS = 128
MISTRAL_WIDTH, MISTRAL_HIDDEN, MISTRAL_LAYERS = 5120, 64, 4
SDXL_CHANNELS = 32  # the true one has 320
SDXL_TEXT_LAYERS = 3  # the host reads the last but one
AUTOENCODER2_WIDTH = 32  # the true one has 128; its norms need 32

_MARKER = "stand-in-weights"  # holds the recipe's digest; written last
_REAL = 0.5  # a file of at least this share of the official size is no stand-in


def stand_ins(progress: Callable[[str], None] = print) -> Path:
    """The stand-ins in the cache folder, made if need be; another recipe's lie beside them."""
    folder = cache_folder() / f"stand-in-models-{_digest()[:10]}"
    make(folder, progress)
    return folder


def make(folder: Path, progress: Callable[[str], None] = print) -> list[Path]:
    """Write the stand-ins into `folder`, laid out like ComfyUI/models, unless they are there already.

    Takes about 10 s and 0.8 GB. Each file is written beside its place and renamed into it; two runs at once
    write the same bytes.

    Returns:
        Every stand-in file.
    """
    paths = [folder / name for name in _recipes()]
    marker = folder / _MARKER
    if marker.is_file() and marker.read_text("utf-8") == _digest() and all(path.is_file() for path in paths):
        return paths
    progress("Making stand-in FLUX weights (0.8 GB, some seconds, once)")
    for name, recipe in _recipes().items():
        _write(folder / name, recipe)
    marker.write_text(_digest(), "utf-8")
    return paths


def _digest() -> str:
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()


def real_weights(models_folder: Path) -> dict[str, Path]:
    """Which official files of true size lie in a ComfyUI models folder: "folder/name" → path."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    try:
        from nodes.flux.files import OFFICIAL_FILES
    finally:
        sys.path.pop(0)
    found = {}
    for file in OFFICIAL_FILES:
        path = models_folder / file.folder / file.name
        if path.is_file() and path.stat().st_size > _REAL * file.size_gib * 2**30:
            found[f"{file.folder}/{file.name}"] = path
    return found


def _recipes() -> dict[str, Callable[[Path], Weights | str]]:
    """File → what makes its tensors, or the name of a file made before that it equals."""
    models = {
        "flux1-dev": (FLUX_CHANNELS, True),
        "flux1-schnell": (FLUX_CHANNELS, False),
        "flux1-krea-dev_fp8_scaled": (FLUX_CHANNELS, True),
        "flux1-dev-kontext_fp8_scaled": (FLUX_CHANNELS, True),
        "flux1-fill-dev": (FILL_CHANNELS, True),
        "flux1-canny-dev": (CONTROL_CHANNELS, True),
    }
    recipes: dict[str, Callable[[Path], Weights | str]] = {
        f"diffusion_models/{name}.safetensors": lambda path, args=args: transformer(_Draw(path.name), *args)
        for name, args in models.items()
    }
    return recipes | {
        "text_encoders/t5xxl_fp16.safetensors": lambda path: _t5(_Draw("t5")),
        "text_encoders/t5xxl_fp8_e4m3fn_scaled.safetensors": lambda path: "t5xxl_fp16.safetensors",
        "text_encoders/clip_l.safetensors": lambda path: _clip_l(_Draw("clip_l")),
        "vae/ae.safetensors": lambda path: _small_autoencoder(_Draw("vae")),
        "style_models/flux1-redux-dev.safetensors": lambda path: _redux(_Draw("redux")),
        "clip_vision/sigclip_vision_patch14_384.safetensors": lambda path: _vision(_Draw("vision")),
        "diffusion_models/flux2_dev_fp8mixed.safetensors": lambda path: _flux2(_Draw("flux2")),
        "text_encoders/mistral_3_small_flux2_fp8.safetensors": lambda path: _mistral(_Draw("mistral")),
        "vae/flux2-vae.safetensors": lambda path: _autoencoder2(_Draw("vae2")),
        "loras/my-brand-style.safetensors": lambda path: _lora(_Draw("lora")),
        "checkpoints/sd_xl_base_1.0.safetensors": lambda path: _sdxl(_Draw("sdxl")),
        "checkpoints/flux1-dev-fp8.safetensors": lambda path: _checkpoint(_Draw("checkpoint"), guidance=True),
    }


class _Draw:
    """Random tensors from a seed that is a name; half precision, as the real files are."""

    def __init__(self, name: str):
        import torch

        self.generator = torch.Generator().manual_seed(
            int.from_bytes(hashlib.sha256(name.encode()).digest()[:7], "big")
        )

    def tensor(self, *shape: int, scale: float = 0.02) -> torch.Tensor:
        import torch

        return torch.randn(*shape, generator=self.generator).mul_(scale).to(torch.bfloat16)

    def linear(self, name: str, out: int, into: int, *, bias: bool = True) -> Weights:
        weights = {f"{name}.weight": self.tensor(out, into, scale=1 / math.sqrt(into))}
        return weights | ({f"{name}.bias": self.tensor(out)} if bias else {})

    def norm(self, name: str, width: int, *, bias: bool = True) -> Weights:
        import torch

        weights = {f"{name}.weight": torch.ones(width, dtype=torch.bfloat16)}
        return weights | ({f"{name}.bias": torch.zeros(width, dtype=torch.bfloat16)} if bias else {})


def transformer(
    draw: _Draw,
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


def _flux2(draw: _Draw) -> Weights:
    """FLUX.2-dev's transformer; the true one has hidden 6144, 8 double and 48 single blocks."""
    import torch

    def linear(name: str, out: int, into: int) -> Weights:
        return draw.linear(name, out, into, bias=False)

    weights = linear("img_in", HIDDEN, FLUX2_CHANNELS) | linear("txt_in", HIDDEN, 3 * MISTRAL_WIDTH)
    for name in ("time_in", "guidance_in"):
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


def _mistral(draw: _Draw) -> Weights:
    """Four narrow layers of Mistral Small 3, and a vocabulary of single bytes in the format of its tokenizer."""
    import torch

    marks = [f"<SPECIAL_{rank}>" for rank in range(20)]
    marks[:5] = ["<unk>", "<s>", "</s>", "[INST]", "[/INST]"]
    marks[17:19] = ["[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"]
    tokens = {
        "config": {"default_vocab_size": 256 + len(marks)},
        "vocab": [{"rank": n, "token_bytes": base64.b64encode(bytes([n])).decode()} for n in range(256)],
        "special_tokens": [{"rank": rank, "token_str": mark} for rank, mark in enumerate(marks)],
    }
    weights = {
        "tekken_model": torch.tensor(list(json.dumps(tokens).encode()), dtype=torch.uint8),
        "model.embed_tokens.weight": draw.tensor(256 + len(marks), MISTRAL_WIDTH, scale=1.0),
    }
    for layer in (f"model.layers.{index}" for index in range(MISTRAL_LAYERS)):
        for part in ("q", "k", "v"):
            weights |= draw.linear(f"{layer}.self_attn.{part}_proj", 128, MISTRAL_WIDTH, bias=False)
        weights |= draw.linear(f"{layer}.self_attn.o_proj", MISTRAL_WIDTH, 128, bias=False)
        for part in ("gate", "up"):
            weights |= draw.linear(f"{layer}.mlp.{part}_proj", MISTRAL_HIDDEN, MISTRAL_WIDTH, bias=False)
        weights |= draw.linear(f"{layer}.mlp.down_proj", MISTRAL_WIDTH, MISTRAL_HIDDEN, bias=False)
        for norm in ("input_layernorm", "post_attention_layernorm"):
            weights |= draw.norm(f"{layer}.{norm}", MISTRAL_WIDTH, bias=False)
    return weights


def _autoencoder2(draw: _Draw) -> Weights:
    """FLUX.2's: the usual autoencoder of latent diffusion, with 32 channels and a batch norm of its latents."""
    import torch

    edges = [AUTOENCODER2_WIDTH * factor for factor in (1, 2, 4, 4)]
    widest = edges[-1]

    def conv(name: str, out: int, into: int, size: int = 3) -> Weights:
        scale = 1 / math.sqrt(size * size * into)
        return {f"{name}.weight": draw.tensor(out, into, size, size, scale=scale), f"{name}.bias": draw.tensor(out)}

    def block(name: str, out: int, into: int) -> Weights:
        weights = draw.norm(f"{name}.norm1", into) | conv(f"{name}.conv1", out, into)
        weights |= draw.norm(f"{name}.norm2", out) | conv(f"{name}.conv2", out, out)
        return weights | (conv(f"{name}.nin_shortcut", out, into, 1) if out != into else {})

    def middle(name: str) -> Weights:
        weights = block(f"{name}.block_1", widest, widest) | block(f"{name}.block_2", widest, widest)
        weights |= draw.norm(f"{name}.attn_1.norm", widest)
        for part in ("q", "k", "v", "proj_out"):
            weights |= conv(f"{name}.attn_1.{part}", widest, widest, 1)
        return weights

    weights = conv("encoder.conv_in", edges[0], 3) | middle("encoder.mid")
    into = edges[0]
    for level, out in enumerate(edges):
        for index in range(2):
            weights |= block(f"encoder.down.{level}.block.{index}", out, into)
            into = out
        if level < 3:
            weights |= conv(f"encoder.down.{level}.downsample.conv", out, out)
    weights |= draw.norm("encoder.norm_out", widest) | conv("encoder.conv_out", 64, widest)
    weights |= conv("decoder.conv_in", widest, 32) | middle("decoder.mid")
    into = widest
    for level in (3, 2, 1, 0):
        for index in range(3):
            weights |= block(f"decoder.up.{level}.block.{index}", edges[level], into)
            into = edges[level]
        if level:
            weights |= conv(f"decoder.up.{level}.upsample.conv", into, into)
    weights |= draw.norm("decoder.norm_out", into) | conv("decoder.conv_out", 3, into)
    weights |= conv("quant_conv", 64, 64, 1) | conv("post_quant_conv", 32, 32, 1)
    return weights | {"bn.running_mean": torch.zeros(128), "bn.running_var": torch.ones(128)}


def _t5(draw: _Draw) -> Weights:
    """One layer, one head of T5-XXL."""
    block = "encoder.block.0.layer"
    weights = {"shared.weight": draw.tensor(32128, T5_WIDTH, scale=1.0)}
    for name in ("q", "k", "v"):
        weights |= draw.linear(f"{block}.0.SelfAttention.{name}", 64, T5_WIDTH, bias=False)
    weights |= draw.linear(f"{block}.0.SelfAttention.o", T5_WIDTH, 64, bias=False)
    weights[f"{block}.0.SelfAttention.relative_attention_bias.weight"] = draw.tensor(32, 1)
    weights |= draw.norm(f"{block}.0.layer_norm", T5_WIDTH, bias=False)
    for name in ("wi_0", "wi_1"):
        weights |= draw.linear(f"{block}.1.DenseReluDense.{name}", T5_HIDDEN, T5_WIDTH, bias=False)
    weights |= draw.linear(f"{block}.1.DenseReluDense.wo", T5_WIDTH, T5_HIDDEN, bias=False)
    weights |= draw.norm(f"{block}.1.layer_norm", T5_WIDTH, bias=False)
    weights |= draw.norm("encoder.final_layer_norm", T5_WIDTH, bias=False)
    # The host tells T5-XXL from its smaller sisters by this key of its last layer.
    weights["encoder.block.23.layer.1.DenseReluDense.wi_1.weight"] = draw.tensor(1, T5_WIDTH)
    return weights


def _clip_l(draw: _Draw, layers: int = 2) -> Weights:
    """Narrow layers of CLIP-L's text model."""
    weights = {
        "text_model.embeddings.token_embedding.weight": draw.tensor(49408, CLIP_WIDTH, scale=1.0),
        "text_model.embeddings.position_embedding.weight": draw.tensor(77, CLIP_WIDTH),
    }
    weights |= _encoder_layers(draw, "text_model.encoder.layers", CLIP_WIDTH, CLIP_HIDDEN, layers)
    return weights | draw.norm("text_model.final_layer_norm", CLIP_WIDTH)


def _vision(draw: _Draw) -> Weights:
    """Two narrow layers of SigLIP's vision model."""
    weights = {
        "vision_model.embeddings.patch_embedding.weight": draw.tensor(VISION_WIDTH, 3, 14, 14),
        "vision_model.embeddings.patch_embedding.bias": draw.tensor(VISION_WIDTH),
        "vision_model.embeddings.position_embedding.weight": draw.tensor(729, VISION_WIDTH),
    }
    weights |= _encoder_layers(draw, "vision_model.encoder.layers", VISION_WIDTH, VISION_HIDDEN)
    weights |= draw.norm("vision_model.post_layernorm", VISION_WIDTH)
    # The host recognises the model by this key of a late layer.
    return weights | draw.norm("vision_model.encoder.layers.22.layer_norm1", VISION_WIDTH, bias=False)


def _encoder_layers(draw: _Draw, prefix: str, width: int, hidden: int, layers: int = 2) -> Weights:
    weights: Weights = {}
    for layer in (f"{prefix}.{index}" for index in range(layers)):
        weights |= draw.norm(f"{layer}.layer_norm1", width) | draw.norm(f"{layer}.layer_norm2", width)
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            weights |= draw.linear(f"{layer}.self_attn.{part}", width, width)
        weights |= draw.linear(f"{layer}.mlp.fc1", hidden, width) | draw.linear(f"{layer}.mlp.fc2", width, hidden)
    return weights


def _redux(draw: _Draw) -> Weights:
    return draw.linear("redux_up", 3 * T5_WIDTH, VISION_WIDTH) | draw.linear("redux_down", T5_WIDTH, 3 * T5_WIDTH)


def _small_autoencoder(draw: _Draw, latent: int = FLUX_CHANNELS) -> Weights:
    """TAESD's keys, by which VAELoader knows it, and it is fast both ways; Stable Diffusion's has 4 latent channels."""
    import torch

    width = AUTOENCODER_WIDTH

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


def _clip_g(draw: _Draw) -> Weights:
    """Three narrow layers of OpenCLIP's ViT-bigG text model, in OpenCLIP's own layout."""
    width = 1280
    weights = {
        "token_embedding.weight": draw.tensor(49408, width, scale=1.0),
        "positional_embedding": draw.tensor(77, width),
        "text_projection": draw.tensor(width, width),
    }
    for layer in (f"transformer.resblocks.{index}" for index in range(SDXL_TEXT_LAYERS)):
        weights |= draw.norm(f"{layer}.ln_1", width) | draw.norm(f"{layer}.ln_2", width)
        weights[f"{layer}.attn.in_proj_weight"] = draw.tensor(3 * width, width)
        weights[f"{layer}.attn.in_proj_bias"] = draw.tensor(3 * width)
        weights |= draw.linear(f"{layer}.attn.out_proj", width, width)
        weights |= draw.linear(f"{layer}.mlp.c_fc", CLIP_HIDDEN, width)
        weights |= draw.linear(f"{layer}.mlp.c_proj", width, CLIP_HIDDEN)
    return weights | draw.norm("ln_final", width)


def _unet(draw: _Draw) -> Weights:
    """SDXL's U-Net with a tenth of its channels, one transformer block where it has ten, and none where it has two."""
    edges = [SDXL_CHANNELS, 2 * SDXL_CHANNELS, 4 * SDXL_CHANNELS]
    embedding = 4 * SDXL_CHANNELS

    def conv(name: str, out: int, into: int, size: int = 3) -> Weights:
        scale = 1 / math.sqrt(size * size * into)
        return {f"{name}.weight": draw.tensor(out, into, size, size, scale=scale), f"{name}.bias": draw.tensor(out)}

    def residual(name: str, out: int, into: int) -> Weights:
        weights = draw.norm(f"{name}.in_layers.0", into) | conv(f"{name}.in_layers.2", out, into)
        weights |= draw.linear(f"{name}.emb_layers.1", out, embedding)
        weights |= draw.norm(f"{name}.out_layers.0", out) | conv(f"{name}.out_layers.3", out, out)
        return weights | (conv(f"{name}.skip_connection", out, into, 1) if out != into else {})

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
    weights |= conv("input_blocks.0.0", edges[0], 4)
    skips, into, place = [edges[0]], edges[0], 1
    for level, out in enumerate(edges):
        for _ in range(2):
            weights |= residual(f"input_blocks.{place}.0", out, into)
            weights |= attention(f"input_blocks.{place}.1", out) if level == 2 else {}
            skips.append(out)
            into, place = out, place + 1
        if level < 2:
            weights |= conv(f"input_blocks.{place}.0.op", out, out)
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
            weights |= conv(f"output_blocks.{place}.{2 if level == 2 else 1}.conv", out, out)
        into = out
    return weights | draw.norm("out.0", into) | conv("out.2", 4, into)


def _sdxl(draw: _Draw) -> Weights:
    parts = {
        "model.diffusion_model.": _unet(draw),
        "conditioner.embedders.0.transformer.": _clip_l(draw, SDXL_TEXT_LAYERS),
        "conditioner.embedders.1.model.": _clip_g(draw),
        "first_stage_model.": _small_autoencoder(draw, 4),
    }
    return {prefix + key: tensor for prefix, part in parts.items() for key, tensor in part.items()}


def _lora(draw: _Draw) -> Weights:
    weights = {}
    for name, out, into in (("img_attn.qkv", 3 * HIDDEN, HIDDEN), ("img_mlp.0", 4 * HIDDEN, HIDDEN)):
        key = f"diffusion_model.double_blocks.0.{name}"
        weights[f"{key}.lora_A.weight"] = draw.tensor(4, into, scale=0.1)
        weights[f"{key}.lora_B.weight"] = draw.tensor(out, 4, scale=0.1)
    return weights


def _checkpoint(draw: _Draw, *, guidance: bool) -> Weights:
    parts = {
        "model.diffusion_model.": transformer(draw, FLUX_CHANNELS, guidance),
        "text_encoders.clip_l.transformer.": _clip_l(_Draw("clip_l")),
        "text_encoders.t5xxl.transformer.": _t5(_Draw("t5")),
        "vae.": _small_autoencoder(_Draw("vae")),
    }
    return {prefix + key: tensor for prefix, part in parts.items() for key, tensor in part.items()}


def _write(path: Path, recipe: Callable[[Path], Weights | str]) -> None:
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()
    made = recipe(path)
    if isinstance(made, str):
        try:
            os.link(path.with_name(made), temporary)
        except OSError:  # a file system without hard links
            shutil.copyfile(path.with_name(made), temporary)
    else:
        save_file(
            made, temporary, {"note": "stand-in with random values; not a usable model"}
        )  # one entry: fixed order
    temporary.replace(path)
