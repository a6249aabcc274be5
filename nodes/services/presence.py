"""Which runs of ComfyUI are alive, for several that share one state folder.

Each holds a lock on a file of its own, which the system lets go when the process ends, however it ends. The lock is
SQLite's, because that works on every system.
"""

from __future__ import annotations

import sqlite3
import time
import uuid
from pathlib import Path

from ..state import StateFailed, private_folder

SESSION = uuid.uuid4().hex  # this run of ComfyUI
_OLD_S = 86_400.0  # before another's file is cleared away; a new one may not be locked yet

_held: dict[Path, sqlite3.Connection] = {}


def be_present(root: Path) -> None:
    """Let the others that use the state folder `root` know that this process is alive. Costs nothing the second time.

    Raises:
        StateFailed: the folder cannot be written.
    """
    file = _file(root, SESSION)
    if root in _held and file.exists():
        return
    try:
        private_folder(file.parent)
        _clear_away(file.parent)
        connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        connection.execute("BEGIN EXCLUSIVE")
    except (sqlite3.Error, OSError) as error:
        raise StateFailed(f"{file} cannot be written ({error}); see that the disk has room and run again.") from None
    _held[root] = connection


def is_alive(root: Path, session: str) -> bool:
    """Whether the process that called itself `session` still runs, on this machine."""
    if session == SESSION:
        return True
    file = _file(root, session)
    if not file.exists():
        return False
    connection = sqlite3.connect(file, timeout=0.0, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        return True
    finally:
        connection.close()
    return False


def _file(root: Path, session: str) -> Path:
    return root / "sessions" / session


def _clear_away(folder: Path) -> None:
    for file in folder.iterdir():
        try:
            if time.time() - file.stat().st_mtime > _OLD_S and not is_alive(folder.parent, file.name):
                file.unlink()
        except OSError:
            continue
