"""Where may be imported from: ComfyUI's input folder, and folders that the user's own file names.

[settings.archive]
folders = ["/home/me/exports"]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..endpoints import Check, check_table
from ..errors import DalleFluxError
from ..filenames import inside

TABLE = "settings.archive"


class BadArchiveSettings(DalleFluxError):
    """[settings.archive] in the user's file cannot be used."""

    code = "bad_archive_settings"


class ForbiddenPlace(DalleFluxError):
    """Nothing is imported from this place."""

    code = "forbidden_place"


class NothingThere(DalleFluxError):
    """The path is allowed, and names nothing."""

    code = "nothing_there"


def _are_folders(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) and Path(one).is_absolute() for one in value)


_FIELDS: Mapping[str, Check] = {"folders": ("a list of folders with their whole paths", _are_folders)}


def folders(settings: Mapping[str, Any]) -> list[Path]:
    """The folders that `[settings.archive]` names.

    Raises:
        BadArchiveSettings: an unknown field, or no list of whole paths.
    """
    try:
        named: list[str] = check_table(TABLE, settings.get("archive", {}), _FIELDS).get("folders", [])
    except ValueError as error:
        raise BadArchiveSettings(f"endpoints.toml cannot be used: {error}; correct it and run again.") from None
    return [Path(one) for one in named]


def find(path: str, input_folder: Path, others: Sequence[Path]) -> Path:
    """The file or folder that a request names, links followed.

    It is judged as text before the disk is asked, so that no server of a stranger is looked at.

    Raises:
        ForbiddenPlace: it lies elsewhere.
        NothingThere: there is no such file or folder.
    """
    found = inside(input_folder, path) if path.strip() else None
    for folder in others:
        if Path(path).is_relative_to(folder):
            below = Path(path).relative_to(folder).as_posix()
            found = inside(folder, below) if below != "." else folder.resolve()
    if found is None:
        raise ForbiddenPlace(
            f"Nothing is imported from {path[:200]!r}; put it into ComfyUI's input folder, or name its folder in "
            'endpoints.toml: folders = ["/its/whole/path"] under [settings.archive].'
        )
    if not found.exists():
        raise NothingThere(f"There is nothing at {path[:200]!r}; see whether the name is right.")
    return found
