"""The ledger: every paid request, written down before it leaves.

A row's life: reserved → sent → replied → done. Other ends: `unsent` (never left, or the endpoint turned it away
unbilled), `unknown` (left, and nobody knows whether it was billed), `lost` (a reply came and held no picture).
The raw reply lies in `replies/` from the moment it is whole until the picture in it is kept, so that a row which
stopped anywhere in between is finished from disk, never paid for again. Where the endpoint answers with the id of a
job, the id is in the row from the moment it came, and a row that stopped after that is picked up by it. A chat call is
a row too; it goes from sent to done, and its reply is not kept.
"""

from __future__ import annotations

import json
import math
import sqlite3
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar

from ..errors import DalleFluxError
from ..state import State, write_file
from .presence import SESSION, be_present, is_alive
from .settings import TABLE, ServiceSettings

# The tables are named after the room that alone paid for anything when they were made.
ROOM = "images_api"
MIGRATIONS = (
    """
CREATE TABLE images_api_calls (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,                  -- same request, same key: Plan.key
    idempotency_key TEXT NOT NULL,      -- sent along; shared by attempts of which at most one may be billed
    state TEXT NOT NULL,                -- CallState
    session TEXT NOT NULL,
    day TEXT NOT NULL,                  -- local date, YYYY-MM-DD
    endpoint TEXT NOT NULL,
    operation TEXT NOT NULL,
    model TEXT NOT NULL,
    parameters TEXT NOT NULL,           -- JSON, as sent; no secret
    inputs TEXT NOT NULL,               -- JSON, SHA-256 of the files sent
    seed TEXT NOT NULL,                 -- 64 bits do not fit SQLite's signed integer
    picture INTEGER NOT NULL,           -- 0 … n-1
    estimate_usd REAL,
    cost_usd REAL,                      -- from the endpoint's own count; NULL: only the estimate is known
    attempts INTEGER NOT NULL DEFAULT 0,
    reserved_at REAL NOT NULL,          -- Unix time, seconds
    sent_at REAL,
    replied_at REAL,
    done_at REAL,
    request_id TEXT,
    revised_prompt TEXT,
    image_sha256 TEXT,
    error TEXT                          -- code of the error that ended it
);
CREATE INDEX images_api_calls_by_key ON images_api_calls (key, state);
CREATE INDEX images_api_calls_by_day ON images_api_calls (day)
""",
    # JSON, where the endpoint's own job for this request is found again; NULL: it has none, or none is known
    "ALTER TABLE images_api_calls ADD COLUMN job TEXT",
)


def keeps(database: sqlite3.Connection, sha256: str) -> bool:
    """Whether a picture that was paid for is kept under this SHA-256; in a transaction of any room."""
    if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'images_api_calls'").fetchone():
        return False
    row = database.execute("SELECT 1 FROM images_api_calls WHERE image_sha256 = ?", (sha256,))
    return row.fetchone() is not None


class CallState(Enum):
    """Where a request stands."""

    RESERVED = "reserved"
    SENT = "sent"
    REPLIED = "replied"
    DONE = "done"
    UNSENT = "unsent"
    UNKNOWN = "unknown"
    LOST = "lost"


class BudgetReached(DalleFluxError):
    """The user's own budget does not allow it. Nothing was sent."""

    code: ClassVar[str] = "budget_reached"


@dataclass(frozen=True)
class Wanted:
    """One request that may cost money, before it is written down."""

    key: str  # same request, same key
    endpoint: str
    operation: str  # "generations", "edits", "variations" or "chat"
    model: str
    estimate_usd: float | None  # None: nobody knows
    what: str  # for messages: "picture", "chat call"
    price_line: str  # the line for endpoints.toml that says the price
    parameters: Mapping[str, Any] | None = None  # as sent; no secret
    inputs: Sequence[str] = ()  # SHA-256 of the files sent
    seed: int = 0
    index: int = 0  # of a node's n pictures


@dataclass(frozen=True)
class Call:
    """One row, as far as a request needs it."""

    id: int
    key: str
    idempotency_key: str
    state: CallState
    index: int
    estimate_usd: float | None
    cost_usd: float | None
    attempts: int
    reserved_at: float
    sent_at: float | None
    replied_at: float | None
    request_id: str | None
    revised_prompt: str | None
    image_sha256: str | None
    job: str | None = None  # JSON, where the endpoint's job for it is found again
    fresh: bool = False  # made by this claim: to be sent
    elsewhere: bool = False  # another process that shares the state folder is at it: claim again in a while
    follows_unsettled: bool = False  # an earlier attempt may have been billed


@dataclass(frozen=True)
class Ledger:
    """The rows in the state folder. Every method is one transaction; none blocks for the network."""

    state: State

    def claim(self, wanted: Sequence[Wanted], settings: ServiceSettings, *, again: bool) -> list[Call]:
        """Find or make a row for each request, all or none.

        A picture that is kept, or whose reply is on disk, or whose job at the endpoint is known, comes back as its old
        row unless `again`; so does one that another living process is asking for. The rest is reserved against the
        budget.

        Raises:
            BudgetReached: nothing is reserved.
        """
        with self.state.database(ROOM, MIGRATIONS) as rows:
            be_present(self.state.root)
            self._release_the_dead(rows)
            found = {} if again else {one.key: call for one in wanted if (call := self._found(rows, one.key))}
            missing = [one for one in wanted if one.key not in found]
            _check_budget(rows, missing, settings)
            return [found[one.key] if one.key in found else _reserve(rows, one, again) for one in wanted]

    def give_back(self, calls: Sequence[Call]) -> None:
        """Let go of what `claim` reserved and nobody will send."""
        for call in calls:
            if call.fresh:
                self.failed(call, CallState.UNSENT, "cancelled")

    def mark_sent(self, call: Call) -> None:
        """To be called before the request leaves."""
        self._set(call, state=CallState.SENT, sent_at=time.time(), attempts_more=1)

    def keep_job(self, call: Call, job: str) -> Call:
        """Where the endpoint's job for this request is found again (JSON), the moment it is known."""
        return self._set(call, state=CallState.SENT, job=job)

    def keep_reply(self, call: Call, reply: bytes, request_id: str | None) -> None:
        """The whole reply, on disk before anybody looks into it."""
        write_file(self.reply_file(call), reply, private=True)
        self._set(call, state=CallState.REPLIED, replied_at=time.time(), request_id=request_id)

    def read_reply(self, call: Call) -> bytes:
        return self.reply_file(call).read_bytes()

    def has_reply(self, call: Call) -> bool:
        return self.reply_file(call).is_file()

    def done(self, call: Call, picture: bytes, cost_usd: float | None, revised_prompt: str | None) -> Call:
        """Keep the picture; only then let go of the reply. Returns the row as it is now."""
        settled = self._set(
            call,
            state=CallState.DONE,
            done_at=time.time(),
            cost_usd=cost_usd,
            revised_prompt=revised_prompt,
            image_sha256=self.state.keep(picture),
        )
        self.reply_file(call).unlink(missing_ok=True)
        return settled

    def settled(self, call: Call, cost_usd: float | None) -> None:
        """A call whose reply is not kept came to a good end."""
        self._set(call, state=CallState.DONE, done_at=time.time(), cost_usd=cost_usd)

    def failed(self, call: Call, state: CallState, error: str, request_id: str | None = None) -> None:
        """The request ended without a picture. The reply of a `lost` one stays on disk to be looked at.

        A row that is done stays done, should a cancel come a moment too late.
        """
        self._set(call, state=state, error=error, request_id=request_id)

    def row(self, call_id: int) -> dict[str, Any]:
        """A row as it stands, for provenance and for tests."""
        with self.state.database(ROOM, MIGRATIONS) as rows:
            return dict(rows.execute("SELECT * FROM images_api_calls WHERE id = ?", (call_id,)).fetchone())

    def call(self, call_id: int) -> Call:
        with self.state.database(ROOM, MIGRATIONS) as rows:
            return _call(rows.execute("SELECT * FROM images_api_calls WHERE id = ?", (call_id,)).fetchone())

    def spent(self, today: date) -> tuple[float, float]:
        """USD in this session and on `today`, what may have been billed included."""
        with self.state.database(ROOM, MIGRATIONS) as rows:
            return _spent(rows, today)

    def reply_file(self, call: Call) -> Path:
        return self.state.root / "replies" / f"{call.idempotency_key}-{call.id}.json"

    def _found(self, rows: sqlite3.Connection, key: str) -> Call | None:
        """The newest row that can give the picture without asking the endpoint, or that is being asked elsewhere."""
        candidates = rows.execute(
            "SELECT * FROM images_api_calls WHERE key = ? AND state NOT IN ('unsent', 'lost') ORDER BY id DESC", (key,)
        )
        for row in candidates:
            call = _call(row)
            if call.state is CallState.DONE:
                if call.image_sha256 and self.state.kept(call.image_sha256).is_file():
                    return call
            elif self.has_reply(call):
                return call
            elif call.state is not CallState.UNKNOWN and self._is_elsewhere(row["session"]):
                return _call(row, elsewhere=True)
            elif call.job:
                rows.execute("UPDATE images_api_calls SET session = ? WHERE id = ?", (SESSION, call.id))
                return call
        return None

    def _is_elsewhere(self, session: str) -> bool:
        return session != SESSION and is_alive(self.state.root, session)

    def _release_the_dead(self, rows: sqlite3.Connection) -> None:
        """A process that died before it sent what it had reserved keeps nobody's budget."""
        for (session,) in rows.execute(
            "SELECT DISTINCT session FROM images_api_calls WHERE state = 'reserved'"
        ).fetchall():
            if not is_alive(self.state.root, session):
                rows.execute(
                    "UPDATE images_api_calls SET state = 'unsent', error = 'died' "
                    "WHERE state = 'reserved' AND session = ?",
                    (session,),
                )

    def _set(self, call: Call, *, state: CallState, attempts_more: int = 0, **columns: Any) -> Call:
        names = ", ".join(f"{name} = coalesce(:{name}, {name})" for name in columns)
        with self.state.database(ROOM, MIGRATIONS) as rows:
            rows.execute(
                f"UPDATE images_api_calls SET state = :state, attempts = attempts + :more{', ' if names else ''}{names}"
                " WHERE id = :id AND state != 'done'",
                {"id": call.id, "state": state.value, "more": attempts_more, **columns},
            )
            row = rows.execute("SELECT * FROM images_api_calls WHERE id = ?", (call.id,)).fetchone()
        return _call(row, fresh=call.fresh, follows_unsettled=call.follows_unsettled)


def _reserve(rows: sqlite3.Connection, wanted: Wanted, again: bool) -> Call:
    earlier = None if again else _unsettled(rows, wanted.key)
    values = {
        "key": wanted.key,
        "idempotency_key": earlier or uuid.uuid4().hex,
        "state": CallState.RESERVED.value,
        "session": SESSION,
        "day": date.today().isoformat(),
        "endpoint": wanted.endpoint,
        "operation": wanted.operation,
        "model": wanted.model,
        "parameters": json.dumps(dict(wanted.parameters or {}), ensure_ascii=False),
        "inputs": json.dumps(list(wanted.inputs)),
        "seed": str(wanted.seed),
        "picture": wanted.index,
        "estimate_usd": wanted.estimate_usd,
        "reserved_at": time.time(),
    }
    cursor = rows.execute(
        f"INSERT INTO images_api_calls ({', '.join(values)}) VALUES ({', '.join(f':{name}' for name in values)})",
        values,
    )
    row = rows.execute("SELECT * FROM images_api_calls WHERE id = ?", (cursor.lastrowid,)).fetchone()
    return _call(row, fresh=True, follows_unsettled=earlier is not None)


def _unsettled(rows: sqlite3.Connection, key: str) -> str | None:
    """The idempotency key of the newest attempt that may have been billed without a picture having come.

    Sent again under the same key, an endpoint that honours it delivers the late picture instead of a second bill.
    """
    row = rows.execute(
        "SELECT idempotency_key, state FROM images_api_calls WHERE key = ? AND state NOT IN ('unsent', 'reserved') "
        "ORDER BY id DESC LIMIT 1",
        (key,),
    ).fetchone()
    return row["idempotency_key"] if row and row["state"] in ("sent", "unknown") else None


def _spent(rows: sqlite3.Connection, today: date) -> tuple[float, float]:
    """USD of this session, and of `today` or, should the clock have been set back, of the days after it.

    What an endpoint says it cost counts only upwards: one that reports nothing must not empty the budget.
    """
    counted = (
        "SELECT coalesce(sum(max(coalesce(cost_usd, 0), coalesce(estimate_usd, 0))), 0) FROM images_api_calls "
        "WHERE state != 'unsent'"
    )
    session = rows.execute(f"{counted} AND session = ?", (SESSION,)).fetchone()[0]
    day = rows.execute(f"{counted} AND day >= ?", (today.isoformat(),)).fetchone()[0]
    return float(session), float(day)


def _check_budget(rows: sqlite3.Connection, wanted: Sequence[Wanted], settings: ServiceSettings) -> None:
    if not settings.has_budget or not wanted:
        return
    total = 0.0
    for one in wanted:
        if one.estimate_usd is None:
            raise BudgetReached(
                f"There is a budget and nobody knows what '{one.model}' costs at endpoint '{one.endpoint}', so nothing "
                f"was sent; add in endpoints.toml {one.price_line}."
            )
        total += one.estimate_usd
    if total == 0.0:
        return
    session, day = _spent(rows, date.today())
    for name, limit, spent in (
        ("per_session_usd", settings.per_session_usd, session),
        ("per_day_usd", settings.per_day_usd, day),
    ):
        if limit is not None and spent + total > limit + 1e-9:
            enough = max(2 * limit, math.ceil(spent + total))
            raise BudgetReached(
                f"{len(wanted)} {wanted[0].what}(s) for about ${total:.2f} would pass your budget {name} = {limit:g} "
                f"USD, of which ${spent:.2f} are spent; nothing was sent: raise it with the line {name} = {enough:g} "
                f"under [settings.{TABLE}] in endpoints.toml, or ask for fewer or cheaper ones."
            )


def _call(row: sqlite3.Row, **more: bool) -> Call:
    return Call(
        id=row["id"],
        key=row["key"],
        idempotency_key=row["idempotency_key"],
        state=CallState(row["state"]),
        index=row["picture"],
        estimate_usd=row["estimate_usd"],
        cost_usd=row["cost_usd"],
        attempts=row["attempts"],
        reserved_at=row["reserved_at"],
        sent_at=row["sent_at"],
        replied_at=row["replied_at"],
        request_id=row["request_id"],
        revised_prompt=row["revised_prompt"],
        image_sha256=row["image_sha256"],
        job=row["job"],
        **more,
    )
