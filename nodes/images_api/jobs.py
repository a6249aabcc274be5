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
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from typing import Any

from PIL import Image

from ..endpoints import Endpoint
from ..errors import DalleFluxError
from ..state import StateFailed
from . import failures, prices, wire
from .arrival import unpack
from .errors import BadReply, ImagesApiError, NetworkFailure, TimedOut
from .inputs import Sent
from .ledger import Call, CallState, Ledger
from .plan import Plan
from .settings import Settings
from .shutdowns import shutdown_date

MAX_ATTEMPTS = 4
MAX_WAIT_S = 60.0  # a longer wait is the user's to decide
_BACKOFF_S = (0.5, 1.0, 2.0)
_LOOK_AGAIN_S = 0.5  # at the disk that is full, and at what another process is doing


class Phase(Enum):
    """What a job is doing, for the node to show."""

    WAITING = "getting ready"
    SENT = "drawing"
    PAUSED = "told to wait"
    ELSEWHERE = "another ComfyUI is asking for the same picture"
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
    stuck: StateFailed | None = None  # the reply is here, in memory, and cannot be written to the disk
    stopping: bool = False  # cancelled, and no longer to be joined
    halted_by: DalleFluxError | None = None  # another picture of the same node failed: do not begin

    @property
    def finished(self) -> bool:
        return self.phase is Phase.FINISHED

    @property
    def is_halted(self) -> bool:
        """It waits for its place and will not be sent."""
        return self.halted_by is not None and self.phase is Phase.WAITING

    def overdue(self, since: float, timeout_s: float) -> bool:
        """Sent, and no answer within `timeout_s`, counted for one who waits `since` (time.monotonic())."""
        waited_from = max(self.sent_at or time.monotonic(), since)
        return time.monotonic() - waited_from > timeout_s


class Jobs:
    """All requests of this process, by state folder and key."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._under_way: dict[tuple[str, str], Job] = {}
        self._places: dict[tuple[str, int], asyncio.Semaphore] = {}
        self._lines: dict[tuple[Endpoint, str | None, str], asyncio.Task[wire.Line]] = {}
        self._claiming = asyncio.Lock()
        threading.Thread(target=self.loop.run_forever, name=wire.THREAD, daemon=True).start()

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
                joined = {index: self._under_way.get((root, key)) for index, key in keys.items()}
                begun |= {index: job for index, job in joined.items() if job and not job.stopping}
            others = [index for index in keys if index not in begun]
            calls = await self._claimed(ledger, plan, sent, settings, others, again)
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
                    one.stuck = None  # whoever asks again made room perhaps; a moment will tell
            return [begun[index] for index in range(plan.n)]

    async def _claimed(
        self, ledger: Ledger, plan: Plan, sent: Sent, settings: Settings, indices: list[int], again: bool
    ) -> list[Call]:
        """The ledger's `claim`; if the node is thrown away meanwhile, nothing stays reserved."""
        claiming = self.loop.create_task(asyncio.to_thread(ledger.claim, plan, sent, settings, indices, again=again))
        try:
            return await asyncio.shield(claiming)
        except asyncio.CancelledError:
            await asyncio.to_thread(ledger.give_back, await claiming)
            raise

    def _closed(self, root: str, job: Job, _: asyncio.Task[None]) -> None:
        if self._under_way.get((root, job.call.key)) is job:
            del self._under_way[(root, job.call.key)]
        job.phase = Phase.FINISHED
        job.ended.set_result(None)

    def let_go(self, job: Job) -> None:
        """The node no longer waits; a request that was sent goes on and its picture is kept."""
        self.loop.call_soon_threadsafe(self._unwatch, job)

    def _unwatch(self, job: Job) -> None:
        job.watchers -= 1
        if job.watchers == 0 and job.phase in (Phase.WAITING, Phase.PAUSED, Phase.ELSEWHERE):
            self._stop(job)  # nobody wants it and nothing is paid yet

    def stop_watched(self) -> None:
        """The user pressed cancel: break off every request that a node is waiting for; what came is still kept."""
        self.loop.call_soon_threadsafe(self._stop_watched)

    def _stop_watched(self) -> None:
        for job in list(self._under_way.values()):
            if job.watchers > 0 and job.phase is not Phase.FETCHING:
                self._stop(job)

    def _stop(self, job: Job) -> None:
        job.stopping = True
        if job.task:
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
            await self._wait_for_others(job, ledger)
            if job.call.state is CallState.DONE:
                job.result = job.call
                return
            if job.call.fresh:
                async with self._place(job.plan):
                    if job.halted_by:
                        raise job.halted_by
                    await self._ask(job, ledger, await self._line(job.plan))
            job.phase = Phase.FETCHING  # the reply is on disk, perhaps since an earlier run
            await self._settle(job, ledger)
        except asyncio.CancelledError:
            sent = job.sent_at is not None and job.phase is not Phase.PAUSED
            await self._write_down(job, ledger, CallState.UNKNOWN if sent else CallState.UNSENT, "cancelled", None)
            raise
        except DalleFluxError as error:
            job.error = error
            await self._write_down(job, ledger, _ending(job, error), error.code, getattr(error, "request_id", None))
        except Exception as error:
            job.crash = error
            state = CallState.UNKNOWN if job.sent_at is not None else CallState.UNSENT
            await self._write_down(job, ledger, state, "crash", None)

    async def _wait_for_others(self, job: Job, ledger: Ledger) -> None:
        """While another process that shares the state folder asks for the same picture, do not pay for it as well."""
        while job.call.elsewhere:
            job.phase = Phase.ELSEWHERE
            await asyncio.sleep(_LOOK_AGAIN_S)
            (job.call,) = await self._claimed(ledger, job.plan, job.sent, job.settings, [job.call.index], False)
        job.phase = Phase.WAITING

    async def _write_down(
        self, job: Job, ledger: Ledger, state: CallState | None, code: str, request_id: str | None
    ) -> None:
        """How a request ended without a picture; a ledger that cannot be written must not hide why."""
        if state is None or job.call.elsewhere:
            return
        try:
            if ledger.has_reply(job.call) and state is not CallState.LOST:
                return  # its picture can be had on the next run
            await asyncio.to_thread(ledger.failed, job.call, state, code, request_id)
        except (StateFailed, OSError):
            return  # the row stays as it is, which counts as perhaps billed if it was sent

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
                sending = wire.send(line, job.plan, job.sent, job.call.idempotency_key, show_partial)
                reply = await asyncio.wait_for(sending, job.plan.endpoint.timeout_s + wire.LATE_S)
            except ImagesApiError:
                raise
            except asyncio.TimeoutError:  # it dripped: each byte came in time, the whole did not
                raise TimedOut(
                    f"Endpoint '{job.plan.endpoint.name}' did not finish its reply and the picture may have been "
                    "billed; run the node again.",
                    maybe_billed=True,
                ) from None
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
            await self._keep(job, ledger, reply)
            if looked_up.done():
                job.shutdown = looked_up.result()
            return

    async def _keep(self, job: Job, ledger: Ledger, reply: wire.Reply) -> None:
        """Write the reply down before anybody looks into it; while that fails it is held, it is paid for."""
        while True:
            try:
                await asyncio.to_thread(ledger.keep_reply, job.call, reply.body, reply.request_id)
                job.stuck = None
                return
            except (OSError, StateFailed) as error:
                job.stuck = StateFailed(
                    f"The picture came and cannot be stored ({error}); it is held in memory, so make room on the disk "
                    "and run the node again before you close ComfyUI: it is not billed a second time."
                )
                await asyncio.sleep(_LOOK_AGAIN_S)

    async def _settle(self, job: Job, ledger: Ledger) -> None:
        """From the reply on disk to the kept picture."""
        try:
            body = await asyncio.to_thread(ledger.read_reply, job.call)
        except FileNotFoundError:  # another process that shares the state folder was faster
            job.result = await asyncio.to_thread(ledger.call, job.call.id)
            if job.result.state is not CallState.DONE:
                raise
            return
        try:
            arrived = await unpack(body, job.plan.endpoint)
        except BadReply as error:
            raise failures.of_bad_reply(error, job.plan, job.plan.endpoint.api_key()) from None
        cost = _cost(job, arrived.usage)
        try:
            job.result = await asyncio.to_thread(ledger.done, job.call, arrived.data, cost, arrived.revised_prompt)
        except OSError as error:
            raise StateFailed(
                f"The picture came and cannot be stored ({error}); the reply is kept, so make room on the disk and run "
                "the node again: it is not billed a second time."
            ) from None
        job.picture = arrived.picture


@functools.lru_cache(maxsize=1)
def jobs() -> Jobs:
    """The one set of requests of this process; its thread starts with the first."""
    return Jobs()


def _ending(job: Job, error: DalleFluxError) -> CallState | None:
    """The state of a row whose request ended in `error`; None: as it is."""
    if job.sent_at is None and job.call.fresh:
        return CallState.UNSENT
    if not isinstance(error, ImagesApiError):
        return None
    if job.phase is Phase.FETCHING:  # a reply came; if only its picture's address does not answer, it is still good
        return None if isinstance(error, NetworkFailure) else CallState.LOST
    return CallState.UNKNOWN if error.maybe_billed else CallState.UNSENT


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
