"""Objects out of a JSON file of any length, one at a time.

A file is an array of objects, objects one after the other (JSON Lines), or one object. Memory holds one of them; one
that is too long is passed over. `objects` hands each on as bytes, `values` measured and parsed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import IO, Any

from .. import json_text

LONGEST = 32 * 2**20  # bytes of one object
_PIECE = 2**18  # bytes read at a time
_STRING_OR_BRACKET = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*("?)|[\[\]{}]', re.DOTALL)
_REST_OF_STRING = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*("?)', re.DOTALL)


class CutShort(ValueError):
    """The file ends in the middle, or before anything."""


def objects(file: IO[bytes], longest: int = LONGEST, look: Callable[[], None] = lambda: None) -> Iterator[bytes | None]:
    """Each object; None for one of more than `longest` bytes.

    Args:
        look: called now and then, also where no object comes for gigabytes; may raise to end it.

    Raises:
        CutShort: after all that were whole.
    """
    depth = 0  # of brackets that are open
    outside = 0  # depth at which the wanted objects stand: 1 in an array
    begun = False
    kept: list[bytes] | None = None  # of the object that is being read; None: it is not kept
    length = -1  # of that object so far, in earlier pieces; -1: there is none
    in_string = False
    rest = b""
    while piece := file.read(_PIECE):
        look()
        data = rest + piece
        rest = b""
        at = start = 0  # `start`: of what belongs to the object, in `data`
        if in_string:
            match = _REST_OF_STRING.match(data)
            assert match  # it matches nothing, too
            in_string, at = not match[1], match.end()
        if not in_string:
            for match in _STRING_OR_BRACKET.finditer(data, at):
                sign = match[0][:1]
                at = match.end()
                if sign == b'"':
                    in_string = not match[1]
                elif sign in b"[{":
                    if not begun:
                        begun, outside = True, int(sign == b"[")
                    if depth == outside and sign == b"{":
                        kept, length, start = [], 0, match.start()
                    depth += 1
                else:
                    depth -= 1
                    if depth < outside:
                        if outside == 0 or depth < 0:
                            raise CutShort("brackets do not fit each other")
                        return  # the end of the array
                    if depth == outside and sign == b"}" and length >= 0:
                        whole = data[start:at]
                        if kept is not None and length + len(whole) <= longest:
                            yield b"".join([*kept, whole])
                        else:
                            yield None
                        kept, length = None, -1
        if in_string and data.endswith(b"\\") and at < len(data):  # half of an escape; the other half comes next
            rest, data = b"\\", data[:-1]
        if depth > outside and length >= 0:
            length += len(data) - start
            if kept is not None:
                kept.append(data[start:])
            if length > longest:
                kept = None
    if depth or not begun:
        raise CutShort("the file is empty or no JSON" if not begun else "the file ends in the middle")


def values(file: IO[bytes], most_values: int, look: Callable[[], None]) -> Iterator[Any]:
    """Each object, parsed; a BadJson in place of one that is too long or cannot be read.

    Args:
        most_values: in one object.
        look: as in `objects`.

    Raises:
        CutShort: as `objects`.
    """
    for data in objects(file, look=look):
        try:
            if data is None:
                raise json_text.BadJson("it is too long")
            value = json_text.read(data, most_values=most_values)
        except json_text.BadJson as error:
            yield error
        else:
            yield value
