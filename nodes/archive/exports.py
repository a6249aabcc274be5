"""The archive as files again: the originals with a table beside them, or a table alone.

A zip is made while it is sent: nothing is stored twice, and its size does not matter.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterator

from ..csv_cells import harmless
from ..state import State
from . import deleting
from .items import MOST, Item, as_json, search
from .picture_files import ENDINGS
from .reproductions import of_item
from .rights import rights

COLUMNS = ("id", "file", "maker", "created", "prompt", "revised_prompt", "conversation", "size", "match", "confidence",
           "format", "bytes", "source_file", "name", "has_c2pa", "added", "reproductions")  # fmt: skip
AUDIT_COLUMNS = ("id", "maker", "made", "model", "prompt", "terms", "statement", "has_c2pa", "match", "confidence",
                 "conversation", "source_file", "imported", "bytes")  # fmt: skip


def items_jsonl(state: State, query: str) -> Iterator[str]:
    """One item a line, with its reproductions."""
    for item in every(state, query):
        made = of_item(state, item.id) if item.reproductions else []
        yield json.dumps({**_exported(item), "reproductions": made}, ensure_ascii=False) + "\n"


def items_csv(state: State, query: str) -> Iterator[str]:
    """A table with a heading; opens in spreadsheets as UTF-8, and no cell is a formula."""
    yield from _table(COLUMNS, (_exported(item) for item in every(state, query)))


def audit_csv(state: State, query: str) -> Iterator[str]:
    """What do we own, made when, with what, under which terms."""
    yield from _table(AUDIT_COLUMNS, (_audited(item) for item in every(state, query)))


def deletions_csv(state: State, query: str) -> Iterator[str]:
    """What was in the archive and was deleted, all of it: there are no words to search any more."""
    yield from _table(deleting.COLUMNS, deleting.notes(state))


def pictures_zip(state: State, query: str) -> Iterator[bytes]:
    """The originals, to the byte, named by their date and id, with all tables."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as archive:
        for item in every(state, query):
            path = state.kept(item.id)
            if path.is_file():
                archive.write(path, place(item))
            yield pipe.taken()
        for name, lines in TABLES.items():
            with archive.open(name, "w", force_zip64=True) as file:
                for line in lines(state, query):
                    file.write(line.encode("utf-8", "replace"))
                    if pipe.waits > 2**20:
                        yield pipe.taken()
    yield pipe.taken()


TABLES: dict[str, Callable[[State, str], Iterator[str]]] = {
    "items.jsonl": items_jsonl, "items.csv": items_csv, "audit.csv": audit_csv, "deletions.csv": deletions_csv,
}  # fmt: skip


def place(item: Item) -> str:
    """Where its picture lies in the zip, under a name that sorts by date and that no disk refuses."""
    return f"pictures/{(item.created or 'undated')[:10]}_{item.maker}_{item.id[:16]}.{ENDINGS[item.format]}"


def every(state: State, query: str) -> Iterator[Item]:
    """All items of a search. Those that come in meanwhile may be missed or come twice.

    Raises:
        BadSearch: of the query.
    """
    offset = 0
    while items := search(state, query, offset, MOST).items:
        yield from items
        offset += len(items)


def _exported(item: Item) -> dict[str, object]:
    """As an import reads it again: `file` is where the picture lies beside this table."""
    return {**as_json(item), "file": place(item), "source_file": item.file}


def _audited(item: Item) -> dict[str, object]:
    said = rights(item)
    return {
        "id": item.id, "maker": item.maker, "made": said.made, "model": item.facts.get("model", ""),
        "prompt": item.words, "terms": said.terms, "statement": said.statement, "has_c2pa": int(item.has_c2pa),
        "match": item.match, "confidence": item.confidence, "conversation": item.conversation,
        "source_file": item.file, "imported": item.added, "bytes": item.bytes,
    }  # fmt: skip


def _table(columns: tuple[str, ...], rows: Iterator[dict[str, object]]) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, extrasaction="ignore")
    yield "\ufeff"  # tells Excel that this is UTF-8
    writer.writeheader()
    for row in rows:
        writer.writerow({name: harmless(row[name]) for name in columns})
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


class _Pipe(io.RawIOBase):
    """What a zip writes into and what is sent from; it cannot be turned back."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.waits = 0  # bytes

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        part = bytes(data)  # type: ignore[call-overload]
        self._parts.append(part)
        self.waits += len(part)
        return len(part)

    def taken(self) -> bytes:
        data = b"".join(self._parts)
        self._parts, self.waits = [], 0
        return data
