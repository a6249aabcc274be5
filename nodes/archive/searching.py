"""What a person types into the search field, as a condition on the archive's items.

Words must all stand in a prompt or a conversation's title; each also finds longer words that begin so. Words in
quotation marks stand together. Filters narrow it down:

    maker:dall-e-3   match:none   size:1024x1792   after:2024-01   before:2024-06-15   is:reproduced   id:ab12…

`-` before a word or a filter turns it round. Nothing that is typed can be an error of the index: every word goes there
as a quoted string.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from ..errors import DalleFluxError
from .mentions import Maker, Match

LONGEST = 2000  # characters of a search
_MOST_PARTS = 50
_PART = re.compile(r'(-?)(?:([a-z]+):)?("[^"]*"?|\S+)')
_WORD = re.compile(r"\w+")
_SIZE = re.compile(r"([0-9]{1,6})x([0-9]{1,6})")
_ID = re.compile("[0-9a-f]{4,64}")
# Scripts without blanks between words: each sign is a word of its own, here and in the index.
_UNSPACED = re.compile(
    "([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])"
)
_MATCHING = "number IN (SELECT rowid FROM archive_words WHERE archive_words MATCH ?)"
Condition = tuple[str, list[Any]]


class BadSearch(DalleFluxError):
    """A filter with a value that makes no sense."""

    code = "bad_search"


def indexed(text: str) -> str:
    """A text as the index reads it."""
    return _UNSPACED.sub(r" \1 ", text)


def parse(query: str) -> Condition:
    """An SQL condition on `archive_items`, and its values.

    Raises:
        BadSearch: a filter makes no sense, or the search is too long.
    """
    query = query.replace("\0", " ").encode("utf-8", "replace").decode()
    parts = list(_PART.finditer(query))
    if len(query) > LONGEST or len(parts) > _MOST_PARTS:
        raise BadSearch(f"A search has at most {LONGEST} characters and {_MOST_PARTS} words; shorten it.")
    conditions: list[str] = []
    values: list[Any] = []
    wanted: list[str] = []  # all in one question to the index, which is faster than one each
    for part in parts:
        minus, name, value = part[1], part[2], part[3]
        if name in _FILTERS and not value.startswith('"'):
            condition, found = _FILTERS[name](value)
        else:
            phrase = " ".join(_WORD.findall(indexed(f"{name or ''} {value}")))
            if not phrase:
                continue
            quoted = f'"{phrase}"' + ("" if value.startswith('"') else "*")
            if not minus:
                wanted.append(quoted)
                continue
            condition, found = _MATCHING, [quoted]
        conditions.append(f"NOT ({condition})" if minus else f"({condition})")
        values += found
    if wanted:
        conditions.append(_MATCHING)
        values.append(" ".join(wanted))
    return " AND ".join(conditions) or "1", values


def _maker(value: str) -> Condition:
    return _one_of("maker", value, [maker.value for maker in Maker])


def _match(value: str) -> Condition:
    return _one_of("match", value, [match.value for match in Match])


def _one_of(column: str, value: str, known: list[str]) -> Condition:
    if value not in known:
        raise BadSearch(f"There is no {column}:{value[:40]}; choose one of {', '.join(known)}.")
    return f"{column} = ?", [value]


def _size(value: str) -> Condition:
    match = _SIZE.fullmatch(value)
    if not match:
        raise BadSearch(f"size:{value[:40]} is no size; write it like size:1024x1792.")
    return "width = ? AND height = ?", [int(match[1]), int(match[2])]


def _after(value: str) -> Condition:
    return "created >= ?", [_time("after", value)]


def _before(value: str) -> Condition:
    return "created < ?", [_time("before", value)]


def _time(name: str, value: str) -> float:
    for form in ("%Y-%m-%d", "%Y-%m", "%Y"):
        try:
            return datetime.strptime(value, form).replace(tzinfo=timezone.utc).timestamp()
        except (ValueError, OverflowError):
            continue
    raise BadSearch(f"{name}:{value[:40]} is no day; write it like {name}:2024-05-31, {name}:2024-05 or {name}:2024.")


_IS = {
    "matched": "match <> 'none'",
    "reproduced": "id IN (SELECT item FROM archive_reproductions)",
    "landscape": "width > height",
    "portrait": "width < height",
    "square": "width = height",
}


def _is(value: str) -> Condition:
    if value not in _IS:
        raise BadSearch(f"There is no is:{value[:40]}; choose one of {', '.join(_IS)}.")
    return _IS[value], []


def _id(value: str) -> Condition:
    if not _ID.fullmatch(value):
        raise BadSearch(f"id:{value[:40]} is no beginning of an id, which has digits and the letters a to f.")
    return "id >= ? AND id < ?", [value, value + "g"]


def _import(value: str) -> Condition:
    return "import = ?", [value]


_FILTERS: dict[str, Callable[[str], Condition]] = {
    "maker": _maker, "match": _match, "size": _size, "after": _after, "before": _before, "is": _is, "id": _id,
    "import": _import,
}  # fmt: skip
