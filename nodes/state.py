"""The state folder: `<ComfyUI user dir>/dalle_flux/`, the only place this pack writes to by itself.

What is acknowledged is on the disk: files are written beside their place, synced and renamed into it;
the database is SQLite in WAL mode with full synchronisation. Losing power loses nothing that a caller
was told is stored.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from .errors import DalleFluxError

if TYPE_CHECKING:
    import sqlite3

FOLDER_NAME = "dalle_flux"
STATE_ENV = "DALLE_FLUX_STATE"  # overrides the folder; for tests and for people with several hosts
_BUSY_TIMEOUT_S = 30.0


class StateTooNew(DalleFluxError):
    """The database was written by a newer version of this pack."""

    code = "state_too_new"


class StateFailed(DalleFluxError):
    """The database cannot be opened or written: locked by another program, no room, no permission, damaged."""

    code = "state_unreadable"


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power loss. Windows has no such call and needs none."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def private_folder(folder: Path) -> None:
    """Make a folder, and whatever above it is missing, for the user alone (mode 0700 where the system has modes)."""
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)


def write_file(path: Path, data: bytes, *, private: bool = False) -> None:
    """Write `data` to `path` whole or not at all, also when the power goes.

    Args:
        private: for the user alone (mode 0600, in a folder of mode 0700, where the system has modes).
    """
    if private:
        private_folder(path.parent)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mkstemp makes it 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if not private:
            Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


@dataclass(frozen=True)
class State:
    """The state folder and what lives in it."""

    root: Path
    shared: ClassVar[bool] = False  # nobody else uses it meanwhile

    @property
    def endpoints_file(self) -> Path:
        """The user's own `endpoints.toml`; may not exist."""
        return self.root / "endpoints.toml"

    @property
    def images(self) -> Path:
        """Pictures and other bytes by content: `images/ab/abcdef….bin` style, see `keep`."""
        return self.root / "images"

    def kept(self, sha256: str) -> Path:
        """Where bytes with this SHA-256 (64 hex digits) lie if they were kept."""
        if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
            raise ValueError("not a SHA-256 in lower-case hex")
        return self.images / sha256[:2] / sha256

    def keep(self, data: bytes) -> str:
        """Store bytes for ever under their SHA-256 and return it (64 hex digits). Storing twice is free."""
        sha256 = hashlib.sha256(data).hexdigest()
        path = self.kept(sha256)
        if not path.exists():
            write_file(path, data, private=True)
        return sha256

    def read(self, path: str) -> bytes:
        """A file of this folder, "models/house-style/0001.json". Raises OSError."""
        return (self.root / path).read_bytes()

    def write(self, path: str, data: bytes) -> None:
        """Keep a file for the user alone, whole or not at all. Raises OSError."""
        write_file(self.root / path, data, private=True)

    def names(self, path: str) -> list[str]:
        """What lies directly in a folder of this folder, sorted; nothing if there is none."""
        folder = self.root / path
        return sorted(one.name for one in folder.iterdir()) if folder.is_dir() else []

    def remove(self, path: str) -> None:
        """Delete a file, or a folder with all that is in it; one that is not there is no error. Raises OSError."""
        if (self.root / path).is_dir():
            shutil.rmtree(self.root / path)
        else:
            (self.root / path).unlink(missing_ok=True)

    @contextmanager
    def database(self, room: str, migrations: Sequence[str], *, alone: str = "") -> Iterator[sqlite3.Connection]:
        """Open the one SQLite file with `room`'s tables up to date; commit on success, roll back on error.

        Threads take turns, so a transaction is to be short, and nobody opens a second one inside it.

        Args:
            room: name of the room that owns the tables; prefix table names with it.
            migrations: SQL scripts, oldest first; script N takes the room from version N to N+1.
                Append only: a released script never changes.
            alone: for a database that is shared (nodes/fleet); here a transaction is always alone.

        Raises:
            StateTooNew: a newer pack wrote this room's tables.
            StateFailed: the file cannot be opened, read or written, at whatever statement that shows; nothing of
                the transaction is stored. A rule of the tables that a row breaks stays sqlite3.IntegrityError.
        """
        import sqlite3  # here: nothing of it is needed while the pack is loaded

        with _turn:
            try:
                connection = _connected(self.root / "state.sqlite")
            except (sqlite3.Error, OSError) as error:
                raise self._failed(error) from None
            try:
                connection.execute("BEGIN IMMEDIATE")
                _migrate(connection, room, migrations)
                yield connection
                connection.execute("COMMIT")
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.IntegrityError) or "syntax error" in str(error):  # the statement's fault
                    connection.rollback()
                    raise
                _close()
                raise self._failed(error) from None
            except BaseException:
                connection.rollback()
                raise

    def _failed(self, error: Exception) -> StateFailed:
        file = self.root / "state.sqlite"
        if "malformed" in str(error) or "not a database" in str(error):
            advice = (
                "; close other programs that use it and run again. If this stays, the file is damaged: put a copy of "
                "it back, or move it away together with its -wal and -shm, and a new one begins. Keep what you move: "
                "nothing in it was deleted, and `sqlite3 state.sqlite .recover` may read it."
            )
        else:
            advice = (
                "; close other programs that use it, see that the disk has room and the folder can be written, and "
                "run again."
            )
        return StateFailed(f"The pack's database {file} cannot be used ({error}){advice}")


# One open connection, that of the state folder used last: opening and closing one for every transaction makes SQLite
# empty its log each time, which is several syncs of the disk instead of one. Threads wait here, in order, and not in
# SQLite, which sleeps up to 0.1 s between looks.
_turn = threading.Lock()
_kept_open: tuple[Path, tuple[int, int], sqlite3.Connection] | None = None


def _connected(file: Path) -> sqlite3.Connection:
    """The connection to `file`; a new one if it was deleted or replaced meanwhile."""
    import sqlite3

    global _kept_open
    if _kept_open:
        if _kept_open[0] == file and _identity(file) == _kept_open[1]:
            return _kept_open[2]
        _close()
    private_folder(file.parent)
    _make_private(file)
    connection = sqlite3.connect(file, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    try:
        connection.row_factory = sqlite3.Row
        _write_ahead(connection)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        identity = _identity(file)
    except BaseException:
        connection.close()
        raise
    if identity:
        _kept_open = (file, identity, connection)
    return connection


def _close() -> None:
    """Let go of the open connection; what it had begun is rolled back."""
    global _kept_open
    if _kept_open:
        _kept_open[2].close()
        _kept_open = None


def _make_private(file: Path) -> None:
    """Make the database, and the log and index that SQLite keeps beside it, readable by the user alone.

    SQLite gives a new log and index the database's own mode.
    """
    if not file.exists():  # closing one that is in use would take this process's locks on it
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    for part in (file, file.with_name(f"{file.name}-wal"), file.with_name(f"{file.name}-shm")):
        with suppress(OSError):  # there is none, or it is another user's
            part.chmod(0o600)


def _identity(file: Path) -> tuple[int, int] | None:
    """What tells this file from another one of the same name; None: it is gone."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch the file to a write-ahead log, which it keeps. SQLite does not wait for other connections here."""
    import sqlite3

    deadline = time.monotonic() + _BUSY_TIMEOUT_S
    while True:
        try:
            if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _migrate(connection: sqlite3.Connection, room: str, migrations: Sequence[str]) -> None:
    connection.execute("CREATE TABLE IF NOT EXISTS schema_version (room TEXT PRIMARY KEY, version INTEGER NOT NULL)")
    row = connection.execute("SELECT version FROM schema_version WHERE room = ?", (room,)).fetchone()
    version = row["version"] if row else 0
    if version > len(migrations):
        raise StateTooNew(
            f"The pack's database was written by a newer version of DALL·E to FLUX ({room} {version}, this version "
            f"knows {len(migrations)}); update the pack, or set {STATE_ENV} to another folder."
        )
    if version == len(migrations):
        return
    for script in migrations[version:]:
        for statement in script.split(";\n"):
            if statement.strip():
                connection.execute(statement)
    connection.execute(
        "INSERT INTO schema_version VALUES (?, ?) ON CONFLICT (room) DO UPDATE SET version = excluded.version",
        (room, len(migrations)),
    )
