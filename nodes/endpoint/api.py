"""The addresses below `/dalle-flux/v1`, as aiohttp handlers. What they do is in `service`."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from aiohttp import web

from ..errors import DalleFluxError
from ..replies import PRIVATE
from .admission import Caller
from .contract import answers
from .contract.errors import (
    ApiError,
    invalid,
    no_such_address,
    not_found,
    server_error,
    unknown_model,
    wrong_method,
)
from .contract.rules import Operation
from .contract.submissions import Submission
from .keeping import KeeperAway
from .received import read_form, read_json, take_operation

if TYPE_CHECKING:
    from .scheduler import Job
    from .service import ImagesService

V1 = "/dalle-flux/v1"
_LOOK_S = 0.25  # between looks whether the client is still there
_PING_S = 10.0  # between signs of life in a stream
_AWAY_S = 5  # until a database that is away is asked again
_log = logging.getLogger(__name__)

Handler = Callable[[web.Request, Caller], Awaitable[web.StreamResponse]]


class Api:
    """The handlers, on one service that is opened with the first request."""

    def __init__(self, service: Callable[[], ImagesService]):
        self._service = service

    def routes(self) -> web.RouteTableDef:
        """Every address, and last the one that answers what none of them takes."""
        routes = web.RouteTableDef()
        table: dict[str, dict[str, Handler]] = {
            "/images/generations": {"POST": self.generations},
            "/images/edits": {"POST": self.edits},
            "/images/variations": {"POST": self.variations},
            "/moderations": {"POST": self.moderations},
            "/models": {"GET": self.models},
            "/models/{id}": {"GET": self.model},
            "/jobs": {"GET": self.jobs, "POST": self.begin_job},
            "/jobs/{id}": {"GET": self.job, "DELETE": self.cancel_job},
        }
        for path, handlers in table.items():
            for method, handler in handlers.items():
                routes.route(method, V1 + path)(self._guarded(handler))
            routes.route("*", V1 + path)(self._refusing(list(handlers)))
        routes.get(V1 + "/files/{name}")(self.file)
        routes.get(V1 + "/openapi.json")(self.description)
        routes.get(V1 + "/health")(self.health)
        routes.route("*", V1 + "/{tail:.*}")(self._refusing([]))
        routes.route("*", V1)(self._refusing([]))
        return routes

    async def generations(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        fields = await read_json(request, self._limit())
        return await self._draw(request, caller, Submission(Operation.GENERATE, fields))

    async def edits(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        return await self._draw(request, caller, await read_form(request, self._limit(), Operation.EDIT))

    async def variations(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        return await self._draw(request, caller, await read_form(request, self._limit(), Operation.VARIATION))

    async def moderations(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        fields = await read_json(request, self._limit())
        from .contract import bodies

        body = bodies.parse(bodies.Moderation, fields, as_text=False)
        return web.json_response(await asyncio.to_thread(self._service().gate.moderations, body))

    async def models(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        models = await asyncio.to_thread(lambda: list(self._service().catalogue()))
        cards = [answers.card(one.name, one.created, one.owner) for one in models if caller.may_use(one.name)]
        return web.json_response(answers.cards(cards))

    async def model(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        model = await asyncio.to_thread(self._service().catalogue().find, request.match_info["id"])
        if not caller.may_use(model.name):
            raise unknown_model(model.name)
        return web.json_response(answers.card(model.name, model.created, model.owner))

    async def begin_job(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        service = self._service()
        if request.content_type == "multipart/form-data":
            submission = await read_form(request, self._limit(), None)
        else:
            fields = await read_json(request, self._limit())
            operation = take_operation(fields)
            submission = Submission(operation, fields)
        fields = dict(submission.fields)
        webhook = fields.pop("webhook", None)
        if webhook is not None and not isinstance(webhook, str):
            raise invalid("webhook", "Invalid type for 'webhook': expected a string.", "invalid_type")
        if _wants_stream(fields):
            raise invalid("stream", "A job cannot be streamed; ask for its progress.")
        record = await service.begin_kept(
            Submission(submission.operation, fields, submission.files, submission.is_form),
            caller,
            _site(request, service),
            webhook=webhook,
            idempotency_key=_idempotency_key(request),
        )
        location = f"{V1}/jobs/{record.id}"
        return web.json_response(
            await asyncio.to_thread(service.shown, record), status=202, headers={"Location": location}
        )

    async def jobs(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        limit = request.query.get("limit", "20")
        if not limit.isdecimal() or not 1 <= int(limit) <= 100:
            raise invalid("limit", "Invalid 'limit': expected an integer between 1 and 100.")
        return web.json_response({"object": "list", "data": await self._service().jobs(caller, int(limit))})

    async def job(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        return web.json_response(await self._service().job(request.match_info["id"], caller))

    async def cancel_job(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        return web.json_response(await self._service().cancel(request.match_info["id"], caller))

    async def file(self, request: web.Request) -> web.StreamResponse:
        """A served picture. The address is the permission: it cannot be guessed, and ends."""
        service = self._service()
        try:
            minutes, folder = service.settings().url_minutes, service.local()
        except DalleFluxError:
            minutes, folder = 60, service.served
        found = await asyncio.to_thread(folder.find, request.match_info["name"], minutes)
        if found is None:
            return _failed(not_found("The file, or no longer: it"))
        return web.FileResponse(
            found.path,
            headers={
                "Content-Type": found.mime,
                "Cache-Control": f"private, max-age={int(found.seconds_left)}",
                "X-Content-Type-Options": "nosniff",
                "Content-Security-Policy": "default-src 'none'; sandbox",
                "Referrer-Policy": "no-referrer",
            },
        )

    async def description(self, request: web.Request) -> web.StreamResponse:
        from .contract.description import describe

        return web.json_response(describe(_site(request, self._service()) + V1), headers=PRIVATE)

    async def health(self, request: web.Request) -> web.StreamResponse:
        alive = self._service().scheduler.is_alive()
        return web.json_response(
            {"status": "ok" if alive else "stopped"}, status=200 if alive else 503, headers=PRIVATE
        )

    async def _draw(self, request: web.Request, caller: Caller, submission: Submission) -> web.StreamResponse:
        service = self._service()
        site = _site(request, service)
        # A stream cannot be given twice, so a key says nothing there.
        if (key := _idempotency_key(request)) and not _wants_stream(submission.fields):
            record = await service.begin_kept(submission, caller, site, webhook=None, idempotency_key=key)
            status, body = await service.finished(record.id)
            return await _json(body, status)
        job = await service.begin(submission, caller)
        try:
            if job.order.stream:
                return await self._stream(request, job, site)
            while not job.is_over:
                await asyncio.wait([job.outcome], timeout=_LOOK_S)
                _check_present(request)
            return await _json(await service.reply(job, site), 200)
        finally:
            service.scheduler.cancel(job)  # nothing to do unless the client left

    async def _stream(self, request: web.Request, job: Job, site: str) -> web.StreamResponse:
        service, created = self._service(), int(job.created)
        reply = web.StreamResponse(
            headers={"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store",
                     "X-Accel-Buffering": "no", "x-request-id": request["id"]}
        )  # fmt: skip
        await reply.prepare(request)
        sent, quiet = 0, time.monotonic()
        while not job.is_over or not job.partials.empty():
            with contextlib.suppress(asyncio.TimeoutError, TimeoutError):
                file = await asyncio.wait_for(job.partials.get(), _LOOK_S)
                await reply.write(answers.event(answers.partial(job.order, file, sent, created)))
                sent, quiet = sent + 1, time.monotonic()
            _check_present(request)
            if time.monotonic() - quiet > _PING_S:
                await reply.write(b": still at it\n\n")
                quiet = time.monotonic()
        try:
            finished = await service.outcome(job)
            _, info = await service.addresses(job.order, finished, site, pictures=False)
            last = await asyncio.to_thread(lambda: answers.event(answers.completed(job.order, finished, created, info)))
        except ApiError as error:
            last = answers.event({"type": "error", **error.body})
        await reply.write(last)
        await reply.write_eof()
        return reply

    def _limit(self) -> int:
        """Bytes of a body."""
        return self._service().settings().max_body_mb * 2**20

    def _guarded(self, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Admit the caller, and turn every error into an answer in OpenAI's shape."""

        async def handle(request: web.Request) -> web.StreamResponse:
            began = time.monotonic()
            request["id"] = request.get("asked_as") or f"req_{uuid.uuid4().hex}"
            headers = {"x-request-id": request["id"]}
            try:
                service = self._service()
                caller = await service.admit(request.headers, request.remote)
                request["client"] = caller.name
                reply = await handler(request, dataclasses.replace(caller, request=request["id"]))
            except ApiError as error:
                reply = _failed(error)
            except (ConnectionResetError, asyncio.CancelledError):
                raise
            except KeeperAway as error:
                failed = server_error(str(error), status=503, code=error.code, retry=True)
                failed.headers["Retry-After"] = str(_AWAY_S)
                reply = _failed(failed)
            except DalleFluxError as error:
                reply = _failed(server_error(str(error), code=error.code))
            except Exception:
                _log.exception("Images API: request %s failed", request["id"])
                message = "The server had an error while processing your request; its log has more"
                reply = _failed(server_error(f"{message} (request {request['id']})."))
            if not reply.prepared:
                reply.headers.update(headers)
                reply.headers["openai-processing-ms"] = str(round((time.monotonic() - began) * 1000))
                for name, value in PRIVATE.items():
                    reply.headers.setdefault(name, value)
            return reply

        return handle

    def _refusing(self, allowed: list[str]) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def refuse(request: web.Request) -> web.StreamResponse:
            if allowed:
                return _failed(wrong_method(request.method, allowed))
            return _failed(no_such_address(request.method, request.path))

        return refuse


def _wants_stream(fields: Mapping[str, Any]) -> bool:
    return str(fields.get("stream")).lower() == "true"


def _idempotency_key(request: web.Request) -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not 0 < len(key) <= 255:
        raise invalid(None, "An Idempotency-Key has between 1 and 255 characters.", "invalid_idempotency_key")
    return key


def _site(request: web.Request, service: ImagesService) -> str:
    return service.site_of(f"{request.scheme}://{request.host}")


def _check_present(request: web.Request) -> None:
    if request.transport is None or request.transport.is_closing():
        raise ConnectionResetError("the client left")


async def _json(body: dict[str, Any], status: int) -> web.Response:
    """Pictures in Base64 take long to write out, so in a thread."""
    text = await asyncio.to_thread(lambda: json.dumps(body).encode())
    return web.Response(body=text, status=status, content_type="application/json")


def refuse(status: int, code: str, message: str) -> web.Response:
    """What the guard in front refuses, in OpenAI's shape."""
    return _failed(ApiError(status, message, code=code))


def _failed(error: ApiError) -> web.Response:
    return web.Response(
        body=error.as_bytes(),
        status=error.status,
        content_type="application/json",
        headers={**PRIVATE, **error.headers},
    )
