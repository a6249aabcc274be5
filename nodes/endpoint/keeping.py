"""What keeps that which outlives a process: the state folder of this machine, or a database that servers share.

Here it is `state.State`: one SQLite file, and files beside it. Of a fleet with several ingresses it is a PostgreSQL,
files included (nodes/fleet/postgres.py). Statements are written for both: `?` for a value, `ON CONFLICT`, and of types
TEXT, INTEGER, DOUBLE PRECISION (REAL in the oldest tables).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from ..state import StateFailed


class KeeperAway(StateFailed):
    """The shared database does not answer. It may soon do so again."""

    code = "database_away"


class Rows(Protocol):
    """What a statement found; rows are mappings from the names of columns."""

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...


class Database(Protocol):
    """A transaction."""

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> Rows: ...


class Keeper(Protocol):
    """Every method waits for a disk or for the network, so all are called in threads."""

    @property
    def shared(self) -> bool:
        """True if other servers use it at the same time."""

    def database(self, room: str, migrations: Sequence[str], *, alone: str = "") -> AbstractContextManager[Database]:
        """A transaction on the room's tables, as `State.database`.

        Args:
            alone: no transaction that says the same is under way meanwhile, on any server.

        Raises:
            StateFailed: it cannot be used; KeeperAway: just now.
        """

    def read(self, path: str) -> bytes:
        """As in `State`. Raises OSError, KeeperAway; so do the next three."""

    def write(self, path: str, data: bytes) -> None: ...

    def names(self, path: str) -> list[str]: ...

    def remove(self, path: str) -> None: ...
