"""The models that draw, one kind a file. To add one: a name in `Family`, its file, its recipe in `recipes`.

A kind's file says three things: `TRAITS` of its families; `identify`, which of them a weights file holds; `of_model`,
which of them the host's configuration of a loaded MODEL is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..headers import Header
from . import flux1, flux2, sd35, sdxl
from .family import Detector, Edits, Family, Identity, Negative, Part, Traits, Varies

__all__ = [
    "Detector", "Edits", "Family", "Identity", "Negative", "Part", "Traits", "Varies",
    "family_of_model", "identify_model", "traits",
]  # fmt: skip

_KINDS = (flux1, flux2, sd35, sdxl)
_TRAITS: Mapping[Family, Traits] = {family: one for kind in _KINDS for family, one in kind.TRAITS.items()}


def traits(family: Family) -> Traits:
    """All that this pack knows of a family."""
    return _TRAITS[family]


def identify_model(header: Header, name: str, detect: Detector | None) -> Identity | None:
    """Which transformer or checkpoint a file holds, None if none that is known.

    Args:
        name: the file's name in lower case, with its sub-folder.
        detect: asked besides the rules here.
    """
    if header.is_nf4:
        found = flux1.identify_nf4(header, name)
    else:
        found = next((found for kind in _KINDS if (found := kind.identify(header, name, detect))), None)
    if found and found.part is not Part.TRANSFORMER:
        return replace(found, weights=header.bytes_of("model.diffusion_model."))
    return found


def family_of_model(config: Mapping[str, Any]) -> Family | None:
    """Family of a loaded MODEL, by the `unet_config` that the host read from its weights."""
    return next((found for kind in _KINDS if (found := kind.of_model(config))), None)
