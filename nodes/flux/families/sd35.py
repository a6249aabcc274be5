"""Stable Diffusion 3.5: large and medium. Graph: ComfyUI's template `sd3.5_simple_example.json`.

Told from Stable Diffusion 3 by the norm of its queries, medium from large by its second attention. Large Turbo has
large's shapes and draws in four steps without guidance: its name tells, and it is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .. import files
from ..headers import Header
from .family import Detector, Edits, Family, Identity, Negative, Part, Traits, base_name, is_for_drawing

_PREFIXES = ("model.diffusion_model.", "")
_LARGE_BLOCKS, _MEDIUM_BLOCKS, _STAND_IN_BLOCKS = 38, 24, 1
_OTHER = re.compile(r"turbo|flash|lightning|hyper|distill|tensorart")
_BESIDE = {
    Part.T5: (files.T5_FP16, files.T5_FP8),
    Part.CLIP_L: (files.CLIP_L,),
    Part.CLIP_G: (files.CLIP_G,),
    Part.SD3_VAE: (files.SD3_VAE,),
}


def _traits(*official: files.OfficialFile, pixels: tuple[int, int]) -> Traits:
    return Traits(
        "SD3.5",
        official,
        _BESIDE,
        encoders="sd3",
        negative=Negative.TEXT,
        pixels=pixels,
        edits=Edits.MASK,
        unasked=False,
        brand="SD 3.5",
    )


# Resolutions: the model cards, "1 megapixel" and "0.25 to 2 megapixel".
TRAITS = {
    Family.SD35_LARGE: _traits(files.SD35_LARGE, pixels=(1024 * 1024, 1024 * 1024)),
    Family.SD35_MEDIUM: _traits(files.SD35_MEDIUM, pixels=(512 * 512, 2048 * 1024)),
}


def identify(header: Header, name: str, detect: Detector | None) -> Identity | None:
    """The transformer, or the checkpoint of it, with or without text encoders."""
    if _OTHER.search(base_name(name)) or not is_for_drawing(header):
        return None
    for prefix in _PREFIXES:
        if not _is_sd35(header, prefix):
            continue
        blocks = {
            key[len(prefix) :].split(".")[1] for key in header.tensors if key.startswith(f"{prefix}joint_blocks.")
        }
        second = f"{prefix}joint_blocks.0.x_block.attn2.qkv.weight" in header.tensors
        if len(blocks) not in (_MEDIUM_BLOCKS if second else _LARGE_BLOCKS, _STAND_IN_BLOCKS):
            return None
        part = Part.TRANSFORMER
        if header.has("first_stage_model."):
            part = Part.CHECKPOINT if header.has("text_encoders.") else Part.WITHOUT_ENCODERS
        return Identity(part, Family.SD35_MEDIUM if second else Family.SD35_LARGE, header.is_gguf)
    return None


def of_model(config: Mapping[str, Any]) -> Family | None:
    """By the same."""
    if config.get("qk_norm") != "rms" or "pos_embed_scaling_factor" not in config:
        return None
    return Family.SD35_MEDIUM if config.get("x_block_self_attn_layers") else Family.SD35_LARGE


def _is_sd35(header: Header, prefix: str) -> bool:
    return (
        f"{prefix}joint_blocks.0.context_block.attn.qkv.weight" in header.tensors
        and f"{prefix}joint_blocks.0.x_block.attn.ln_q.weight" in header.tensors
        and header.shape(f"{prefix}x_embedder.proj.weight")[1:2] == (16,)
        and header.shape(f"{prefix}context_embedder.weight")[1:] == (4096,)
    )
