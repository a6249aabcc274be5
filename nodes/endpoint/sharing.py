"""Servers that share their jobs: which of them live, what the dead ones left, and what was cancelled elsewhere.

Each one counts up a number of its own. One whose number stands still has died, and its jobs are taken over; nobody's
clock matters, and while the database is away nobody dies.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping

from . import keys
from .jobs import MIGRATIONS, ROOM, Record, record_of
from .keeping import Keeper, KeeperAway
from .settings import Key

BEAT_S = 2.0
DEAD_S = 10.0  # without a beat
_log = logging.getLogger(__name__)


class KnownKeys:
    """The keys that servers share, as they were when they were last read; none if there is one server."""

    def __init__(self, keeper: Keeper):
        self._keeper = keeper
        self._turn = asyncio.Lock()
        self._begun = 0.0  # the last reading, time.monotonic()
        self._is_away = False
        self.now: Mapping[str, Key] = {}

    async def read(self, since: float | None = None) -> None:
        """Read them, unless somebody did since then. Those that are known stay known while the database is away."""
        async with self._turn:
            now = time.monotonic()
            fresh = since is not None and since < self._begun
            if not self._keeper.shared or fresh or (self._is_away and now < self._begun + BEAT_S):
                return
            self._begun = now
            try:
                self.now = await asyncio.to_thread(keys.shared, self._keeper)
                self._is_away = False
            except KeeperAway as error:
                self._is_away = True
                _log.warning("Images API: %s", error)


class Sharing:
    """One server's part in it. Every method waits for the network, so all are called in threads, one at a time.

    Args:
        server: its name, as in the jobs' column `server`; new with every start.
    """

    def __init__(self, keeper: Keeper, server: str):
        self._keeper, self._server = keeper, server
        self._seen: dict[str, tuple[int, float]] = {}  # other server → its number, and when it was new here

    def beat(self) -> None:
        """Live on, and find out who does not.

        Raises:
            KeeperAway: the database does not answer.
        """
        try:
            with self._keeper.database(ROOM, MIGRATIONS) as database:
                database.execute(
                    "INSERT INTO endpoint_servers (id, beat) VALUES (?, 1) "
                    "ON CONFLICT (id) DO UPDATE SET beat = endpoint_servers.beat + 1",
                    (self._server,),
                )
                rows = database.execute("SELECT id, beat FROM endpoint_servers").fetchall()
        except KeeperAway:
            self._seen = {}  # others could not live on either
            raise
        now, before = time.monotonic(), self._seen
        self._seen = {}
        for row in rows:
            beat, since = before.get(row["id"], (None, now))
            self._seen[row["id"]] = (row["beat"], since if beat == row["beat"] else now)

    def take_over(self) -> list[Record]:
        """Make the unfinished jobs of servers that are gone this one's; returns them, oldest first."""
        now = time.monotonic()
        dead = [server for server, (_, since) in self._seen.items() if server != self._server and now - since > DEAD_S]
        with self._keeper.database(ROOM, MIGRATIONS, alone="taking over") as database:
            for server in dead:
                database.execute("DELETE FROM endpoint_servers WHERE id = ?", (server,))
            rows = database.execute(
                "SELECT * FROM endpoint_jobs WHERE state = 'queued' AND (server IS NULL OR server NOT IN "
                "(SELECT id FROM endpoint_servers)) ORDER BY created"
            ).fetchall()
            for row in rows:
                database.execute("UPDATE endpoint_jobs SET server = ? WHERE id = ?", (self._server, row["id"]))
        return [record_of(row) for row in rows]

    def unwanted(self) -> list[str]:
        """Ids of this server's jobs that were cancelled at another one."""
        with self._keeper.database(ROOM, MIGRATIONS) as database:
            rows = database.execute(
                "SELECT id FROM endpoint_jobs WHERE state = 'queued' AND server = ? AND unwanted = 1", (self._server,)
            ).fetchall()
        return [row["id"] for row in rows]

    def cancel(self, job_id: str) -> None:
        """Have whichever server draws it stop."""
        with self._keeper.database(ROOM, MIGRATIONS) as database:
            database.execute("UPDATE endpoint_jobs SET unwanted = 1 WHERE id = ? AND state = 'queued'", (job_id,))
