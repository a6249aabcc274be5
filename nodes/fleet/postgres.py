"""A PostgreSQL that keeps for several ingresses what a state folder keeps for one: a `keeping.Keeper`.

Tables are those of `nodes/endpoint`, brought up to date by whoever comes first; files lie in a table of their own.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
import psycopg_pool
from psycopg.rows import DictRow, dict_row

from ..endpoint.keeping import KeeperAway
from ..state import StateFailed, StateTooNew

_ROOM = "fleet_files"
_FILES = (
    """
    CREATE TABLE fleet_files (
        folder TEXT NOT NULL,
        name TEXT NOT NULL,
        data BYTEA NOT NULL,
        PRIMARY KEY (folder, name)
    )
    """,
)
_CONNECTIONS = 8  # of one process, at most
_WAIT_S = 5.0  # for a connection
_STATEMENT_S = 20.0  # for a transaction
# A machine that is gone says nothing: its connections are given up after about 10 s.
_NETWORK = {"connect_timeout": 5, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3,
            "tcp_user_timeout": 10_000, "application_name": "dalle_flux"}  # fmt: skip


class Postgres:
    """One database, or one schema of it.

    Args:
        url: "postgresql://user@host/name"; the password by PGPASSWORD or ~/.pgpass, as libpq reads them.
    """

    shared = True

    def __init__(self, url: str):
        self._up_to_date: set[str] = set()
        self._pool: psycopg_pool.ConnectionPool[psycopg.Connection[DictRow]] = psycopg_pool.ConnectionPool(
            url, min_size=1, max_size=_CONNECTIONS, timeout=_WAIT_S, open=False, configure=_configure,
            check=_check, reconnect_timeout=_WAIT_S,
            # Poolers in transaction mode (PgBouncer) know no prepared statements.
            kwargs={"row_factory": dict_row, "prepare_threshold": None, **_NETWORK},
        )  # fmt: skip

    def close(self) -> None:
        self._pool.close()

    @contextmanager
    def database(self, room: str, migrations: Sequence[str], *, alone: str = "") -> Iterator[_Transaction]:
        """As `keeping.Keeper` says."""
        try:
            self._pool.open()  # nothing, if it is
            with self._pool.connection() as connection, _in_time(connection, _STATEMENT_S):
                if room not in self._up_to_date:
                    with connection.transaction():
                        _migrate(connection, room, migrations)
                    self._up_to_date.add(room)
                if alone:
                    _wait_for(connection, alone)
                yield _Transaction(connection)
        except (psycopg.OperationalError, psycopg_pool.PoolTimeout, psycopg_pool.PoolClosed) as error:
            raise KeeperAway(
                f"The fleet's database does not answer ({_first_line(error)}); try again in a moment."
            ) from None
        except psycopg.errors.InsufficientPrivilege as error:
            raise StateFailed(
                f"The fleet's database refuses ({_first_line(error)}); its user must be allowed to make tables."
            ) from None

    def read(self, path: str) -> bytes:
        """As in `State`."""
        with self._files() as files:
            row = files.execute("SELECT data FROM fleet_files WHERE folder = ? AND name = ?", _parts(path)).fetchone()
        if row is None:
            raise FileNotFoundError(path)
        return bytes(row["data"])

    def write(self, path: str, data: bytes) -> None:
        """As in `State`."""
        with self._files() as files:
            files.execute(
                "INSERT INTO fleet_files (folder, name, data) VALUES (?, ?, ?) "
                "ON CONFLICT (folder, name) DO UPDATE SET data = excluded.data",
                (*_parts(path), data),
            )

    def names(self, path: str) -> list[str]:
        """As in `State`."""
        with self._files() as files:
            rows = files.execute(
                "SELECT folder, name FROM fleet_files WHERE folder = ? OR starts_with(folder, ?)", (path, f"{path}/")
            ).fetchall()
        below = len(path) + 1
        return sorted({row["folder"][below:].split("/")[0] or row["name"] for row in rows})

    def remove(self, path: str) -> None:
        """As in `State`."""
        with self._files() as files:
            files.execute(
                "DELETE FROM fleet_files WHERE folder = ? OR starts_with(folder, ?) OR (folder = ? AND name = ?)",
                (path, f"{path}/", *_parts(path)),
            )

    def _files(self) -> Any:
        return self.database(_ROOM, _FILES)


class _Transaction:
    """A connection that takes statements as SQLite does."""

    def __init__(self, connection: psycopg.Connection[DictRow]):
        self._connection = connection

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> psycopg.Cursor[DictRow]:
        return self._connection.execute(statement.replace("?", "%s").encode(), values)


def _configure(connection: psycopg.Connection[DictRow]) -> None:
    connection.execute(f"SET statement_timeout = {round(_STATEMENT_S * 1000)}".encode())
    connection.commit()


def _check(connection: psycopg.Connection[DictRow]) -> None:
    """Raises OperationalError: the connection is of no use any more."""
    with _in_time(connection, _WAIT_S):
        psycopg_pool.ConnectionPool.check_connection(connection)


@contextmanager
def _in_time(connection: psycopg.Connection[DictRow], seconds: float) -> Iterator[None]:
    """Break the connection off if this takes longer: the system notices a machine that is gone, not one that hangs."""

    def end() -> None:
        with suppress(OSError, psycopg.Error):
            wire = socket.socket(fileno=connection.fileno())
            with suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)
            wire.detach()  # it is the connection's

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _wait_for(connection: psycopg.Connection[DictRow], name: str) -> None:
    """Until this transaction ends, nobody else gets past here with this name."""
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"dalle_flux {name}",))


def _migrate(connection: psycopg.Connection[DictRow], room: str, migrations: Sequence[str]) -> None:
    _wait_for(connection, "migrations")
    connection.execute("CREATE TABLE IF NOT EXISTS schema_version (room TEXT PRIMARY KEY, version INTEGER NOT NULL)")
    row = connection.execute("SELECT version FROM schema_version WHERE room = %s", (room,)).fetchone()
    version = row["version"] if row else 0
    if version > len(migrations):
        raise StateTooNew(
            f"The fleet's database was written by a newer version of DALL·E to FLUX ({room} {version}, this version "
            f"knows {len(migrations)}); update the pack on every machine of the fleet."
        )
    for script in migrations[version:]:
        for statement in script.replace(" REAL", " DOUBLE PRECISION").split(";\n"):
            if statement.strip():
                connection.execute(statement.encode())
    connection.execute(
        "INSERT INTO schema_version (room, version) VALUES (%s, %s) "
        "ON CONFLICT (room) DO UPDATE SET version = excluded.version",
        (room, len(migrations)),
    )


def _parts(path: str) -> tuple[str, str]:
    folder, _, name = path.rpartition("/")
    return folder, name


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]
