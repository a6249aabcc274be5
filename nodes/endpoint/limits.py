"""How much a key may ask for: requests a minute, pictures a day (UTC), over all servers that share the jobs."""

from __future__ import annotations

import time

from .admission import Caller
from .contract.errors import too_many
from .jobs import MIGRATIONS, ROOM
from .keeping import Keeper

_MINUTE_S, _DAY_S = 60.0, 86_400.0


class Limits:
    """What was counted. Both methods wait for the disk or the network, so they are called in threads."""

    def __init__(self, keeper: Keeper):
        self._keeper = keeper

    def count(self, caller: Caller, pictures: int) -> None:
        """One more request for so many pictures; the same request counts once, however often it comes.

        Raises:
            ApiError: 429, a limit of the key is reached.
        """
        key, now = caller.key, time.time()
        if key is None or (key.requests_per_minute is None and key.pictures_per_day is None):
            return
        day = _day(now)
        with self._keeper.database(ROOM, MIGRATIONS, alone=f"limits of {caller.name}") as database:
            if database.execute("SELECT 1 FROM endpoint_counted WHERE request = ?", (caller.request,)).fetchone():
                return
            asked = database.execute(
                "SELECT COUNT(*) AS requests, MIN(counted) AS first FROM endpoint_counted "
                "WHERE client = ? AND counted > ?",
                (caller.name, now - _MINUTE_S),
            ).fetchone()
            if key.requests_per_minute is not None and asked["requests"] >= key.requests_per_minute:
                raise too_many(
                    f"Rate limit reached for this key: {key.requests_per_minute} requests a minute.",
                    retry_after_s=asked["first"] + _MINUTE_S - now,
                )
            drawn = database.execute(
                "SELECT pictures FROM endpoint_usage WHERE client = ? AND day = ?", (caller.name, day)
            ).fetchone()
            today = (drawn["pictures"] if drawn else 0) + pictures
            if key.pictures_per_day is not None and today > key.pictures_per_day:
                raise too_many(
                    f"This key may draw {key.pictures_per_day} pictures a day, and today's are used up.",
                    retry_after_s=_DAY_S - now % _DAY_S,
                    code="insufficient_quota",
                )
            database.execute(
                "DELETE FROM endpoint_counted WHERE client = ? AND counted < ?", (caller.name, now - _DAY_S)
            )
            database.execute("DELETE FROM endpoint_usage WHERE client = ? AND day < ?", (caller.name, day))
            database.execute(
                "INSERT INTO endpoint_counted (request, client, counted, pictures) VALUES (?, ?, ?, ?)",
                (caller.request, caller.name, now, pictures),
            )
            database.execute(
                "INSERT INTO endpoint_usage (client, day, pictures) VALUES (?, ?, ?) "
                "ON CONFLICT (client, day) DO UPDATE SET pictures = excluded.pictures",
                (caller.name, day, today),
            )

    def give_back(self, caller: Caller) -> None:
        """Uncount the pictures of a request that was counted a moment ago and will not be drawn."""
        if caller.key is None or caller.key.pictures_per_day is None:
            return
        with self._keeper.database(ROOM, MIGRATIONS, alone=f"limits of {caller.name}") as database:
            counted = database.execute(
                "SELECT counted, pictures FROM endpoint_counted WHERE request = ?", (caller.request,)
            ).fetchone()
            if counted is None:
                return
            database.execute("UPDATE endpoint_counted SET pictures = 0 WHERE request = ?", (caller.request,))
            database.execute(
                "UPDATE endpoint_usage SET pictures = pictures - ? WHERE client = ? AND day = ?",
                (counted["pictures"], caller.name, _day(counted["counted"])),
            )


def _day(when: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(when))
