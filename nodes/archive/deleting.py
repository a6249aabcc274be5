"""Taking a picture out of the archive again, with all that was drawn of it. What stays is a note that it was there.

Rows go first, then files: a file whose row is gone is no harm, and is looked at again after the next deletion, after
every import and at every start, until nothing keeps it.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..comparison import votes
from ..errors import DalleFluxError
from ..services import ledger
from ..state import State
from .items import NoSuchItem, iso, unindex
from .tables import MIGRATIONS, ROOM
from .thumbnails import place

if TYPE_CHECKING:
    import sqlite3

COLUMNS = ("id", "deleted", "maker", "made", "source_file", "imported", "bytes", "reproductions")
_MOST = 1000  # notes in memory at once
_log = logging.getLogger(__name__)


class ItemInUse(DalleFluxError):
    """Something that has not ended needs this picture."""

    code = "item_in_use"


def delete(state: State, item_id: str) -> dict[str, Any]:
    """Take an item and its reproductions out of the archive, with every file that nothing else needs.

    Returns:
        The note of it, see `notes`.

    Raises:
        NoSuchItem: there is none.
        ItemInUse: a migration that has not ended holds it.
    """
    with state.database(ROOM, MIGRATIONS) as database:
        item = database.execute("SELECT * FROM archive_items WHERE id = ?", (item_id,)).fetchone()
        if item is None:
            raise NoSuchItem(item_id)
        if database.execute(
            "SELECT 1 FROM archive_migration_items JOIN archive_migrations AS whole ON whole.id = migration "
            "WHERE item = ? AND whole.state IN ('running', 'paused', 'tried')",
            (item_id,),
        ).fetchone():
            raise ItemInUse(
                "This picture is being drawn again with others, and that has not ended; cancel it under Draw again on "
                "FLUX, or wait for its end, then delete the picture."
            )
        made = database.execute("SELECT picture FROM archive_reproductions WHERE item = ?", (item_id,)).fetchall()
        unindex(database, item)
        database.execute("DELETE FROM archive_items WHERE id = ?", (item_id,))
        database.execute("DELETE FROM archive_reproductions WHERE item = ?", (item_id,))
        number = database.execute(
            "INSERT INTO archive_deletions (id, deleted, maker, made, source_file, imported, import, bytes, "
            "reproductions, files) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                item_id, time.time(), item["maker"], item["created"], item["file"], item["added"], item["import"],
                item["bytes"], len(made), json.dumps([item_id, *(row["picture"] for row in made)]),
            ),
        ).lastrowid  # fmt: skip
        note = _note(database.execute("SELECT * FROM archive_deletions WHERE number = ?", (number,)).fetchone())
    remove_files(state)
    return note


def remove_files(state: State) -> None:
    """Remove what deleted items left on the disk, unless something needs it now; not while an import works.

    An import keeps files some time before their rows.
    """
    with state.database(ROOM, MIGRATIONS) as database:
        if database.execute("SELECT 1 FROM archive_imports WHERE state = 'running'").fetchone():
            return
        for row in database.execute("SELECT number, files FROM archive_deletions WHERE files <> '[]'").fetchall():
            left = [sha256 for sha256 in json.loads(row["files"]) if not _removed(state, database, sha256)]
            database.execute(
                "UPDATE archive_deletions SET files = ? WHERE number = ?", (json.dumps(left), row["number"])
            )


def notes(state: State) -> Iterator[dict[str, Any]]:
    """What was deleted, oldest first: COLUMNS, with times in UTC, ISO 8601, or None."""
    last = 0
    while True:
        with state.database(ROOM, MIGRATIONS) as database:
            rows = database.execute(
                "SELECT * FROM archive_deletions WHERE number > ? ORDER BY number LIMIT ?", (last, _MOST)
            ).fetchall()
        if not rows:
            return
        yield from map(_note, rows)
        last = rows[-1]["number"]


def _note(row: sqlite3.Row) -> dict[str, Any]:
    times = {name: iso(row[name]) for name in ("deleted", "made", "imported")}
    return {**{name: row[name] for name in COLUMNS}, **times}


def _removed(state: State, database: sqlite3.Connection, sha256: str) -> bool:
    """Whether this file needs no further look: it is gone, or something needs it."""
    is_item = database.execute("SELECT 1 FROM archive_items WHERE id = ?", (sha256,)).fetchone()
    is_drawn = database.execute("SELECT 1 FROM archive_reproductions WHERE picture = ?", (sha256,)).fetchone()
    try:
        if not is_item:
            place(state, sha256).unlink(missing_ok=True)
        if not (is_item or is_drawn or ledger.keeps(database, sha256) or votes.keeps(database, sha256)):
            state.kept(sha256).unlink(missing_ok=True)
    except OSError as error:  # Windows: somebody is looking at it
        _log.info("A deleted picture's file is still there: %s", error)
        return False
    return True
