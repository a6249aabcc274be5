"""Whose turn it is: orders are judged, wait, and are handed to whatever draws them.

    accepted → (waits) → handed over → done

What draws is this host's own queue (`drawing`) or a fleet of hosts (`nodes/fleet`). It holds no more jobs that have not
begun than it has room for, so everybody gets their turn, whoever came with how many, and no GPU is idle in between.
Neighbours in the order of turns may become one batch, so nobody is overtaken. All of it lives on the server's event
loop; what takes long is done in threads.
"""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import DalleFluxError
from .contract.answers import Finished
from .contract.errors import ApiError, cancelled, refused, server_error, too_many
from .contract.rules import Operation
from .contract.submissions import Order
from .fair_queue import FairQueue
from .models import Model
from .settings import EndpointSettings

if TYPE_CHECKING:
    from PIL import Image

    from ..moderation.policy import Policy

_REMEMBERED = 1000  # finished orders, for the figures
_PACE = 32  # of them, for the present pace
_USUAL_S = 10.0  # before anything was drawn


class Gate(Protocol):
    """The moderation gate, as this server asks it. Slow; called in threads."""

    def policy(self) -> Policy: ...

    def judge_prompt(self, prompt: str, drawn: Sequence[str] = ()) -> None:
        """Raises ContentRefused, for the prompt or for a text made of it that was drawn."""

    def judge_pictures(self, pictures: Sequence[Image.Image]) -> None:
        """Raises ContentRefused."""

    def may_be_seen(self, picture: Image.Image) -> bool:
        """Whether a preview may leave."""


class Turn(Protocol):
    """What whoever draws tells the scheduler."""

    def begun(self, job: Job, when: float | None = None) -> None:
        """The job is being drawn, since `when` (time.monotonic()); or its time is over. The next one may come."""

    def waits(self, job: Job) -> None:
        """It is to be begun once more."""


class Drawer(Protocol):
    """What draws jobs. Lives on the server's event loop."""

    @property
    def room(self) -> int:
        """How many jobs it takes that have not begun."""

    def is_alive(self) -> bool:
        """False once nothing can be drawn any more."""

    def joins(self, jobs: Sequence[Job], other: Job) -> bool:
        """Whether it draws `other` in one batch with these; they are then each other's `together`."""

    async def draw(self, job: Job, turn: Turn) -> Finished:
        """Draw it, with `job.progress` and `job.partials` on the way.

        Raises:
            ApiError, DalleFluxError: how it ended otherwise; run_cancelled and `Cancelled`: somebody stopped it.
        """

    def cancel(self, job: Job) -> None:
        """Stop drawing it; nothing to do for one that is not drawn or has ended."""


class Job:
    """An accepted order on its way."""

    def __init__(self, order: Order, model: Model, client: str, job_id: str | None = None):
        self.id = job_id or f"imgjob_{uuid.uuid4().hex}"
        self.order, self.model, self.client = order, model, client
        self.weight = order.upload.weight if order.upload else 0
        self.state = "queued"  # in_progress, completed, failed, cancelled
        self.created, self.ended = time.time(), 0.0
        self.began = 0.0  # time.monotonic() when the host took it up
        self.began_at = 0.0  # Unix time of that
        self.progress = 0.0  # 0 … 1
        self.seed = random.randrange(2**32) if order.seed is None else order.seed
        self.outcome: asyncio.Future[Finished] = asyncio.get_running_loop().create_future()
        self.partials: asyncio.Queue[bytes] = asyncio.Queue()  # encoded previews
        self.together: tuple[Job, ...] = (self,)  # those that are drawn in one batch, in their order
        self.run: Any = None

    @property
    def is_over(self) -> bool:
        return self.outcome.done()


class Cancelled(DalleFluxError):
    """Nobody wants the job any more."""

    code = "job_cancelled"


class Scheduler:
    """Takes orders and has them drawn.

    Args:
        drawer: what draws.
        gate: the moderation gate.
        settings: the user's, read anew for each order.
    """

    def __init__(self, drawer: Drawer, gate: Gate, settings: Callable[[], EndpointSettings]):
        self.drawer, self._gate, self._settings = drawer, gate, settings
        self._waiting: FairQueue[Job] = FairQueue()
        self._not_begun: set[Job] = set()  # handed over, and not taken up yet
        self._tasks: set[asyncio.Task[None]] = set()
        self.live: dict[str, Job] = {}
        self.on_end: Callable[[Job], None] = lambda job: None  # called with each job that is over
        self.finished: deque[tuple[float, int, float]] = deque(maxlen=_REMEMBERED)  # (when, pictures, seconds)

    def is_alive(self) -> bool:
        """False once nothing can be drawn any more."""
        return self.drawer.is_alive()

    def place(self, job: Job) -> int | None:
        """How many are drawn before it; None once it was handed over."""
        return self._waiting.place(job)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    async def accept(self, job: Job, *, at_once: int | None = None, bounded: bool = True) -> None:
        """Judge the prompt and take the job, to be awaited at `job.outcome`.

        Args:
            at_once: how many of this client may wait.
            bounded: False for jobs that were accepted before a restart.

        Raises:
            ApiError: the gate refuses the prompt, or there is no room.
        """
        settings = self._settings()
        if bounded:
            self._check_room(job, settings, at_once)
        try:
            if job.order.prompt:
                await asyncio.to_thread(self._gate.judge_prompt, job.order.prompt)
        except DalleFluxError as error:
            raise told(error, job.order) from None
        if bounded:
            self._check_room(job, settings, at_once)
        self.live[job.id] = job
        self._waiting.add(job)
        self.pump()

    def cancel(self, job: Job) -> None:
        """Stop it wherever it is. Its outcome becomes `Cancelled`."""
        if job.is_over:
            return
        self._waiting.remove(job)
        self.drawer.cancel(job)
        self._end(job, "cancelled", error=Cancelled("The job was cancelled."))

    def _check_room(self, job: Job, settings: EndpointSettings, at_once: int | None) -> None:
        if not self.drawer.is_alive():
            raise server_error("ComfyUI's thread that runs prompts has died; restart ComfyUI.", status=503)
        own = self._waiting.count(job.client)
        full = len(self._waiting) >= settings.max_waiting
        heavy = self._waiting.weight + job.weight > settings.max_waiting_mb * 2**20
        if not full and not heavy and (at_once is None or own < at_once):
            return
        ahead = own if at_once is not None and own >= at_once else 1
        raise too_many(
            f"{len(self._waiting)} requests wait already, {own} of them yours; try again later.",
            retry_after_s=min(120.0, self._pace() * ahead),
            code="queue_full",
        )

    def _pace(self) -> float:
        """Seconds from one order's end to the next one's, as things go now."""
        recent = list(self.finished)[-_PACE:]
        if not recent:
            return _USUAL_S
        alone = sum(spent for _, _, spent in recent) / len(recent)
        between = (recent[-1][0] - recent[0][0]) / (len(recent) - 1) if len(recent) > 1 else alone
        return min(alone, between)  # with pauses between them `between` is too long, with many hosts `alone`

    def pump(self) -> None:
        """Hand over jobs while there is room for them."""
        while len(self._not_begun) < self.drawer.room and (job := self._waiting.next()) is not None:
            together = [job]
            while (other := self._waiting.peek()) is not None and self.drawer.joins(together, other):
                self._waiting.next()
                together.append(other)
            for one in together:
                one.together = tuple(together)
                self._not_begun.add(one)
                task = asyncio.get_running_loop().create_task(self._draw(one))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _draw(self, job: Job) -> None:
        try:
            left = self._settings().timeout_s - (time.time() - job.created)
            finished = await asyncio.wait_for(self.drawer.draw(job, self), max(1.0, left))
            self.finished.append((time.time(), len(finished.files), finished.seconds / len(job.together)))
            self._end(job, "completed", finished)
        except (asyncio.TimeoutError, TimeoutError):
            self._end(job, "failed", error=server_error("The request took too long.", status=504, code="timeout"))
        except ApiError as error:
            self._end(job, "cancelled" if error.code == "cancelled" else "failed", error=error)
        except DalleFluxError as error:
            self._end(job, "cancelled" if error.code == "run_cancelled" else "failed", error=told(error, job.order))
        except Exception as error:
            self._end(job, "failed", error=_unforeseen(error))
        finally:
            if job.state != "completed":
                self.drawer.cancel(job)
            self.begun(job)

    def begun(self, job: Job, when: float | None = None) -> None:
        """As `Turn` says."""
        if when is not None and not job.is_over:
            job.state, job.began, job.began_at = "in_progress", job.began or when, job.began_at or time.time()
        self._not_begun.discard(job)
        self.pump()

    def waits(self, job: Job) -> None:
        """As `Turn` says."""
        self._not_begun.add(job)

    def _end(self, job: Job, state: str, finished: Finished | None = None, error: Exception | None = None) -> None:
        if job.is_over:
            return
        job.state, job.ended = state, time.time()
        job.progress = 1.0 if finished else job.progress
        self.live.pop(job.id, None)
        if finished:
            job.outcome.set_result(finished)
        else:
            job.outcome.set_exception(error or Cancelled("The job was cancelled."))
            job.outcome.exception()  # seen, if nobody waits any more
        self.on_end(job)


# Errors of nodes, by the end of the class name that the host writes down → what the client did.
_BY_CLIENT = ("BadSize", "BadSetting", "BadPicture")


def told(error: DalleFluxError, order: Order) -> ApiError:
    """One of the pack's errors as the client reads it."""
    if error.code == "content_refused":
        decisions = getattr(error, "decisions", ())
        stage = "output" if any(decision.kind == "image" for decision in decisions) else "input"
        categories = [c.value for decision in decisions for c in decision.blocked]
        if decisions and not categories:  # a check or the record gave no answer, which is nobody's prompt's fault
            return server_error(str(error), code="moderation_failed", retry=True)
        return refused(str(error), gpt=order.gpt, stage=stage, categories=list(dict.fromkeys(categories)))
    if error.code == "run_cancelled":
        return cancelled(str(error))
    kind = getattr(error, "kind", "").rpartition(".")[2]
    if kind == "ContentRefused":
        return refused(str(error), gpt=order.gpt)
    if kind in _BY_CLIENT:
        param = "size" if kind == "BadSize" else "image" if order.operation is not Operation.GENERATE else None
        return ApiError(400, str(error), code="invalid_value", param=param)
    where = getattr(error, "node_type", "")
    return server_error(f"{where}: {error}" if where else str(error), code=error.code)


def _unforeseen(error: Exception) -> ApiError:
    import logging

    logging.getLogger(__name__).exception("The Images API failed", exc_info=error)
    return server_error(f"The server had an error while processing your request ({type(error).__name__}).")
