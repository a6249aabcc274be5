"""What a weights file is good for, told by its header and, where shapes cannot tell, by its name.

A header is known by what FLUX's part must have, and turned away by anything that part cannot have. Three
things look alike in a header, and there the name decides:

- Krea, Kontext and dev have the same shapes: "krea" and "kontext" in the name tell them from dev.
- schnell, and dev or schnell with the distillation undone, have the same shapes: names such as "de-distill"
  and "openflux" are none of FLUX.1's.
- FLUX.1's autoencoder and Stable Diffusion 3's have the same tensors, and the wrong one draws wrong colours:
  "ae" or "flux" in the name (or in the metadata) is FLUX.1's, "sd3" and the like is not, and a file that says
  neither or both is `UNCLEAR`, which nothing chooses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from .headers import Header
from .settings import Family

# The host's own detector: (tensor → shape, prefix of the transformer's tensors) → its `unet_config`, None if unknown.
Detector = Callable[[Mapping[str, tuple[int, ...]], str], Mapping[str, Any] | None]

_PREFIXES = ("", "model.diffusion_model.", "diffusion_model.", "transformer.")
_BLOCKS = (19, 1)  # double blocks of FLUX.1, and of stand-ins to try graphs with; pruned ones (lite, mini) are others
_T5_VOCABULARY = 32128  # UMT5 has 256384, mT5 250112
_CLIP_VOCABULARY = 49408
_MISTRAL_WIDTH = 5120
_OTHER_SCHNELL = re.compile(r"de-?_?distill|undistill|openflux|libreflux")
_OTHER_T5 = re.compile(r"flan|pile|umt5|mt5")
_OTHER_CLIP = re.compile(r"laion|metaclip|dfn|siglip")
_OTHER_VISION = re.compile(r"siglip-?_?2")
_OTHER_SDXL = re.compile(r"turbo|lightning|lcm|hyper|dmd|distill")  # few steps, without guidance
_FLUX_AUTOENCODER = re.compile(r"(?:^|[/\\])ae(?=[._-]|$)|flux|taef1")
_OTHER_AUTOENCODER = re.compile(r"sd-?_?3|stable-?_?diffusion-?_?(?:v-?)?3|cogview|kl-f8-d16")


class Part(Enum):
    """What a file is good for."""

    TRANSFORMER = "transformer"
    CHECKPOINT = "checkpoint"  # transformer, text encoders and VAE in one file
    T5 = "t5xxl"
    CLIP_L = "clip_l"
    VAE = "vae"
    REDUX = "redux"
    VISION = "clip vision"
    MISTRAL = "mistral 3 small"  # what FLUX.2-dev reads with
    FLUX2_VAE = "FLUX.2 vae"
    UNCLEAR = "autoencoder"  # FLUX.1's or Stable Diffusion 3's; chosen by nothing
    NF4 = "transformer in NF4"  # the host's own loaders do not read it; chosen by nothing


@dataclass(frozen=True)
class Identity:
    """What a header says."""

    part: Part
    family: Family | None = None  # of transformers and checkpoints; None: FLUX.1 Canny, pruned ones and the like
    gguf: bool = False


def identify(header: Header, name: str, detect: Detector | None = None) -> Identity | None:
    """What the tensors are, or None if nothing FLUX.1, FLUX.2-dev or SDXL needs.

    Args:
        name: the file's name, with its sub-folder.
        detect: asked about transformers, besides the rules here.
    """
    lower = name.lower()
    if any(".quant_state." in key for key in header.tensors):
        return Identity(Part.NF4) if any("double_blocks.0.img_attn.qkv" in key for key in header.tensors) else None
    for prefix in _PREFIXES:
        if _is_flux1(header, prefix) and (detect is None or _image_model(header, prefix, detect) == "flux"):
            whole = all(_has(header, part) for part in ("text_encoders.", "vae."))
            part = Part.CHECKPOINT if whole else Part.TRANSFORMER
            return Identity(part, _family(header, prefix, base_name(lower)), _is_gguf(header))
    if _is_flux2_dev(header) and (detect is None or _image_model(header, "", detect) == "flux2"):
        return Identity(Part.TRANSFORMER, Family.FLUX2_DEV, _is_gguf(header))
    if _is_sdxl(header) and not _OTHER_SDXL.search(lower):
        return Identity(Part.CHECKPOINT, Family.SDXL)
    if _is_t5(header) and not _OTHER_T5.search(lower):
        return Identity(Part.T5, gguf=_is_gguf(header))
    if _is_gguf(header):
        return None  # of the other parts there are no loaders for it
    if "tekken_model" in header.tensors and _shape(header, "model.embed_tokens.weight")[1:] == (_MISTRAL_WIDTH,):
        return Identity(Part.MISTRAL)
    if _is_clip_l(header) and not _OTHER_CLIP.search(lower):
        return Identity(Part.CLIP_L)
    if _shape(header, "redux_down.weight")[:1] == (4096,):
        return Identity(Part.REDUX)
    if _shape(header, "vision_model.embeddings.position_embedding.weight") == (729, 1152):
        return None if _OTHER_VISION.search(lower) else Identity(Part.VISION)
    return _autoencoder(header, lower)


def _is_flux1(header: Header, prefix: str) -> bool:
    return (
        len(_shape(header, f"{prefix}img_in.weight")) == 2
        and f"{prefix}double_blocks.0.img_attn.qkv.weight" in header.tensors
        and _shape(header, f"{prefix}txt_in.weight")[1:] == (4096,)
        and _shape(header, f"{prefix}vector_in.in_layer.weight")[1:] == (768,)  # FLUX.2 and its heirs have none
        and not _has(header, f"{prefix}distilled_guidance_layer.")  # Chroma
        and not any("controlnet" in key or "lora_" in key for key in header.tensors)
    )


def _is_flux2_dev(header: Header) -> bool:
    """By the width of what it reads; FLUX.2 klein reads other encoders."""
    return (
        "double_stream_modulation_img.lin.weight" in header.tensors
        and _shape(header, "img_in.weight")[1:] == (128,)
        and _shape(header, "txt_in.weight")[1:] == (3 * _MISTRAL_WIDTH,)
        and not any("controlnet" in key or "lora_" in key for key in header.tensors)
    )


def _is_sdxl(header: Header) -> bool:
    """A whole checkpoint of SDXL's base; its smaller sisters, refiner and inpainting model have other blocks."""
    blocks = "model.diffusion_model."
    return (
        _shape(header, f"{blocks}label_emb.0.0.weight")[1:] == (2816,)
        and _shape(header, f"{blocks}input_blocks.0.0.weight")[1:2] == (4,)
        and f"{blocks}input_blocks.8.1.transformer_blocks.0.attn2.to_k.weight" in header.tensors
        and f"{blocks}output_blocks.8.0.in_layers.0.weight" in header.tensors
        and all(_has(header, part) for part in ("conditioner.embedders.1.", "first_stage_model."))
        and "edm_mean" not in header.tensors  # Playground
    )


def _image_model(header: Header, prefix: str, detect: Detector) -> str | None:
    """What the host takes a transformer for."""
    config = detect({name: tensor.shape for name, tensor in header.tensors.items()}, prefix)
    return None if config is None else config.get("image_model")


def _family(header: Header, prefix: str, lower: str) -> Family | None:
    blocks = {key[len(prefix) :].split(".")[1] for key in header.tensors if key.startswith(f"{prefix}double_blocks.")}
    channels = _shape(header, f"{prefix}img_in.weight")[1] // 4
    if len(blocks) not in _BLOCKS:
        return None
    if channels == 96:
        return Family.FILL
    if channels != 16:
        return None
    if not _has(header, f"{prefix}guidance_in."):
        return None if _OTHER_SCHNELL.search(lower) else Family.SCHNELL
    if "kontext" in lower:
        return Family.KONTEXT
    return Family.KREA if "krea" in lower else Family.DEV


def _is_t5(header: Header) -> bool:
    if _is_gguf(header):
        is_t5 = header.metadata["general.architecture"].startswith("t5")
        return is_t5 and _shape(header, "token_embd.weight") == (_T5_VOCABULARY, 4096)
    last = "encoder.block.23.layer.1.DenseReluDense.wi_1.weight"
    return last in header.tensors and _shape(header, "shared.weight") == (_T5_VOCABULARY, 4096)


def _is_clip_l(header: Header) -> bool:
    places = _shape(header, "text_model.embeddings.position_embedding.weight")[:1]
    return (
        _shape(header, "text_model.embeddings.token_embedding.weight") == (_CLIP_VOCABULARY, 768)
        and places in ((), (77,))  # LongCLIP has 248
        and not _has(header, "text_model.encoder.layers.12.")
        and not _has(header, "vision_model.")
    )


def _autoencoder(header: Header, lower: str) -> Identity | None:
    if _shape(header, "bn.running_mean") == (128,) and _shape(header, "decoder.conv_in.weight")[1:2] == (32,):
        return Identity(Part.FLUX2_VAE)
    latent = _shape(header, "decoder.conv_in.weight") or _shape(header, "taesd_decoder.1.weight")
    if len(latent) != 4 or latent[1] != 16:  # video models have a fifth edge
        return None
    if any(f"{layer}.weight" in header.tensors for layer in ("quant_conv", "post_quant_conv")):
        return None
    said = " ".join([lower, *(value.lower() for key, value in header.metadata.items() if key.startswith("modelspec."))])
    ours, other = _FLUX_AUTOENCODER.search(said), _OTHER_AUTOENCODER.search(said)
    if ours and not other:
        return Identity(Part.VAE)
    return None if other and not ours else Identity(Part.UNCLEAR)


def base_name(name: str) -> str:
    """A file's name without its sub-folder, as loaders write it on any system."""
    return name.replace("\\", "/").rsplit("/", 1)[-1]


def _is_gguf(header: Header) -> bool:
    return "general.architecture" in header.metadata


def _shape(header: Header, name: str) -> tuple[int, ...]:
    """A tensor's shape; empty if there is none."""
    tensor = header.tensors.get(name)
    return tensor.shape if tensor else ()


def _has(header: Header, prefix: str) -> bool:
    return any(key.startswith(prefix) for key in header.tensors)
