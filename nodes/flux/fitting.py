"""Which of several installed files fits the device that draws, and what to do where memory runs out.

The rule, for each part of a model by itself: the file that is taken anyway (official names first, then the largest,
GGUF and NF4 last) if nine tenths of its weights fit beside what one picture of a megapixel takes and what ComfyUI keeps
free, since ComfyUI leaves a rest outside at little cost; else the next that does; and if none does the smallest, which
ComfyUI then moves in and out in pieces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..recipes import RECIPES
from .families import Family, traits
from .files import OfficialFile

if TYPE_CHECKING:
    from .installed import Installed

GIB = 2**30
_SHARE = 0.9  # of the weights
_MEGAPIXEL = GIB  # bytes that one picture of FLUX.1 takes, see `batches`


@dataclass(frozen=True)
class Device:
    """Where it is drawn."""

    memory: int  # bytes in all
    kept: int = 0  # of them, bytes that the host keeps free

    def holds(self, file: Installed, work: int) -> bool:
        """Whether most of a file's weights fit beside `work` bytes."""
        return _SHARE * file.weights + work + self.kept <= self.memory


@dataclass(frozen=True)
class Fit:
    """What was taken."""

    file: Installed
    note: str | None = None  # where it is not what would have been taken on a larger device


def fitting(files: Sequence[Installed], family: Family, device: Device | None) -> Fit | None:
    """The one to take of `files`, the best first; None if there is none.

    Args:
        device: None: whatever it holds.
    """
    if not files or device is None:
        return Fit(files[0]) if files else None
    draws = files[0].identity.family is not None
    work = int(RECIPES[traits(family).recipe].memory * _MEGAPIXEL) if draws else 0
    for file in files:
        if device.holds(file, work):
            note = f"{_said(files[0])} does not fit this device ({_gib(device.memory)}), so {_said(file)} was used."
            return Fit(file, None if file is files[0] else note)
    least = min(files, key=lambda file: file.weights)
    return Fit(
        least,
        f"{_said(least)} does not fit this device ({_gib(device.memory)}); ComfyUI moves it in and out in pieces, "
        f"which takes longer. {_instead(least, family)}",
    )


def advice(file: Installed, family: Family) -> str:
    """What to do where the device runs out of memory with this file."""
    return (
        f"This device ran out of memory while {family.value} drew with {_said(file)}. {_instead(file, family)} Or ask "
        "for a smaller size, or for fewer pictures at once."
    )


def smaller_than(file: Installed, family: Family) -> OfficialFile | None:
    """The largest published file that does the same and is smaller by a tenth or more."""
    known = traits(family)
    if file.identity.part in known.beside:
        published: tuple[OfficialFile, ...] = known.beside[file.identity.part]
    else:
        published = (*known.official, *known.smaller)
    smaller = [one for one in published if one.model_gib * GIB < 0.9 * file.weights]
    return max(smaller, key=lambda one: one.model_gib, default=None)


def _instead(file: Installed, family: Family) -> str:
    if smaller := smaller_than(file, family):
        loader = ", which the pack ComfyUI-GGUF loads" if smaller.name.endswith(".gguf") else ""
        return f"A smaller file: {smaller}{loader}."
    lighter = [one for one in Family if traits(one).draws and _least_gib(one) * GIB < 0.9 * file.weights]
    if file.identity.part in traits(family).beside or not lighter:
        return "No smaller file of it is known here."
    return f"No smaller file of it is known here; {max(lighter, key=_least_gib).value} takes less, see draw_with."


def _least_gib(family: Family) -> float:
    return min(one.model_gib for one in (*traits(family).official, *traits(family).smaller))


def _said(file: Installed) -> str:
    return f"{file.folder}/{file.name} ({_gib(file.weights)})"


def _gib(count: int) -> str:
    return f"{count / GIB:.1f} GB"
