"""Files on their way from a browser into ComfyUI's input folder, piece by piece, so that any size will do.

A file that is not whole yet is called `….part`. Its length is all that is known of it: whoever sends a file again
asks for it and carries on from there.
"""

from __future__ import annotations

import shutil
from pathlib import Path, PurePath

from ..errors import DalleFluxError
from ..filenames import inside

FOLDER = "dalle_flux_archive"  # in the input folder
LARGEST_PIECE = 8 * 2**20  # bytes
ENDINGS = (".zip", ".json", ".jsonl", ".csv", ".png", ".jpg", ".jpeg", ".webp", ".gif")
_FREE_SPACE = 2**30  # bytes that stay free on the disk


class BadUpload(DalleFluxError):
    """A file that is not taken, or not in this way."""

    code = "bad_upload"


def received(input_folder: Path, name: str, total: int) -> int:
    """How many bytes of a file of `total` bytes are here.

    Raises:
        BadUpload: such a name is not taken.
    """
    file, part = _places(input_folder, name)
    if file.is_file() and file.stat().st_size == total:
        return total
    return part.stat().st_size if part.is_file() else 0


def add(input_folder: Path, name: str, total: int, offset: int, piece: bytes) -> int:
    """Append a piece; a piece that does not follow on what is here is left out. Returns how much is here now.

    Raises:
        BadUpload: such a name is not taken, there is no room, or more came than was announced.
    """
    here = received(input_folder, name, total)
    if offset != here or here == total:
        return here
    file, part = _places(input_folder, name)
    if offset + len(piece) > total:
        raise BadUpload("More came than the file is long; drop it onto the page again.")
    if not offset and total > shutil.disk_usage(input_folder).free - _FREE_SPACE:
        raise BadUpload(
            "The disk has no room for this file; make some, or name the file's own folder in endpoints.toml."
        )
    part.parent.mkdir(parents=True, exist_ok=True)
    with part.open("ab") as end:
        end.write(piece)
    if offset + len(piece) == total:
        part.replace(file)
    return offset + len(piece)


def _places(input_folder: Path, name: str) -> tuple[Path, Path]:
    file = inside(input_folder, FOLDER, name)
    if file is None or len(PurePath(name).parts) != 1 or file.suffix.lower() not in ENDINGS or len(name) > 200:
        raise BadUpload(f"{name[:80]!r} is not taken; drop a file whose name ends in {', '.join(ENDINGS)}.")
    return file, file.with_name(f"{file.name}.part")
