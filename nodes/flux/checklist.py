"""Which files a local node needs as it is set, and which of them are there: the checklist on its face.

It follows `loading`, which says the same in one sentence when a run ends for want of a file.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from . import files
from .families import Edits, Family, Part, traits
from .files import OfficialFile
from .installed import Inventory, NothingInstalled, choose, choose_encoders, models_of, needed_beside
from .loading import Wanted
from .settings import AUTO

SOCKETS = ("model", "clip", "vae", "style_model", "clip_vision")  # through which parts come from elsewhere


@dataclass(frozen=True)
class Needed:
    """One file."""

    file: OfficialFile  # what to fetch
    found: str | None  # folder/name of what serves already; None: nothing does

    def as_json(self) -> dict[str, Any]:
        """For the node's face; the size in GiB."""
        return {
            "name": self.file.name,
            "folder": self.file.folder,
            "size_gib": self.file.size_gib,
            "licence": self.file.licence.as_info(),
            "url": self.file.url,
            "found": self.found,
        }


@dataclass(frozen=True)
class Checklist:
    """What one setting of a node needs."""

    model: str  # that would draw
    needed: tuple[Needed, ...]
    instead: OfficialFile | None  # one file that does for model, text encoders and VAE
    unusable: tuple[str, ...]  # a sentence for each file that is there and cannot be used; none where nothing lacks

    def as_json(self) -> dict[str, Any]:
        """For the node's face."""
        return {
            "model": self.model,
            "complete": all(one.found for one in self.needed),
            "files": [one.as_json() for one in self.needed],
            "instead": Needed(self.instead, None).as_json() if self.instead else None,
            "unusable": self.unusable,
        }


def checklist(installed: Inventory, wanted: Wanted, connected: Collection[str]) -> Checklist:
    """The files that a run with these settings looks for.

    Args:
        connected: those of SOCKETS to which something is connected.

    Raises:
        BadSetting, NotForWork, HostTooOld: as the run would.
    """
    families = wanted.permitted(wanted.named())
    family = families[0] if "model" in connected else _taken(installed, families)
    ready = _is_ready(installed, family, connected)
    needed = [one for one in _parts(installed, family, connected) if one.found or not ready]
    if wanted.needs_redux(family):
        for socket, part, official in (
            ("style_model", Part.REDUX, files.REDUX),
            ("clip_vision", Part.VISION, files.VISION),
        ):
            if socket not in connected:
                needed.append(_needed(installed, part, (official,)))
    lacking = [one for one in needed if not one.found]
    nothing_yet = "model" not in connected and not ready and not needed[0].found
    return Checklist(
        family.value, tuple(needed), _whole(family) if nothing_yet else None, installed.rejected if lacking else ()
    )


def families_for_edit(connected: Collection[str]) -> tuple[Family, ...]:
    """Who can do what the edit node is connected for; by size alone nobody can tell before there is a picture."""
    if "image" not in connected:
        return tuple(family for family in Family if traits(family).draws)
    ways = (Edits.MASK,) if "mask" in connected else (Edits.WORDS, Edits.REFERENCES)
    return tuple(family for family in Family if traits(family).edits in ways)


def can_be_named(draw_with: str, families: Sequence[Family]) -> str:
    """`draw_with`, or `auto` where it names one that leaves this to others."""
    return draw_with if draw_with in [family.value for family in families] else AUTO


def _taken(installed: Inventory, families: Sequence[Family]) -> Family:
    """The first that is installed with all it needs, else that of which something is there, else the first."""
    begun = [family for family in families if models_of(installed, family)]
    ready = [family for family in begun if _is_ready(installed, family, ())]
    return [*ready, *begun, *families][0]


def _is_ready(installed: Inventory, family: Family, connected: Collection[str]) -> bool:
    clip, vae = "clip" not in connected, "vae" not in connected
    try:
        if "model" in connected:
            choose_encoders(installed, family, clip=clip, vae=vae)
        else:
            choose(installed, [family], clip=clip, vae=vae)
    except NothingInstalled:
        return False
    return True


def _parts(installed: Inventory, family: Family, connected: Collection[str]) -> list[Needed]:
    official = traits(family).official[0]
    needed = []
    model = None
    if "model" not in connected:
        model = next(iter(models_of(installed, family)), None)
        needed.append(Needed(official, f"{model.folder}/{model.name}" if model else None))
        if not model and official.folder == "checkpoints":
            return needed  # it brings the others
    beside = needed_beside(model, family, clip="clip" not in connected, vae="vae" not in connected)
    return needed + [_needed(installed, part, files) for part, files in beside.items()]


def _needed(installed: Inventory, part: Part, official: Sequence[OfficialFile]) -> Needed:
    found = installed.find(part, official=official)
    return Needed(official[0], f"{found.folder}/{found.name}" if found else None)


def _whole(family: Family) -> OfficialFile | None:
    """A published file that holds text encoders and VAE, too, where the first choice does not."""
    first, *others = traits(family).official
    return next((file for file in others if file.folder == "checkpoints" != first.folder), None)
