"""The record on the canvas.

`GET  /dalle_flux/moderation/decisions?before=&outcome=&limit=`   {decisions: […]}, newest first
`POST /dalle_flux/moderation/decisions/{id}/overrule`             {verdict, reviewer, note}, answers {}
`GET  /dalle_flux/moderation/record.csv` and `…/record.jsonl`     the whole record as a file

What goes wrong answers {error, code} with 400, 404 or 500.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from aiohttp import web
from server import PromptServer

from .. import host
from ..errors import DalleFluxError

if TYPE_CHECKING:
    from .record import Record

ROOT = "/dalle_flux/moderation"
_LONGEST = 64_000  # bytes of a request


def register() -> None:
    """Add the addresses to this host's server; called once, when the pack is loaded."""
    routes = PromptServer.instance.routes
    routes.get(f"{ROOT}/decisions")(decisions)
    routes.post(ROOT + "/decisions/{id}/overrule")(overrule)
    routes.get(f"{ROOT}/record.csv")(as_csv)
    routes.get(f"{ROOT}/record.jsonl")(as_jsonl)


async def decisions(request: web.Request) -> web.Response:
    """One page of the record."""
    try:
        before = int(request.query["before"]) if request.query.get("before") else None
        limit = int(request.query.get("limit", "50"))
    except ValueError:
        return _error(400, "bad_request", "before and limit must be whole numbers.")
    outcome = request.query.get("outcome", "")
    return await _answer(
        lambda: {"decisions": _record().page(before=before, outcome=outcome, limit=limit)},
    )


async def overrule(request: web.Request) -> web.Response:
    """Record a reviewer's verdict beside a decision."""
    # A form of another site cannot send this content type without asking first.
    if request.content_type != "application/json" or (request.content_length or 0) > _LONGEST:
        return _error(400, "bad_request", "An overrule is a short JSON object.")
    try:
        decision = int(request.match_info["id"])
        data = json.loads(await request.text())
        verdict, reviewer, note = str(data["verdict"]), str(data["reviewer"]), str(data.get("note", ""))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return _error(400, "bad_request", "An overrule needs {verdict, reviewer} and may have a note.")

    def work() -> dict[str, Any]:
        _record().overrule(decision, verdict, reviewer, note)  # type: ignore[arg-type]
        return {}

    return await _answer(work)


async def as_csv(request: web.Request) -> web.StreamResponse:
    """The whole record as CSV."""
    return await _file(request, "text/csv", "moderation-record.csv", lambda: _record().csv())


async def as_jsonl(request: web.Request) -> web.StreamResponse:
    """The whole record as JSON lines."""
    return await _file(request, "application/jsonl", "moderation-record.jsonl", lambda: _record().jsonl())


def _record() -> Record:
    from .moderate import Desk

    return Desk(host.endpoints, host.state()).record()


async def _answer(work: Callable[[], dict[str, Any]]) -> web.Response:
    import sqlite3

    try:
        return web.json_response(await asyncio.to_thread(work))
    except DalleFluxError as error:
        return _error(404 if error.code == "no_such_decision" else 500, error.code, str(error))
    except ValueError as error:
        return _error(400, "bad_request", f"{error}.")
    except (sqlite3.Error, OSError) as error:
        return _error(500, "record_failed", f"The record cannot be used ({type(error).__name__}).")


async def _file(request: web.Request, kind: str, name: str, lines: Callable[[], Iterator[str]]) -> web.StreamResponse:
    import sqlite3

    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    try:
        rows = await asyncio.to_thread(lines)
        first = await asyncio.to_thread(next, rows, None)
    except (DalleFluxError, sqlite3.Error, OSError) as error:
        return _error(500, getattr(error, "code", "record_failed"), str(error))
    reply = web.StreamResponse(headers={**headers, "Content-Type": f"{kind}; charset=utf-8"})
    await reply.prepare(request)
    while first is not None:
        await reply.write(first.encode("utf-8", "surrogatepass"))
        first = await asyncio.to_thread(next, rows, None)
    await reply.write_eof()
    return reply


def _error(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"error": message, "code": code}, status=status)
