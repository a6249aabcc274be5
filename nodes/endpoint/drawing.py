"""One order, drawn by the host that this process is: through its queue, through the gate, and encoded.

handed over → in the host's queue → drawn → judged and encoded → done
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import DalleFluxError
from ..flux.batches import Asked
from ..flux.settings import seeds_for
from ..info import Info
from .contract.answers import Finished, encode
from .contract.bodies import MAX_SEED
from .contract.rules import Operation
from .contract.submissions import Order
from .models import REQUEST, RESPONSE, Graph, node_of
from .scheduler import Cancelled, Gate, Job, Turn

if TYPE_CHECKING:
    import torch
    from PIL import Image

    from .contract.uploads import Upload


_TOGETHER = (
    "Drawn as one batch with other requests, as merge in endpoints.toml allows; alone, the same seed draws a slightly "
    "different picture."
)


class HostQueue(Protocol):
    """The host's queue: the module `host.queue`."""

    Run: Any

    async def put(self, run: Any, graph: Any, output_node: str) -> None: ...

    def cancel(self, run: Any) -> None: ...

    def worker_is_alive(self) -> bool: ...


class UploadGone(DalleFluxError):
    """A graph names pictures of a request that is no longer being drawn."""

    code = "upload_gone"

    def __init__(self) -> None:
        super().__init__("The pictures of that request are no longer at hand; clear `upload` and connect an image.")


Part = tuple[list["Image.Image"], str, Info | None]  # pictures, the text that was drawn, the generator's account


class HostDrawer:
    """Draws with the host's queue, one job after the other, and has the next one ready.

    Args:
        host: the host's queue.
        gate: the moderation gate.
        at_once: how many pictures like an order's may be drawn as one batch with those of others.
    """

    room = 1  # the host's queue holds one of ours that has not begun

    def __init__(self, host: HostQueue, gate: Gate, at_once: Callable[[Order], int] = lambda order: 1):
        self._host, self._gate, self._at_once = host, gate, at_once
        self._tasks: set[asyncio.Task[None]] = set()
        self._batches: dict[str, asyncio.Task[list[Part]]] = {}  # id of the first job of each
        self._lent: dict[str, tuple[Upload, int]] = {}  # token → upload, and how many runs look at it
        self._asked: dict[str, tuple[Asked, ...]] = {}  # token → requests that are drawn as one batch

    def upload(self, token: str) -> Upload | None:
        """What came with a request that is being drawn; asked by the request node in the prompt's thread."""
        lent = self._lent.get(token)
        return lent[0] if lent else None

    def asked(self, token: str) -> tuple[Asked, ...] | None:
        """The requests that a run draws as one batch; asked as `upload` is."""
        return self._asked.get(token)

    def is_alive(self) -> bool:
        """False once nothing can be drawn any more."""
        return self._host.worker_is_alive()

    def cancel(self, job: Job) -> None:
        """Stop what of it is in the host's queue, unless others get their pictures from the same run."""
        wanted = any(not other.is_over for other in job.together if other is not job)
        if job.run is not None and not job.run.ended.done() and not wanted:
            self._host.cancel(job.run)

    def joins(self, jobs: Sequence[Job], other: Job) -> bool:
        """As `scheduler.Drawer` says: what differs between them may be prompt, seed, n and how they are answered."""
        if not all(_can_be_joined(one) for one in (jobs[0], other)) or _look(jobs[0].order) != _look(other.order):
            return False
        try:
            most = self._at_once(other.order)
        except DalleFluxError:  # of the user's file, or the size; whoever draws will tell
            return False
        return sum(job.order.n for job in (*jobs, other)) <= most

    async def draw(self, job: Job, turn: Turn) -> Finished:
        """As `scheduler.Drawer` says."""
        started = time.monotonic()
        parts = await self._draw_with_others(job, turn) if len(job.together) > 1 else None
        if parts is None:
            parts = await self._draw_alone(job, turn)
        seconds = time.monotonic() - (job.began or started)
        return await asyncio.to_thread(self._finish, job, parts, seconds)

    async def _draw_alone(self, job: Job, turn: Turn) -> list[Part]:
        parts: list[Part] = []
        count = 1 if job.model.draws_n else job.order.n
        with self._at_hand(job.order.upload):
            for index in range(count):
                if job.is_over:
                    raise Cancelled("The job was cancelled.")
                if index:
                    turn.waits(job)
                graph = job.model.graph(job.order, (job.seed + index) % (MAX_SEED + 1), self._gate.policy())
                images, text, info = await self._run([job], turn, graph, index, count)
                parts.append(
                    (await asyncio.to_thread(_pictures, images), text or job.order.prompt, Info.from_json(info))
                )
        return parts

    async def _draw_with_others(self, job: Job, turn: Turn) -> list[Part] | None:
        """Its part of the batch; None if that came to nothing, so that each is drawn alone."""
        first = job.together[0].id
        if first not in self._batches:
            self._batches[first] = asyncio.get_running_loop().create_task(self._draw_batch(job.together, turn))
            self._batches[first].add_done_callback(lambda _: self._batches.pop(first))
        try:
            parts = await asyncio.shield(self._batches[first])
        except DalleFluxError as error:
            if error.code == "run_cancelled":
                raise
            job.together = (job,)  # whatever it was, a refused text or too little memory: nobody pays for others
            turn.waits(job)
            return None
        if job.is_over:
            raise Cancelled("The job was cancelled.")
        return [parts[job.together.index(job)]]

    async def _draw_batch(self, jobs: Sequence[Job], turn: Turn) -> list[Part]:
        """Draw jobs that `joins` put together; one part for each."""
        first, token = jobs[0], uuid.uuid4().hex
        graph = first.model.graph(first.order, first.seed, self._gate.policy())
        graph[node_of(graph, REQUEST)]["inputs"]["upload"] = token
        self._asked[token] = tuple(Asked(job.order.prompt, seeds_for(job.seed, job.order.n)) for job in jobs)
        try:
            images, _, told = await self._run(jobs, turn, graph)
        finally:
            del self._asked[token]
        pictures = await asyncio.to_thread(_pictures, images)
        parts: list[Part] = []
        for job, entries in zip(jobs, json.loads(told), strict=True):
            info = Info.from_json(json.dumps({**entries, "notes": [*entries["notes"], _TOGETHER]}))
            drawn, pictures = pictures[: job.order.n], pictures[job.order.n :]
            parts.append((drawn, (info and info.revised_prompt) or job.order.prompt, info))
        return parts

    async def _run(
        self, jobs: Sequence[Job], turn: Turn, graph: Graph, index: int = 0, count: int = 1
    ) -> tuple[torch.Tensor, str, str]:
        """One run of a graph: for one job, the `index`-th of `count`, or for all of a batch."""
        first, loop = jobs[0], asyncio.get_running_loop()
        clients = ", ".join(dict.fromkeys(job.client for job in jobs))
        title = f"Images API: {first.order.model} for {clients}"

        def step(done: float, total: float, preview: Image.Image | None) -> None:
            for job in jobs:
                loop.call_soon_threadsafe(self._stepped, job, (index + done / total) / count, preview)

        published = first.model.published
        run = self._host.Run(
            title, step, workflow=published.workflow if published else None, previews=bool(first.order.partial_images)
        )
        for job in jobs:
            job.run = run
            run.began.add_done_callback(
                lambda began, job=job: turn.begun(job, None if began.cancelled() else began.result())
            )
        await self._host.put(run, graph, node_of(graph, RESPONSE))
        if all(job.is_over for job in jobs):  # cancelled while the host looked at the graph
            self._host.cancel(run)
        result: tuple[torch.Tensor, str, str] = await asyncio.shield(run.result)
        return result

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


def _pictures(images: torch.Tensor) -> list[Image.Image]:
    from ..pictures import to_pil

    return to_pil(images)


def _can_be_joined(job: Job) -> bool:
    """A built-in model draws words, and nobody wants to watch: previews are of a batch's first picture."""
    order = job.order
    return job.model.published is None and order.operation is Operation.GENERATE and not order.partial_images


def _look(order: Order) -> tuple[str, str, str]:
    return order.size, order.quality, order.style
