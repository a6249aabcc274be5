"""File names that came with a request or a workflow, judged as text before any disk or network is asked.

On Windows merely looking at `\\\\server\\share` logs in at that server and hands it the user's credentials.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath, PureWindowsPath

# Control characters, marks that turn the writing direction, halves of characters.
_STEERS = re.compile("[\0-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_LONGEST = 1000  # characters


def stays_inside(name: str) -> bool:
    """Whether a name, read by the rules of any system, leads downwards only: no drive, no server, no `..`, no stream.

    What no file can be called somewhere is refused everywhere: Windows' devices (NUL, COM1 …), parts of dots and
    blanks, characters that steer rather than show, more than a disk takes.
    """
    windows = PureWindowsPath(name)
    if _STEERS.search(name) or ":" in name or windows.anchor or PurePosixPath(name).anchor or len(name) > _LONGEST:
        return False
    return all(part.strip(" .") and len(part.encode()) <= 255 and not _is_device(part) for part in windows.parts)


def inside(folder: Path, *names: str) -> Path | None:
    """The path of a name inside a folder, links followed; None if a name or a link leads out of it."""
    if not all(stays_inside(name) for name in names):
        return None
    root = folder.resolve()
    try:
        path = root.joinpath(*names).resolve()
    except (OSError, RuntimeError, ValueError):  # links in a circle, a name that is too long
        return None
    return path if path.is_relative_to(root) else None


def _is_device(part: str) -> bool:
    stem = part.split(".")[0].rstrip(" ").upper()
    return stem in ("CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$") or (
        stem[:3] in ("COM", "LPT") and len(stem) == 4 and stem[3] in "0123456789¹²³"
    )
