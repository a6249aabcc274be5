"""Which files a node loads beside what is connected to it, and how `info` names them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .installed import Inventory, Loading, choose, choose_encoders
from .settings import BadSetting, FluxFamily


def loading_for(installed: Inventory, families: Sequence[FluxFamily], *, model: Any, clip: Any, vae: Any) -> Loading:
    """What to load beside what is connected.

    Raises:
        NothingInstalled: a part is neither connected nor installed.
        BadSetting: the connected model is of none of the families.
    """
    if model is None:
        return choose(installed, families, clip=clip is None, vae=vae is None)
    family = _family_of(model)
    if family is None or (family not in families and not (family is FluxFamily.DEV and FluxFamily.KONTEXT in families)):
        raise BadSetting(
            f"The connected model is {family.value if family else 'no FLUX.1 model'}, and this needs "
            f"{' or '.join(one.value for one in families)}; connect that, or leave `model` open."
        )
    family = family if family in families else FluxFamily.KONTEXT  # by its shapes Kontext is dev
    return choose_encoders(installed, family, clip=clip is None, vae=vae is None)


def files_used(loading: Loading, *, model: Any, clip: Any, vae: Any) -> dict[str, str]:
    """Part → folder/name, or "connected"; for `info`."""
    used = loading.as_info()
    used |= {"model": "connected"} if model is not None else {}
    used |= {"t5xxl": "connected", "clip_l": "connected"} if clip is not None else {}
    return used | ({"vae": "connected"} if vae is not None else {})


def _family_of(model: Any) -> FluxFamily | None:
    """FluxFamily of a loaded MODEL, by the configuration that the host read from its weights."""
    config = getattr(getattr(getattr(model, "model", None), "model_config", None), "unet_config", {})
    if config.get("image_model") != "flux":
        return None
    if config.get("in_channels") == 96:
        return FluxFamily.FILL
    return FluxFamily.DEV if config.get("guidance_embed") else FluxFamily.SCHNELL
