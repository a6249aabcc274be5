"""JSON written by strangers: measured before objects are built of it, and free of what no text or number can hold.

64 MB of `{},` would become 1.7 GB of objects, so nesting and values are counted on the bytes first.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

DEEPEST = 64
MOST_VALUES = 200_000

_LONGEST_NUMBER = 400  # characters; the time to read a whole number grows with the square of them
_STRING_OR_SIGN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[{\]},]', re.DOTALL)
_HALF_ESCAPED = re.compile(rb"\\u[dD][89a-fA-F]")
_HALF = re.compile("[\ud800-\udfff]")


class BadJson(ValueError):
    """These bytes are no JSON, or would become more objects than allowed."""


def read(data: bytes, *, deepest: int = DEEPEST, most_values: int = MOST_VALUES) -> Any:
    """Parse JSON in UTF-8.

    Two things that nothing can write again become something else, rather than an error that costs what stands beside
    them: a lone half of a surrogate pair becomes U+FFFD, in names too; NaN, infinity and numbers of more than 400
    characters become None.

    Args:
        deepest: lists and objects inside each other.
        most_values: values in all.

    Raises:
        BadJson: no JSON, or deeper or more than allowed.
    """
    _measure(data, deepest, most_values)
    try:
        text = data.decode("utf-8-sig")
        found = json.loads(text, parse_int=_whole, parse_float=_fraction, parse_constant=_fraction)
    except ValueError as error:
        raise BadJson(f"it is no JSON ({str(error)[:100]})") from None
    return _mended(found) if _HALF_ESCAPED.search(data) else found


def _measure(data: bytes, deepest: int, most_values: int) -> None:
    depth = values = 0
    for match in _STRING_OR_SIGN.finditer(data):
        sign = match[0]
        if sign in b"]}":
            depth -= 1
        elif not sign.startswith(b'"'):
            values += 1
            depth += sign != b","
        if depth > deepest:
            raise BadJson(f"its lists and objects lie more than {deepest} deep in each other")
        if values > most_values:
            raise BadJson(f"it holds more than {most_values:,} values")


def _whole(digits: str) -> int | None:
    return int(digits) if len(digits) <= _LONGEST_NUMBER else None


def _fraction(digits: str) -> float | None:
    value = float(digits) if len(digits) <= _LONGEST_NUMBER else math.nan
    return value if math.isfinite(value) else None


def _mended(value: Any) -> Any:
    match value:
        case str():
            return _HALF.sub("\ufffd", value)
        case list():
            return [_mended(item) for item in value]
        case dict():
            return {_mended(name): _mended(item) for name, item in value.items()}
    return value
