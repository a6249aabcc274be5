"""SDXL's base model, and what people made of it. Graph: ComfyUI's template `sdxl_simple_example.json`, no refiner."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ...sizes import Size
from .. import files
from ..headers import Header
from .family import Detector, Edits, Family, Identity, Negative, Part, Traits, on_its_side

_OTHER = re.compile(r"turbo|lightning|lcm|hyper|dmd|distill")  # few steps, without guidance
# Source: ComfyUI's template `sdxl_simple_example.json`.
_SIZES = on_its_side((Size(1024, 1024), Size(1152, 896), Size(1216, 832), Size(1344, 768), Size(1536, 640)))

TRAITS = {
    Family.SDXL: Traits(
        "SDXL",
        (files.SDXL,),
        {},
        negative=Negative.TEXT,
        empty="EmptyLatentImage",
        latent=(4, 8),
        trained=_SIZES,
        edits=Edits.MASK,
        unasked=False,
        brand="SDXL",
    ),
}


def identify(header: Header, name: str, detect: Detector | None) -> Identity | None:
    """A whole checkpoint of SDXL's base; its smaller sisters, refiner and inpainting model have other blocks."""
    blocks = "model.diffusion_model."
    is_sdxl = (
        header.shape(f"{blocks}label_emb.0.0.weight")[1:] == (2816,)
        and header.shape(f"{blocks}input_blocks.0.0.weight")[1:2] == (4,)
        and f"{blocks}input_blocks.8.1.transformer_blocks.0.attn2.to_k.weight" in header.tensors
        and f"{blocks}output_blocks.8.0.in_layers.0.weight" in header.tensors
        and all(header.has(part) for part in ("conditioner.embedders.1.", "first_stage_model."))
        and "edm_mean" not in header.tensors  # Playground
    )
    return Identity(Part.CHECKPOINT, Family.SDXL) if is_sdxl and not _OTHER.search(name) else None


def of_model(config: Mapping[str, Any]) -> Family | None:
    """By the widths of what it reads."""
    is_sdxl = config.get("adm_in_channels") == 2816 and config.get("context_dim") == 2048
    return Family.SDXL if is_sdxl else None
