"""Votes: which of the pictures of one row is better. Stored in the state folder, one vote a row and comparison."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from ..errors import DalleFluxError
from ..state import State

if TYPE_CHECKING:
    import sqlite3

ROOM = "comparison"
MIGRATIONS = (
    """CREATE TABLE comparison_votes (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        comparison TEXT NOT NULL,
        pair INTEGER NOT NULL,
        choice TEXT NOT NULL,
        blind INTEGER NOT NULL,
        prompt TEXT NOT NULL,
        category TEXT NOT NULL,
        sides TEXT NOT NULL,
        cast_at TEXT NOT NULL,
        UNIQUE (comparison, pair)
    );
""",
)
SLOTS = ("a", "b", "c", "d")
TIE, BAD = "tie", "bad"
_MAX_TEXT = 8000  # characters of a prompt or a fact
_MAX_LABEL = 200
_MAX_PAIR = 1_000_000


class BadVote(DalleFluxError):
    """Something that cannot be stored as a vote."""

    code = "bad_vote"


@dataclass(frozen=True)
class Candidate:
    """One picture that could be voted for."""

    slot: str  # "a" … "d"
    label: str
    width: int  # px
    height: int  # px
    sha256: str  # of its 8-bit pixels, as `metrics` states it
    facts: dict[str, str] = field(default_factory=dict)  # model, seed, style … from its node's `info`
    kept: str = ""  # SHA-256 under which the state folder keeps a copy for reports; "" without one


@dataclass(frozen=True)
class Vote:
    """One judgement."""

    comparison: str
    pair: int  # row of the comparison, from 1
    choice: str  # a slot, "tie" or "bad"
    blind: bool
    sides: tuple[Candidate, ...]  # two to four
    prompt: str = ""
    category: str = ""
    cast_at: str = ""  # UTC, ISO 8601; filled in when stored

    def group(self, by: str) -> str:
        """The value that the vote is grouped under: by "style", "size", "category" or "model"."""
        if by == "category":
            return self.category or "no category"
        if by == "size":
            return f"{self.sides[0].width}x{self.sides[0].height}"
        if by == "model":
            return " / ".join(side.facts.get("model", "unknown") for side in self.sides)
        styles = [side.facts[by] for side in self.sides if side.facts.get(by)]
        return styles[0] if styles else f"no {by}"


def keeps(database: sqlite3.Connection, sha256: str) -> bool:
    """Whether a vote keeps a picture under this SHA-256; in a transaction of any room."""
    if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'comparison_votes'").fetchone():
        return False
    return database.execute("SELECT 1 FROM comparison_votes WHERE instr(sides, ?)", (sha256,)).fetchone() is not None


def read_vote(body: object) -> Vote:
    """A vote from JSON that the browser sent.

    Raises:
        BadVote: a field is missing or has another type than it should.
    """
    if not isinstance(body, Mapping):
        raise BadVote("A vote must be a JSON object; reload the page and vote again.")
    sides = body.get("sides")
    if not isinstance(sides, list) or not 2 <= len(sides) <= len(SLOTS):
        raise BadVote("A vote needs `sides`, a list of two to four pictures; run the comparison again.")
    candidates = tuple(_candidate(side) for side in sides)
    choice = body.get("choice")
    slots = [candidate.slot for candidate in candidates]
    if len(set(slots)) != len(slots):
        raise BadVote("Two pictures of a vote have the same slot; run the comparison again.")
    if not isinstance(choice, str) or choice not in (*slots, TIE, BAD):
        raise BadVote("A vote's `choice` must be one of its pictures' slots, 'tie' or 'bad'; vote again.")
    comparison, pair = body.get("comparison"), body.get("pair")
    if not isinstance(comparison, str) or not 0 < len(comparison) <= 64:
        raise BadVote("A vote needs `comparison`, the id that the metrics output states; run the comparison again.")
    if not isinstance(pair, int) or isinstance(pair, bool) or not 0 < pair <= _MAX_PAIR:
        raise BadVote("A vote needs `pair`, the number of the row from 1; run the comparison again.")
    return Vote(
        comparison=_text(comparison),
        pair=pair,
        choice=choice,
        blind=body.get("blind") is True,
        sides=candidates,
        prompt=_text(body.get("prompt")),
        category=_text(body.get("category"), _MAX_LABEL),
    )


def _candidate(side: object) -> Candidate:
    if not isinstance(side, Mapping) or side.get("slot") not in SLOTS:
        raise BadVote("A picture of a vote has no slot a, b, c or d; run the comparison again.")
    width, height = side.get("width"), side.get("height")
    if not isinstance(width, int) or not isinstance(height, int) or min(width, height) < 1:
        raise BadVote("A picture of a vote has no width and height; run the comparison again.")
    facts = side.get("facts")
    known = {_text(name, 40): _text(value) for name, value in facts.items()} if isinstance(facts, Mapping) else {}
    return Candidate(
        slot=str(side["slot"]),
        label=_text(side.get("label"), _MAX_LABEL) or str(side["slot"]).upper(),
        width=width,
        height=height,
        sha256=_text(side.get("sha256"), 64),
        facts=dict(list(known.items())[:40]),
    )


def _text(value: object, limit: int = _MAX_TEXT) -> str:
    """A text that can be stored; half a character (a lone surrogate), which JSON can hold, becomes a question mark."""
    return value[:limit].encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def store(state: State, vote: Vote) -> Vote:
    """Store a vote; a second one on the same row of the same comparison replaces the first."""
    stamped = Vote(**{**vars(vote), "cast_at": datetime.now(timezone.utc).isoformat(timespec="seconds")})
    with state.database(ROOM, MIGRATIONS) as database:
        database.execute(
            "INSERT INTO comparison_votes (comparison, pair, choice, blind, prompt, category, sides, cast_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (comparison, pair) DO UPDATE SET choice = excluded.choice, "
            "blind = excluded.blind, prompt = excluded.prompt, category = excluded.category, sides = excluded.sides, "
            "cast_at = excluded.cast_at",
            (
                stamped.comparison, stamped.pair, stamped.choice, stamped.blind, stamped.prompt, stamped.category,
                json.dumps([vars(side) for side in stamped.sides], ensure_ascii=False), stamped.cast_at,
            ),
        )  # fmt: skip
    return stamped


def withdraw(state: State, comparison: str, pair: int) -> bool:
    """Delete a vote; False if there was none."""
    with state.database(ROOM, MIGRATIONS) as database:
        done = database.execute("DELETE FROM comparison_votes WHERE comparison = ? AND pair = ?", (comparison, pair))
        return done.rowcount > 0


def votes(state: State, comparison: str | None = None) -> list[Vote]:
    """All votes, or those of one comparison, oldest first."""
    with state.database(ROOM, MIGRATIONS) as database:
        rows = database.execute(
            "SELECT * FROM comparison_votes WHERE ? IS NULL OR comparison = ? ORDER BY id", (comparison, comparison)
        ).fetchall()
    return [
        Vote(
            row["comparison"], row["pair"], row["choice"], bool(row["blind"]),
            tuple(Candidate(**side) for side in json.loads(row["sides"])),
            row["prompt"], row["category"], row["cast_at"],
        )
        for row in rows
    ]  # fmt: skip


def as_json(vote: Vote) -> dict[str, Any]:
    """A vote as one JSON object; keys are stable."""
    return {**vars(vote), "sides": [vars(side) for side in vote.sides]}
