"""Requests under way, on a thread of their own.

ComfyUI runs a sampler on the same thread as its event loop; a reply that waits behind one would time out though
it has come. So requests live on a loop that nothing else blocks, outlive the node that asked (a picture that comes
too late is kept for the next run), and are found again by their key, so that the same picture is never asked for
twice at once.
"""

from __future__ import annotations

import asyncio
import functools
import random
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import date
from enum import Enum
from typing import Any

from PIL import Image

from ..endpoints import Endpoint
from ..errors import DalleFluxError
from . import failures, prices, wire
from .arrival import unpack
from .errors import ImagesApiError, NetworkFailure
from .inputs import Sent
from .ledger import Call, CallState, Ledger
from .plan import Plan
from .settings import Settings
from .shutdowns import shutdown_date

MAX_ATTEMPTS = 4
MAX_WAIT_S = 60.0  # a longer wait is the user's to decide
_BACKOFF_S = (0.5, 1.0, 2.0)


class Phase(Enum):
    """What a job is doing, for the node to show."""

    WAITING = "getting ready"
    SENT = "drawing"
    PAUSED = "told to wait"
    FETCHING = "reading the reply"
    FINISHED = "finished"


@dataclass
class Job:
    """One picture on its way. Written by the requests' thread, read by the node's."""

    call: Call
    plan: Plan
    sent: Sent
    settings: Settings
    phase: Phase = Phase.WAITING
    sent_at: float | None = None  # time.monotonic() of the first sending
    resumes_at: float = 0.0  # time.monotonic(), while PAUSED
    partial: str | None = None  # base64 of the newest partial picture
    partials: int = 0
    watchers: int = 0
    shutdown: date | None = None  # as the endpoint reports it
    result: Call | None = None  # the row, done
    picture: Image.Image | None = None  # opened already, so that the node need not
    error: DalleFluxError | None = None
    crash: BaseException | None = None  # a mistake of ours
    ended: Future[None] = field(default_factory=Future, repr=False)
    task: asyncio.Task[None] | None = field(default=None, repr=False)
    halted_by: DalleFluxError | None = None  # another picture of the same node failed: do not begin

    @property
    def finished(self) -> bool:
        return self.phase is Phase.FINISHED

    def overdue(self, since: float) -> bool:
        """Sent, and no answer within the endpoint's timeout, counted for one who waits `since` (time.monotonic())."""
        waited_from = max(self.sent_at or time.monotonic(), since)
        return time.monotonic() - waited_from > self.plan.endpoint.timeout_s


class Jobs:
    """All requests of this process, by state folder and key."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._under_way: dict[tuple[str, str], Job] = {}
        self._places: dict[tuple[str, int], asyncio.Semaphore] = {}
        self._lines: dict[tuple[Endpoint, str | None, str], asyncio.Task[wire.Line]] = {}
        self._claiming = asyncio.Lock()
        threading.Thread(target=self.loop.run_forever, name="dalle_flux requests", daemon=True).start()

    async def begin(
        self, ledger: Ledger, plan: Plan, sent: Sent, settings: Settings, *, again: bool
    ) -> list[Call | Job]:
        """Claim every picture of a plan: a kept row, a job under way that makes the same, or a new job.

        Runs on the requests' loop.

        Raises:
            BudgetReached: nothing was begun.
        """
        async with self._claiming:
            root = str(ledger.state.root)
            keys = {index: plan.key(index, sent) for index in range(plan.n)}
            begun: dict[int, Call | Job] = {}
            if not again:
                begun |= {index: job for index, key in keys.items() if (job := self._under_way.get((root, key)))}
            others = [index for index in keys if index not in begun]
            calls = await asyncio.to_thread(ledger.claim, plan, sent, settings, others, again=again)
            for index, call in zip(others, calls, strict=True):
                begun[index] = call if call.state is CallState.DONE else Job(call, plan, sent, settings)
            new = [job for index, job in begun.items() if index in others and isinstance(job, Job)]
            for job in new:
                self._under_way[(root, job.call.key)] = job
                job.task = self.loop.create_task(self._run(job, ledger))
                job.task.add_done_callback(functools.partial(self._closed, root, job))
            for one in begun.values():
                if isinstance(one, Job):
                    one.watchers += 1
            return [begun[index] for index in range(plan.n)]

    def _closed(self, root: str, job: Job, _: asyncio.Task[None]) -> None:
        if self._under_way.get((root, job.call.key)) is job:
            del self._under_way[(root, job.call.key)]
        job.phase = Phase.FINISHED
        job.ended.set_result(None)

    def let_go(self, job: Job) -> None:
        """The node no longer waits; the request goes on and its picture is kept."""
        self.loop.call_soon_threadsafe(self._unwatch, job)

    def _unwatch(self, job: Job) -> None:
        job.watchers -= 1

    def stop_watched(self) -> None:
        """The user pressed cancel: break off every request that a node is waiting for."""
        self.loop.call_soon_threadsafe(self._stop_watched)

    def _stop_watched(self) -> None:
        for job in list(self._under_way.values()):
            if job.watchers > 0 and job.task:
                job.task.cancel()

    def _place(self, plan: Plan) -> asyncio.Semaphore:
        key = (plan.endpoint.name, plan.endpoint.max_parallel)
        return self._places.setdefault(key, asyncio.Semaphore(plan.endpoint.max_parallel))

    async def _line(self, plan: Plan) -> wire.Line:
        """The client for an endpoint, kept for the next request; another key or address makes another."""
        key = (plan.endpoint, plan.endpoint.api_key(), plan.model_name if plan.endpoint.kind == "azure" else "")
        if key not in self._lines:
            self._lines[key] = self.loop.create_task(asyncio.to_thread(wire.open_line, plan.endpoint, plan.model_name))
        try:
            return await asyncio.shield(self._lines[key])
        except DalleFluxError:
            self._lines.pop(key, None)
            raise

    async def _run(self, job: Job, ledger: Ledger) -> None:
        """From a claimed row to a kept picture; errors are left on the job."""
        try:
            if not job.call.fresh:
                job.phase = Phase.FETCHING  # its reply is on disk since an earlier run
                await self._settle(job, ledger)
                return
            async with self._place(job.plan):
                if job.halted_by:
                    raise job.halted_by
                await self._ask(job, ledger, await self._line(job.plan))
            await self._settle(job, ledger)
        except asyncio.CancelledError:
            left = job.sent_at is not None and job.phase is not Phase.PAUSED
            if not ledger.has_reply(job.call):
                ledger.failed(job.call, CallState.UNKNOWN if left else CallState.UNSENT, "cancelled")
            raise
        except DalleFluxError as error:
            job.error = error
            await self._write_down(job, ledger, error)
        except Exception as error:
            job.crash = error

    async def _write_down(self, job: Job, ledger: Ledger, error: DalleFluxError) -> None:
        if error is job.halted_by or not isinstance(error, ImagesApiError):  # it never got as far as being sent
            await asyncio.to_thread(ledger.failed, job.call, CallState.UNSENT, error.code)
            return
        has_reply = ledger.has_reply(job.call)
        if has_reply and isinstance(error, NetworkFailure):
            return  # the reply is good; its picture can be fetched on the next run
        state = CallState.LOST if has_reply else CallState.UNKNOWN if error.maybe_billed else CallState.UNSENT
        await asyncio.to_thread(ledger.failed, job.call, state, error.code, error.request_id)

    async def _ask(self, job: Job, ledger: Ledger, line: wire.Line) -> None:
        """Send, and send again only what surely was not billed, until the whole reply is on disk."""
        looked_up = self.loop.create_task(shutdown_date(line, job.plan))
        secret = job.plan.endpoint.api_key()

        def show_partial(encoded: str) -> None:
            job.partial = encoded
            job.partials += 1

        for attempt in range(1, MAX_ATTEMPTS + 1):
            await asyncio.to_thread(ledger.mark_sent, job.call)
            job.sent_at = time.monotonic()
            job.phase = Phase.SENT
            try:
                reply = await wire.send(line, job.plan, job.sent, job.call.idempotency_key, show_partial)
            except ImagesApiError:
                raise
            except wire.ErrorEvent as event:
                verdict = failures.of_reply(500, event.body, {}, job.plan, event.request_id, secret=secret)
                raise verdict.error from None
            except Exception as error:
                if not _is_the_clients(error):
                    raise
                if hasattr(error, "status_code"):
                    job.shutdown = await looked_up
                verdict = failures.of_exception(error, job.plan, shutdown=job.shutdown, secret=secret)
                wait = verdict.wait_s if verdict.wait_s is not None else _pause(attempt)
                if not verdict.retry or attempt == MAX_ATTEMPTS or wait > MAX_WAIT_S:
                    raise verdict.error from None
                job.phase = Phase.PAUSED
                job.resumes_at = time.monotonic() + wait
                await asyncio.sleep(wait)
                continue
            job.phase = Phase.FETCHING
            await asyncio.shield(asyncio.to_thread(ledger.keep_reply, job.call, reply.body, reply.request_id))
            if looked_up.done():
                job.shutdown = looked_up.result()
            return

    async def _settle(self, job: Job, ledger: Ledger) -> None:
        """From the reply on disk to the kept picture."""
        body = await asyncio.to_thread(ledger.read_reply, job.call)
        arrived = await unpack(body, job.plan.endpoint)
        cost = _cost(job, arrived.usage)
        await asyncio.to_thread(ledger.done, job.call, arrived.data, cost, arrived.revised_prompt)
        job.picture = arrived.picture
        job.result = replace(await asyncio.to_thread(ledger.call, job.call.id), fresh=job.call.fresh,
                             follows_unsettled=job.call.follows_unsettled)  # fmt: skip


@functools.lru_cache(maxsize=1)
def jobs() -> Jobs:
    """The one set of requests of this process; its thread starts with the first."""
    return Jobs()


def _cost(job: Job, usage: Mapping[str, Any]) -> float | None:
    """USD by the endpoint's own count; None where only the estimate is known."""
    free = job.call.estimate_usd == 0.0
    if free or job.plan.model_name in job.settings.prices:
        return job.call.estimate_usd
    return prices.from_usage(job.plan.model, usage)


def _pause(attempt: int) -> float:
    """Seconds before the next attempt where the endpoint names none; jitter keeps parallel requests apart."""
    return _BACKOFF_S[min(attempt, len(_BACKOFF_S)) - 1] * random.uniform(0.75, 1.25)


def _is_the_clients(error: Exception) -> bool:
    """Whether the network or the endpoint caused it, and not a mistake of ours."""
    packages = {kind.__module__.partition(".")[0] for kind in type(error).__mro__}
    return bool(packages & {"openai", "httpx", "httpx2", "httpcore", "httpcore2", "anyio", "h11", "ssl"}) or isinstance(
        error, OSError | EOFError
    )
