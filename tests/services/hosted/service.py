"""What hosted services have in common: keys, jobs, bills, faults. Each says in its own file how it speaks."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from .. import drawing
from ..billing import REQUEST_ID, Bill, Seen
from ..faults import PICTURE, Fault, Planned
from ..server import Services
from .fields import Wrong


class Refused(Exception):
    """An error reply in the service's own form."""

    def __init__(self, status: int, body: Any, headers: Mapping[str, str] | None = None):
        self.status, self.body, self.headers = status, body, dict(headers or {})
        super().__init__(str(body))


@dataclass
class Task:
    """A job, from the moment it was taken."""

    id: str
    path: str
    prompt: str
    width: int
    height: int
    seed: int
    ready_at: float  # loop time
    planned: Planned | None
    bill: Bill | None
    looks: int = 0
    cancelled: bool = False
    told: dict[str, Any] = field(default_factory=dict)  # what the service's own file wants to remember

    @property
    def fault(self) -> Fault | None:
        return self.planned.fault if self.planned else None


class HostedService(Services):
    """A running service; see `Services` for what tests say and ask.

    Switches:
        queued: a job that is held stays in the queue, where the service has one.
        gone: names of models that the service no longer has.
    """

    kind = ""
    cheapest = ""  # a model that draws
    own_model = "my-own"  # a name such as a customer's own model may have
    key_header = "Authorization"
    key_prefix = "Bearer "
    prefix = "/v1"
    charges_failures = True  # also for a job that the service could not draw

    def __init__(self) -> None:
        super().__init__(key=f"{type(self).__name__.lower()}-key-0123456789abcdefghijklmnopqrstuvwxyz")
        self.tasks: dict[str, Task] = {}
        self.gone: set[str] = set()
        self.looks = 0
        self.queued = False
        self.cancels: list[str] = []  # ids

    @property
    def base_url(self) -> str:
        return f"{self.root}{self.prefix}"

    def forget(self) -> None:
        super().forget()
        self.tasks.clear()
        self.gone.clear()
        self.cancels.clear()
        self.looks = 0

    # --- for the services

    def error(self, status: int, message: str, **more: Any) -> Refused:
        """An error in the service's own form."""
        raise NotImplementedError

    def invalid(self, wrong: Wrong) -> Refused:
        return self.error(422, f"{wrong.field}: {wrong.message}")

    def before_work(self) -> Planned | None:
        """The next plan; raises what strikes before any work."""
        planned = self.next_plan()
        if planned is None:
            return None
        headers = {"Retry-After": f"{planned.seconds:g}"} if planned.seconds else {}
        match planned.fault:
            case Fault.RATE_LIMIT:
                refused = self.error(429, "Rate limit exceeded")
                raise Refused(429, refused.body, headers)
            case Fault.OVERLOADED:
                refused = self.error(429, "Too many active tasks")
                raise Refused(429, refused.body, headers)
            case Fault.REFUSE:
                raise self.error(int(planned.name), {"402": "Insufficient credits"}.get(planned.name, "Refused"))
        return planned

    def take_task(
        self, path: str, fields: Mapping[str, Any], size: tuple[int, int], usd: float, planned: Planned | None
    ) -> Task:
        """Accept a job and bill it."""
        serial = self.next_serial()
        prompt, id_ = str(fields.get("prompt", "")), secrets.token_hex(12)
        bill = Bill(path.strip("/"), "job", prompt, 1, usd, id_, None, serial)
        free = planned and planned.fault in (UNBILLED if self.charges_failures else {*UNBILLED, Fault.FAILED})
        if not free:
            self.bills.append(bill)
        seed = fields.get("seed")
        ready = asyncio.get_running_loop().time() + self.next_latency()
        task = Task(id_, path, prompt, *size, serial if seed is None else seed, ready, planned, bill)
        self.tasks[id_] = task
        return task

    async def accepted(
        self, request: web.Request, task: Task, body: Mapping[str, Any], *, status: int = 200
    ) -> web.StreamResponse:
        """The reply to a job that was taken, well or badly."""
        match task.fault:
            case Fault.NO_ANSWER:
                if request.transport:
                    request.transport.abort()
            case Fault.GATEWAY:
                return web.Response(status=502, text="<html>502 Bad Gateway</html>", content_type="text/html")
            case Fault.BROKEN_JSON:
                return web.Response(body=json.dumps(body)[:-3].encode(), content_type="application/json")
        return web.json_response(dict(body), status=status)

    async def at_work_on(self, task: Task) -> None:
        """Draw while the customer waits for the reply."""
        while not self.is_ready(task):
            await asyncio.sleep(0.01)

    def cancel_task(self, task: Task) -> None:
        """The customer gives a job up before it was begun: it is not billed."""
        self.cancels.append(task.id)
        task.cancelled = True
        if task.bill in self.bills:
            self.bills.remove(task.bill)

    def seen(self, id_: str) -> Task | None:
        """A look after a job; None: it is not known. Raises what goes wrong with looks."""
        self.looks += 1
        task = self.tasks.get(id_)
        if task is None or task.fault is Fault.FORGOTTEN:
            return None
        task.looks += 1
        if task.fault is Fault.LOOKS_FAIL and task.looks <= 2:
            raise self.error(503, "Service temporarily unavailable")
        return task

    def is_ready(self, task: Task) -> bool:
        if task.fault is Fault.HOLD and not self.released:
            return False
        return task.fault is not Fault.HANG and asyncio.get_running_loop().time() >= task.ready_at

    def picture(self, task: Task) -> bytes:
        drawn = drawing.draw(task.prompt, task.width, task.height, task.seed)
        if task.planned and task.fault in PICTURE:
            return drawing.spoil(drawn, task.planned.fault, task.planned.size)
        return drawing.encode(drawn)

    def url_of(self, request: web.Request, task: Task) -> str:
        """A fresh address of a job's picture."""
        if task.planned and task.fault is Fault.URL:
            return task.planned.to
        lives = 0.0 if task.fault is Fault.EXPIRED_URL and not task.told.get("expired") else 600.0
        task.told["expired"] = True
        token = secrets.token_urlsafe(12)
        self.served[token] = (self.picture(task), "image/png", asyncio.get_running_loop().time() + lives)
        return f"http://{request.host}/files/{token}"

    def host_for(self, request: web.Request, task: Task) -> str:
        """Where a job's addresses lie."""
        return "https://elsewhere.example.com" if task.fault is Fault.FOREIGN_URLS else f"http://{request.host}"

    async def read(self, request: web.Request) -> dict[str, Any]:
        """The JSON object of a request, remembered."""
        if request.content_type != "application/json":
            raise self.error(415, "Content-Type must be application/json")
        try:
            body = await request.json()
        except ValueError:
            raise self.error(422, "body: JSON decode error") from None
        if not isinstance(body, dict):
            raise self.error(422, "body: Input should be an object")
        self.remember(request, body, {})
        return body

    def remember(self, request: web.Request, fields: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append(Seen(request.method, request.path, dict(request.query), headers, fields, files))

    # --- doors

    @web.middleware
    async def _envelope(self, request: web.Request, handler: Any) -> web.StreamResponse:
        REQUEST_ID.set(secrets.token_hex(8))
        try:
            if not request.path.startswith("/files/"):
                given = request.headers.get(self.key_header, "")
                if given != self.key_prefix + self.key:
                    raise self.error(403 if not given else 401, f"Not authenticated - Invalid key {given}")
            return await handler(request)
        except Refused as refused:
            return web.json_response(refused.body, status=refused.status, headers=refused.headers)
        except Wrong as wrong:
            refused = self.invalid(wrong)
            return web.json_response(refused.body, status=refused.status, headers=refused.headers)
        except web.HTTPNotFound:
            refused = self.error(404, "Not Found")
            return web.json_response(refused.body, status=404)

    def _application(self) -> web.Application:
        application = web.Application(client_max_size=200 * 2**20, middlewares=[self._envelope])
        application.router.add_get("/files/{token}", self._file)
        self.add_doors(application.router)
        return application

    def add_doors(self, router: web.UrlDispatcher) -> None:
        raise NotImplementedError


# The service turns these away, or they end before any work.
UNBILLED = frozenset({Fault.REFUSED_INPUT, Fault.CANCELLED})
