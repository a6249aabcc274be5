"""Votes over HTTP, for the widget on the canvas.

`GET    /dalle_flux/comparison/votes?comparison=`        {votes: […]}
`POST   /dalle_flux/comparison/votes`                    one vote, see `votes.read_vote`; answers {vote: …}
`DELETE /dalle_flux/comparison/votes?comparison=&pair=`  {withdrawn: true|false}
`GET    /dalle_flux/comparison/summary?by=`              {groups: […]}, by "", style, size, category, model, quality
`GET    /dalle_flux/comparison/votes.csv|.jsonl|.html`   all votes as a file; …html?title=&notes=

What goes wrong answers {error, code} with 400 or 500.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from aiohttp import web

from ..host import folders
from ..replies import answer, attachment, read_object, refuse, whole_number

if TYPE_CHECKING:
    from .summary import Interval, Tally
    from .votes import Vote

ROOT = "/dalle_flux/comparison"
_LONGEST = 256_000  # bytes of a request
_LONGEST_NOTES = 8000  # characters
_ABOUT = "The votes"
_one_large_picture = threading.Lock()  # in memory at a time
routes = web.RouteTableDef()


@routes.get(f"{ROOT}/votes")
async def list_votes(request: web.Request) -> web.Response:
    """The votes of one comparison, or all."""
    from .votes import as_json, votes

    comparison = request.query.get("comparison")
    return await answer(lambda: {"votes": [as_json(vote) for vote in votes(folders.state(), comparison)]}, _ABOUT)


@routes.post(f"{ROOT}/votes")
async def cast_vote(request: web.Request) -> web.Response:
    """Store one vote with small copies of its pictures."""
    from .votes import as_json, read_vote, store

    body = await read_object(request, _LONGEST)

    def work() -> dict[str, Any]:
        vote = read_vote(body)
        files = [side.get("file") for side in body["sides"]]
        return {"vote": as_json(store(folders.state(), _with_copies(vote, files)))}

    return await answer(work, _ABOUT, {"bad_vote": 400})


@routes.delete(f"{ROOT}/votes")
async def withdraw_vote(request: web.Request) -> web.Response:
    """Delete one vote."""
    from .votes import withdraw

    comparison = request.query.get("comparison", "")
    if not comparison:
        return refuse(400, "bad_vote", "To withdraw a vote, name its comparison and pair.")
    pair = whole_number("pair", request.query.get("pair", ""))
    return await answer(lambda: {"withdrawn": withdraw(folders.state(), comparison, pair)}, _ABOUT)


@routes.get(f"{ROOT}/summary")
async def summary(request: web.Request) -> web.Response:
    """Win rates with confidence intervals."""
    from .summary import GROUPINGS, tallies
    from .votes import votes

    by = request.query.get("by", "")
    if by not in GROUPINGS:
        return refuse(400, "bad_grouping", f"Votes can be grouped by {', '.join(GROUPINGS[1:])}, or not at all.")
    return await answer(lambda: {"groups": [_tally(tally) for tally in tallies(votes(folders.state()), by)]}, _ABOUT)


@routes.get(f"{ROOT}/votes.csv")
async def as_csv(request: web.Request) -> web.StreamResponse:
    """All votes as CSV."""
    from .exports import to_csv
    from .votes import votes

    return await attachment(request, "text/csv", "votes.csv", lambda: iter([to_csv(votes(folders.state()))]), _ABOUT)


@routes.get(f"{ROOT}/votes.jsonl")
async def as_jsonl(request: web.Request) -> web.StreamResponse:
    """All votes as JSON lines."""
    from .exports import to_jsonl
    from .votes import votes

    return await attachment(
        request, "application/jsonl", "votes.jsonl", lambda: iter([to_jsonl(votes(folders.state()))]), _ABOUT
    )


@routes.get(f"{ROOT}/votes.html")
async def as_html(request: web.Request) -> web.StreamResponse:
    """All votes as a printable report."""
    from .decision import of_votes, refusals
    from .report import votes_report
    from .summary import tallies
    from .votes import votes

    title, notes = (request.query.get(name, "")[:_LONGEST_NOTES].strip() for name in ("title", "notes"))

    def work() -> Iterator[str]:
        cast = votes(folders.state())
        decision = of_votes(cast, refusals(folders.state()))
        headings = {"All votes": "", "By style": "style", "By size": "size", "By category": "category"}
        groups = {heading: tallies(cast, by) for heading, by in headings.items()}
        return iter([votes_report(cast, groups, _kept, title or "Votes", notes, decision)])

    return await attachment(request, "text/html", "votes.html", work, _ABOUT)


def _with_copies(vote: Vote, files: list[Any]) -> Vote:
    """The vote with a small copy of each picture in the state folder; what is gone or no picture is left out."""
    sides = [replace(side, kept=_copy(file)) for side, file in zip(vote.sides, files, strict=True)]
    return replace(vote, sides=tuple(sides))


def _copy(file: object) -> str:
    """The SHA-256 of a small copy of a picture that the host showed, or an empty text."""
    from .. import pictures
    from .report import PICTURE_EDGE, jpeg

    path = folders.temp_picture(file)
    if path is None:
        return ""
    try:
        with _one_large_picture:
            small = pictures.reduced(path, PICTURE_EDGE)
    except pictures.BadPicture:
        return ""
    return folders.state().keep(jpeg(small))


def _kept(sha256: str) -> bytes | None:
    path = folders.state().kept(sha256)
    return path.read_bytes() if path.is_file() else None


def _tally(tally: Tally) -> dict[str, Any]:
    def interval(found: Interval | None) -> dict[str, float] | None:
        return asdict(found) if found else None

    return {
        **asdict(tally), "votes": tally.votes, "win_rate": interval(tally.win_rate),
        "good_enough": interval(tally.good_enough), "verdict": tally.verdict, "sentence": tally.sentence,
    }  # fmt: skip
