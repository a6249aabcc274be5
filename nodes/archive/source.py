"""What is imported from, as one flat list of files: a folder, a zip, a zip of zips, or a single file.

Nothing is unpacked to a path that a stranger chose: a name in a zip is a label and never a place on the disk. Links
are not followed. A zip is measured by its own directory before anything of it is read.
"""

from __future__ import annotations

import os
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from ..errors import DalleFluxError

MOST_FILES = 250_000  # their list stays in memory: an import of so many pictures peaked at 304 MB
MOST_GROWTH = 100  # times that a zip may grow; pictures grow by nothing, text up to tenfold
_ALWAYS_ALLOWED = 100 * 2**20  # bytes that even a tiny zip may grow to
_LARGEST_DIRECTORY = 100 * 2**20  # bytes of a zip's list of files
_DEEPEST = 2  # zips in zips
_FREE_SPACE = 2**30  # bytes that stay free on the disk
BROKEN = (OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, ValueError)


class BadSource(DalleFluxError):
    """Nothing can be imported from this file or folder."""

    code = "bad_source"


@dataclass(frozen=True, slots=True)  # slots: there may be hundreds of thousands
class Entry:
    """One file of the source."""

    name: str  # its path in the source, with "/"
    size: int  # bytes, as the source's directory says
    open: Callable[[], IO[bytes]]

    @property
    def base(self) -> str:
        """The name without folders."""
        return self.name.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Refused:
    """A file that is not read, and why."""

    name: str
    why: str


@contextmanager
def opened(path: Path, scratch: Path) -> Iterator[tuple[list[Entry], list[Refused]]]:
    """The files of a source, and what was left out of it; they can be opened while this is open.

    Args:
        scratch: a folder on a disk, where zips in zips are unpacked to; the system's own may be memory.

    Raises:
        BadSource: it is not there, is no whole zip, or holds more than can be taken in safely.
    """
    with ExitStack() as stack:
        listing = _Listing(stack, scratch)
        try:
            if path.is_dir():
                listing.walk(path)
            elif _is_zip(path.name):
                size = path.stat().st_size
                listing.may_grow = max(MOST_GROWTH * size, _ALWAYS_ALLOWED)
                listing.add_zip(path.open("rb"), "", 1)
            else:
                listing.add(path.name, path.stat().st_size, lambda: path.open("rb"))
        except zipfile.BadZipFile as error:
            raise BadSource(
                f"{path.name} is no whole zip file ({error}); download it again, or unpack it as far as that goes and "
                "import the folder."
            ) from None
        except OSError as error:
            raise BadSource(f"{path.name} cannot be read ({error.strerror or error}).") from None
        yield listing.entries, listing.refused


def read(entry: Entry, longest: int) -> bytes | None:
    """The whole file; None if it is longer.

    Raises:
        Any of BROKEN: it is damaged, encrypted, gone.
    """
    with entry.open() as file:
        data = file.read(longest + 1)
    return data if len(data) <= longest else None


class _Listing:
    """The list of files while it is made."""

    def __init__(self, stack: ExitStack, scratch: Path):
        self.entries: list[Entry] = []
        self.refused: list[Refused] = []
        self.may_grow = 0  # bytes that zips may still unpack to, all together
        self._stack, self._scratch = stack, scratch

    def add(self, name: str, size: int, open_it: Callable[[], IO[bytes]]) -> None:
        if len(self.entries) >= MOST_FILES:
            raise BadSource(_TOO_MANY)
        self.entries.append(Entry(_sayable(name), size, open_it))

    def refuse(self, name: str, why: str) -> None:
        self.refused.append(Refused(_sayable(name), why))

    def walk(self, root: Path) -> None:
        folders = [root]
        while folders:
            with os.scandir(folders.pop()) as found:
                for one in sorted(found, key=lambda one: one.name):
                    name = Path(one.path).relative_to(root).as_posix()
                    if one.is_symlink():
                        self.refuse(name, "a link, which is not followed")
                    elif one.is_dir(follow_symlinks=False):
                        folders.append(Path(one.path))
                    elif one.is_file(follow_symlinks=False):
                        self.add(name, one.stat(follow_symlinks=False).st_size, partial(_opened, one.path))

    def add_zip(self, file: IO[bytes], prefix: str, depth: int) -> None:
        self._stack.callback(file.close)
        _check_directory(file)
        archive = self._stack.enter_context(zipfile.ZipFile(file))
        infos = [info for info in archive.infolist() if not info.is_dir()]
        archive.NameToInfo.clear()  # files are opened by their ZipInfo; names may be there twice
        archive.filelist.clear()
        grown = sum(info.file_size for info in infos)
        self.may_grow -= grown
        if self.may_grow < 0:
            raise BadSource(
                f"The zip would grow to {grown / 2**30:,.1f} GB, which is more than {MOST_GROWTH} times its size; if "
                "that is right, unpack it and import the folder."
            )
        for info in infos:
            name = prefix + info.filename.replace("\\", "/")
            if info.flag_bits & 0x1:
                self.refuse(name, "encrypted")
            elif info.external_attr >> 28 == 0xA:  # Unix mode S_IFLNK
                self.refuse(name, "a link, which is not followed")
            elif not _is_zip(name):
                self.add(name, info.file_size, partial(archive.open, info))
            elif depth >= _DEEPEST:
                self.refuse(name, "a zip too deep inside other zips")
            else:
                try:
                    self.add_zip(_unpacked(archive, info, self._scratch), f"{name}/", depth + 1)
                except BROKEN as error:
                    self.refuse(name, f"damaged: {error}")


def _opened(path: str) -> IO[bytes]:
    return Path(path).open("rb")


def _sayable(name: str) -> str:
    """Without the halves of characters that a file's name may hold and that nothing can be written with."""
    return name if name.isascii() else name.encode("utf-8", "replace").decode()


def _unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo, scratch: Path) -> IO[bytes]:
    """A zip in a zip, as a nameless file of its own: parts of a zip cannot be read from anywhere but its end."""
    if info.file_size > shutil.disk_usage(scratch).free - _FREE_SPACE:
        raise BadSource("The disk has no room to unpack it; unpack the outer zip elsewhere and import the folder.")
    unpacked = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115 - closed with the source
    try:
        with archive.open(info) as packed:
            shutil.copyfileobj(packed, unpacked, 2**20)
    except BaseException:
        unpacked.close()
        raise
    return unpacked


def _check_directory(file: IO[bytes]) -> None:
    """Look at the end of a zip for how long its list of files is, which `zipfile` would read into memory at once.

    Source: APPNOTE.TXT 6.3.10, 4.3.14 to 4.3.16.

    Raises:
        BadSource: too many files.
    """
    file.seek(max(0, file.seek(0, os.SEEK_END) - 65_557))
    tail = file.read()
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) - at < 22:
        raise zipfile.BadZipFile("its end is missing")
    count, length = struct.unpack("<HL", tail[at + 10 : at + 16])
    if count == 0xFFFF or length == 0xFFFFFFFF:
        large = tail.rfind(b"PK\6\6", 0, at)
        if large >= 0 and len(tail) - large >= 56:
            count, length = struct.unpack("<QQ", tail[large + 32 : large + 48])
    if count > MOST_FILES or length > _LARGEST_DIRECTORY:
        raise BadSource(_TOO_MANY)
    file.seek(0)


_TOO_MANY = (
    f"This holds more than {MOST_FILES:,} files, more than are taken in at once; unpack it and import its folders one "
    "after the other."
)


def _is_zip(name: str) -> bool:
    return name.lower().endswith(".zip")
