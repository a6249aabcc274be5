"""The list of imports, and the one thread that works on them, one after the other.

An import that was accepted is on the disk: one that was cut short, by a restart or worse, is carried on when ComfyUI
starts again.
"""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import DalleFluxError
from ..state import State
from .deleting import remove_files
from .importing import Cancelled, Progress, run
from .tables import MIGRATIONS, ROOM

RUNNING, DONE, FAILED, CANCELLED = "running", "done", "failed", "cancelled"
_MOST_ATTEMPTS = 3  # an import that takes ComfyUI down with it is not begun for ever
_log = logging.getLogger(__name__)


class NoSuchImport(DalleFluxError):
    """There is no import with this id."""

    code = "no_such_import"


@dataclass(frozen=True)
class _Job:
    id: str
    path: Path
    progress: Progress


class Imports:
    """All imports of one state folder.

    Args:
        state: asked for anew each time.
        find: gives the file or folder that a request's `path` names, or raises.
    """

    def __init__(self, state: Callable[[], State], find: Callable[[str], Path]):
        self._state = state
        self._find = find
        self._live: dict[str, Progress] = {}
        self._queue: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def start(self, path: str) -> str:
        """Begin an import; its id.

        Raises:
            ForbiddenPlace, NothingThere: of the path.
        """
        found = self._find(path)
        import_id = uuid.uuid4().hex
        with self._state().database(ROOM, MIGRATIONS) as database:
            database.execute(
                "INSERT INTO archive_imports (id, path, state, attempts, started) VALUES (?, ?, ?, 1, ?)",
                (import_id, path, RUNNING, time.time()),
            )
        self._begin(import_id, found)
        return import_id

    def carry_on(self) -> None:
        """Begin those anew that were cut short."""
        if not (self._state().root / "state.sqlite").exists():  # nobody's first start makes a database
            return
        with self._state().database(ROOM, MIGRATIONS) as database:
            rows = database.execute("SELECT * FROM archive_imports WHERE state = ? ORDER BY started", (RUNNING,))
            unfinished = [row for row in rows.fetchall() if row["id"] not in self._live]
            database.executemany(
                "UPDATE archive_imports SET attempts = attempts + 1 WHERE id = ?", [(row["id"],) for row in unfinished]
            )
        for row in unfinished:
            try:
                if row["attempts"] >= _MOST_ATTEMPTS:
                    raise DalleFluxError(
                        f"ComfyUI ended {row['attempts']} times during this import; look into its log, then import "
                        "anew."
                    )
                self._begin(row["id"], self._find(row["path"]))
            except DalleFluxError as error:
                self._end(row["id"], FAILED, str(error))
        remove_files(self._state())

    def cancel(self, import_id: str) -> dict[str, Any]:
        """What it has taken in stays. One that has ended stays as it is.

        Raises:
            NoSuchImport: there is none.
        """
        if progress := self._live.get(import_id):
            progress.cancelled.set()
        return self.get(import_id)

    def wait(self, import_id: str) -> None:
        """Until it has ended."""
        if progress := self._live.get(import_id):
            progress.ended.wait()

    def get(self, import_id: str) -> dict[str, Any]:
        """One import; its keys are stable.

        Raises:
            NoSuchImport: there is none.
        """
        with self._state().database(ROOM, MIGRATIONS) as database:
            row = database.execute("SELECT * FROM archive_imports WHERE id = ?", (import_id,)).fetchone()
            if row is None:
                raise NoSuchImport("There is no such import; GET /dalle-flux/archive/imports lists all.")
            return self._told(database, row)

    def all(self) -> list[dict[str, Any]]:
        """The newest 100, newest first."""
        with self._state().database(ROOM, MIGRATIONS) as database:
            rows = database.execute("SELECT * FROM archive_imports ORDER BY started DESC LIMIT 100").fetchall()
            return [self._told(database, row) for row in rows]

    def findings(self, import_id: str, kind: str, offset: int, limit: int) -> list[dict[str, Any]]:
        """What an import named or held and could not bring together."""
        with self._state().database(ROOM, MIGRATIONS) as database:
            rows = database.execute(
                "SELECT kind, name, why, maker, prompt, revised_prompt, conversation, created FROM archive_findings "
                "WHERE import = ? AND (? = '' OR kind = ?) ORDER BY number LIMIT ? OFFSET ?",
                (import_id, kind, kind, limit, offset),
            ).fetchall()
        return [dict(row) for row in rows]

    def _told(self, database: sqlite3.Connection, row: sqlite3.Row) -> dict[str, Any]:
        (added,) = database.execute(
            "SELECT (SELECT count(*) FROM archive_items WHERE import = ?1) "
            "+ (SELECT count(*) FROM archive_deletions WHERE import = ?1)",
            (row["id"],),
        ).fetchone()
        progress = self._live.get(row["id"])
        return {
            "id": row["id"], "path": row["path"], "state": row["state"], "found": row["found"], "added": added,
            "known": row["found"] - added, "missing": row["missing"], "unmatched": row["unmatched"],
            "unreadable": row["unreadable"], "error": row["error"] or None, "started": row["started"],
            "ended": row["ended"], "stage": progress.stage if progress else "done",
            "bytes_done": progress.done if progress else 0, "bytes_total": progress.total if progress else 0,
        }  # fmt: skip

    def _begin(self, import_id: str, path: Path) -> None:
        progress = self._live[import_id] = Progress()
        self._queue.put(_Job(import_id, path, progress))
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="dalle_flux imports", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while True:
            job = self._queue.get()
            try:
                job.progress.look()
                run(self._state(), job.id, job.path, job.progress)
                self._end(job.id, DONE)
            except Cancelled:
                self._end(job.id, CANCELLED)
            except (DalleFluxError, OSError) as error:
                self._end(job.id, FAILED, str(error))
            except Exception as error:
                _log.exception("An import of the DALL·E archive failed")
                self._end(job.id, FAILED, f"This is a mistake in the pack ({type(error).__name__}); ComfyUI's log says "
                          "where.")  # fmt: skip

    def _end(self, import_id: str, state: str, error: str = "") -> None:
        try:
            with self._state().database(ROOM, MIGRATIONS) as database:
                database.execute(
                    "UPDATE archive_imports SET state = ?, ended = ?, error = ? WHERE id = ?",
                    (state, time.time(), error, import_id),
                )
            remove_files(self._state())
        except DalleFluxError:
            _log.exception("How an import of the DALL·E archive ended could not be stored")
        if progress := self._live.pop(import_id, None):
            progress.ended.set()
