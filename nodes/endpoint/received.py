"""Reads the bodies of requests, piece by piece: not too much, not too slow, and of the kind they say."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from aiohttp import BodyPartReader, web

from ..replies import BROKEN_BODY
from .contract.errors import ApiError, invalid, missing_parameter, too_large, unreadable_body, wrong_content_type
from .contract.rules import Operation
from .contract.submissions import FILE_PARTS, File, Submission, json_object

_BODY_S = 300.0  # for a request's body to arrive
_MAX_PARTS = 64
_QUICK = 65_536  # bytes of JSON that are read on the event loop
_OPERATIONS = {**{one.value: one for one in Operation}, "generate": Operation.GENERATE, "edit": Operation.EDIT,
               "variation": Operation.VARIATION}  # fmt: skip


async def read_json(request: web.Request, limit: int) -> dict[str, Any]:
    """The JSON object in the body.

    Raises:
        ApiError: it has more than `limit` bytes, is of another type, none, or did not come in time.
    """
    if request.content_type != "application/json":
        raise wrong_content_type("application/json")
    if (request.content_length or 0) > limit:
        raise too_large(limit)
    body = bytearray()
    try:
        async with _in_time():
            async for piece in request.content.iter_chunked(65_536):
                body += piece
                if len(body) > limit:
                    raise too_large(limit)
    except BROKEN_BODY:
        raise unreadable_body() from None
    return json_object(bytes(body)) if len(body) < _QUICK else await asyncio.to_thread(json_object, bytes(body))


async def read_form(request: web.Request, limit: int, operation: Operation | None) -> Submission:
    """A multipart body; without an operation it names its own.

    Raises:
        ApiError: as `read_json`.
    """
    if request.content_type != "multipart/form-data":
        raise wrong_content_type("multipart/form-data")
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
    except (ValueError, AssertionError, RuntimeError, web.HTTPException, EOFError, *BROKEN_BODY):
        raise ApiError(400, "We could not read the form: it is no multipart/form-data in UTF-8.") from None
    return Submission(operation or take_operation(fields), fields, tuple(files), is_form=True)


def take_operation(fields: dict[str, Any]) -> Operation:
    """What a job is for, taken out of its fields."""
    named = fields.pop("operation", None)
    if named is None:
        raise missing_parameter("operation")
    if not isinstance(named, str) or named not in _OPERATIONS:
        raise invalid("operation", f"Invalid value for 'operation'. Supported values are: {list(_OPERATIONS)}.")
    return _OPERATIONS[named]


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
