"""The archive's items: one a picture, with the words it was made from."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from ..errors import DalleFluxError
from ..state import State
from .mentions import Match
from .searching import indexed, parse
from .tables import MIGRATIONS, ROOM

if TYPE_CHECKING:
    import sqlite3

    from .matching import Found
    from .picture_files import Looks

MOST = 1000  # items of one answer
_MODELS = "('dall-e-3', 'dall-e-2', 'gpt-image', 'comfyui')"


class NoSuchItem(DalleFluxError):
    """The archive holds no picture under this id."""

    code = "no_such_item"

    def __init__(self, item_id: str):
        super().__init__(
            f"The archive holds no item {item_id[:64]!r}; copy its id from the archive in the sidebar, or from `info` "
            "of Load from DALL·E Archive."
        )


@dataclass(frozen=True, kw_only=True)
class Item:
    """One picture of the archive."""

    id: str  # SHA-256 of its file, hex
    maker: str  # a value of `Maker`
    prompt: str  # as typed
    revised_prompt: str  # as sent to the model
    conversation: str  # its title
    size: str  # WIDTHxHEIGHT in px
    created: str | None  # UTC, ISO 8601
    match: str  # a value of `Match`
    confidence: float  # of the match, 0 … 1
    format: str
    bytes: int
    file: str  # its path in what was imported
    name: str  # what it was called before
    has_c2pa: bool
    added: str  # UTC, ISO 8601
    reproductions: int  # pictures stored beside it
    facts: Mapping[str, Any]

    @property
    def words(self) -> str:
        """What to draw it from again: as it was sent to the model, else as typed."""
        return self.revised_prompt or self.prompt


@dataclass(frozen=True)
class Page:
    """Some of the items that a search finds."""

    total: int
    items: list[Item]


def put(database: sqlite3.Connection, sha256: str, looks: Looks, size: int, file: str, found: Found, of: str) -> bool:
    """Store one picture's row; a known one only learns what is known better now. True if it is new.

    Args:
        size: bytes.
        file: its path in the source.
        of: the import's id.
    """
    mention = found.mention
    texts = (mention.prompt, mention.revised_prompt, mention.conversation)
    row = database.execute("SELECT * FROM archive_items WHERE id = ?", (sha256,)).fetchone()
    said = (
        mention.maker.value, found.match.value, found.confidence, *texts, mention.created,
        json.dumps(dict(mention.facts), ensure_ascii=False), file, mention.name,
    )  # fmt: skip
    if row is None:
        number = database.execute(
            "INSERT INTO archive_items (maker, match, confidence, prompt, revised_prompt, conversation, created, "
            "facts, file, name, id, import, added, format, bytes, width, height, has_c2pa) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*said, sha256, of, time.time(), looks.format, size, looks.width, looks.height, looks.has_c2pa),
        ).lastrowid
        _index(database, number or 0, texts)
        return True
    if _knows_more(found, row):
        unindex(database, row)
        database.execute(
            "UPDATE archive_items SET maker = ?, match = ?, confidence = ?, prompt = ?, revised_prompt = ?, "
            "conversation = ?, created = ?, facts = ?, file = ?, name = ? WHERE number = ?",
            (*said, row["number"]),
        )
        _index(database, row["number"], texts)
    return False


def _index(database: sqlite3.Connection, number: int, texts: tuple[str, str, str]) -> None:
    database.execute(
        "INSERT INTO archive_words (rowid, prompt, revised_prompt, conversation) VALUES (?, ?, ?, ?)",
        (number, *map(indexed, texts)),
    )


def unindex(database: sqlite3.Connection, row: sqlite3.Row) -> None:
    """Take an item's words out of the full-text index, which has to be told what they were."""
    old = (row["prompt"], row["revised_prompt"], row["conversation"])
    database.execute(
        "INSERT INTO archive_words (archive_words, rowid, prompt, revised_prompt, conversation) "
        "VALUES ('delete', ?, ?, ?, ?)",
        (row["number"], *map(indexed, old)),
    )


def _knows_more(found: Found, row: sqlite3.Row) -> bool:
    """A person who sends DALL·E's picture on does not become its maker; else the surer one counts."""
    ours = (found.mention.maker.is_model and found.match is not Match.NONE, found.confidence)
    theirs = (row["maker"] in _MODELS and row["match"] != Match.NONE.value, row["confidence"])
    return ours > theirs


def search(state: State, query: str = "", offset: int = 0, limit: int = 50) -> Page:
    """The items that fit a search, newest first, those without a date last.

    Raises:
        BadSearch: a filter of the search makes no sense.
    """
    condition, values = parse(query)
    with state.database(ROOM, MIGRATIONS) as database:
        (total,) = database.execute(f"SELECT count(*) FROM archive_items WHERE {condition}", values).fetchone()
        rows = database.execute(
            f"{_SELECT} WHERE number IN (SELECT number FROM archive_items WHERE {condition} "
            "ORDER BY created DESC, number DESC LIMIT ? OFFSET ?) ORDER BY created DESC, number DESC",
            (*values, min(limit, MOST), offset),
        ).fetchall()
    return Page(total, [_item(row) for row in rows])


def get(state: State, item_id: str) -> Item:
    """One item.

    Raises:
        NoSuchItem: there is none.
    """
    with state.database(ROOM, MIGRATIONS) as database:
        row = database.execute(f"{_SELECT} WHERE id = ?", (item_id,)).fetchone()
    if row is None:
        raise NoSuchItem(item_id)
    return _item(row)


_SELECT = (
    "SELECT *, (SELECT count(*) FROM archive_reproductions WHERE item = archive_items.id) AS reproductions "
    "FROM archive_items"
)


def as_json(item: Item) -> dict[str, Any]:
    """An item as one JSON object; keys are stable."""
    return {**vars(item), "facts": dict(item.facts)}


def to_json(item: Item) -> str:
    """The same as text, which can be written anywhere."""
    return json.dumps(as_json(item), ensure_ascii=False)


def iso(seconds: float | None) -> str | None:
    """A time as ISO 8601 in UTC."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")


def _item(row: sqlite3.Row) -> Item:
    same = ("id", "maker", "prompt", "revised_prompt", "conversation", "match", "confidence", "format", "bytes",
            "file", "name", "reproductions")  # fmt: skip
    return Item(
        **{name: row[name] for name in same},
        size=f"{row['width']}x{row['height']}",
        created=iso(row["created"]),
        has_c2pa=bool(row["has_c2pa"]),
        added=iso(row["added"]) or "",
        facts=json.loads(row["facts"]),
    )
