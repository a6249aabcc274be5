"""The addresses below `/dalle-flux/v1`, as aiohttp handlers. What they do is in `office`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import BodyPartReader, web

from ..errors import DalleFluxError
from .admission import Caller, cross_origin_headers
from .contract import answers, bodies
from .contract.description import describe
from .contract.errors import (
    ApiError,
    invalid,
    missing_parameter,
    no_such_address,
    not_found,
    server_error,
    too_large,
    wrong_content_type,
    wrong_method,
)
from .contract.orders import FILE_PARTS, File, Submission, json_object
from .contract.rules import Operation
from .drawing import Job
from .office import Office

V1 = "/dalle-flux/v1"
_LOOK_S = 0.25  # between looks whether the client is still there
_PING_S = 10.0  # between signs of life in a stream
_BODY_S = 300.0  # for a request's body to arrive
_MAX_PARTS = 64
_log = logging.getLogger(__name__)
_OPERATIONS = {**{one.value: one for one in Operation}, "generate": Operation.GENERATE, "edit": Operation.EDIT,
               "variation": Operation.VARIATION}  # fmt: skip

Handler = Callable[[web.Request, Caller], Awaitable[web.StreamResponse]]


class Api:
    """The handlers, on one office that is opened with the first request."""

    def __init__(self, office: Callable[[], Office]):
        self._office = office

    def register(self, routes: web.RouteTableDef) -> None:
        """Add every address, and last the one that answers what none of them takes."""
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

    async def generations(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        fields = json_object(await self._body(request, "application/json"))
        return await self._draw(request, caller, Submission(Operation.GENERATE, fields))

    async def edits(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        return await self._draw(request, caller, await self._form(request, Operation.EDIT))

    async def variations(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        return await self._draw(request, caller, await self._form(request, Operation.VARIATION))

    async def moderations(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        fields = json_object(await self._body(request, "application/json"))
        body = bodies.parse(bodies.Moderation, fields, as_text=False)
        return web.json_response(await asyncio.to_thread(self._office().gate.moderations, body))

    async def models(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        models = await asyncio.to_thread(lambda: list(self._office().catalogue()))
        cards = [answers.card(one.name, one.created, one.owner) for one in models if caller.may_use(one.name)]
        return web.json_response(answers.cards(cards))

    async def model(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        model = await asyncio.to_thread(self._office().catalogue().find, request.match_info["id"])
        return web.json_response(answers.card(model.name, model.created, model.owner))

    async def begin_job(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        office = self._office()
        if request.content_type == "multipart/form-data":
            submission = await self._form(request, None)
        else:
            fields = json_object(await self._body(request, "application/json"))
            operation = _operation(fields)
            submission = Submission(operation, fields)
        fields = dict(submission.fields)
        webhook = fields.pop("webhook", None)
        if webhook is not None and not isinstance(webhook, str):
            raise invalid("webhook", "Invalid type for 'webhook': expected a string.", "invalid_type")
        if _wants_stream(fields):
            raise invalid("stream", "A job cannot be streamed; ask for its progress.")
        record = await office.begin_kept(
            Submission(submission.operation, fields, submission.files, submission.is_form),
            caller,
            _site(request, office),
            webhook=webhook,
            idempotency_key=_idempotency_key(request),
        )
        location = f"{V1}/jobs/{record.id}"
        return web.json_response(
            await asyncio.to_thread(office.shown, record), status=202, headers={"Location": location}
        )

    async def jobs(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        limit = request.query.get("limit", "20")
        if not limit.isdecimal() or not 1 <= int(limit) <= 100:
            raise invalid("limit", "Invalid 'limit': expected an integer between 1 and 100.")
        return web.json_response({"object": "list", "data": await self._office().jobs(caller, int(limit))})

    async def job(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        return web.json_response(await self._office().job(request.match_info["id"], caller))

    async def cancel_job(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        return web.json_response(await self._office().cancel(request.match_info["id"], caller))

    async def file(self, request: web.Request) -> web.StreamResponse:
        """A served picture. The address is the permission: it cannot be guessed, and ends."""
        office = self._office()
        try:
            minutes = office.settings().url_minutes
        except DalleFluxError:
            minutes = 60
        found = await asyncio.to_thread(office.served.find, request.match_info["name"], minutes)
        if found is None:
            return _failed(not_found("The file, or no longer: it"), {"Cache-Control": "no-store"})
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
        return web.json_response(describe(_site(request, self._office()) + V1))

    async def health(self, request: web.Request) -> web.StreamResponse:
        alive = self._office().studio.is_alive()
        return web.json_response({"status": "ok" if alive else "stopped"}, status=200 if alive else 503)

    async def _draw(self, request: web.Request, caller: Caller, submission: Submission) -> web.StreamResponse:
        office = self._office()
        site = _site(request, office)
        # A stream cannot be given twice, so a key says nothing there.
        if (key := _idempotency_key(request)) and not _wants_stream(submission.fields):
            record = await office.begin_kept(submission, caller, site, webhook=None, idempotency_key=key)
            status, body = await office.finished(record.id)
            return await _json(body, status)
        job = await office.begin(submission, caller)
        try:
            if job.order.stream:
                return await self._stream(request, job, site)
            while not job.is_over:
                await asyncio.wait([job.outcome], timeout=_LOOK_S)
                _check_present(request)
            return await _json(await office.reply(job, site), 200)
        finally:
            office.studio.cancel(job)  # nothing to do unless the client left

    async def _stream(self, request: web.Request, job: Job, site: str) -> web.StreamResponse:
        office, created = self._office(), int(job.created)
        reply = web.StreamResponse(
            headers={"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store",
                     "X-Accel-Buffering": "no", "x-request-id": request["id"],
                     **cross_origin_headers(office.settings(), request.headers)}
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
            finished = await office.outcome(job)
            _, info = await office.addresses(job.order, finished, site, pictures=False)
            last = await asyncio.to_thread(lambda: answers.event(answers.completed(job.order, finished, created, info)))
        except ApiError as error:
            last = answers.event({"type": "error", **error.body})
        await reply.write(last)
        await reply.write_eof()
        return reply

    async def _body(self, request: web.Request, content_type: str) -> bytes:
        """All of it, if it is of that type and not too large."""
        if request.content_type != content_type:
            raise wrong_content_type(content_type)
        limit = self._office().settings().max_body_mb * 2**20
        if (request.content_length or 0) > limit:
            raise too_large(limit)
        body = bytearray()
        async with _in_time():
            async for piece in request.content.iter_chunked(65_536):
                body += piece
                if len(body) > limit:
                    raise too_large(limit)
        return bytes(body)

    async def _form(self, request: web.Request, operation: Operation | None) -> Submission:
        """A multipart body; without an operation it names its own."""
        if request.content_type != "multipart/form-data":
            raise wrong_content_type("multipart/form-data")
        limit = self._office().settings().max_body_mb * 2**20
        if (request.content_length or 0) > limit:
            raise too_large(limit)
        fields: dict[str, Any] = {}
        files: list[File] = []
        left = limit
        try:
            async with _in_time():
                async for part in await request.multipart():
                    if not isinstance(part, BodyPartReader) or not part.name or len(fields) + len(files) >= _MAX_PARTS:
                        raise ApiError(400, f"A form has at most {_MAX_PARTS} parts, each with a name.")
                    data = bytearray()
                    while piece := await part.read_chunk(65_536):
                        data += piece
                        left -= len(piece)
                        if left < 0:
                            raise too_large(limit)
                    _put(part, bytes(data), fields, files)
        except (ValueError, AssertionError, RuntimeError, web.HTTPException, EOFError):
            raise ApiError(400, "We could not read the form: it is no multipart/form-data in UTF-8.") from None
        return Submission(operation or _operation(fields), fields, tuple(files), is_form=True)

    def _guarded(self, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Admit the caller, and turn every error into an answer in OpenAI's shape."""

        async def handle(request: web.Request) -> web.StreamResponse:
            began, request["id"] = time.monotonic(), f"req_{uuid.uuid4().hex}"
            headers = {"x-request-id": request["id"]}
            try:
                office = self._office()
                settings = office.settings()
                headers |= cross_origin_headers(settings, request.headers)
                reply = await handler(request, office.admission.admit(settings, request.headers, request.remote))
            except ApiError as error:
                reply = _failed(error)
            except (ConnectionResetError, asyncio.CancelledError):
                raise
            except DalleFluxError as error:
                reply = _failed(server_error(str(error), code=error.code))
            except Exception:
                _log.exception("Images API: request %s failed", request["id"])
                message = "The server had an error while processing your request; its log has more"
                reply = _failed(server_error(f"{message} (request {request['id']})."))
            if not reply.prepared:
                reply.headers.update(headers)
                reply.headers["openai-processing-ms"] = str(round((time.monotonic() - began) * 1000))
                reply.headers.setdefault("Cache-Control", "no-store")
            return reply

        return handle

    def _refusing(self, allowed: list[str]) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def refuse(request: web.Request) -> web.StreamResponse:
            cross = {}
            with contextlib.suppress(DalleFluxError):
                cross = cross_origin_headers(self._office().settings(), request.headers)
            if request.method == "OPTIONS":
                return web.Response(status=204, headers={"Allow": ", ".join([*allowed, "OPTIONS"]), **cross})
            if allowed:
                return _failed(wrong_method(request.method, allowed), cross)
            return _failed(no_such_address(request.method, request.path), {"Cache-Control": "no-store", **cross})

        return refuse


def _put(part: BodyPartReader, data: bytes, fields: dict[str, Any], files: list[File]) -> None:
    name = str(part.name)
    if name in FILE_PARTS:
        if part.filename is None:
            message = f"Invalid type for '{name[:60]}': expected a file, but got a string instead."
            raise invalid(name, message, "invalid_type")
        files.append(File(name, data))
    elif name in fields:
        raise invalid(name, f"Duplicate parameter: '{name[:60]}'.", "duplicate_parameter")
    else:
        fields[name] = data.decode("utf-8")


def _operation(fields: dict[str, Any]) -> Operation:
    """What a job is for, taken out of its fields."""
    named = fields.pop("operation", None)
    if named is None:
        raise missing_parameter("operation")
    if not isinstance(named, str) or named not in _OPERATIONS:
        raise invalid("operation", f"Invalid value for 'operation'. Supported values are: {list(_OPERATIONS)}.")
    return _OPERATIONS[named]


def _wants_stream(fields: Mapping[str, Any]) -> bool:
    return str(fields.get("stream")).lower() == "true"


def _idempotency_key(request: web.Request) -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not 0 < len(key) <= 255:
        raise invalid(None, "An Idempotency-Key has between 1 and 255 characters.", "invalid_idempotency_key")
    return key


def _site(request: web.Request, office: Office) -> str:
    return office.site_of(f"{request.scheme}://{request.host}")


def _check_present(request: web.Request) -> None:
    if request.transport is None or request.transport.is_closing():
        raise ConnectionResetError("the client left")


@contextlib.asynccontextmanager
async def _in_time() -> Any:
    """What a client that sends one byte a minute runs into."""
    task = asyncio.current_task()
    assert task
    late = False

    def end() -> None:
        nonlocal late
        late = True
        task.cancel()

    timer = asyncio.get_running_loop().call_later(_BODY_S, end)
    try:
        yield
    except asyncio.CancelledError:
        if late:
            raise ApiError(
                408, "The body of the request did not arrive in time.", headers={"Connection": "close"}
            ) from None
        raise
    finally:
        timer.cancel()


async def _json(body: dict[str, Any], status: int) -> web.Response:
    """Pictures in Base64 take long to write out, so in a thread."""
    text = await asyncio.to_thread(lambda: json.dumps(body).encode())
    return web.Response(body=text, status=status, content_type="application/json")


def _failed(error: ApiError, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        body=error.as_bytes(),
        status=error.status,
        content_type="application/json",
        headers={**error.headers, **(headers or {})},
    )
