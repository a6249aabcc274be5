"""One picture on its way: from a claimed row of the ledger to a kept picture."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import date
from enum import Enum

from PIL import Image

from ..endpoints import MissingKey
from ..errors import DalleFluxError, MissingPackage
from ..services.client import LATE_S
from ..services.failures import ServiceFailed
from ..services.ledger import Call, CallState
from ..services.spending import Account
from ..state import StateFailed
from . import failures, prices
from .arrival import Arrived
from .errors import BadReply, Expired, ImagesApiError, NetworkFailure, TimedOut
from .inputs import Sent
from .kinds import AtOnce, JobEnded, Kind, Reply, Standing, Ticket, kind_of
from .plan import Plan
from .waiting import wait_for

MAX_ATTEMPTS = 4
MAX_WAIT_S = 60.0  # a longer wait is the user's to decide
_BACKOFF_S = (0.5, 1.0, 2.0)
_LOOK_AGAIN_S = 0.5  # at the disk that is full, and at what another process is doing
_LATE_TICKET_S = 15.0  # how long a cancelled request is still waited for, so that its job can be stopped
_CANCEL_S = 10.0  # for telling a service to stop a job


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
    """Written by the requests' thread, read by the node's."""

    call: Call
    plan: Plan
    sent: Sent
    account: Account
    phase: Phase = Phase.WAITING
    sent_at: float | None = None  # time.monotonic() of the first sending
    resumes_at: float = 0.0  # time.monotonic(), while PAUSED
    partial: str | None = None  # base64 of the newest partial picture
    partials: int = 0
    standing: Standing | None = None  # of its job at the service, while it is SENT
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

    async def run(
        self,
        place: AbstractAsyncContextManager[object],
        claim_again: Callable[[], Awaitable[Call]],
        ask_shutdown: Callable[[], asyncio.Task[date | None]],
    ) -> None:
        """Do all of it; errors are left on the job.

        Args:
            place: among the requests that the endpoint may get at once.
            claim_again: for as long as another process asks for the same picture.
            ask_shutdown: what the endpoint says about the end of the model, asked beside the first request.
        """
        kind = kind_of(self.plan.endpoint)
        try:
            while not await self._has_reply(kind, place, claim_again, ask_shutdown):
                pass
            if self.call.state is CallState.DONE:
                self.result = self.call
                return
            self.phase = Phase.FETCHING  # the reply is on disk, perhaps since an earlier run
            await self._settle(kind)
        except asyncio.CancelledError:
            sent = self.sent_at is not None and self.phase is not Phase.PAUSED
            stopped = bool(self.call.job) and await self._stop_at_service(kind)
            await self._write_down(CallState.UNKNOWN if sent and not stopped else CallState.UNSENT, "cancelled", None)
            raise
        except JobEnded as ended:
            self.error = failures.worded(ended.failure, self.plan, None)
            billed = ended.failure.maybe_billed or self.account.ledger.has_reply(self.call)
            state = CallState.LOST if billed else CallState.UNSENT
            await self._write_down(state, self.error.code, ended.failure.request_id)
        except DalleFluxError as error:
            self.error = error
            await self._write_down(self._ending(error), error.code, getattr(error, "request_id", None))
        except Exception as error:
            self.crash = error
            await self._write_down(CallState.UNKNOWN if self.sent_at is not None else CallState.UNSENT, "crash", None)

    async def _has_reply(
        self,
        kind: Kind,
        place: AbstractAsyncContextManager[object],
        claim_again: Callable[[], Awaitable[Call]],
        ask_shutdown: Callable[[], asyncio.Task[date | None]],
    ) -> bool:
        """Get as far as a reply on disk, or a picture; False: this row came to nothing, and there is a new one."""
        while self.call.elsewhere:
            self.phase = Phase.ELSEWHERE
            await asyncio.sleep(_LOOK_AGAIN_S)
            self.call = await claim_again()
        self.phase = Phase.WAITING
        if self.call.fresh:
            async with place:
                if self.halted_by:
                    raise self.halted_by
                shutdown = ask_shutdown()
                await self._keep(await self._ask(kind, shutdown))
                if shutdown.done():
                    self.shutdown = shutdown.result()
        elif self.call.job and self.call.state is not CallState.DONE and not self.account.ledger.has_reply(self.call):
            self.sent_at = time.monotonic()
            try:
                await self._keep(await self._attend(kind))
            except JobEnded as ended:
                if not ended.cancelled:
                    raise
                # A person stopped it in an earlier run and now wants the picture after all.
                state = CallState.LOST if ended.failure.maybe_billed else CallState.UNSENT
                await asyncio.to_thread(self.account.ledger.failed, self.call, state, "cancelled")
                self.call, self.sent_at = await claim_again(), None
                return False
        return True

    async def _ask(self, kind: Kind, shutdown: asyncio.Task[date | None]) -> Reply:
        """Send, and send again only what surely was not billed, until there is a reply; a job is waited for."""
        endpoint = self.plan.endpoint
        for attempt in range(1, MAX_ATTEMPTS + 1):
            await asyncio.to_thread(self.account.ledger.mark_sent, self.call)
            self.sent_at = time.monotonic()
            self.phase = Phase.SENT
            sending = kind.send(self.plan, self.sent, self.call.index, self.call.idempotency_key, self._show)
            try:
                came = await self._sent(kind, asyncio.wait_for(sending, endpoint.timeout_s + LATE_S))
                if isinstance(came, Reply):
                    self.phase = Phase.FETCHING
                    return came
                break
            except asyncio.TimeoutError:  # it dripped: each byte came in time, the whole did not
                raise TimedOut(
                    f"Endpoint '{endpoint.name}' did not finish its reply and the picture may have been billed; run "
                    "the node again.",
                    maybe_billed=True,
                ) from None
            except ServiceFailed as failure:
                if failure.status:
                    self.shutdown = await shutdown
                wait = failure.wait_s if failure.wait_s is not None else _pause(attempt)
                if not failure.may_be_sent_again or attempt == MAX_ATTEMPTS or wait > MAX_WAIT_S:
                    raise failures.worded(failure, self.plan, self.shutdown) from None
            self.phase = Phase.PAUSED
            self.resumes_at = time.monotonic() + wait
            await asyncio.sleep(wait)
        return await self._attend(kind)

    async def _sent(self, kind: Kind, sending: Awaitable[Reply | Ticket]) -> Reply | Ticket:
        """What a request brings. The ticket of a job is written down the moment it is here, also during a cancel."""

        async def sent_and_kept() -> Reply | Ticket:
            came = await sending
            if isinstance(came, Ticket):
                await self._keep_ticket(came)
            return came

        work = asyncio.ensure_future(sent_and_kept())
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            if isinstance(kind, AtOnce):
                work.cancel()
            done, _ = await asyncio.wait([work], timeout=_LATE_TICKET_S)
            for one in done:  # what it failed by no longer matters to anybody
                one.cancelled() or one.exception()
            work.cancel()
            raise

    async def _keep_ticket(self, ticket: Ticket) -> None:
        self.call = await asyncio.to_thread(self.account.ledger.keep_job, self.call, ticket.to_json())

    async def _attend(self, kind: Kind) -> Reply:
        """Wait for the job whose ticket is in the ledger."""
        self.phase = Phase.SENT
        endpoint = self.plan.endpoint
        waiting = wait_for(kind, endpoint, Ticket.from_json(self.call.job or ""), self._stand)
        try:
            reply = await asyncio.wait_for(waiting, endpoint.timeout_s + LATE_S)
        except asyncio.TimeoutError:
            raise failures.timed_out(endpoint) from None
        except ServiceFailed as failure:
            raise failures.worded(failure, self.plan, None) from None
        self.phase = Phase.FETCHING
        return reply

    def _stand(self, standing: Standing) -> None:
        self.standing = standing

    async def _stop_at_service(self, kind: Kind) -> bool:
        """Tell the service to stop the job; True if it says that it never began."""
        try:
            stopping = kind.cancel(self.plan.endpoint, Ticket.from_json(self.call.job or ""))
            return await asyncio.wait_for(stopping, _CANCEL_S)
        except (DalleFluxError, asyncio.TimeoutError):
            return False  # it goes on; the next run picks it up

    def _show(self, encoded: str) -> None:
        self.partial = encoded
        self.partials += 1

    async def _keep(self, reply: Reply) -> None:
        """Write the reply down before anybody looks into it; while that fails it is held, it is paid for."""
        while True:
            try:
                await asyncio.to_thread(self.account.ledger.keep_reply, self.call, reply.body, reply.request_id)
                self.stuck = None
                return
            except (OSError, StateFailed) as error:
                self.stuck = StateFailed(
                    f"The picture came and cannot be stored ({error}); it is held in memory, so make room on the disk "
                    "and run the node again before you close ComfyUI: it is not billed a second time."
                )
                await asyncio.sleep(_LOOK_AGAIN_S)

    async def _settle(self, kind: Kind) -> None:
        """From the reply on disk to the kept picture."""
        ledger = self.account.ledger
        try:
            body = await asyncio.to_thread(ledger.read_reply, self.call)
        except FileNotFoundError:  # another process that shares the state folder was faster
            self.result = await asyncio.to_thread(ledger.call, self.call.id)
            if self.result.state is not CallState.DONE:
                raise
            return
        ticket = Ticket.from_json(self.call.job) if self.call.job else None
        try:
            try:
                arrived = await kind.unpack(body, self.plan.endpoint, ticket)
            except Expired:
                if ticket is None:
                    raise
                reply = await self._attend(kind)  # the service still has it, at another address
                await self._keep(reply)
                arrived = await kind.unpack(reply.body, self.plan.endpoint, ticket)
        except BadReply as error:
            raise failures.of_bad_reply(error, self.plan) from None
        try:
            self.result = await asyncio.to_thread(
                ledger.done, self.call, arrived.data, self._cost(arrived), arrived.revised_prompt
            )
        except OSError as error:
            raise StateFailed(
                f"The picture came and cannot be stored ({error}); the reply is kept, so make room on the disk and run "
                "the node again: it is not billed a second time."
            ) from None
        self.picture = arrived.picture

    def _cost(self, arrived: Arrived) -> float | None:
        """USD by the endpoint's own count; None where only the estimate is known."""
        if self.call.estimate_usd == 0.0 or self.plan.model_name in self.account.settings.prices:
            return self.call.estimate_usd
        if self.plan.hosting:
            return arrived.cost_usd
        return prices.from_usage(self.plan.model, arrived.usage)

    def _ending(self, error: DalleFluxError) -> CallState | None:
        """The state of a row whose request ended in `error`; None: as it is."""
        if self.sent_at is None and self.call.fresh:
            return CallState.UNSENT
        if isinstance(error, (MissingKey, MissingPackage)):  # the request could not even be made, or nobody could look
            return CallState.UNKNOWN if self.call.job else CallState.UNSENT
        if not isinstance(error, ImagesApiError):
            return None
        if self.call.job and self.phase is not Phase.FETCHING:
            return CallState.UNKNOWN  # the job goes on, and the next run picks it up
        if self.phase is Phase.FETCHING:  # a reply came; if only its picture's address is silent, it is still good
            return None if isinstance(error, NetworkFailure) else CallState.LOST
        return CallState.UNKNOWN if error.maybe_billed else CallState.UNSENT

    async def _write_down(self, state: CallState | None, code: str, request_id: str | None) -> None:
        """How a request ended without a picture; a ledger that cannot be written must not hide why."""
        if state is None or self.call.elsewhere:
            return
        ledger = self.account.ledger
        try:
            if ledger.has_reply(self.call) and state is not CallState.LOST:
                return  # its picture can be had on the next run
            await asyncio.to_thread(ledger.failed, self.call, state, code, request_id)
        except (StateFailed, OSError):
            return  # the row stays as it is, which counts as perhaps billed if it was sent


def _pause(attempt: int) -> float:
    """Seconds before the next attempt where the endpoint names none; jitter keeps parallel requests apart."""
    return _BACKOFF_S[min(attempt, len(_BACKOFF_S)) - 1] * random.uniform(0.75, 1.25)
