"""The record on the canvas.

`GET  /dalle_flux/moderation/decisions?before=&outcome=&limit=`   {decisions: […]}, newest first
`POST /dalle_flux/moderation/decisions/{id}/overrule`             {verdict, reviewer, note}, answers {}
`GET  /dalle_flux/moderation/record.csv` and `…/record.jsonl`     the whole record as a file

What goes wrong answers {error, code} with 400, 404 or 500.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web
from server import PromptServer

from ..host import folders
from ..replies import BadRequest, answer, attachment, read_object, refuse

if TYPE_CHECKING:
    from .record import Record

ROOT = "/dalle_flux/moderation"
_LONGEST = 64_000  # bytes of a request
_ABOUT = "The record"
_STATUSES = {"no_such_decision": 404, "bad_overrule": 400}


def register() -> None:
    """Add the addresses to this host's server; called once, when the pack is loaded."""
    routes = PromptServer.instance.routes  # type: ignore[attr-defined]
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
        return refuse(400, "bad_request", "before and limit must be whole numbers.")
    outcome = request.query.get("outcome", "")
    return await answer(
        lambda: {"decisions": _record().page(before=before, outcome=outcome, limit=limit)}, _ABOUT, _STATUSES
    )


async def overrule(request: web.Request) -> web.Response:
    """Record a reviewer's verdict beside a decision."""
    try:
        decision = int(request.match_info["id"])
        data = await read_object(request, _LONGEST)
        verdict, reviewer, note = str(data["verdict"]), str(data["reviewer"]), str(data.get("note", ""))
    except BadRequest as error:
        return refuse(400, error.code, str(error))
    except (ValueError, KeyError):
        return refuse(400, "bad_request", "An overrule needs {verdict, reviewer} and may have a note.")

    def work() -> dict[str, Any]:
        _record().overrule(decision, verdict, reviewer, note)
        return {}

    return await answer(work, _ABOUT, _STATUSES)


async def as_csv(request: web.Request) -> web.StreamResponse:
    """The whole record as CSV."""
    return await attachment(request, "text/csv", "moderation-record.csv", lambda: _record().csv(), _ABOUT)


async def as_jsonl(request: web.Request) -> web.StreamResponse:
    """The whole record as JSON lines."""
    return await attachment(request, "application/jsonl", "moderation-record.jsonl", lambda: _record().jsonl(), _ABOUT)


def _record() -> Record:
    from .moderate import Desk

    return Desk(folders.endpoints, folders.state()).record()
