"""What draws for the ingress: the replicas, by whatever hands tasks to them. Knows nothing of Ray."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any, Protocol

from ..endpoint.contract.answers import Finished
from ..endpoint.contract.errors import server_error
from ..endpoint.scheduler import Cancelled, Job, Turn
from .routing import Seen, weights_of
from .wire import Event, Task

_MOST_LOST = 5  # ComfyUIs that may die over one job before the job is held to be the reason
_QUICK = 10_000  # bytes that are read on the event loop
_log = logging.getLogger(__name__)


class Lost(Exception):
    """The ComfyUI that was drawing is gone."""


class Fleet(Protocol):
    """The replicas."""

    def replicas(self) -> Sequence[Seen]:
        """Those that there are now."""

    def draw(self, task: bytes, weights: str) -> AsyncGenerator[bytes, None]:
        """Have one of them draw a `wire.Task`; yields lines of `wire.Event`. Closing it stops the drawing.

        Raises:
            Lost: the replica is gone.
        """

    async def check(self, graph: Mapping[str, Any]) -> None:
        """Have one of them look at a graph in API format.

        Raises:
            DalleFluxError: what is wrong with it.
        """


class FleetDrawer:
    """Draws jobs on the fleet, as many at once as it has room for."""

    def __init__(self, fleet: Fleet, room: Callable[[int], int]):
        self._fleet, self._room = fleet, room
        self._under_way: dict[str, asyncio.Task[Finished]] = {}

    @property
    def room(self) -> int:
        """Never none: the first job finds out whether there are replicas again."""
        return max(1, self._room(len(self._fleet.replicas())))

    def is_alive(self) -> bool:
        """Serve starts what has died, so jobs may always wait."""
        return True

    def joins(self, jobs: Sequence[Job], other: Job) -> bool:
        """Never: there are ComfyUIs to draw it at the same time."""
        return False

    async def draw(self, job: Job, turn: Turn) -> Finished:
        """Have it drawn, and drawn again elsewhere when a ComfyUI dies over it."""
        task = await asyncio.to_thread(lambda: Task.of(job).model_dump_json().encode())
        weights = weights_of(job.model, job.order)
        sent = [0]  # previews that the client has
        for attempt in range(_MOST_LOST):
            if job.is_over:
                raise Cancelled("The job was cancelled.")
            if attempt:
                turn.waits(job)
            drawing = asyncio.get_running_loop().create_task(self._once(job, turn, task, weights, sent))
            self._under_way[job.id] = drawing
            try:
                return await drawing
            except Lost as error:
                _log.warning("Fleet: the ComfyUI that drew job %s is gone (%s); it is drawn again", job.id, error)
                await asyncio.sleep(0.05 * 2**attempt)
            except asyncio.CancelledError:
                if job.is_over:
                    raise Cancelled("The job was cancelled.") from None
                raise
            finally:
                drawing.cancel()
                self._under_way.pop(job.id, None)
        raise server_error(
            f"{_MOST_LOST} ComfyUIs died while they drew this; it is not tried again.", code="drawing_died"
        )

    def cancel(self, job: Job) -> None:
        if drawing := self._under_way.get(job.id):
            drawing.cancel()

    async def _once(self, job: Job, turn: Turn, task: bytes, weights: str, sent: list[int]) -> Finished:
        """One attempt; previews that the client has are not wanted again."""
        previews, finished = 0, None
        async with contextlib.aclosing(self._fleet.draw(task, weights)) as said:
            async for line in said:  # to its end, which frees the replica
                event = Event.model_validate_json(line) if len(line) < _QUICK else await asyncio.to_thread(_read, line)
                finished = event.finished or finished
                if event.failure is not None:
                    raise event.failure.error()
                if event.lost is not None:
                    raise Lost(event.lost)
                if event.begun:
                    turn.begun(job, time.monotonic())
                if event.progress is not None:
                    job.progress = max(job.progress, event.progress)
                if event.partial is not None:
                    previews += 1
                    if previews > sent[0]:
                        sent[0] = previews
                        job.partials.put_nowait(event.partial)
        if finished is None:
            raise Lost("it said nothing more")
        return finished


def _read(line: bytes) -> Event:
    return Event.model_validate_json(line)
