"""The addresses of a ComfyUI that belongs to a fleet, for its replica alone.

POST /dalle_flux/fleet/draw     a wire.Task → lines of wire.Event
POST /dalle_flux/fleet/check    a graph in API format → {} or 400 {error, code}
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from aiohttp import web

from ..errors import DalleFluxError
from ..host import serving
from ..replies import refuse
from . import lifeline

if TYPE_CHECKING:
    from ..endpoint.scheduler import Job
    from .wire import Event

_SECRET_ENV, _SECRET_HEADER = "DALLE_FLUX_FLEET", "X-Dalle-Flux-Fleet"  # as in `settings`, which needs pydantic
_LOOK_S = 0.1  # between looks at a job that is being drawn
_STUCK_S = 300.0  # longer than weights take to load, which nothing interrupts
_watching: set[asyncio.Task[None]] = set()  # runs that were cancelled
_log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def join() -> bool:
    """If this ComfyUI was started by a fleet: end with it, and take its tasks. Called once, when the pack is loaded."""
    secret = os.environ.get(_SECRET_ENV)
    if not secret:
        return False
    lifeline.hold()
    routes = web.RouteTableDef()
    routes.post("/dalle_flux/fleet/draw")(_for_fleet(secret, draw))
    routes.post("/dalle_flux/fleet/check")(_for_fleet(secret, check))
    serving.serve(routes)
    return True


async def draw(request: web.Request) -> web.StreamResponse:
    """Draw one task."""
    from ..endpoint.instance import drawer
    from .wire import Task

    body = await _body(request)
    job = (await asyncio.to_thread(Task.model_validate_json, body)).job()
    reply = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    await reply.prepare(request)
    drawing = asyncio.get_running_loop().create_task(_drawn(job))
    try:
        sent = (False, 0.0)
        while not drawing.done():
            await asyncio.wait([drawing], timeout=_LOOK_S)
            if request.transport is None or request.transport.is_closing():
                raise ConnectionResetError("the replica no longer wants it")
            sent = await _tell(reply, job, sent)
        await reply.write(await asyncio.to_thread(drawing.result().line))
        await reply.write_eof()
    finally:
        if not drawing.done():
            job.outcome.cancel()
            drawer().cancel(job)
            watching = asyncio.get_running_loop().create_task(_end_if_stuck(job))
            _watching.add(watching)
            watching.add_done_callback(_watching.discard)
    return reply


async def _end_if_stuck(job: Job) -> None:
    """A run that cannot be interrupted keeps the GPU from all others; a new ComfyUI takes less time."""
    if job.run is not None:
        await asyncio.wait([job.run.ended], timeout=_STUCK_S)
        if not job.run.ended.done():
            _log.error("Job %s was cancelled %.0f s ago and still runs; this ComfyUI ends", job.id, _STUCK_S)
            os._exit(1)


async def _tell(reply: web.StreamResponse, job: Job, sent: tuple[bool, float]) -> tuple[bool, float]:
    """Write what happened since."""
    from .wire import Event

    begun = job.state == "in_progress"
    if begun and not sent[0]:
        await reply.write(Event(begun=True).line())
    if job.progress > sent[1]:
        await reply.write(Event(progress=job.progress).line())
    while not job.partials.empty():
        await reply.write(Event(partial=job.partials.get_nowait()).line())
    return begun, job.progress


class _Turn:
    """Nobody waits for a turn here."""

    def begun(self, job: Job, when: float | None = None) -> None:
        if when is not None:
            job.state, job.began = "in_progress", job.began or when

    def waits(self, job: Job) -> None:
        pass


async def _drawn(job: Job) -> Event:
    """How it ended."""
    from ..endpoint.contract.errors import ApiError, server_error
    from ..endpoint.instance import drawer
    from ..endpoint.scheduler import told
    from .wire import Event, Failure

    try:
        return Event(finished=await drawer().draw(job, _Turn()))
    except ApiError as error:
        failed = error
    except DalleFluxError as error:
        failed = told(error, job.order)
    except Exception as error:
        _log.exception("The fleet's job %s failed", job.id)
        failed = server_error(f"The server had an error while processing your request ({type(error).__name__}).")
    return Event(failure=Failure.of(failed))


async def check(request: web.Request) -> web.StreamResponse:
    """Have the host look at a graph."""
    import json

    from ..endpoint.models import RESPONSE, node_of
    from ..host import queue

    graph = json.loads(await _body(request))
    try:
        await queue.check(graph, node_of(graph, RESPONSE))
    except DalleFluxError as error:
        return refuse(400, error.code, str(error))
    return web.json_response({})


async def _body(request: web.Request) -> bytes:
    """All of it: the ingress has looked at how much that is."""
    return b"".join([piece async for piece in request.content.iter_any()])


def _for_fleet(secret: str, handler: Handler) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        if not hmac.compare_digest(request.headers.get(_SECRET_HEADER, "").encode(), secret.encode()):
            return refuse(403, "not_of_the_fleet", "Only the fleet that started this ComfyUI may ask here.")
        return await handler(request)

    return handle
