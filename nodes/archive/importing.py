"""One import, from the first file to the last: what the texts say, which picture they mean, what is kept.

Texts come first, in one pass, then the pictures, each kept under its SHA-256 before a row speaks of it. So whatever
ends this in the middle, nothing in the archive is half a thing, and a second run carries on: what is there already is
known by its content.
"""

from __future__ import annotations

import csv
import dataclasses
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .. import json_text
from ..state import State
from . import chatgpt, embedded, items, records
from .json_stream import CutShort, values
from .matching import CONFIDENCE, File, Found, Mentions, Size
from .mentions import Maker, Match, Mention
from .picture_files import HEAD, Looks, format_of, look
from .source import BROKEN, Entry, opened, read
from .tables import MIGRATIONS, ROOM

LARGEST_PICTURE = 64 * 2**20  # bytes
MOST_VALUES = 1_000_000  # in one conversation
_ROWS_AT_ONCE = 40  # pictures between two transactions
_LONGEST_S = 2.0  # … or this many seconds
_MOST_COMPLAINTS = 1000  # findings of one file that cannot be read


class Cancelled(Exception):
    """Nobody wants the import any more."""


@dataclass
class Progress:
    """How far an import is; written by its thread, read by everybody."""

    stage: str = "waiting"  # "listing", "texts", "pictures", "done"
    done: int = 0  # bytes of pictures
    total: int = 0
    found: int = 0
    missing: int = 0
    unmatched: int = 0
    unreadable: int = 0
    cancelled: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    def look(self) -> None:
        """Between two steps.

        Raises:
            Cancelled: the user does not want it any more.
        """
        if self.cancelled.is_set():
            raise Cancelled


@dataclass(frozen=True)
class Finding:
    """Something that is not in the archive, or not with its words, and why."""

    kind: str  # "missing", "unmatched" or "unreadable"
    name: str  # of the file, or the id that a text names
    why: str
    mention: Mention = field(default_factory=Mention)


@dataclass(frozen=True)
class _Row:
    """A picture that is kept and waits for its row."""

    sha256: str
    looks: Looks
    bytes: int
    file: str
    found: Found


def run(state: State, import_id: str, path: Path, progress: Progress) -> None:
    """Take in everything that lies at `path`.

    Raises:
        BadSource: nothing can be imported from there.
        Cancelled: what was kept until then stays.
        StateFailed, OSError: the disk or the database.
    """
    writer = _Writer(state, import_id, progress)
    mentions = Mentions()
    try:
        progress.stage = "listing"
        with opened(path, state.root) as (entries, refused):
            writer.forget_findings()
            for one in refused:
                writer.find(Finding("unreadable", one.name, one.why))
            pictures = list(_pictures(entries, writer, progress))
            progress.stage = "texts"
            for entry, mention, data in _texts(entries, pictures, writer, progress):
                progress.look()
                if data is None:
                    mentions.add(mention)
                elif looks := look(data) if len(data) <= LARGEST_PICTURE else None:
                    writer.add(_Row(state.keep(data), looks, len(data), entry.name, _inline(mention)))
                else:
                    writer.find(Finding("unreadable", entry.name, "its base64 is no picture", mention))
            progress.stage = "pictures"
            progress.total = sum(entry.size for entry in pictures)
            _keep(state, pictures, mentions, chatgpt.file_names(entries), writer, progress)
            for mention in mentions.unclaimed():
                progress.look()
                writer.find(Finding("missing", mention.key, "named, and not there", mention))
        progress.stage = "done"
    finally:
        mentions.close()
        writer.flush()  # also of what was cancelled: it is kept already


def _pictures(entries: Sequence[Entry], writer: _Writer, progress: Progress) -> Iterator[Entry]:
    """The files that begin like a picture, whatever they are called."""
    for entry in entries:
        progress.look()
        try:
            with entry.open() as file:
                head = file.read(HEAD)
        except BROKEN as error:
            writer.find(Finding("unreadable", entry.name, f"damaged: {error}"))
            continue
        if format_of(head):
            yield entry


def _texts(
    entries: Sequence[Entry], pictures: Sequence[Entry], writer: _Writer, progress: Progress
) -> Iterator[tuple[Entry, Mention, bytes | None]]:
    """All that files of any kind say: (file, what it says, the picture if that stands in the text itself)."""
    conversations = {entry.name for entry in chatgpt.conversation_files(entries)}
    told = {entry.name for entry in pictures}
    by_stem = {entry.name.rsplit(".", 1)[0]: entry.name for entry in pictures}
    for entry in entries:
        progress.look()
        ending = entry.name[entry.name.rfind(".") :].lower()
        stem = entry.name[: len(entry.name) - len(ending)]
        picture = by_stem.get(stem) or (stem if stem in told else "")
        try:
            if entry.name in conversations:
                yield from _told(entry, _conversations(entry, progress), writer)
            elif entry.name in told or entry.base in chatgpt.OTHER_FILES:
                continue
            elif picture and ending in (".json", ".txt"):
                yield from _told(entry, records.beside(entry, picture), writer)
            elif ending in records.JSON_ENDINGS:
                yield from _told(entry, records.in_json(entry, progress.look), writer)
            elif ending == ".csv":
                yield from _told(entry, records.in_csv(entry, progress.look), writer)
        except (CutShort, csv.Error) as error:
            writer.find(Finding("unreadable", entry.name, f"{error}; what stood before was read"))
        except BROKEN as error:
            writer.find(Finding("unreadable", entry.name, f"damaged: {error}; what stood before was read"))


def _told(
    entry: Entry, said: Iterator[records.Found | json_text.BadJson], writer: _Writer
) -> Iterator[tuple[Entry, Mention, bytes | None]]:
    complaints = 0
    for one in said:
        if not isinstance(one, json_text.BadJson):
            yield entry, *one
        elif (complaints := complaints + 1) <= _MOST_COMPLAINTS:
            writer.find(Finding("unreadable", entry.name, f"a part of it was passed over: {one}"))


def _conversations(entry: Entry, progress: Progress) -> Iterator[records.Found | json_text.BadJson]:
    with entry.open() as file:
        for conversation in values(file, MOST_VALUES, progress.look):
            if isinstance(conversation, json_text.BadJson):
                yield conversation
                continue
            for mention in chatgpt.mentions(conversation):
                yield mention, None


def _inline(mention: Mention) -> Found:
    return Found(mention, Match.INLINE, CONFIDENCE[Match.INLINE])


def _keep(
    state: State,
    pictures: Sequence[Entry],
    mentions: Mentions,
    names: dict[str, str],
    writer: _Writer,
    progress: Progress,
) -> None:
    def pixels(place: int) -> Size | None:
        progress.look()
        looks = _read_picture(pictures[place])[1]
        return (looks.width, looks.height) if looks else None

    files = [File(entry.name, entry.size) for entry in pictures]
    for entry, (number, match, confidence) in zip(pictures, mentions.match(files, pixels), strict=True):
        progress.look()
        data, looks, why = _read_picture(entry)
        progress.done += entry.size
        if looks is None:
            writer.find(Finding("unreadable", entry.name, why))
            continue
        mention = mentions.get(number) if number else Mention(maker=Maker.UNKNOWN)
        name = mention.name or next((names[one] for one in chatgpt.asset_ids(entry.name) if one in names), "")
        found = Found(_named(mention, name), match, confidence)
        if match is Match.NONE and (own := embedded.read(data)):
            found = Found(_named(own, name), Match.EMBEDDED, CONFIDENCE[Match.EMBEDDED])
        elif match is Match.NONE:
            writer.find(Finding("unmatched", entry.name, "no text speaks of it"))
        writer.add(_Row(state.keep(data), looks, len(data), entry.name, found))


def _named(mention: Mention, name: str) -> Mention:
    return mention if mention.name == name else dataclasses.replace(mention, name=name)


def _read_picture(entry: Entry) -> tuple[bytes, Looks | None, str]:
    """(its bytes, what its head says, why it has none)."""
    try:
        data = read(entry, LARGEST_PICTURE)
    except BROKEN as error:
        return b"", None, f"damaged: {error}"
    if data is None:
        return b"", None, f"more than {LARGEST_PICTURE // 2**20} MB"
    return data, look(data), "its head is damaged"


class _Writer:
    """Rows and findings on their way into the database, some at a time."""

    def __init__(self, state: State, import_id: str, progress: Progress):
        self._state = state
        self._import = import_id
        self._progress = progress
        self._rows: list[_Row] = []
        self._findings: list[Finding] = []
        self._flushed = time.monotonic()

    def add(self, row: _Row) -> None:
        self._progress.found += 1
        self._rows.append(row)
        self._flush_sometimes()

    def find(self, finding: Finding) -> None:
        name = finding.kind
        setattr(self._progress, name, getattr(self._progress, name) + 1)
        self._findings.append(finding)
        self._flush_sometimes()

    def forget_findings(self) -> None:
        """Those of a run that was cut short; this one finds them again."""
        with self._state.database(ROOM, MIGRATIONS) as database:
            database.execute("DELETE FROM archive_findings WHERE import = ?", (self._import,))

    def flush(self) -> None:
        """Write what waits, in one transaction."""
        progress = self._progress
        with self._state.database(ROOM, MIGRATIONS) as database:
            for row in self._rows:
                items.put(database, row.sha256, row.looks, row.bytes, row.file, row.found, self._import)
            database.executemany(
                "INSERT INTO archive_findings (import, kind, name, why, maker, prompt, revised_prompt, conversation, "
                "created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        self._import, one.kind, one.name, one.why, one.mention.maker.value, one.mention.prompt,
                        one.mention.revised_prompt, one.mention.conversation, one.mention.created,
                    )
                    for one in self._findings
                ],
            )  # fmt: skip
            database.execute(
                "UPDATE archive_imports SET found = ?, missing = ?, unmatched = ?, unreadable = ? WHERE id = ?",
                (progress.found, progress.missing, progress.unmatched, progress.unreadable, self._import),
            )
        self._rows, self._findings = [], []
        self._flushed = time.monotonic()

    def _flush_sometimes(self) -> None:
        waiting = len(self._rows) + len(self._findings)
        if len(self._rows) >= _ROWS_AT_ONCE or waiting >= 1000 or time.monotonic() - self._flushed > _LONGEST_S:
            self.flush()
