"""Feeding the host's queue with a migration's items: one runs, one waits, so the GPU is never idle and people's own
prompts come in between. Everything here lives on the server's event loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Protocol

from ..errors import DalleFluxError
from ..state import State
from . import migration

AT_ONCE = 2  # in the host's queue
_MOST_FAILURES = 3  # one after the other, before it pauses
_log = logging.getLogger(__name__)


class HostQueue(Protocol):
    """The host's queue: the module `host.queue`."""

    Run: Any

    def put(self, run: Any, graph: Any, output_node: str) -> Coroutine[Any, Any, None]: ...
    def cancel(self, run: Any) -> None: ...


class Migrating:
    """All migrations of one state folder.

    Args:
        report: writes the report of a migration into the output folder; gives its files.
    """

    def __init__(self, state: Callable[[], State], queue: HostQueue, report: Callable[[State, str], list[Path]]):
        self._state, self._queue, self._report = state, queue, report
        self._feeding: dict[str, asyncio.Task[None]] = {}
        self._wanted: set[str] = set()
        self._runs: dict[str, dict[Any, str]] = {}  # migration → its runs in the host's queue → their items

    async def start(self) -> None:
        """Carry on where the last ComfyUI ended."""
        for one in await asyncio.to_thread(migration.running, self._state()):
            self.feed(one)

    def feed(self, migration_id: str) -> None:
        """Have somebody feed this one, if nobody does."""
        self._wanted.add(migration_id)
        task = self._feeding.get(migration_id)
        if task is None or task.done():
            self._feeding[migration_id] = asyncio.get_running_loop().create_task(self._feed_all(migration_id))

    def stop(self, migration_id: str) -> None:
        """Take what it has in the host's queue out of it."""
        for run in self._runs.get(migration_id, {}):
            self._queue.cancel(run)

    async def _feed_all(self, migration_id: str) -> None:
        while migration_id in self._wanted:  # again, if it was resumed just as this came to its end
            self._wanted.discard(migration_id)
            await self._feed(migration_id)

    async def _feed(self, migration_id: str) -> None:
        runs = self._runs[migration_id] = {}
        failures = 0
        try:
            plan = await asyncio.to_thread(migration.plan_of, self._state(), migration_id)
            while True:
                while len(runs) < AT_ONCE and (begun := await self._begin(migration_id, plan)):
                    runs[begun[0]] = begun[1]
                if not runs:
                    break
                await asyncio.wait([run.ended for run in runs], return_when=asyncio.FIRST_COMPLETED)
                for run in [run for run in runs if run.ended.done()]:
                    failed = await self._ended(migration_id, run, runs.pop(run))
                    failures = failures + 1 if failed else 0
                if failures >= _MOST_FAILURES:
                    await self._pause(migration_id, f"{failures} pictures in a row could not be drawn.")
                    failures = 0
            if await asyncio.to_thread(migration.is_through, self._state(), migration_id):
                await asyncio.to_thread(self._end_stage, migration_id)
        except DalleFluxError as error:
            await self._pause(migration_id, str(error))
        except Exception as error:
            _log.exception("A migration of the DALL·E archive stopped")
            await self._pause(
                migration_id, f"This is a mistake in the pack ({type(error).__name__}); see ComfyUI's log."
            )
        for run, item in runs.items():  # what an error left in the queue
            await run.ended
            await self._ended(migration_id, run, item)

    def _end_stage(self, migration_id: str) -> None:
        try:
            files, reason = [str(file) for file in self._report(self._state(), migration_id)], ""
        except (DalleFluxError, OSError) as error:
            files, reason = [], f"The report could not be written ({error}); all pictures are stored."
        migration.end_stage(self._state(), migration_id, files, reason)

    async def _begin(self, migration_id: str, plan: migration.Plan) -> tuple[Any, str] | None:
        run = self._queue.Run("DALL·E archive", previews=False)
        item = await asyncio.to_thread(migration.take, self._state(), migration_id, run.id)
        if item is None:
            return None
        try:
            await self._queue.put(run, plan.of_item(item), plan.save)
        except BaseException:
            await asyncio.to_thread(migration.give_back, self._state(), migration_id, item)
            raise
        return run, item

    async def _ended(self, migration_id: str, run: Any, item: str) -> bool:
        """Whether it could not be drawn."""
        error = run.result.exception()
        if error is not None and getattr(error, "code", "") == "run_cancelled":
            await asyncio.to_thread(migration.give_back, self._state(), migration_id, item)
            await self._pause(migration_id, "A run was cancelled in ComfyUI's queue.")
            return False
        why = str(error) if error else "The workflow stored no picture beside this item; connect item_id."
        return await asyncio.to_thread(migration.fail, self._state(), migration_id, item, why)

    async def _pause(self, migration_id: str, reason: str) -> None:
        try:
            await asyncio.to_thread(migration.change, self._state(), migration_id, "pause", reason)
        except DalleFluxError as error:  # it is not running any more
            _log.info("A migration of the DALL·E archive was not paused: %s", error)
