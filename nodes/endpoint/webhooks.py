"""Calls the webhook that a job names: signed as Standard Webhooks says, tried again with growing pauses, recorded.

Source: standardwebhooks.com, "Specification"; OpenAI's own webhooks use it, so `client.webhooks.unwrap(…)` of the
official clients reads these too.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any

from ..errors import DalleFluxError
from .jobs import MIGRATIONS, ROOM, JobStore
from .keeping import Keeper
from .settings import EndpointSettings, Webhook

# Seconds before each further attempt, as the specification recommends: about three days in all.
PAUSES_S = (5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
TIMEOUT_S = 20.0
_CLAIM_S = 3 * TIMEOUT_S  # after which another server calls, if nobody recorded how it went
_LOOK_S = 1.0
_AFTER_FAILURE_S = 60.0
_IDLE_S = 3600.0
_AT_ONCE = 20
_log = logging.getLogger(__name__)


class Deliveries:
    """The webhooks that are to be called.

    Args:
        payload: what to send for a job, by its id; slow. None once the job is gone.
    """

    def __init__(
        self, keeper: Keeper, settings: Callable[[], EndpointSettings], payload: Callable[[str], dict[str, Any] | None]
    ):
        self._keeper, self._settings, self._payload = keeper, settings, payload
        self._woken = asyncio.Event()
        self._calls: dict[str, asyncio.Task[None]] = {}  # under way, by the delivery's id

    def wake(self) -> None:
        """Something is due."""
        self._woken.set()

    async def deliver_forever(self) -> None:
        """Runs as a task for as long as the server does. What is due is on the disk, so nothing is lost with it."""
        try:
            while True:
                try:
                    pause = await self._call_due()
                except (DalleFluxError, OSError) as error:
                    _log.warning("Images API: webhooks cannot be called now: %s", error)
                    pause = _AFTER_FAILURE_S
                alarm = asyncio.get_running_loop().call_later(pause, self._woken.set)
                await self._woken.wait()
                alarm.cancel()
                self._woken.clear()
        finally:
            for call in list(self._calls.values()):
                call.cancel()

    async def _call_due(self) -> float:
        """Begin to call what is due; returns the seconds until the next look."""
        if not self._is_in_use():
            return _IDLE_S
        for delivery in await asyncio.to_thread(self._due):
            if delivery["id"] not in self._calls:
                self._calls[delivery["id"]] = asyncio.create_task(self._call(delivery))
        return max(_LOOK_S, await asyncio.to_thread(self._pause))

    def recorded(self, limit: int) -> list[dict[str, Any]]:
        """The newest deliveries, for the canvas; slow."""
        if not self._is_in_use():
            return []
        with self._keeper.database(ROOM, MIGRATIONS) as database:
            rows = database.execute("SELECT * FROM endpoint_deliveries ORDER BY due DESC LIMIT ?", (limit,)).fetchall()
        return [dict(row) for row in rows]

    async def _call(self, delivery: Mapping[str, Any]) -> None:
        try:
            answered, complaint = await self._attempt(delivery)
            await asyncio.to_thread(self._record, delivery, answered, complaint)
        except (DalleFluxError, OSError) as error:
            _log.warning("Images API: webhook '%s' cannot be called now: %s", delivery["webhook"], error)
            await asyncio.sleep(_AFTER_FAILURE_S)
        finally:
            del self._calls[delivery["id"]]

    async def _attempt(self, delivery: Mapping[str, Any]) -> tuple[int | None, str]:
        """The status that the receiver answered, or why there is none."""
        import aiohttp

        webhook = self._settings().webhooks.get(delivery["webhook"])
        if webhook is None:
            return None, f"no webhook is called '{delivery['webhook']}'"
        payload = await asyncio.to_thread(self._payload, delivery["job"])
        if payload is None:
            return None, "the job is gone"
        body = json.dumps(payload).encode()
        try:
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)) as session:
                headers = signed(webhook, delivery["id"], body)
                async with session.post(webhook.url, data=body, headers=headers, allow_redirects=False) as reply:
                    return reply.status, ""
        except (aiohttp.ClientError, OSError, asyncio.TimeoutError, ValueError) as error:
            return None, type(error).__name__

    def _is_in_use(self) -> bool:
        return JobStore(self._keeper).is_in_use

    def _due(self) -> list[dict[str, Any]]:
        """What is to be called now; servers that share the jobs leave it alone for a while."""
        now = time.time()
        with self._keeper.database(ROOM, MIGRATIONS, alone="deliveries") as database:
            rows = database.execute(
                "SELECT * FROM endpoint_deliveries WHERE state = 'due' AND due <= ? ORDER BY due LIMIT ?",
                (now, _AT_ONCE),
            ).fetchall()
            for row in rows if self._keeper.shared else ():
                database.execute("UPDATE endpoint_deliveries SET due = ? WHERE id = ?", (now + _CLAIM_S, row["id"]))
        return [dict(row) for row in rows]

    def _pause(self) -> float:
        with self._keeper.database(ROOM, MIGRATIONS) as database:
            row = database.execute("SELECT MIN(due) AS due FROM endpoint_deliveries WHERE state = 'due'").fetchone()
        return min(_IDLE_S, row["due"] - time.time()) if row["due"] is not None else _IDLE_S

    def _record(self, delivery: Mapping[str, Any], answered: int | None, complaint: str) -> None:
        attempts = delivery["attempts"] + 1
        done = answered is not None and 200 <= answered < 300
        given_up = answered == 410 or attempts > len(PAUSES_S)  # 410 Gone: it wants no more
        state = "done" if done else "given up" if given_up else "due"
        due = time.time() + (0.0 if state != "due" else PAUSES_S[attempts - 1])
        with self._keeper.database(ROOM, MIGRATIONS) as database:
            database.execute(
                "UPDATE endpoint_deliveries SET state = ?, attempts = ?, due = ?, answered = ?, complaint = ? "
                "WHERE id = ?",
                (state, attempts, due, answered, complaint, delivery["id"]),
            )


def signed(webhook: Webhook, message_id: str, body: bytes) -> dict[str, str]:
    """The headers of one attempt."""
    from standardwebhooks.webhooks import Webhook as Signer

    now = datetime.now(tz=timezone.utc)
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Signer(webhook.secret).sign(message_id, now, body.decode()),
    }
