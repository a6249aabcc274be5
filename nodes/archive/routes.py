"""The archive over HTTP; the page in the sidebar uses the same.

    POST   /dalle-flux/archive/imports              {path}: relative to ComfyUI's input folder, or in a folder that
                                                    [settings.archive] folders names → 202 {id}
    GET    …/imports                                {imports: […]}, newest first
    GET    …/imports/{id}                           {id, path, state: running|done|failed|cancelled, found, added,
                                                    known, missing, unmatched, unreadable, error, started, ended,
                                                    stage, bytes_done, bytes_total}
    GET    …/imports/{id}/findings?kind=&offset=&limit=
                                                    {findings: [{kind: missing|unmatched|unreadable, name, why, …}]}
    DELETE …/imports/{id}                           cancels
    GET    …/uploads/{name}?total=                  {received, path}: bytes of a file that are here, and what to
    PUT    …/uploads/{name}?total=&offset=          import when all are. PUT appends the body, application/octet-stream
    GET    …/items?query=&offset=&limit=            {total, items: […]}; see `searching` for the query
    GET    …/items/{id}                             one item, see `items.Item`
    DELETE …/items/{id}                             takes it out, with its reproductions and files → the note that
                                                    stays, see `deleting`; 409 while a migration holds it
    GET    …/items/{id}/picture                     the original file, to the byte
    GET    …/items/{id}/reproductions               {reproductions: [{picture, made, prompt, info, metrics, votes}]}
    GET    …/items/{id}/reproductions/{picture}     one of them, PNG
    GET    …/items/{id}/thumbnail                   a small copy, WebP
    POST   …/migrations                             {query?, graph? (API format; else the shipped one), trial? = 10;
                                                    0: all at once} → 202 {id}: draws the items again
    GET    …/migrations                             {migrations: […]}, newest first
    GET    …/migrations/{id}                        {id, query, state: running|paused|tried|done|cancelled, reason,
                                                    total, held, waiting, drawing, done, failed, seconds_a_picture,
                                                    seconds_left, failures, report: [files]}
    POST   …/migrations/{id}                        {action: pause|resume|continue|cancel}
    GET    …/exports/{name}?query=                  items.csv, items.jsonl, audit.csv (with the rights), deletions.csv
                                                    (what was taken out), pictures.zip (the originals and all tables)

What goes wrong answers {error, code} with 400, 403, 404, 409 or 500.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web

from ..errors import DalleFluxError
from ..host import folders, queue, serving
from ..replies import BROKEN_BODY, PRIVATE, BadRequest, answer, attachment, read_object, refuse, whole_number

if TYPE_CHECKING:
    from ..state import State
    from .imports import Imports
    from .migrating import Migrating

ROOT = "/dalle-flux/archive"
_LONGEST = 10_000  # bytes of a request
_LONGEST_GRAPH = 2_000_000  # bytes of one with a workflow
_ABOUT = "The archive"
_SHOWN = 50  # items, where a request says nothing
_STATUSES = {"forbidden_place": 403, "nothing_there": 404, "no_such_import": 404, "no_such_item": 404,
             "bad_search": 400, "bad_source": 400, "bad_upload": 400, "bad_migration": 400,
             "no_such_migration": 404, "item_in_use": 409}  # fmt: skip
routes = web.RouteTableDef()
uploads = web.RouteTableDef()


@cache
def migrating() -> Migrating:
    """This ComfyUI's migrations; made on first use, on the server's event loop."""
    from .migrating import Migrating

    return Migrating(folders.state, queue, _report)


def _report(state: State, migration_id: str) -> list[Path]:
    from .migration_report import write

    folder, *_ = folders.output_place(f"dalle_flux/archive-{migration_id[:8]}/page", 0, 0)
    return write(state, migration_id, Path(folder))


def register() -> None:
    """Add the addresses to this host's server; called once, when the pack is loaded."""
    serving.serve(routes)
    serving.serve(uploads, accepts=("application/octet-stream",))
    serving.at_start(_carry_on)


async def _carry_on() -> None:
    try:
        await asyncio.to_thread(lambda: imports().carry_on())
        await migrating().start()
    except DalleFluxError as error:  # ComfyUI starts all the same; whoever asks for the archive is told
        logging.getLogger(__name__).error("The DALL·E archive: %s", error)


@cache
def imports() -> Imports:
    """This ComfyUI's imports; made on first use."""
    from .imports import Imports

    return Imports(folders.state, _find)


def _find(path: str) -> Path:
    from . import places

    return places.find(path, folders.input_folder(), places.folders(folders.endpoints().settings))


@routes.post(f"{ROOT}/imports")
async def begin(request: web.Request) -> web.Response:
    """Begin an import."""
    path = (await read_object(request, _LONGEST)).get("path")
    if not isinstance(path, str) or not path.strip():
        raise BadRequest("An import needs `path`, a file or folder in ComfyUI's input folder.")
    reply = await answer(lambda: {"id": imports().start(path)}, _ABOUT, _STATUSES)
    if reply.status == 200:
        reply.set_status(202)
    return reply


@routes.get(f"{ROOT}/imports")
async def list_imports(request: web.Request) -> web.Response:
    """The newest imports."""
    return await answer(lambda: {"imports": imports().all()}, _ABOUT)


@routes.get(f"{ROOT}/imports/{{id}}")
async def one_import(request: web.Request) -> web.Response:
    """How far an import is, or how it ended."""
    return await answer(lambda: imports().get(request.match_info["id"]), _ABOUT, _STATUSES)


@routes.delete(f"{ROOT}/imports/{{id}}")
async def cancel_import(request: web.Request) -> web.Response:
    """Cancel an import; what it has taken in stays."""
    return await answer(lambda: imports().cancel(request.match_info["id"]), _ABOUT, _STATUSES)


@routes.get(f"{ROOT}/imports/{{id}}/findings")
async def findings(request: web.Request) -> web.Response:
    """What was named and not found, found and not named, or could not be read."""
    import_id, kind = request.match_info["id"], request.query.get("kind", "")
    offset, limit = _window(request)

    def work() -> dict[str, Any]:
        imports().get(import_id)
        return {"findings": imports().findings(import_id, kind, offset, limit)}

    return await answer(work, _ABOUT, _STATUSES)


@uploads.get(f"{ROOT}/uploads/{{name}}")
async def uploaded(request: web.Request) -> web.Response:
    """How much of a file is here."""
    from .uploads import received

    return await _received(request, lambda name, total: received(folders.input_folder(), name, total))


@uploads.put(f"{ROOT}/uploads/{{name}}")
async def upload(request: web.Request) -> web.Response:
    """Append a piece to a file."""
    from .uploads import LARGEST_PIECE, add

    offset = whole_number("offset", request.query.get("offset", "0"))
    piece = bytearray()
    try:
        async for part in request.content.iter_chunked(2**18):
            piece += part
            if len(piece) > LARGEST_PIECE:
                raise BadRequest(f"The piece is too long; at most {LARGEST_PIECE:,} bytes are taken at once.")
    except BROKEN_BODY:
        raise BadRequest("The request's body is not what its head says, so it cannot be read.") from None
    return await _received(request, lambda name, total: add(folders.input_folder(), name, total, offset, bytes(piece)))


async def _received(request: web.Request, work: Callable[[str, int], int]) -> web.Response:
    from .uploads import FOLDER

    name, total = request.match_info["name"], whole_number("total", request.query.get("total", ""))
    return await answer(lambda: {"received": work(name, total), "path": f"{FOLDER}/{name}"}, _ABOUT, _STATUSES)


@routes.get(f"{ROOT}/items")
async def search(request: web.Request) -> web.Response:
    """Items that fit a search."""
    from . import items

    query = request.query.get("query", "")
    offset, limit = _window(request)

    def work() -> dict[str, Any]:
        page = items.search(folders.state(), query, offset, limit)
        return {"total": page.total, "items": [items.as_json(item) for item in page.items]}

    return await answer(work, _ABOUT, _STATUSES)


@routes.get(f"{ROOT}/items/{{id}}")
async def one_item(request: web.Request) -> web.Response:
    """All that is known of one picture."""
    from . import items

    return await answer(lambda: items.as_json(items.get(folders.state(), request.match_info["id"])), _ABOUT, _STATUSES)


@routes.delete(f"{ROOT}/items/{{id}}")
async def delete_item(request: web.Request) -> web.Response:
    """Take one picture out of the archive."""
    from .deleting import delete

    return await answer(lambda: delete(folders.state(), request.match_info["id"]), _ABOUT, _STATUSES)


@routes.get(f"{ROOT}/items/{{id}}/picture")
async def picture(request: web.Request) -> web.StreamResponse:
    """The original file."""
    from . import items
    from .picture_files import ENDINGS, MEDIA_TYPES

    state = folders.state()
    try:
        item = await asyncio.to_thread(items.get, state, request.match_info["id"])
    except DalleFluxError as error:
        return refuse(_STATUSES.get(error.code, 500), error.code, str(error))
    path = state.kept(item.id)
    if not path.is_file():
        return refuse(404, "picture_gone", "The picture's file is gone from the state folder; import it again.")
    headers = {
        "Content-Type": MEDIA_TYPES[item.format],
        "Content-Disposition": f'inline; filename="{item.id[:16]}.{ENDINGS[item.format]}"',
        **PRIVATE,
    }
    return web.FileResponse(path, headers=headers)


@routes.get(f"{ROOT}/items/{{id}}/reproductions")
async def reproductions(request: web.Request) -> web.Response:
    """The new pictures beside one item."""
    from . import items
    from .reproductions import of_item

    def work() -> dict[str, Any]:
        item = items.get(folders.state(), request.match_info["id"])
        return {"reproductions": of_item(folders.state(), item.id)}

    return await answer(work, _ABOUT, _STATUSES)


@routes.get(f"{ROOT}/items/{{id}}/reproductions/{{picture}}")
async def reproduction(request: web.Request) -> web.StreamResponse:
    """One new picture."""
    from .reproductions import of_item

    state, wanted = folders.state(), request.match_info["picture"]
    made = await asyncio.to_thread(of_item, state, request.match_info["id"])
    if not any(one["picture"] == wanted for one in made) or not state.kept(wanted).is_file():
        return refuse(404, "picture_gone", "There is no such picture beside this item; draw it again.")
    return web.FileResponse(state.kept(wanted), headers={"Content-Type": "image/png", **PRIVATE})


@routes.get(f"{ROOT}/items/{{id}}/thumbnail")
async def thumbnail(request: web.Request) -> web.StreamResponse:
    """A small copy of the picture; made when it is first asked for."""
    from .thumbnails import thumbnail

    state = folders.state()
    try:
        file = await asyncio.to_thread(thumbnail, state, request.match_info["id"])
    except DalleFluxError as error:
        status = 404 if error.code == "bad_picture" else _STATUSES.get(error.code, 500)
        return refuse(status, error.code, str(error))
    return web.FileResponse(file, headers={"Content-Type": "image/webp", **PRIVATE})


@routes.post(f"{ROOT}/migrations")
async def migrate(request: web.Request) -> web.Response:
    """Begin to draw items again."""
    from . import migration

    body = await read_object(request, _LONGEST_GRAPH)
    query, trial = body.get("query", "maker:dall-e-3"), body.get("trial", migration.TRIAL)
    if not isinstance(query, str) or not isinstance(trial, int) or not 0 <= trial <= 1000:
        raise BadRequest("A migration's `query` is a text, and its `trial` a number of pictures from 0 to 1000.")

    def work() -> dict[str, Any]:
        plan = migration.read_plan(body.get("graph"))
        return {"id": migration.create(folders.state(), query, plan, trial)}

    reply = await answer(work, _ABOUT, _STATUSES)
    if reply.status == 200:
        migrating().feed(json.loads(reply.text or "")["id"])
        reply.set_status(202)
    return reply


@routes.get(f"{ROOT}/migrations")
async def migrations(request: web.Request) -> web.Response:
    """The newest migrations."""
    from . import migration

    return await answer(lambda: {"migrations": migration.every(folders.state())}, _ABOUT)


@routes.get(f"{ROOT}/migrations/{{id}}")
async def one_migration(request: web.Request) -> web.Response:
    """How far a migration is."""
    from . import migration

    return await answer(lambda: migration.told(folders.state(), request.match_info["id"]), _ABOUT, _STATUSES)


@routes.post(f"{ROOT}/migrations/{{id}}")
async def change_migration(request: web.Request) -> web.Response:
    """Pause a migration, carry on with it, or end it."""
    from . import migration

    migration_id, action = request.match_info["id"], (await read_object(request, _LONGEST)).get("action")

    def work() -> dict[str, Any]:
        migration.change(folders.state(), migration_id, str(action))
        return migration.told(folders.state(), migration_id)

    reply = await answer(work, _ABOUT, _STATUSES)
    if reply.status == 200 and action == "cancel":
        migrating().stop(migration_id)
    elif reply.status == 200:
        migrating().feed(migration_id)
    return reply


@routes.get(f"{ROOT}/exports/{{name}}")
async def export(request: web.Request) -> web.StreamResponse:
    """What a search finds, as a file."""
    from . import exports

    state, name, query = folders.state(), request.match_info["name"], request.query.get("query", "")
    if name == "pictures.zip":
        return await attachment(
            request, "application/zip", name, lambda: exports.pictures_zip(state, query), _ABOUT, _STATUSES
        )
    if name not in exports.TABLES:
        return refuse(404, "no_such_export", f"There is no export {name[:40]!r}; ask for pictures.zip, "
                      f"{', '.join(exports.TABLES)}.")  # fmt: skip
    kind = "text/csv" if name.endswith(".csv") else "application/jsonl"
    lines = exports.TABLES[name]
    return await attachment(request, kind, name, lambda: lines(state, query), _ABOUT, _STATUSES)


def _window(request: web.Request) -> tuple[int, int]:
    """(offset, limit) of a list."""
    offset = whole_number("offset", request.query.get("offset", "0"))
    limit = whole_number("limit", request.query.get("limit", str(_SHOWN)))
    if offset < 0 or limit < 0:
        raise BadRequest("offset and limit must not be below 0.")
    return offset, limit
