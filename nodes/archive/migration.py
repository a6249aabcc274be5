"""Drawing many items again: which ones, with which workflow, and how far that is. All of it is on the disk.

An item is `held` (for after the trial), `waiting`, `drawing`, `done` or `failed`. It is done in the transaction that
stores its picture (`reproductions.store`); one that was `drawing` when the power went waits again.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import DalleFluxError
from ..state import State
from .items import iso
from .searching import parse
from .spread import Candidate, spread
from .tables import MIGRATIONS, ROOM

RUNNING, PAUSED, TRIED, DONE, CANCELLED = "running", "paused", "tried", "done", "cancelled"
TRIAL = 10  # items
SHIPPED = Path(__file__).parents[2] / "workflows" / "api" / "archive-vs-flux.json"
LOAD, SAVE = "DalleFluxArchiveLoad", "DalleFluxArchiveSave"
_LAST = 20  # items that the speed is told from


class BadMigration(DalleFluxError):
    """A migration that cannot be begun, or not be changed in this way."""

    code = "bad_migration"


class NoSuchMigration(DalleFluxError):
    """There is no migration with this id."""

    code = "no_such_migration"


@dataclass(frozen=True)
class Plan:
    """The workflow of a migration, in API format, and where an item goes in and comes out."""

    graph: Mapping[str, Any]
    load: str  # node id
    save: str  # node id

    def of_item(self, item_id: str) -> dict[str, Any]:
        """The graph that draws one item."""
        load = dict(self.graph[self.load])
        load["inputs"] = {**load["inputs"], "query": f"id:{item_id}", "index": 0, "limit": 1}
        return {**self.graph, self.load: load}


def read_plan(graph: object) -> Plan:
    """A workflow that a request brought, or the shipped one if it brought none.

    Raises:
        BadMigration: it is no graph in API format with one load and one save node.
    """
    if graph is None:
        graph = json.loads(SHIPPED.read_text("utf-8"))
    nodes = graph.items() if isinstance(graph, dict) else ()
    kinds = {name: [key for key, node in nodes if isinstance(node, dict) and node.get("class_type") == name
                    and isinstance(node.get("inputs"), dict)] for name in (LOAD, SAVE)}  # fmt: skip
    if not isinstance(graph, dict) or any(len(keys) != 1 for keys in kinds.values()):
        raise BadMigration(
            "A workflow that draws the archive again has one node Load from DALL·E Archive and one Save to DALL·E "
            "Archive; open archive-vs-flux from ComfyUI's templates and change that."
        )
    return Plan(graph, kinds[LOAD][0], kinds[SAVE][0])


def create(state: State, query: str, plan: Plan, trial: int) -> str:
    """Choose the items of a search that have words; the first `trial` wait, all others are held. 0: none is held.

    Raises:
        BadSearch, BadMigration: nothing can be chosen.
    """
    condition, values = parse(query)
    migration = uuid.uuid4().hex
    with state.database(ROOM, MIGRATIONS) as database:
        rows = database.execute(
            "SELECT id, maker, width, height, substr(revised_prompt || ' ' || prompt, 1, 500) AS words "
            f"FROM archive_items WHERE {condition} AND (prompt <> '' OR revised_prompt <> '') "
            "ORDER BY created DESC, number DESC",
            values,
        ).fetchall()
        if not rows:
            raise BadMigration("The search finds no picture with words to draw it from; change it.")
        first = spread([Candidate(*row) for row in rows], trial) if trial else []
        tried = set(first)
        order = [*first, *(row["id"] for row in rows if row["id"] not in tried)]
        database.execute(
            "INSERT INTO archive_migrations (id, query, graph, state, created) VALUES (?, ?, ?, ?, ?)",
            (migration, query, json.dumps(plan.graph), RUNNING, time.time()),
        )
        database.executemany(
            "INSERT INTO archive_migration_items (migration, place, item, state) VALUES (?, ?, ?, ?)",
            [
                (migration, place, item, "waiting" if not trial or item in tried else "held")
                for place, item in enumerate(order)
            ],
        )
    return migration


def plan_of(state: State, migration: str) -> Plan:
    """Raises NoSuchMigration."""
    with state.database(ROOM, MIGRATIONS) as database:
        row = database.execute("SELECT graph FROM archive_migrations WHERE id = ?", (migration,)).fetchone()
    if row is None:
        raise NoSuchMigration("There is no such migration; GET /dalle-flux/archive/migrations lists all.")
    return read_plan(json.loads(row["graph"]))


def running(state: State) -> list[str]:
    """Those to carry on with, after what was drawing at the last end waits again."""
    if not (state.root / "state.sqlite").exists():  # nobody's first start makes a database
        return []
    with state.database(ROOM, MIGRATIONS) as database:
        database.execute("UPDATE archive_migration_items SET state = 'waiting' WHERE state = 'drawing'")
        rows = database.execute("SELECT id FROM archive_migrations WHERE state = ? ORDER BY created", (RUNNING,))
        return [row["id"] for row in rows.fetchall()]


def take(state: State, migration: str, prompt: str) -> str | None:
    """The next item, now drawing in the host's prompt of this id; None: it is not running, or none waits."""
    with state.database(ROOM, MIGRATIONS) as database:
        row = database.execute(
            "SELECT item FROM archive_migration_items AS one JOIN archive_migrations AS whole ON id = migration "
            "WHERE migration = ? AND whole.state = ? AND one.state = 'waiting' ORDER BY place LIMIT 1",
            (migration, RUNNING),
        ).fetchone()
        if row is None:
            return None
        database.execute(
            "UPDATE archive_migration_items SET state = 'drawing', prompt = ?, began = ? "
            "WHERE migration = ? AND item = ?",
            (prompt, time.time(), migration, row["item"]),
        )
        return str(row["item"])


def give_back(state: State, migration: str, item: str) -> None:
    """It was not drawn, and not for a fault of its own."""
    with state.database(ROOM, MIGRATIONS) as database:
        database.execute(
            "UPDATE archive_migration_items SET state = 'waiting' "
            "WHERE migration = ? AND item = ? AND state = 'drawing'",
            (migration, item),
        )


def fail(state: State, migration: str, item: str, error: str) -> bool:
    """It could not be drawn; False if its picture is there all the same."""
    with state.database(ROOM, MIGRATIONS) as database:
        changed = database.execute(
            "UPDATE archive_migration_items SET state = 'failed', error = ?, ended = ? "
            "WHERE migration = ? AND item = ? AND state = 'drawing'",
            (error, time.time(), migration, item),
        )
        return changed.rowcount > 0


def is_through(state: State, migration: str) -> bool:
    """Whether it runs and nothing waits any more."""
    with state.database(ROOM, MIGRATIONS) as database:
        return _is_through(database, migration)


def end_stage(state: State, migration: str, report: list[str], reason: str) -> None:
    """The trial, or all, is through, unless it was stopped meanwhile.

    Args:
        report: where it lies.
        reason: why there is none.
    """
    with state.database(ROOM, MIGRATIONS) as database:
        if _is_through(database, migration):
            ended = TRIED if _counts(database, migration)["held"] else DONE
            database.execute(
                "UPDATE archive_migrations SET state = ?, report = ?, reason = ? WHERE id = ?",
                (ended, json.dumps(report), reason, migration),
            )


def _is_through(database: Any, migration: str) -> bool:
    counts = _counts(database, migration)
    row = database.execute("SELECT state FROM archive_migrations WHERE id = ?", (migration,)).fetchone()
    return row["state"] == RUNNING and not counts["waiting"] and not counts["drawing"]


def change(state: State, migration: str, action: str, reason: str = "") -> None:
    """`pause`, `resume` (failed ones are tried again), `continue` after the trial, `cancel`.

    Raises:
        NoSuchMigration, BadMigration: there is none, or it has ended.
    """
    plan_of(state, migration)
    allowed = {
        "pause": (RUNNING,),
        "resume": (PAUSED, DONE, TRIED),
        "continue": (TRIED,),
        "cancel": (RUNNING, PAUSED, TRIED),
    }
    if action not in allowed:
        raise BadMigration(f"A migration can {', '.join(allowed)}, and not {action[:40]!r}.")
    after = {"pause": PAUSED, "cancel": CANCELLED}.get(action, RUNNING)
    with state.database(ROOM, MIGRATIONS) as database:
        row = database.execute("SELECT state FROM archive_migrations WHERE id = ?", (migration,)).fetchone()
        if row["state"] not in allowed[action]:
            raise BadMigration(f"This migration is {row['state']}, so it cannot {action}.")
        database.execute("UPDATE archive_migrations SET state = ?, reason = ? WHERE id = ?", (after, reason, migration))
        again = {"resume": "failed", "continue": "held"}.get(action)
        if again:
            database.execute(
                "UPDATE archive_migration_items SET state = 'waiting' WHERE migration = ? AND state = ?",
                (migration, again),
            )
            database.execute("UPDATE archive_migrations SET report = '[]' WHERE id = ?", (migration,))


def told(state: State, migration: str) -> dict[str, Any]:
    """How far it is; keys are stable.

    Raises:
        NoSuchMigration: there is none.
    """
    with state.database(ROOM, MIGRATIONS) as database:
        row = database.execute("SELECT * FROM archive_migrations WHERE id = ?", (migration,)).fetchone()
        if row is None:
            raise NoSuchMigration("There is no such migration; GET /dalle-flux/archive/migrations lists all.")
        counts = _counts(database, migration)
        times = database.execute(
            "SELECT began, ended FROM archive_migration_items WHERE migration = ? AND state = 'done' "
            "ORDER BY ended DESC LIMIT ?",
            (migration, _LAST),
        ).fetchall()
        failures = database.execute(
            "SELECT item, error FROM archive_migration_items WHERE migration = ? AND state = 'failed' LIMIT 20",
            (migration,),
        ).fetchall()
    seconds = _seconds_each([row["ended"] for row in times])
    to_do = counts["waiting"] + counts["drawing"]
    return {
        "id": row["id"], "query": row["query"], "state": row["state"], "reason": row["reason"] or None,
        "created": iso(row["created"]), "total": sum(counts.values()), **counts,
        "seconds_a_picture": seconds, "seconds_left": seconds * to_do if seconds else None,
        "failures": [dict(one) for one in failures], "report": json.loads(row["report"]),
    }  # fmt: skip


def every(state: State) -> list[dict[str, Any]]:
    """The newest 50, newest first."""
    with state.database(ROOM, MIGRATIONS) as database:
        rows = database.execute("SELECT id FROM archive_migrations ORDER BY created DESC LIMIT 50").fetchall()
    return [told(state, row["id"]) for row in rows]


def drawn(state: State, migration: str) -> dict[str, list[str]]:
    """The items that are done, in order, and the SHA-256 of what was drawn of each."""
    with state.database(ROOM, MIGRATIONS) as database:
        rows = database.execute(
            "SELECT item, pictures FROM archive_migration_items WHERE migration = ? AND state = 'done' ORDER BY place",
            (migration,),
        ).fetchall()
    return {row["item"]: json.loads(row["pictures"]) for row in rows}


def _counts(database: Any, migration: str) -> dict[str, int]:
    rows = database.execute(
        "SELECT state, count(*) FROM archive_migration_items WHERE migration = ? GROUP BY state", (migration,)
    ).fetchall()
    return {**dict.fromkeys(("held", "waiting", "drawing", "done", "failed"), 0), **{row[0]: row[1] for row in rows}}


def _seconds_each(ends: list[float]) -> float | None:
    """From the newest ends to each other; None before there are two."""
    return (ends[0] - ends[-1]) / (len(ends) - 1) if len(ends) > 1 else None
