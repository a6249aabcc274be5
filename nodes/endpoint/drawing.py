"""One order, drawn by the host that this process is: through its queue, through the gate, and encoded.

handed over → in the host's queue → drawn → judged and encoded → done
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import DalleFluxError
from ..info import Info
from .contract.answers import Finished, encode
from .contract.bodies import MAX_SEED
from .contract.submissions import Order
from .models import RESPONSE, node_of
from .scheduler import Cancelled, Gate, Job, Turn

if TYPE_CHECKING:
    import torch
    from PIL import Image

    from .contract.uploads import Upload


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


class HostDrawer:
    """Draws with the host's queue, one job after the other, and has the next one ready.

    Args:
        host: the host's queue.
        gate: the moderation gate.
    """

    room = 1  # the host's queue holds one of ours that has not begun

    def __init__(self, host: HostQueue, gate: Gate):
        self._host, self._gate = host, gate
        self._tasks: set[asyncio.Task[None]] = set()
        self._lent: dict[str, tuple[Upload, int]] = {}  # token → upload, and how many runs look at it

    def upload(self, token: str) -> Upload | None:
        """What came with a request that is being drawn; asked by the request node in the prompt's thread."""
        lent = self._lent.get(token)
        return lent[0] if lent else None

    def is_alive(self) -> bool:
        """False once nothing can be drawn any more."""
        return self._host.worker_is_alive()

    def cancel(self, job: Job) -> None:
        """Stop what of it is in the host's queue."""
        if job.run is not None and not job.run.ended.done():
            self._host.cancel(job.run)

    async def draw(self, job: Job, turn: Turn) -> Finished:
        """As `scheduler.Drawer` says."""
        started = time.monotonic()
        parts: list[tuple[list[Image.Image], str, Info | None]] = []
        count = 1 if job.model.draws_n else job.order.n
        with self._at_hand(job.order.upload):
            for index in range(count):
                if job.is_over:
                    raise Cancelled("The job was cancelled.")
                images, text, info = await self._run(job, turn, (job.seed + index) % (MAX_SEED + 1), index, count)
                parts.append(
                    (await asyncio.to_thread(_pictures, images), text or job.order.prompt, Info.from_json(info))
                )
        seconds = time.monotonic() - (job.began or started)
        return await asyncio.to_thread(self._finish, job, parts, seconds)

    async def _run(self, job: Job, turn: Turn, seed: int, index: int, count: int) -> tuple[torch.Tensor, str, str]:
        """One run of the graph."""
        if index:
            turn.waits(job)
        graph = job.model.graph(job.order, seed, self._gate.policy())
        title = f"Images API: {job.order.model} for {job.client}"
        loop = asyncio.get_running_loop()

        def step(done: float, total: float, preview: Image.Image | None) -> None:
            loop.call_soon_threadsafe(self._stepped, job, (index + done / total) / count, preview)

        published = job.model.published
        run = job.run = self._host.Run(
            title, step, workflow=published.workflow if published else None, previews=bool(job.order.partial_images)
        )
        run.began.add_done_callback(lambda began: turn.begun(job, None if began.cancelled() else began.result()))
        await self._host.put(run, graph, node_of(graph, RESPONSE))
        if job.is_over:  # cancelled while the host looked at the graph
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
