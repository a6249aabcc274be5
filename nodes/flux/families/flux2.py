"""FLUX.2. Graph: ComfyUI's template `image_flux2_fp8.json`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import files
from ..headers import Header
from .family import Detector, Edits, Family, Identity, Part, Traits, host_takes_it_for

MISTRAL_WIDTH = 5120

TRAITS = {
    Family.FLUX2_DEV: Traits(
        "FLUX.2-dev",
        (files.FLUX2_DEV,),
        {Part.MISTRAL: (files.MISTRAL, files.MISTRAL_BF16), Part.FLUX2_VAE: (files.FLUX2_VAE,)},
        encoders="flux2",
        guided=True,
        empty="EmptyFlux2LatentImage",
        edits=Edits.REFERENCES,
    ),
}


def identify(header: Header, name: str, detect: Detector | None) -> Identity | None:
    """By the width of what it reads: klein reads other encoders than dev."""
    is_flux2 = (
        "double_stream_modulation_img.lin.weight" in header.tensors
        and header.shape("img_in.weight")[1:] == (128,)
        and header.shape("txt_in.weight")[1:] == (3 * MISTRAL_WIDTH,)
        and not any("controlnet" in key or "lora_" in key for key in header.tensors)
    )
    if is_flux2 and host_takes_it_for(header, "", detect, "flux2"):
        return Identity(Part.TRANSFORMER, Family.FLUX2_DEV, header.is_gguf)
    return None


def of_model(config: Mapping[str, Any]) -> Family | None:
    """dev is the one with guidance beside the text."""
    return Family.FLUX2_DEV if config.get("image_model") == "flux2" and config.get("guidance_embed") else None
