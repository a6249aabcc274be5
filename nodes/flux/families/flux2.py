"""FLUX.2: dev, and klein in two sizes, each distilled to four steps or not ("base").

dev is told from the kleins by the width of what it reads. A distilled klein has the shapes of its base: "base" in the
name tells them apart. klein 9B KV, which keeps what it saw of its references, has them too and another graph: it is
left alone.

Graphs: ComfyUI's templates `image_flux2_fp8.json`, `image_flux2_klein_text_to_image.json`,
`image_flux2_text_to_image_9b.json`, `image_flux2_klein_image_edit_4b_base.json` and `…_distilled.json`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .. import files
from ..headers import Header
from .family import (
    Detector,
    Edits,
    Family,
    Identity,
    Negative,
    Part,
    Traits,
    Varies,
    base_name,
    host_takes_it_for,
    is_for_drawing,
)

_MISTRAL_WIDTH, _QWEN_4B_WIDTH, _QWEN_8B_WIDTH = 5120, 2560, 4096
# Three layers of the encoder are read, side by side: width → family, and for klein its base.
_READS = {
    3 * _MISTRAL_WIDTH: (Family.FLUX2_DEV, Family.FLUX2_DEV),
    3 * _QWEN_4B_WIDTH: (Family.KLEIN_4B, Family.KLEIN_BASE_4B),
    3 * _QWEN_8B_WIDTH: (Family.KLEIN_9B, Family.KLEIN_BASE_9B),
}
_KV = re.compile(r"(?<![a-z])kv(?![a-z])")

_DEV = Traits(
    "FLUX.2-dev",
    (files.FLUX2_DEV,),
    {Part.MISTRAL: (files.MISTRAL, files.MISTRAL_BF16), Part.FLUX2_VAE: (files.FLUX2_VAE, files.FLUX2_SMALL_VAE)},
    encoders="flux2",
    guided=True,
    empty="EmptyFlux2LatentImage",
    latent=(128, 16),
    edits=Edits.REFERENCES,
    varies=Varies.REFERENCES,
)
# The first ComfyUI with klein's text encoder (`klein_te` in comfy/text_encoders/flux.py, 15 January 2026).
_KLEIN = replace(_DEV, recipe="FLUX.2-klein", guided=False, negative=Negative.ZEROED, since="0.9.2")
_BASE = replace(_KLEIN, recipe="FLUX.2-klein-base", negative=Negative.TEXT)
_QWEN_4B = {Part.QWEN_4B: (files.QWEN_4B,), Part.FLUX2_VAE: _DEV.beside[Part.FLUX2_VAE]}
_QWEN_8B = {Part.QWEN_8B: (files.QWEN_8B,), Part.FLUX2_VAE: _DEV.beside[Part.FLUX2_VAE]}

TRAITS = {
    Family.FLUX2_DEV: _DEV,
    Family.KLEIN_4B: replace(_KLEIN, official=(files.KLEIN_4B, files.KLEIN_4B_FP8), beside=_QWEN_4B),
    Family.KLEIN_9B: replace(_KLEIN, official=(files.KLEIN_9B_FP8,), beside=_QWEN_8B),
    Family.KLEIN_BASE_4B: replace(
        _BASE,
        official=(files.KLEIN_BASE_4B, files.KLEIN_BASE_4B_FP8),
        beside=_QWEN_4B,
        looks_like=Family.KLEIN_4B,
    ),
    Family.KLEIN_BASE_9B: replace(
        _BASE, official=(files.KLEIN_BASE_9B_FP8,), beside=_QWEN_8B, looks_like=Family.KLEIN_9B
    ),
}


def identify(header: Header, name: str, detect: Detector | None) -> Identity | None:
    """The transformer; FLUX.2 comes in no other form."""
    is_flux2 = (
        "double_stream_modulation_img.lin.weight" in header.tensors
        and header.shape("img_in.weight")[1:] == (128,)
        and header.shape("txt_in.weight")[1:] in [(width,) for width in _READS]
        and is_for_drawing(header)
    )
    if not is_flux2 or not host_takes_it_for(header, "", detect, "flux2"):
        return None
    family, base = _READS[header.shape("txt_in.weight")[1]]
    own = base_name(name)
    if family is Family.FLUX2_DEV:
        return Identity(Part.TRANSFORMER, family, header.is_gguf)
    return None if _KV.search(own) else Identity(Part.TRANSFORMER, base if "base" in own else family, header.is_gguf)


def of_model(config: Mapping[str, Any]) -> Family | None:
    """What the shapes tell; a klein's base counts as the klein."""
    if config.get("image_model") != "flux2":
        return None
    return _READS.get(config.get("context_in_dim", 0), (None, None))[0]


def encoder(header: Header) -> Part | None:
    """The text encoder that a file holds: those of Mistral and Qwen's language models that FLUX.2 reads with."""
    width = header.shape("model.embed_tokens.weight")[1:]
    if "tekken_model" in header.tensors and width == (_MISTRAL_WIDTH,):
        return Part.MISTRAL
    is_qwen3 = (
        "model.layers.0.self_attn.q_norm.weight" in header.tensors
        and "model.layers.0.post_feedforward_layernorm.weight" not in header.tensors  # Gemma 3
        and not any("visual." in key for key in header.tensors)  # Qwen3-VL
    )
    if is_qwen3 and width in ((_QWEN_4B_WIDTH,), (_QWEN_8B_WIDTH,)):
        return Part.QWEN_4B if width == (_QWEN_4B_WIDTH,) else Part.QWEN_8B
    return None
