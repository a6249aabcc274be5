"""Which files a node loads beside what is connected to it, and how `info` names them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import DalleFluxError
from . import files
from .families import Family, Part, Varies, family_of_model, traits
from .fitting import Device
from .installed import (
    Inventory,
    Loading,
    NothingInstalled,
    choose,
    choose_encoders,
    choose_part,
    is_installed,
)
from .licences import Licence, NotForWork, strictest
from .settings import AUTO, BadSetting


@dataclass(frozen=True)
class Connected:
    """What is connected to a node's optional sockets, a MODEL or links; None: left open."""

    model: Any = None
    clip: Any = None
    vae: Any = None
    style_model: Any = None
    clip_vision: Any = None


@dataclass(frozen=True)
class Wanted:
    """What may draw."""

    families: tuple[Family, ...]  # the first that is installed draws
    redux: bool = False  # Redux and its eye are needed, too, by families that vary by it
    draw_with: str = AUTO  # one of the families by name
    commercial: bool = False  # only weights whose licence allows commercial use
    unknown: tuple[Family, ...] = ()  # to this host

    def named(self) -> tuple[Family, ...]:
        """The families that `draw_with` leaves.

        Raises:
            BadSetting: it names none of them.
            HostTooOld: this host does not know the one it names.
        """
        if self.draw_with == AUTO:
            return tuple(one for one in self.families if traits(one).unasked and one not in self.unknown)
        named = tuple(family for family in self.families if self.draw_with == family.value)
        if not named:
            known = ", ".join([AUTO, *(family.value for family in self.families)])
            raise BadSetting(f"draw_with {self.draw_with[:40]!r} is not known here; use one of: {known}.")
        if named[0] in self.unknown:
            raise HostTooOld(
                f"{named[0].value} is newer than this ComfyUI, which must be {traits(named[0]).since} or newer to draw "
                "with it; update ComfyUI, or choose another in draw_with."
            )
        return named

    def permitted(self, families: Sequence[Family]) -> tuple[Family, ...]:
        """Those of `families` that may be used.

        Raises:
            NotForWork: none.
        """
        if not self.commercial:
            return tuple(families)
        for_work = tuple(family for family in families if self.licence(family).commercial)
        if not for_work:
            others = [family.value for family in self.families if self.licence(family).commercial]
            names = [families[0].value, *(["FLUX.1 Redux"] if self.needs_redux(families[0]) else [])]
            raise NotForWork(names, self.licence(families[0]), others)
        return for_work

    def licence(self, family: Family) -> Licence:
        """Of all weights that are used with this family."""
        return strictest([traits(family).licence, *([files.REDUX.licence] if self.needs_redux(family) else [])])

    def needs_redux(self, family: Family) -> bool:
        """Whether this family does it with Redux."""
        return self.redux and traits(family).varies is Varies.REDUX


class HostTooOld(DalleFluxError):
    """This ComfyUI does not know the model."""

    code = "comfyui_too_old"


def loading_for(installed: Inventory, wanted: Wanted, connected: Connected, device: Device | None = None) -> Loading:
    """What to load beside what is connected, on a device that may not hold everything.

    Raises:
        NothingInstalled: a part is neither connected nor installed.
        BadSetting: the connected model is of none of the families, or `draw_with` is none.
        HostTooOld: this host does not know what `draw_with` names.
        NotForWork: what would draw may not be used commercially, and that is wanted.
    """
    clip, vae = connected.clip is None, connected.vae is None
    if connected.model is None:
        families = wanted.permitted(wanted.named())
        try:
            loading = choose(installed, families, clip=clip, vae=vae, device=device)
        except NothingInstalled as error:
            able = [one for one in wanted.families if one not in (*families, *wanted.unknown)]
            others = [one for one in able if is_installed(installed, one)]
            if not others or (wanted.commercial and not wanted.licence(others[0]).commercial):
                raise
            raise NothingInstalled(f"{error} Or choose {others[0].value} in draw_with, which is installed.") from None
    else:
        (family,) = wanted.permitted([_checked_family(connected.model, wanted.named())])
        loading = choose_encoders(installed, family, clip=clip, vae=vae, device=device)
    redux = wanted.needs_redux(loading.family)
    if redux and connected.style_model is None:
        loading = replace(loading, redux=choose_part(installed, Part.REDUX, files.REDUX, loading.family))
    if redux and connected.clip_vision is None:
        loading = replace(loading, vision=choose_part(installed, Part.VISION, files.VISION, loading.family))
    return loading


def files_used(loading: Loading, connected: Connected) -> dict[str, str]:
    """Part → folder/name, or "connected"; for `info`."""
    encoders = ("t5xxl", "clip_l") if traits(loading.family).two_texts else ("text_encoder",)  # as `Loading.as_info`
    sockets = {
        "model": connected.model,
        **dict.fromkeys(encoders, connected.clip),
        "vae": connected.vae,
        "redux": connected.style_model,
        "clip_vision": connected.clip_vision,
    }
    return loading.as_info() | {part: "connected" for part, link in sockets.items() if link is not None}


def _checked_family(model: Any, families: Sequence[Family]) -> Family:
    family = _family_of(model)
    if family is not None and family in families:
        return family
    if family is not None and (alike := [one for one in families if traits(one).looks_like is family]):
        return alike[0]
    raise BadSetting(
        f"The connected model is {family.value if family else 'none that is known here'}, and this needs "
        f"{' or '.join(one.value for one in families)}; connect that, or leave `model` open."
    )


def _family_of(model: Any) -> Family | None:
    """Family of a loaded MODEL, by the configuration that the host read from its weights."""
    return family_of_model(getattr(getattr(getattr(model, "model", None), "model_config", None), "unet_config", {}))
