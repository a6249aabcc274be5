"""What the canvas asks of the Images API: address, models, keys, jobs. The addresses stand in `routes`.

For the person at this machine: everything here is refused to other machines. Errors are those of the pack's other
addresses, {error, code}.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from aiohttp import web

from ..endpoints import Endpoints
from ..errors import DalleFluxError
from ..json_text import MOST_VALUES
from ..replies import PRIVATE, BadRequest, read_object, refuse, whole_number
from . import keys
from .admission import Caller, is_from_here
from .api import V1
from .contract.errors import ApiError
from .contract.rules import Operation
from .contract.submissions import File, Submission
from .published import MAX_BYTES, checked_graph

if TYPE_CHECKING:
    from .service import ImagesService

ROOT = "/dalle_flux/endpoint"
CANVAS = Caller("the canvas", None)
_STATUSES = {"no_such_publication": 404, "bad_publication": 400, "bad_key_command": 400, "run_rejected": 400,
             "bad_request": 400}  # fmt: skip
_SHOWN = 50  # jobs and deliveries

Check = Callable[[Mapping[str, Any]], Awaitable[None]]


class Admin:
    """The handlers.

    Args:
        check: has the host look at a graph in API format; raises RunRejected.
    """

    def __init__(self, service: Callable[[], ImagesService], endpoints: Callable[[], Endpoints], check: Check):
        self._service, self._endpoints, self._check = service, endpoints, check

    def routes(self) -> web.RouteTableDef:
        routes = web.RouteTableDef()
        for method, path, handler in (
            ("GET", "/status", self.status),
            ("GET", "/models", self.models),
            ("POST", "/models", self.publish),
            ("GET", "/models/{name}", self.model),
            ("DELETE", "/models/{name}", self.remove),
            ("POST", "/models/{name}/test", self.test),
            ("POST", "/keys", self.add_key),
            ("DELETE", "/keys/{name}", self.remove_key),
            ("DELETE", "/jobs/{id}", self.cancel),
        ):
            routes.route(method, ROOT + path)(self._answering(handler))
        return routes

    async def status(self, request: web.Request) -> Mapping[str, Any]:
        service = self._service()
        settings = service.settings()
        live = sorted(service.scheduler.live.values(), key=lambda job: job.created)
        return {
            "base_url": service.site_of(f"{request.scheme}://{request.host}") + V1,
            "enabled": settings.enabled,
            "policy": settings.policy,
            "keys": [
                {"name": name, **key.limits()} for name, key in sorted(settings.keys.items())
            ],
            "alive": service.scheduler.is_alive(),
            "throughput": service.throughput(),
            "live": [
                {
                    "id": job.id, "client": job.client, "operation": job.order.operation.value,
                    "model": job.order.model, "prompt": job.order.prompt[:200], "size": job.order.size,
                    "n": job.order.n, "status": job.state, "progress": round(job.progress, 3),
                    "position": service.scheduler.place(job), "created_at": int(job.created),
                }
                for job in live
            ],
            "jobs": await service.jobs(CANVAS, _SHOWN),
            "deliveries": await asyncio.to_thread(service.deliveries.recorded, _SHOWN),
        }  # fmt: skip

    async def models(self, request: web.Request) -> Mapping[str, Any]:
        def work() -> dict[str, Any]:
            service = self._service()
            catalogue, versions = service.catalogue(), service.publications.versions
            models = [
                {
                    "name": one.name,
                    "draws_with": one.draws_with,
                    "published": one.published.as_json() if one.published else None,
                    "versions": versions(one.draws_with) if one.published else [],
                    "operations": sorted(operation.value for operation in one.rules.operations),
                }
                for one in catalogue
            ]
            spoilt = [
                {"name": name, "version": versions(name)[-1], "complaint": complaint}
                for name, complaint in catalogue.spoilt().items()
            ]
            return {"models": models, "spoilt": spoilt}

        return await asyncio.to_thread(work)

    async def model(self, request: web.Request) -> Mapping[str, Any]:
        """One published graph in canvas format, to open it again."""
        version = _version(request)
        published = await asyncio.to_thread(self._service().publications.get, request.match_info["name"], version)
        if published is None:
            raise _NotPublished(request.match_info["name"])
        return {**published.as_json(), "graph": published.graph, "workflow": published.workflow}

    async def publish(self, request: web.Request) -> Mapping[str, Any]:
        body = await read_object(request, 2 * MAX_BYTES, MOST_VALUES)
        name, description = body.get("name"), body.get("description", "")
        if not isinstance(name, str) or not isinstance(description, str):
            raise BadRequest("Publishing needs {name, graph} and may have workflow, description and operations.")
        graph = checked_graph(body.get("graph"))
        await self._check(graph)  # before it is stored: from then on it draws
        publications = self._service().publications
        published = await asyncio.to_thread(
            lambda: publications.publish(
                name, graph, workflow=body.get("workflow"), description=description, operations=body.get("operations")
            )
        )
        return published.as_json()

    async def remove(self, request: web.Request) -> Mapping[str, Any]:
        version = _version(request)
        await asyncio.to_thread(self._service().publications.remove, request.match_info["name"], version)
        return {}

    async def test(self, request: web.Request) -> Mapping[str, Any]:
        """Draw as a client would get it: {fields of the operation but model, operation; image and mask in base64}."""
        service = self._service()
        fields = await read_object(request, service.settings().max_body_mb * 2**20)
        operation = fields.pop("operation", Operation.GENERATE.value)
        came = {name: fields.pop(name) for name in ("image", "mask") if name in fields}
        try:
            files = tuple(File(name, base64.b64decode(data, validate=True)) for name, data in came.items())
            submission = Submission(Operation(operation), {**fields, "model": request.match_info["name"]}, files)
        except (TypeError, ValueError):
            raise BadRequest("The operation must be one of the API's, and image and mask must be in base64.") from None
        job = await service.begin(submission, CANVAS)
        return await service.reply(job, f"{request.scheme}://{request.host}")

    async def add_key(self, request: web.Request) -> Mapping[str, Any]:
        body = await read_object(request, 10_000)
        limits = {name: body.get(name) for name in ("requests_per_minute", "pictures_per_day", "max_waiting", "models")}
        name = body.get("name")
        if not isinstance(name, str) or not all(
            value is None or isinstance(value, (int, list)) for value in limits.values()
        ):
            raise BadRequest(
                "A key needs {name} and may have requests_per_minute, pictures_per_day, max_waiting, models."
            )
        service, keeper = self._service(), self._service().keeper
        book: keys.Book = keys.SharedBook(keeper) if keeper.shared else keys.FileBook(self._endpoints().file)
        key = await asyncio.to_thread(book.add, name, limits)
        await service.shared_keys.read()
        return {"name": name, "key": key}

    async def remove_key(self, request: web.Request) -> Mapping[str, Any]:
        service, name = self._service(), request.match_info["name"]
        is_shared = name in await asyncio.to_thread(keys.shared, service.keeper)
        book: keys.Book = keys.SharedBook(service.keeper) if is_shared else keys.FileBook(self._endpoints().file)
        await asyncio.to_thread(book.remove, name)
        await service.shared_keys.read()
        return {}

    async def cancel(self, request: web.Request) -> Mapping[str, Any]:
        """Cancel any live job, kept or not."""
        service = self._service()
        if job := service.scheduler.live.get(request.match_info["id"]):
            service.scheduler.cancel(job)
        return {}

    def _answering(
        self, handler: Callable[[web.Request], Awaitable[Mapping[str, Any]]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                if not is_from_here(request.headers, request.remote):
                    return refuse(403, "not_from_here", "The Images API is managed on the machine that runs ComfyUI.")
                return web.json_response(await handler(request), headers=PRIVATE)
            except ApiError as error:
                return refuse(error.status, str(error.body["error"]["code"]), str(error))
            except DalleFluxError as error:
                return refuse(_STATUSES.get(error.code, 500), error.code, str(error))
            except OSError as error:
                return refuse(500, "state_unreadable", f"The Images API's files could not be used ({error.strerror}).")

        return handle


def _version(request: web.Request) -> int | None:
    named = request.query.get("version")
    return whole_number("version", named) if named else None


class _NotPublished(DalleFluxError):
    code = "no_such_publication"

    def __init__(self, name: str):
        super().__init__(f"No workflow is published as {name[:64]!r} in that version.")
