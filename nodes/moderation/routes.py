"""The record on the canvas.

`GET  /dalle_flux/moderation/decisions?before=&outcome=&limit=`   {decisions: […]}, newest first
`POST /dalle_flux/moderation/decisions/{id}/overrule`             {verdict, reviewer, note}, answers {}
`GET  /dalle_flux/moderation/record.csv` and `…/record.jsonl`     the whole record as a file

What goes wrong answers {error, code} with 400, 404 or 500.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from ..host import folders
from ..replies import answer, attachment, read_object, whole_number

if TYPE_CHECKING:
    from .record import Record

ROOT = "/dalle_flux/moderation"
_LONGEST = 64_000  # bytes of a request
_ABOUT = "The record"
_STATUSES = {"no_such_decision": 404, "bad_overrule": 400}
routes = web.RouteTableDef()


@routes.get(f"{ROOT}/decisions")
async def decisions(request: web.Request) -> web.Response:
    """One page of the record."""
    before = whole_number("before", request.query["before"]) if request.query.get("before") else None
    limit = whole_number("limit", request.query.get("limit", "50"))
    outcome = request.query.get("outcome", "")
    return await answer(
        lambda: {"decisions": _record().page(before=before, outcome=outcome, limit=limit)}, _ABOUT, _STATUSES
    )


@routes.post(ROOT + "/decisions/{id}/overrule")
async def overrule(request: web.Request) -> web.Response:
    """Record a reviewer's verdict beside a decision."""
    decision = whole_number("id", request.match_info["id"])
    data = await read_object(request, _LONGEST)

    def work() -> dict[str, Any]:
        said = [str(data.get(name, "")) for name in ("verdict", "reviewer", "note")]
        _record().overrule(decision, *said)
        return {}

    return await answer(work, _ABOUT, _STATUSES)


@routes.get(f"{ROOT}/record.csv")
async def as_csv(request: web.Request) -> web.StreamResponse:
    """The whole record as CSV."""
    return await attachment(request, "text/csv", "moderation-record.csv", lambda: _record().csv(), _ABOUT)


@routes.get(f"{ROOT}/record.jsonl")
async def as_jsonl(request: web.Request) -> web.StreamResponse:
    """The whole record as JSON lines."""
    return await attachment(request, "application/jsonl", "moderation-record.jsonl", lambda: _record().jsonl(), _ABOUT)


def _record() -> Record:
    from .moderate import GateContext

    return GateContext(folders.endpoints, folders.state()).record()
