"""The record a team can show: every decision in the state database, a reviewer's overrule beside it.

Kept of a decision: time, hash of the content, policy, checks with versions, scores, outcome. The text itself only
if the user's own file says so; it is off by default:

    [settings.moderation]
    keep_text = true
    retention_days = 365      # older decisions are deleted; 0 keeps them for ever

Half characters (lone surrogates), which no database takes, are kept as question marks.
"""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from ..csv_cells import harmless
from ..errors import DalleFluxError
from ..state import State, StateFailed
from .decision import Decision
from .settings import ModerationSettings

ROOM = "moderation"
MOST_ROWS = 500  # in one page
_LONGEST_NOTE = 2000  # characters
_LARGEST_ID = 2**63 - 1  # that SQLite takes
MIGRATIONS = (
    """
CREATE TABLE moderation_decisions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    outcome TEXT NOT NULL,
    action TEXT NOT NULL,
    blocked TEXT NOT NULL,
    review TEXT NOT NULL,
    scores TEXT NOT NULL,
    checks TEXT NOT NULL,
    policy TEXT NOT NULL,
    text TEXT
);
CREATE INDEX moderation_decisions_at ON moderation_decisions (at);
CREATE TABLE moderation_overrules (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    decision INTEGER NOT NULL REFERENCES moderation_decisions (id) ON DELETE CASCADE,
    at TEXT NOT NULL,
    reviewer TEXT NOT NULL,
    verdict TEXT NOT NULL,
    note TEXT NOT NULL
);
CREATE INDEX moderation_overrules_decision ON moderation_overrules (decision);
CREATE TRIGGER moderation_decisions_stay BEFORE UPDATE ON moderation_decisions
    BEGIN SELECT RAISE(ABORT, 'a decision is never changed'); END;
CREATE TRIGGER moderation_overrules_stay BEFORE UPDATE ON moderation_overrules
    BEGIN SELECT RAISE(ABORT, 'an overrule is never changed'); END;
""",
)
COLUMNS = ("id", "at", "kind", "sha256", "outcome", "action", "blocked", "review", "scores", "checks", "policy", "text")
_JSON_COLUMNS = ("blocked", "review", "scores", "checks", "policy")


class NoSuchDecision(DalleFluxError):
    """An overrule for a decision that the record does not hold."""

    code = "no_such_decision"


class BadOverrule(DalleFluxError):
    """An overrule without a reviewer's name or with a verdict that is none."""

    code = "bad_overrule"


class RecordFailed(DalleFluxError):
    """The state database could not be written or read."""

    code = "record_failed"


class Record:
    """The decisions kept in one state database."""

    def __init__(self, state: State, settings: ModerationSettings):
        self._state = state
        self._settings = settings

    def add(self, decisions: Sequence[Decision], action: str, text: str | None = None) -> list[int]:
        """Append decisions and delete what is older than the retention allows.

        Args:
            action: what the gate did with them.
            text: the prompt; kept only if the settings say so.

        Returns:
            The decisions' ids; when this returns they are on the disk.

        Raises:
            RecordFailed: the database cannot be written.
        """
        now = _now()
        kept = text if self._settings.keep_text else None
        rows = [_row(decision, action if not decision.allowed else "pass", kept, now) for decision in decisions]
        insert = f"INSERT INTO moderation_decisions ({', '.join(COLUMNS[1:])}) VALUES ({', '.join('?' * 11)})"
        try:
            with self._state.database(ROOM, MIGRATIONS) as database:
                ids = [int(database.execute(insert, row).lastrowid or 0) for row in rows]
                if self._settings.retention_days:
                    limit = _now(-timedelta(days=self._settings.retention_days))
                    database.execute("DELETE FROM moderation_decisions WHERE at < ?", (limit,))
        except (sqlite3.Error, OSError, StateFailed) as error:
            raise RecordFailed(
                f"the record could not be written ({type(error).__name__}); check that {self._state.root} is writable "
                "and the disk has room."
            ) from None
        return ids

    def overrule(self, decision: int, verdict: str, reviewer: str, note: str = "") -> None:
        """Record what a reviewer thinks, beside the decision. The decision itself never changes.

        Raises:
            NoSuchDecision: the record does not hold it (any more).
            BadOverrule: no reviewer's name, or a verdict other than "allow" and "block".
        """
        reviewer, note = _whole(reviewer.strip()[:200]), _whole(note.strip()[:_LONGEST_NOTE])
        if not reviewer or verdict not in ("allow", "block"):
            raise BadOverrule("An overrule needs a reviewer's name and the verdict allow or block; fill in both.")
        with self._state.database(ROOM, MIGRATIONS) as database:
            known = "SELECT 1 FROM moderation_decisions WHERE id = ?"
            if abs(decision) > _LARGEST_ID or not database.execute(known, (decision,)).fetchone():
                raise NoSuchDecision(f"The record holds no decision {decision}; reload the list, it may have expired.")
            database.execute(
                "INSERT INTO moderation_overrules (decision, at, reviewer, verdict, note) VALUES (?, ?, ?, ?, ?)",
                (decision, _now(), reviewer, verdict, note),
            )

    def page(self, *, before: int | None = None, outcome: str = "", limit: int = 100) -> list[dict[str, Any]]:
        """Decisions, newest first, each with its `overrules`.

        Args:
            before: only ids below this one.
            outcome: only this outcome; "" for all.
        """
        if before is not None:
            before = max(-_LARGEST_ID, min(before, _LARGEST_ID))
        outcome = _whole(outcome)
        with self._state.database(ROOM, MIGRATIONS) as database:
            rows = database.execute(
                "SELECT * FROM moderation_decisions WHERE (? IS NULL OR id < ?) AND (? = '' OR outcome = ?) "
                "ORDER BY id DESC LIMIT ?",
                (before, before, outcome, outcome, max(1, min(limit, MOST_ROWS))),
            ).fetchall()
            return [_entry(database, row) for row in rows]

    def entries(self) -> Iterator[dict[str, Any]]:
        """All decisions, newest first, read page by page."""
        before: int | None = None
        while page := self.page(before=before, limit=MOST_ROWS):
            yield from page
            before = page[-1]["id"]

    def jsonl(self) -> Iterator[str]:
        """The record as JSON lines."""
        for entry in self.entries():
            yield json.dumps(entry, ensure_ascii=False) + "\n"

    def csv(self) -> Iterator[str]:
        """The record as CSV, one line a decision, overrules as JSON in the last column."""
        columns = [*COLUMNS, "overrules"]
        yield _csv_line(columns)
        for entry in self.entries():
            yield _csv_line([_cell(entry[column]) for column in columns])


def _row(decision: Decision, action: str, text: str | None, at: str) -> tuple[Any, ...]:
    report = decision.as_report()
    checks = [
        {key: check[key] for key in ("check", "version", "judges", "scores", "own_flags", "error")}
        | {"rules": sorted({finding["rule"] for finding in check["findings"]})}
        for check in report["checks"]
    ]
    values = (report["blocked"], report["review"], report["scores"], checks, decision.policy)
    packed = (json.dumps(value, ensure_ascii=False) for value in values)
    row = (at, decision.kind, decision.sha256, decision.outcome.value, action, *packed, text)
    return tuple(None if value is None else _whole(value) for value in row)


def _entry(database: sqlite3.Connection, row: sqlite3.Row) -> dict[str, Any]:
    entry = {column: json.loads(row[column]) if column in _JSON_COLUMNS else row[column] for column in COLUMNS}
    overrules = database.execute(
        "SELECT at, reviewer, verdict, note FROM moderation_overrules WHERE decision = ? ORDER BY id", (row["id"],)
    )
    return entry | {"overrules": [dict(overrule) for overrule in overrules]}


def _whole(text: str) -> str:
    """`text` with question marks for half characters."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _cell(value: object) -> str:
    text = value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
    return str(harmless(text))


def _csv_line(cells: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()


def _now(shift: timedelta = timedelta()) -> str:
    return (datetime.now(timezone.utc) + shift).isoformat(timespec="milliseconds").replace("+00:00", "Z")
