"""Which of the pictures found is the one that a text speaks of.

Ids decide first, then generations' ids, then the number of bytes together with width and height. A guess is worse than
none here, since the words go with the picture from then on: where several pictures and several texts fit each other,
they are only joined if it makes no difference.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from .chatgpt import asset_ids
from .mentions import Maker, Match, Mention

CONFIDENCE = {  # 0 … 1
    Match.ID: 1.0,
    Match.FILE: 1.0,
    Match.INLINE: 1.0,
    Match.EMBEDDED: 1.0,
    Match.GEN_ID: 0.95,
    Match.SIZE: 0.9,  # bytes, width and height
    Match.NONE: 0.0,
}
BYTES_ONLY = 0.7  # the text says no width and height
SEVERAL_ALIKE = 0.6  # several pictures, and texts that say the same of each
_MOST_ALIKE = 1000  # pictures or texts of one size that are held against each other

Size = tuple[int, int]  # px


@dataclass(frozen=True)
class File:
    """A picture's file, not yet read."""

    name: str
    bytes: int


@dataclass(frozen=True)
class Found:
    """What is known of one file."""

    mention: Mention
    match: Match
    confidence: float


class Mentions:
    """All mentions of one import, in a database of their own that is gone with this object: there may be many."""

    def __init__(self) -> None:
        import sqlite3

        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)  # "": a temporary file
        self._database.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
            "CREATE TABLE mentions (number INTEGER PRIMARY KEY, key TEXT UNIQUE, rank INTEGER, bytes INTEGER, "
            "body TEXT, claimed INTEGER NOT NULL DEFAULT 0);"
            "CREATE INDEX by_bytes ON mentions (bytes);"
            "CREATE TABLE generations (gen_id TEXT, mention INTEGER);"
            "CREATE INDEX by_gen_id ON generations (gen_id);"
        )

    def close(self) -> None:
        self._database.close()

    def add(self, mention: Mention) -> None:
        """A second mention of one picture counts if it says more: who drew it, rather than who sent it on."""
        rank = 2 * mention.maker.is_model + bool(mention.prompt or mention.revised_prompt)
        row = self._database.execute("SELECT number, rank FROM mentions WHERE key = ?", (mention.key,)).fetchone()
        if row and row[1] >= rank:
            return
        body = json.dumps(dataclasses.asdict(mention))
        if row:
            number = row[0]
            self._database.execute(
                "UPDATE mentions SET rank = ?, bytes = ?, body = ? WHERE number = ?",
                (rank, mention.size_bytes, body, number),
            )
            self._database.execute("DELETE FROM generations WHERE mention = ?", (number,))
        else:
            number = self._database.execute(
                "INSERT INTO mentions (key, rank, bytes, body) VALUES (?, ?, ?, ?)",
                (mention.key, rank, mention.size_bytes, body),
            ).lastrowid
        self._database.executemany(
            "INSERT INTO generations VALUES (?, ?)", [(gen_id, number) for gen_id in mention.gen_ids]
        )

    def match(self, files: Sequence[File], pixels: Callable[[int], Size | None]) -> list[tuple[int, Match, float]]:
        """For each file the number of its mention, or 0.

        Args:
            pixels: width and height of the file at this place, read when it is asked for; None: no whole picture.
        """
        result = [(0, Match.NONE, 0.0)] * len(files)
        bases = Counter(file.name.rsplit("/", 1)[-1] for file in files)
        for place, file in enumerate(files):
            base = file.name.rsplit("/", 1)[-1]
            if number := self._by_key(file.name) or (self._by_key(base) if bases[base] == 1 else 0):
                result[place] = (number, Match.FILE, CONFIDENCE[Match.FILE])
            elif number := next(filter(None, map(self._by_key, asset_ids(file.name))), 0):
                result[place] = (number, Match.ID, CONFIDENCE[Match.ID])
        self._claim(result)
        for place, file in enumerate(files):
            if not result[place][0] and (number := self._by_generation(file.name)):
                result[place] = (number, Match.GEN_ID, CONFIDENCE[Match.GEN_ID])
        self._claim(result)
        groups = defaultdict(list)
        for place, file in enumerate(files):
            if not result[place][0]:
                groups[file.bytes].append(place)
        for size, places in groups.items():
            for place, number, confidence in self._by_bytes(size, places, pixels):
                result[place] = (number, Match.SIZE, confidence)
        self._claim(result)
        return result

    def get(self, number: int) -> Mention:
        (body,) = self._database.execute("SELECT body FROM mentions WHERE number = ?", (number,)).fetchone()
        return _mention(body)

    def unclaimed(self) -> Iterator[Mention]:
        """What is spoken of and was not found."""
        for (body,) in self._database.execute("SELECT body FROM mentions WHERE NOT claimed ORDER BY number"):
            yield _mention(body)

    def _by_key(self, key: str) -> int:
        row = self._database.execute("SELECT number FROM mentions WHERE key = ?", (key,)).fetchone()
        return row[0] if row else 0

    def _by_generation(self, name: str) -> int:
        stem = name.rsplit("/", 1)[-1].rsplit(".", 1)[0]
        words = {stem, *stem.replace("_", "-").split("-")}
        for word in sorted((word for word in words if len(word) >= 8), key=len, reverse=True):
            rows = self._database.execute(
                "SELECT DISTINCT mention FROM generations JOIN mentions ON number = mention "
                "WHERE gen_id = ? AND NOT claimed LIMIT 2",
                (word,),
            ).fetchall()
            if len(rows) == 1:
                return int(rows[0][0])
        return 0

    def _by_bytes(
        self, size: int, places: list[int], pixels: Callable[[int], Size | None]
    ) -> Iterator[tuple[int, int, float]]:
        rows = self._database.execute(
            "SELECT number, body FROM mentions WHERE bytes = ? AND NOT claimed ORDER BY number LIMIT ?",
            (size, _MOST_ALIKE + 1),
        ).fetchall()
        if not rows or len(rows) > _MOST_ALIKE or len(places) > _MOST_ALIKE:
            return
        candidates = [(number, _mention(body)) for number, body in rows]
        shapes = defaultdict(list)
        for place in places:
            if shape := pixels(place):
                shapes[shape].append(place)
        for shape, alike in shapes.items():
            exact = [(number, one) for number, one in candidates if (one.width, one.height) == shape]
            vague = [(number, one) for number, one in candidates if one.width is None or one.height is None]
            fitting = exact or (vague if len(shapes) == 1 else [])
            if len(alike) == len(fitting) == 1:
                yield alike[0], fitting[0][0], CONFIDENCE[Match.SIZE] if exact else BYTES_ONLY
            elif len({_says(one) for _, one in fitting}) == 1:
                for place, (number, _) in zip(alike, fitting, strict=False):
                    yield place, number, SEVERAL_ALIKE

    def _claim(self, result: list[tuple[int, Match, float]]) -> None:
        self._database.executemany(
            "UPDATE mentions SET claimed = 1 WHERE number = ?", [(number,) for number, _, _ in result if number]
        )


def _says(mention: Mention) -> tuple[str, ...]:
    return mention.maker.value, mention.prompt, mention.revised_prompt


def _mention(body: str) -> Mention:
    fields = json.loads(body)
    fields["maker"] = Maker(fields["maker"])
    return Mention(**{**fields, "gen_ids": tuple(fields["gen_ids"])})
