"""FLUX.1: dev, Krea, schnell, Fill, Kontext.

Krea, Kontext and dev have the same shapes: "krea" and "kontext" in the name tell them from dev. schnell, and dev or
schnell with the distillation undone, have the same shapes: names such as "de-distill" and "openflux" are none of these.

Graphs: ComfyUI's templates `flux_dev_full_text_to_image.json`, `flux_redux_model_example.json`,
`flux_fill_inpaint_example.json`, `flux_kontext_dev_basic.json`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from ...sizes import Size
from .. import files
from ..headers import Header
from .family import (
    Detector,
    Edits,
    Family,
    Identity,
    Part,
    Traits,
    Varies,
    base_name,
    host_takes_it_for,
    is_for_drawing,
    on_its_side,
)

_PREFIXES = ("", "model.diffusion_model.", "diffusion_model.", "transformer.")
_BLOCKS = (19, 1)  # double blocks of FLUX.1, and of stand-ins to try graphs with; pruned ones (lite, mini) are others
_WIDTH = 3072
_OTHER_SCHNELL = re.compile(r"de-?_?distill|undistill|openflux|libreflux")

_BESIDE = {
    Part.T5: (files.T5_FP16, files.T5_FP8),
    Part.CLIP_L: (files.CLIP_L,),
    Part.VAE: (files.VAE,),
}

# Source: ComfyUI `nodes_flux.py`, FluxKontextImageScale; each also lies on its side.
_KONTEXT_SIZES = on_its_side((
    Size(1024, 1024), Size(1104, 944), Size(1184, 880), Size(1248, 832), Size(1328, 800), Size(1392, 752),
    Size(1456, 720), Size(1504, 688), Size(1568, 672),
))  # fmt: skip

TRAITS = {
    Family.DEV: Traits(
        "FLUX.1-dev",
        (files.DEV, files.DEV_CHECKPOINT),
        _BESIDE,
        two_texts=True,
        guided=True,
        smaller=(files.DEV_GGUF,),
        varies=Varies.REDUX,
    ),
    Family.KREA: Traits(
        "FLUX.1-Krea-dev",
        (files.KREA,),
        _BESIDE,
        two_texts=True,
        guided=True,
        varies=Varies.REDUX,
        looks_like=Family.DEV,
    ),
    Family.SCHNELL: Traits(
        "FLUX.1-schnell",
        (files.SCHNELL, files.SCHNELL_CHECKPOINT),
        _BESIDE,
        two_texts=True,
        smaller=(files.SCHNELL_GGUF,),
        varies=Varies.REDUX,
    ),
    Family.FILL: Traits(
        "FLUX.1-Fill-dev",
        (files.FILL,),
        _BESIDE,
        two_texts=True,
        guided=True,
        draws=False,
        edits=Edits.MASK,
        outpaints=True,
    ),
    Family.KONTEXT: Traits(
        "FLUX.1-Kontext-dev",
        (files.KONTEXT,),
        _BESIDE,
        two_texts=True,
        guided=True,
        trained=_KONTEXT_SIZES,
        draws=False,
        edits=Edits.WORDS,
        looks_like=Family.DEV,
    ),
}


def identify(header: Header, name: str, detect: Detector | None) -> Identity | None:
    """The transformer, or the checkpoint of it, whatever prefix its tensors have."""
    for prefix in _PREFIXES:
        if _is_flux1(header, prefix) and host_takes_it_for(header, prefix, detect, "flux"):
            whole = all(header.has(part) for part in ("text_encoders.", "vae."))
            part = Part.CHECKPOINT if whole else Part.TRANSFORMER
            channels = header.shape(f"{prefix}img_in.weight")[1] // 4
            return Identity(part, _family(header, prefix, base_name(name), channels), header.is_gguf)
    return None


def identify_nf4(header: Header, name: str) -> Identity | None:
    """The same in bitsandbytes' NF4, whose weights are packed two to a byte, so that only their number tells."""
    for prefix in _PREFIXES:
        if f"{prefix}double_blocks.0.img_attn.qkv.weight" not in header.tensors:
            continue
        whole = all(header.has(part) for part in ("text_encoders.", "vae."))
        tensor = header.tensors.get(f"{prefix}img_in.weight")
        if not whole or tensor is None or header.has(f"{prefix}distilled_guidance_layer."):
            return Identity(Part.NF4)
        numbers = math.prod(tensor.shape) * (2 if tensor.dtype == "U8" else 1)
        family = _family(header, prefix, base_name(name), numbers // _WIDTH // 4)
        return Identity(Part.CHECKPOINT, family, nf4=True) if family else Identity(Part.NF4)
    return None


def of_model(config: Mapping[str, Any]) -> Family | None:
    """What the shapes tell; Krea and Kontext count as dev."""
    if config.get("image_model") != "flux":
        return None
    channels = config.get("in_channels", 16)  # Canny and Depth: 32, a second picture among them
    if channels != 16:
        return Family.FILL if channels == 96 else None
    return Family.DEV if config.get("guidance_embed") else Family.SCHNELL


def _is_flux1(header: Header, prefix: str) -> bool:
    return (
        len(header.shape(f"{prefix}img_in.weight")) == 2
        and f"{prefix}double_blocks.0.img_attn.qkv.weight" in header.tensors
        and header.shape(f"{prefix}txt_in.weight")[1:] == (4096,)
        and header.shape(f"{prefix}vector_in.in_layer.weight")[1:] == (768,)  # FLUX.2 and its heirs have none
        and not header.has(f"{prefix}distilled_guidance_layer.")  # Chroma
        and is_for_drawing(header)
    )


def _family(header: Header, prefix: str, name: str, channels: int) -> Family | None:
    blocks = {key[len(prefix) :].split(".")[1] for key in header.tensors if key.startswith(f"{prefix}double_blocks.")}
    if len(blocks) not in _BLOCKS:
        return None
    if channels == 96:
        return Family.FILL
    if channels != 16:
        return None
    if not header.has(f"{prefix}guidance_in."):
        return None if _OTHER_SCHNELL.search(name) else Family.SCHNELL
    if "kontext" in name:
        return Family.KONTEXT
    return Family.KREA if "krea" in name else Family.DEV
