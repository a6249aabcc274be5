"""One order, drawn: through the gate, through the host's queue, through the gate again, and encoded.

    accepted → (waits) → in the host's queue → drawn → judged and encoded → done

The host's queue never holds more than one of ours that has not begun, so everybody gets their turn, whoever came with
how many, and the GPU is never idle in between. All of it lives on the server's event loop; what takes long is done in
threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import DalleFluxError
from ..info import Info
from .contract.answers import Finished, encode
from .contract.bodies import MAX_SEED
from .contract.errors import ApiError, cancelled, refused, server_error, too_many
from .contract.rules import Operation
from .contract.submissions import Order
from .fair_queue import FairQueue
from .models import RESPONSE, Model, node_of
from .settings import EndpointSettings

if TYPE_CHECKING:
    import torch
    from PIL import Image

    from ..moderation.policy import Policy
    from .contract.uploads import Upload

_REMEMBERED = 1000  # finished orders, for the figures


class Gate(Protocol):
    """The moderation gate, as this server asks it. Slow; called in threads."""

    def policy(self) -> Policy: ...

    def judge_prompt(self, prompt: str, drawn: Sequence[str] = ()) -> None:
        """Raises ContentRefused, for the prompt or for a text made of it that was drawn."""

    def judge_pictures(self, pictures: Sequence[Image.Image]) -> None:
        """Raises ContentRefused."""

    def may_be_seen(self, picture: Image.Image) -> bool:
        """Whether a preview may leave."""


class HostQueue(Protocol):
    """The host's queue: the module `host.queue`."""

    Run: Any

    async def put(self, run: Any, graph: Any, output_node: str) -> None: ...

    def cancel(self, run: Any) -> None: ...

    def worker_is_alive(self) -> bool: ...


class Job:
    """An accepted order on its way."""

    def __init__(self, order: Order, model: Model, client: str, job_id: str | None = None):
        self.id = job_id or f"imgjob_{uuid.uuid4().hex}"
        self.order, self.model, self.client = order, model, client
        self.weight = order.upload.weight if order.upload else 0
        self.state = "queued"  # in_progress, completed, failed, cancelled
        self.created, self.ended = time.time(), 0.0
        self.began = 0.0  # time.monotonic() when the host took it up
        self.progress = 0.0  # 0 … 1
        self.seed = random.randrange(2**32) if order.seed is None else order.seed
        self.outcome: asyncio.Future[Finished] = asyncio.get_running_loop().create_future()
        self.partials: asyncio.Queue[bytes] = asyncio.Queue()  # encoded previews
        self.run: Any = None

    @property
    def is_over(self) -> bool:
        return self.outcome.done()


class Cancelled(DalleFluxError):
    """Nobody wants the job any more."""

    code = "job_cancelled"


class UploadGone(DalleFluxError):
    """A graph names pictures of a request that is no longer being drawn."""

    code = "upload_gone"

    def __init__(self) -> None:
        super().__init__("The pictures of that request are no longer at hand; clear `upload` and connect an image.")


class Scheduler:
    """Takes orders and has them drawn.

    Args:
        host: the host's queue.
        gate: the moderation gate.
        settings: the user's, read anew for each order.
    """

    def __init__(self, host: HostQueue, gate: Gate, settings: Callable[[], EndpointSettings]):
        self._host, self._gate, self._settings = host, gate, settings
        self._waiting: FairQueue[Job] = FairQueue()
        self._not_begun: set[Job] = set()  # handed to the host, which has not taken it up
        self._tasks: set[asyncio.Task[None]] = set()
        self._lent: dict[str, tuple[Upload, int]] = {}  # token → upload, and how many runs look at it
        self.live: dict[str, Job] = {}
        self.finished: deque[tuple[float, int, float]] = deque(maxlen=_REMEMBERED)  # (when, pictures, seconds)

    def upload(self, token: str) -> Upload | None:
        """What came with a request that is being drawn; asked by the request node in the prompt's thread."""
        lent = self._lent.get(token)
        return lent[0] if lent else None

    def is_alive(self) -> bool:
        """False once nothing can be drawn any more."""
        return self._host.worker_is_alive()

    def place(self, job: Job) -> int | None:
        """How many are drawn before it; None once the host has it."""
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
            raise _told(error, job.order) from None
        if bounded:
            self._check_room(job, settings, at_once)
        self.live[job.id] = job
        self._waiting.add(job)
        self._pump()

    def cancel(self, job: Job) -> None:
        """Stop it wherever it is. Its outcome becomes `Cancelled`."""
        if job.is_over:
            return
        self._waiting.remove(job)
        if job.run is not None:
            self._host.cancel(job.run)
        self._end(job, "cancelled", error=Cancelled("The job was cancelled."))

    def _check_room(self, job: Job, settings: EndpointSettings, at_once: int | None) -> None:
        if not self._host.worker_is_alive():
            raise server_error("ComfyUI's thread that runs prompts has died; restart ComfyUI.", status=503)
        own = self._waiting.count(job.client)
        full = len(self._waiting) >= settings.max_waiting
        heavy = self._waiting.weight + job.weight > settings.max_waiting_mb * 2**20
        if not full and not heavy and (at_once is None or own < at_once):
            return
        seconds = [spent for _, _, spent in self.finished]
        usual = sum(seconds) / len(seconds) if seconds else 10.0
        ahead = own if at_once is not None and own >= at_once else 1
        raise too_many(
            f"{len(self._waiting)} requests wait already, {own} of them yours; try again later.",
            retry_after_s=min(120.0, usual * ahead),
            code="queue_full",
        )

    def _pump(self) -> None:
        """Hand the next job to the host if none of ours waits there."""
        while not self._not_begun and (job := self._waiting.next()) is not None:
            self._not_begun.add(job)
            task = asyncio.get_running_loop().create_task(self._draw(job))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _draw(self, job: Job) -> None:
        left = self._settings().timeout_s - (time.time() - job.created)
        try:
            finished = await asyncio.wait_for(self._drawn(job), max(1.0, left))
            self.finished.append((time.time(), len(finished.files), finished.seconds))
            self._end(job, "completed", finished)
        except (asyncio.TimeoutError, TimeoutError):
            self._end(job, "failed", error=server_error("The request took too long.", status=504, code="timeout"))
        except DalleFluxError as error:
            self._end(job, "cancelled" if error.code == "run_cancelled" else "failed", error=_told(error, job.order))
        except Exception as error:
            self._end(job, "failed", error=_unforeseen(error))
        finally:
            if job.state != "completed" and job.run is not None and not job.run.ended.done():
                self._host.cancel(job.run)
            self._begun(job)

    async def _drawn(self, job: Job) -> Finished:
        started = time.monotonic()
        parts: list[tuple[list[Image.Image], str, Info | None]] = []
        count = 1 if job.model.draws_n else job.order.n
        with self._at_hand(job.order.upload):
            for index in range(count):
                if job.is_over:
                    raise Cancelled("The job was cancelled.")
                images, text, info = await self._run(job, (job.seed + index) % (MAX_SEED + 1), index, count)
                parts.append(
                    (await asyncio.to_thread(_pictures, images), text or job.order.prompt, Info.from_json(info))
                )
        seconds = time.monotonic() - (job.began or started)
        return await asyncio.to_thread(self._finish, job, parts, seconds)

    async def _run(self, job: Job, seed: int, index: int, count: int) -> tuple[torch.Tensor, str, str]:
        """One run of the graph."""
        if index:
            self._not_begun.add(job)
        graph = job.model.graph(job.order, seed, self._gate.policy())
        title = f"Images API: {job.order.model} for {job.client}"
        loop = asyncio.get_running_loop()

        def step(done: float, total: float, preview: Image.Image | None) -> None:
            loop.call_soon_threadsafe(self._stepped, job, (index + done / total) / count, preview)

        published = job.model.published
        run = job.run = self._host.Run(
            title, step, workflow=published.workflow if published else None, previews=bool(job.order.partial_images)
        )
        run.began.add_done_callback(lambda began: self._begun(job, None if began.cancelled() else began.result()))
        await self._host.put(run, graph, node_of(graph, RESPONSE))
        if job.is_over:  # cancelled while the host looked at the graph
            self._host.cancel(run)
        result: tuple[torch.Tensor, str, str] = await asyncio.shield(run.result)
        return result

    def _begun(self, job: Job, when: float | None = None) -> None:
        """The host took it up, or is done with it: the next one may come."""
        if when is not None and not job.is_over:
            job.state, job.began = "in_progress", job.began or when
        self._not_begun.discard(job)
        self._pump()

    def _stepped(self, job: Job, progress: float, preview: Image.Image | None) -> None:
        before, job.progress = job.progress, max(job.progress, min(1.0, progress))
        wanted = job.order.partial_images
        # The k-th of n previews is the first after k/(n+1) of the way.
        if preview is not None and int(before * (wanted + 1)) < int(job.progress * (wanted + 1)) <= wanted:
            self._keep(asyncio.to_thread(self._partial, job.order, preview), job)

    def _keep(self, work: Awaitable[bytes | None], job: Job) -> None:
        async def deliver() -> None:
            with contextlib.suppress(Exception):
                if (file := await work) and not job.is_over:
                    job.partials.put_nowait(file)

        task = asyncio.get_running_loop().create_task(deliver())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _partial(self, order: Order, preview: Image.Image) -> bytes | None:
        """A preview at the size asked for; None if the gate would not let it out."""
        width, height = map(int, order.size.split("x"))
        picture = preview.convert("RGB").resize((width, height))
        return encode(picture, order) if self._gate.may_be_seen(picture) else None

    def _finish(self, job: Job, parts: list[tuple[list[Image.Image], str, Info | None]], seconds: float) -> Finished:
        """In a thread: judge what was drawn and encode it."""
        pictures = [picture for drawn, _, _ in parts for picture in drawn]
        _, text, info = parts[0]
        if drawn := list(dict.fromkeys(said for _, said, _ in parts if said != job.order.prompt)):
            self._gate.judge_prompt(job.order.prompt, drawn)
        self._gate.judge_pictures(pictures)
        transparent = "A" in pictures[0].getbands() and job.order.background != "opaque"
        return Finished(
            files=tuple(encode(picture, job.order) for picture in pictures),
            size=f"{pictures[0].width}x{pictures[0].height}",
            transparent=transparent and job.order.output_format != "jpeg",
            revised_prompt=text,
            seed=job.seed,
            info=info,
            seconds=seconds,
        )

    @contextlib.contextmanager
    def _at_hand(self, upload: Upload | None) -> Any:
        """The request node finds the upload while this lasts."""
        if upload is None:
            yield
            return
        token = upload.token
        self._lent[token] = (upload, self._lent.get(token, (upload, 0))[1] + 1)
        try:
            yield
        finally:
            _, lookers = self._lent.pop(token)
            if lookers > 1:
                self._lent[token] = (upload, lookers - 1)

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


def _pictures(images: torch.Tensor) -> list[Image.Image]:
    from ..pictures import to_pil

    return to_pil(images)


# Errors of nodes, by the end of the class name that the host writes down → what the client did.
_BY_CLIENT = ("BadSize", "BadSetting", "BadPicture")


def _told(error: DalleFluxError, order: Order) -> ApiError:
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
