"""Pictures served by address for a while: files named after the hash of a token that only the address holds.

Whoever lists the folder learns no address; what an address says is a random token. A file's own time says when it
ends, so a restart forgets nothing and needs no table.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from ..state import write_file

KINDS = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp", "json": "application/json"}
NAME = re.compile(r"([A-Za-z0-9_-]{43})\.(png|jpg|webp|json)")
_SWEEP_S = 60.0  # between looks for what has ended


@dataclass(frozen=True)
class Found:
    """A file that is still served."""

    path: Path
    mime: str
    seconds_left: float


class Served:
    """The folder of files that are served."""

    def __init__(self, root: Path):
        self._root = root
        self._swept = 0.0

    def put(self, data: bytes, extension: str, minutes: float) -> str:
        """Keep a file and return the name to ask for it by; slow."""
        self.sweep(minutes)
        name = f"{secrets.token_urlsafe(32)}.{extension}"
        write_file(self._path(name), data, private=True)
        return name

    def find(self, name: str, minutes: float) -> Found | None:
        """The file of this name, if it is one and its time is not over."""
        match = NAME.fullmatch(name)
        if not match:
            return None
        path = self._path(name)
        try:
            left = path.stat().st_mtime + minutes * 60 - time.time()
        except OSError:
            return None
        return Found(path, KINDS[match[2]], left) if left > 0 else None

    def sweep(self, minutes: float, *, now: bool = False) -> None:
        """Delete what is over, at most once a minute."""
        if not now and time.monotonic() - self._swept < _SWEEP_S:
            return
        self._swept = time.monotonic()
        ended = time.time() - minutes * 60
        for file in self._root.glob("*/*") if self._root.is_dir() else ():
            try:
                if file.stat().st_mtime < ended:
                    file.unlink()
            except OSError:
                continue  # another process was quicker

    def _path(self, name: str) -> Path:
        hashed = hashlib.sha256(name.encode()).hexdigest()
        return self._root / hashed[:2] / hashed
