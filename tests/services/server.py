"""The service itself: addresses, keys, faults, and a thread to run in."""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Any

from aiohttp import web

from . import checking, images, moderations
from .billing import REQUEST_ID, Bill, Seen
from .checking import File, Order, Shop
from .faults import Fault, Planned
from .refusals import Refusal, bad_key, missing, no_key, unknown_model
from .rules import IMAGE_MODELS

KEY = "sk-proj-stand-in-0123456789abcdefghijklmnopqrstuvwxyzT3BlbkFJ"


class Services:
    """A running service; use as a context manager, or `start` and `stop`.

    Switches, to be set before or while it runs:
        dalle_alive: True: DALL·E models work, as at a compatible server; False: as at OpenAI since 12 May 2026.
        variations: False: `/images/variations` is gone, as at OpenAI now.
        idempotent: True: a known Idempotency-Key gets the first reply again, unbilled. OpenAI promises no such thing.
        honours_stream: False: `stream` is accepted and ignored, as by many compatible servers.
        names: further model names, and Azure's deployments → model.
    """

    def __init__(self, *, key: str = KEY, today: date = date(2026, 11, 21)):
        self.key = key
        self.today = today
        self.dalle_alive = True
        self.variations = True
        self.idempotent = False
        self.honours_stream = True
        self.names: dict[str, str] = {}
        self.bills: list[Bill] = []
        self.requests: list[Seen] = []
        self.moderations: list[Mapping[str, Any]] = []  # bodies of moderation requests
        self.busy = 0  # image requests at work now
        self.most_busy = 0
        self.released = False  # what is held is let go
        self.abandoned = 0  # requests whose customer went away while we worked
        self.served: dict[str, tuple[bytes, str, float]] = {}  # token → bytes, content type, expires at (loop time)
        self.replies: dict[str, bytes] = {}  # by Idempotency-Key
        self._plans: list[tuple[Planned, int | None]] = []
        self._latencies: deque[float] = deque([0.0])
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self.port = 0
        self._serial = 0

    # --- what tests say and ask

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        return f"{self.root}/v1"

    @property
    def billed_usd(self) -> float:
        return round(sum(bill.usd for bill in self.bills), 6)

    def plan(self, fault: Fault, *, times: int | None = 1, **options: Any) -> None:
        """The next `times` image requests meet `fault` (None: all until `forget`). Plans queue up."""
        with self._lock:
            self._plans.append((Planned(fault, **options), times))

    def take(self, *seconds: float) -> None:
        """How long image requests take from now on, in turn; the last one stays."""
        with self._lock:
            self._latencies = deque(seconds)

    def forget(self) -> None:
        """Drop all plans, bills and memories; switches stay."""
        with self._lock:
            self._plans.clear()
        for record in (self.bills, self.requests, self.moderations):
            record.clear()
        self.replies.clear()
        self.most_busy = self.abandoned = 0
        self.released = False

    def release(self) -> None:
        """Let the replies go that HOLD keeps, from now on."""
        self.released = True

    async def while_held(self, planned: Planned | None) -> None:
        """Wait for `release` if so planned."""
        while planned and planned.fault is Fault.HOLD and not self.released:
            await asyncio.sleep(0.01)

    def expire_urls(self) -> None:
        """Let an hour pass for the picture URLs handed out so far."""
        self.served = {token: (data, kind, 0.0) for token, (data, kind, _) in self.served.items()}

    def next_plan(self) -> Planned | None:
        with self._lock:
            if not self._plans:
                return None
            planned, times = self._plans[0]
            if times is not None:
                self._plans[0] = (planned, times - 1)
                if times <= 1:
                    self._plans.pop(0)
            return planned

    def next_latency(self) -> float:
        with self._lock:
            return self._latencies.popleft() if len(self._latencies) > 1 else self._latencies[0]

    def next_serial(self) -> int:
        self._serial += 1
        return self._serial

    @contextmanager
    def at_work(self) -> Iterator[None]:
        self.busy += 1
        self.most_busy = max(self.most_busy, self.busy)
        try:
            yield
        finally:
            self.busy -= 1

    # --- running

    def __enter__(self) -> Services:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, port: int = 0) -> None:
        ready = threading.Event()

        def serve() -> None:
            loop = asyncio.new_event_loop()
            self._loop = loop
            runner = web.AppRunner(self._application(), handler_cancellation=True, shutdown_timeout=0.1)
            loop.run_until_complete(runner.setup())
            site = web.TCPSite(runner, "127.0.0.1", port)
            loop.run_until_complete(site.start())
            self.port = runner.addresses[0][1]
            ready.set()
            loop.run_forever()
            loop.run_until_complete(runner.cleanup())
            loop.close()

        self._thread = threading.Thread(target=serve, name="stand-in services", daemon=True)
        self._thread.start()
        if not ready.wait(10):
            raise RuntimeError("the stand-in services did not start")

    def stop(self) -> None:
        if self._loop and self._thread:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(5)

    def _application(self) -> web.Application:
        application = web.Application(client_max_size=900 * 2**20, middlewares=[self._envelope])
        router = application.router
        for prefix in ("/v1", "/openai/v1", "/openai/deployments/{deployment}"):
            router.add_post(f"{prefix}/images/generations", self._generations)
            router.add_post(f"{prefix}/images/edits", self._edits)
        router.add_post("/v1/images/variations", self._variations)
        router.add_post("/v1/moderations", self._moderations)
        router.add_get("/v1/models", self._models)
        router.add_get("/v1/models/{model}", self._model)
        router.add_get("/files/{token}", self._file)
        return application

    # --- doors

    @web.middleware
    async def _envelope(self, request: web.Request, handler: Any) -> web.StreamResponse:
        REQUEST_ID.set(f"req_{secrets.token_hex(16)}")
        try:
            if not request.path.startswith("/files/"):
                self._check_key(request)
            reply = await handler(request)
        except Refusal as refusal:
            reply = web.json_response(refusal.body(), status=refusal.status, headers=refusal.headers)
        except web.HTTPNotFound:
            reply = web.json_response(Refusal(404, f"Invalid URL ({request.method} {request.path})").body(), status=404)
        if not reply.prepared:
            reply.headers["x-request-id"] = REQUEST_ID.get()
        return reply

    def _check_key(self, request: web.Request) -> None:
        if request.path.startswith("/openai/"):  # Azure
            if not request.query.get("api-version"):
                raise Refusal(404, "Resource not found", code="404")
            given = request.headers.get("api-key", "")
            if given != self.key:
                raise Refusal(401, "Access denied due to invalid subscription key or wrong API endpoint.", code="401")
            return
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or not given:
            raise no_key()
        if given != self.key:
            raise bad_key(given)

    def _shop(self) -> Shop:
        return Shop(self.today, self.dalle_alive, self.names)

    async def _generations(self, request: web.Request) -> web.StreamResponse:
        body = await checking.read_json(request)
        self._saw(request, body, [])
        return await self._draw(request, lambda: checking.generation(self._named(request, body), self._shop()))

    async def _edits(self, request: web.Request) -> web.StreamResponse:
        fields, files = await checking.read_form(request)
        self._saw(request, fields, files)
        return await self._draw(request, lambda: checking.edit(self._named(request, fields), files, self._shop()))

    async def _variations(self, request: web.Request) -> web.StreamResponse:
        if not self.variations:
            raise Refusal(404, f"Invalid URL ({request.method} {request.path})")
        fields, files = await checking.read_form(request)
        self._saw(request, fields, files)
        return await self._draw(request, lambda: checking.variation(fields, files, self._shop()))

    async def _draw(self, request: web.Request, check: Any) -> web.StreamResponse:
        planned = self.next_plan()
        if planned and (early := images.before_work(planned)):
            return early
        order: Order = check()
        return await images.serve(self, request, order, planned)

    def _named(self, request: web.Request, body: dict[str, Any]) -> dict[str, Any]:
        deployment = request.match_info.get("deployment")
        if deployment is None:
            return body
        if deployment not in self.names:
            raise Refusal(404, "The API deployment for this resource does not exist.", code="DeploymentNotFound")
        return {**body, "model": deployment}

    async def _moderations(self, request: web.Request) -> web.StreamResponse:
        body = await checking.read_json(request)
        self._saw(request, body, [])
        self.moderations.append(body)
        planned = self.next_plan()
        if planned:
            if early := images.before_work(planned):
                return early
            await asyncio.sleep(3600 if planned.fault is Fault.HANG else planned.seconds)
            if planned.fault is Fault.NO_ANSWER and request.transport:
                request.transport.abort()
            if planned.fault is Fault.BROKEN_JSON:
                return web.Response(body=b'{"id": "modr-', content_type="application/json")
        return web.json_response(moderations.moderate(body))

    async def _models(self, request: web.Request) -> web.StreamResponse:
        known = [self._card(name) for name in IMAGE_MODELS if self._card(name)]
        return web.json_response({"object": "list", "data": known + [_card(name) for name in moderations.MODELS]})

    async def _model(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["model"]
        if not name:
            raise missing("model")
        card = _card(name) if name in moderations.MODELS else self._card(name)
        if card is None:
            raise unknown_model(name)
        return web.json_response(card)

    def _card(self, name: str) -> dict[str, Any] | None:
        model = IMAGE_MODELS.get(self.names.get(name, name))
        if model is None:
            return None
        if self.dalle_alive:
            return _card(name, model.shutdown if model.family == "gpt" else None)
        if model.shutdown and model.shutdown <= self.today:
            return None
        return _card(name, model.shutdown)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        data, kind, expires = self.served.get(request.match_info["token"], (b"", "", 0.0))
        if asyncio.get_running_loop().time() >= expires:  # as Azure's blob store answers
            return web.Response(status=403, text="<Error><Code>AuthenticationFailed</Code></Error>")
        if self.key in str(request.headers):
            return web.Response(status=400, text="<Error><Code>KeySentToFileServer</Code></Error>")
        return web.Response(body=data, content_type=kind)

    def _saw(self, request: web.Request, fields: Mapping[str, Any], files: list[File]) -> None:
        query, headers = dict(request.query), {name.lower(): text for name, text in request.headers.items()}
        named = {f"{file.name}:{file.filename}": file.data for file in files}
        self.requests.append(Seen(request.method, request.path, query, headers, fields, named))


def _card(name: str, shutdown: date | None = None) -> dict[str, Any]:
    return {
        "id": name,
        "object": "model",
        "created": 1_700_000_000,
        "owned_by": "system",
        "shutdown_date": shutdown.isoformat() if shutdown else None,
    }
