"""How every room's addresses read requests and answer them: JSON, errors as {error, code}, files to download."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from . import json_text
from .errors import DalleFluxError

_MOST_VALUES = 10_000  # in a request; read on the event loop
_LARGEST_ID = 2**63 - 1  # what SQLite can hold
PRIVATE = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


# A body that is not what its head says: no gzip, no chunks, cut short.
BROKEN_BODY = (HttpProcessingError, web.RequestPayloadError)


class BadRequest(DalleFluxError):
    """A request is not what the address takes."""

    code = "bad_request"


def refuse(status: int, code: str, message: str) -> web.Response:
    """An error as every address gives it."""
    return web.json_response({"error": message, "code": code}, status=status, headers=PRIVATE)


async def read_object(request: web.Request, longest: int, most_values: int = _MOST_VALUES) -> dict[str, Any]:
    """The JSON object in a request's body of at most `longest` bytes and `most_values` values.

    Raises:
        BadRequest: it is longer, no JSON object, or holds more values than are safe to build.
    """
    body = bytearray()
    try:
        async for part in request.content.iter_chunked(65_536):
            body += part
            if len(body) > longest:
                raise BadRequest(f"The request is too long; at most {longest:,} bytes are read.")
    except BROKEN_BODY:
        raise BadRequest("The request's body is not what its head says, so it cannot be read.") from None
    try:
        data = json_text.read(bytes(body), most_values=most_values)
    except json_text.BadJson as error:
        raise BadRequest(f"The request must be a JSON object, and this text cannot be read: {error}.") from None
    if not isinstance(data, dict):
        raise BadRequest("The request must be a JSON object, and this text is none.")
    return data


def whole_number(name: str, text: str) -> int:
    """A number from an address.

    Raises:
        BadRequest: no whole number, or one too large to be stored.
    """
    try:
        number = int(text) if len(text) < 40 else _LARGEST_ID + 1
    except ValueError:
        raise BadRequest(f"{name} must be a whole number.") from None
    if abs(number) > _LARGEST_ID:
        raise BadRequest(f"{name} is no number that could be in the list.")
    return number


async def answer(
    work: Callable[[], Mapping[str, Any]], about: str, statuses: Mapping[str, int] | None = None
) -> web.Response:
    """Run `work` beside the event loop and send what it returns.

    Args:
        about: what `work` reads or writes, for the message when the disk or the database fails.
        statuses: error code → HTTP status; any other of the pack's errors is 500.
    """
    try:
        return web.json_response(await asyncio.to_thread(work), headers=PRIVATE)
    except Exception as error:
        return _told(error, about, statuses or {})


async def attachment(
    request: web.Request,
    kind: str,
    name: str,
    pieces: Callable[[], Iterator[str] | Iterator[bytes]],
    about: str,
    statuses: Mapping[str, int] | None = None,
) -> web.StreamResponse:
    """Send what `pieces` yields as a file to download, piece by piece; an error before the first piece is told.

    Args:
        about, statuses: as in `answer`.
    """
    try:
        rest: Iterator[str | bytes] = await asyncio.to_thread(pieces)
        piece = await asyncio.to_thread(next, rest, None)
    except Exception as error:
        return _told(error, about, statuses or {})
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-Type": f"{kind}; charset=utf-8" if kind != "application/zip" else kind,
        **PRIVATE,
    }
    reply = web.StreamResponse(headers=headers)
    await reply.prepare(request)
    while piece is not None:
        await reply.write(piece.encode("utf-8", "surrogatepass") if isinstance(piece, str) else piece)
        piece = await asyncio.to_thread(next, rest, None)
    await reply.write_eof()
    return reply


def _told(error: Exception, about: str, statuses: Mapping[str, int]) -> web.Response:
    """The error as an answer; one that nobody foresaw goes on to the host, which logs it."""
    import sqlite3

    if isinstance(error, DalleFluxError):
        return refuse(statuses.get(error.code, 500), error.code, str(error))
    if isinstance(error, (sqlite3.Error, OSError)):
        return refuse(500, "state_unreadable", f"{about} could not be read or written ({error}).")
    raise error
