"""What can be seen of a fleet: Prometheus metrics, one line of JSON for each request and each job, a status page.

Nothing of it says what was asked for: no prompt, no picture, no address of anybody. Keys appear by their names.
"""

from __future__ import annotations

import html
import json
import logging
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ..endpoint.contract.errors import ApiError
from ..endpoint.scheduler import Job
from ..endpoint.service import ImagesService
from ..replies import PRIVATE, refuse
from .routing import Seen

METRICS, STATUS = "/metrics", "/dalle_flux/fleet"
_SECONDS = (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600)
_log = logging.getLogger("dalle_flux.fleet")


class Watch:
    """Looks at one ingress.

    Args:
        replicas: those that there are now.
    """

    def __init__(self, service: ImagesService, replicas: Callable[[], Sequence[Seen]]):
        self._service, self._scheduler, self._replicas = service, service.scheduler, replicas
        self._registry = CollectorRegistry()
        labels = ("client", "model")
        self._requests = Counter(
            "dalle_flux_http_requests", "Requests by address and status.", ("path", "status"), registry=self._registry
        )
        self._jobs = Counter(
            "dalle_flux_jobs", "Orders by how they ended.", (*labels, "state"), registry=self._registry
        )
        self._pictures = Counter("dalle_flux_pictures", "Pictures drawn.", labels, registry=self._registry)
        self._waited = Histogram(
            "dalle_flux_waited_seconds", "From acceptance to the beginning of the drawing.", labels, buckets=_SECONDS,
            registry=self._registry,
        )  # fmt: skip
        self._drew = Histogram(
            "dalle_flux_picture_seconds", "Drawing, for each picture.", labels, buckets=_SECONDS,
            registry=self._registry,
        )  # fmt: skip
        self._registry.register(_Now(self))

    def ended(self, job: Job) -> None:
        """Called by the scheduler with each job that is over."""
        model = job.model.name
        self._jobs.labels(job.client, model, job.state).inc()
        began = min(job.ended, job.began_at or job.ended)
        if job.began_at:
            self._waited.labels(job.client, model).observe(began - job.created)
        if job.state == "completed":
            self._pictures.labels(job.client, model).inc(job.order.n)
            self._drew.labels(job.client, model).observe((job.ended - began) / job.order.n)
        _write(
            event="job", id=job.id, client=job.client, model=model, operation=job.order.operation.value,
            size=job.order.size, n=job.order.n, state=job.state, waited_s=round(began - job.created, 3),
            drew_s=round(job.ended - began, 3),
        )  # fmt: skip

    def routes(self) -> web.RouteTableDef:
        """For whom the Images API is there, too."""
        routes = web.RouteTableDef()
        routes.get(METRICS)(self._admitting(self._metrics))
        routes.get(STATUS)(self._admitting(self._page))
        return routes

    @web.middleware
    async def requests(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Counts and notes every request."""
        began, status = time.monotonic(), 499
        route = request.match_info.route.resource
        path = route.canonical if route else "other"
        try:
            reply: web.StreamResponse = await handler(request)
            status = reply.status
            return reply
        finally:
            self._requests.labels(path, str(status)).inc()
            _write(
                event="request", id=request.get("id"), client=request.get("client"), method=request.method, path=path,
                status=status, seconds=round(time.monotonic() - began, 3),
            )  # fmt: skip

    async def _metrics(self, request: web.Request) -> web.StreamResponse:
        text = generate_latest(self._registry)
        return web.Response(body=text, headers={**PRIVATE, "Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    async def _page(self, request: web.Request) -> web.StreamResponse:
        return web.Response(text=self.page(), content_type="text/html", headers=PRIVATE)

    def page(self) -> str:
        """The status page."""
        recent = [(when, count) for when, count, _ in self._scheduler.finished if when > time.time() - 600]
        rows = "".join(
            f"<tr><td>{html.escape(one.id)}<td>{html.escape(one.held or '')}<td>{one.ongoing} of {one.slots}"
            for one in self._replicas()
        )
        return (
            "<!doctype html><meta charset=utf-8><meta http-equiv=refresh content=5><title>Fleet</title>"
            "<style>body{font-family:sans-serif;margin:2em}td,th{padding:.2em 1em .2em 0;text-align:left}</style>"
            f"<h1>Fleet</h1><p>{self._scheduler.waiting} requests wait, {len(self._scheduler.live)} in all; "
            f"{sum(count for _, count in recent)} pictures in the last ten minutes.</p>"
            f"<table><tr><th>ComfyUI<th>weights it was last asked for<th>requests{rows}</table>"
        )

    def _admitting(self, handler: Any) -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                await self._service.admit(request.headers, request.remote)
            except ApiError as error:
                return refuse(error.status, error.code or "not_admitted", str(error))
            reply: web.StreamResponse = await handler(request)
            return reply

        return handle


class _Now(Collector):
    """What is read off when somebody looks."""

    def __init__(self, watch: Watch):
        self._watch = watch

    def collect(self) -> Any:
        scheduler, replicas = self._watch._scheduler, self._watch._replicas()
        for name, help_text, value in (
            ("dalle_flux_waiting", "Orders that wait.", scheduler.waiting),
            ("dalle_flux_live", "Orders that wait or are drawn.", len(scheduler.live)),
            ("dalle_flux_replicas", "ComfyUIs that run.", len(replicas)),
        ):
            yield GaugeMetricFamily(name, help_text, value=value)


def to_stdout() -> None:
    """Have the lines of JSON written where Ray collects them."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(message)s"))
    _log.addHandler(handler)
    _log.setLevel(logging.INFO)
    _log.propagate = False


def _write(**fields: object) -> None:
    _log.info(json.dumps({"time": round(time.time(), 3), **fields}))
