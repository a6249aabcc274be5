"""Which files a node loads beside what is connected to it, and how `info` names them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from . import files
from .identify import Part
from .installed import Inventory, Loading, choose, choose_encoders, choose_part
from .settings import BadSetting, FluxFamily


@dataclass(frozen=True)
class Connected:
    """What is connected to a node's optional sockets, a MODEL or links; None: left open."""

    model: Any = None
    clip: Any = None
    vae: Any = None
    style_model: Any = None
    clip_vision: Any = None


def loading_for(
    installed: Inventory, families: Sequence[FluxFamily], connected: Connected, *, redux: bool = False
) -> Loading:
    """What to load beside what is connected.

    Args:
        redux: True if Redux and its eye are needed, too.

    Raises:
        NothingInstalled: a part is neither connected nor installed.
        BadSetting: the connected model is of none of the families.
    """
    clip, vae = connected.clip is None, connected.vae is None
    if connected.model is None:
        loading = choose(installed, families, clip=clip, vae=vae)
    else:
        loading = choose_encoders(installed, _checked_family(connected.model, families), clip=clip, vae=vae)
    if redux and connected.style_model is None:
        loading = replace(loading, redux=choose_part(installed, Part.REDUX, files.REDUX))
    if redux and connected.clip_vision is None:
        loading = replace(loading, vision=choose_part(installed, Part.VISION, files.VISION))
    return loading


def files_used(loading: Loading, connected: Connected) -> dict[str, str]:
    """Part → folder/name, or "connected"; for `info`."""
    sockets = {
        "model": connected.model,
        "t5xxl": connected.clip,
        "clip_l": connected.clip,
        "vae": connected.vae,
        "redux": connected.style_model,
        "clip_vision": connected.clip_vision,
    }
    return loading.as_info() | {part: "connected" for part, link in sockets.items() if link is not None}


def _checked_family(model: Any, families: Sequence[FluxFamily]) -> FluxFamily:
    family = _family_of(model)
    if family is not None and family in families:
        return family
    if family is FluxFamily.DEV and FluxFamily.KONTEXT in families:
        return FluxFamily.KONTEXT  # by its shapes Kontext is dev
    raise BadSetting(
        f"The connected model is {family.value if family else 'no FLUX.1 model'}, and this needs "
        f"{' or '.join(one.value for one in families)}; connect that, or leave `model` open."
    )


def _family_of(model: Any) -> FluxFamily | None:
    """Family of a loaded MODEL, by the configuration that the host read from its weights."""
    config = getattr(getattr(getattr(model, "model", None), "model_config", None), "unet_config", {})
    if config.get("image_model") != "flux":
        return None
    if config.get("in_channels") == 96:
        return FluxFamily.FILL
    return FluxFamily.DEV if config.get("guidance_embed") else FluxFamily.SCHNELL
