"""How a CSV file of prompts is laid out: what stands between its columns, what they are called, or that it has none.

Nobody's prompt is cut at a comma by guessing: a file without a header is a table only where every other column holds
nothing but numbers, sizes, styles or targets, or where the prompts stand in quotation marks.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..sizes import BadSize, parse_size
from .targets import Style, Target

COLUMNS = ("prompt", "style", "size", "target")
_DELIMITERS = ",;\t|"
_NONE = "\x1f"  # "unit separator": stands in nobody's prompt, so that a line stays whole
_LOOKED_AT = 8_000  # characters
_VALUES = {"", *(style.value for style in Style), *(target.value.lower() for target in Target)}


class BadLayout(ValueError):
    """The first line is a header that cannot be used; the message says why."""


@dataclass(frozen=True)
class Layout:
    """How to read a file, and what to tell about it."""

    delimiter: str
    names: tuple[str, ...]  # of the columns, in order, lower case
    first_line: int  # lines before the first prompt: a header, "sep=;"
    told: str  # one sentence where something was decided; else empty


def layout_of(file: Path) -> Layout:
    """Look at the beginning of a file.

    Raises:
        BadLayout: a header without "prompt", or that names a column twice.
        UnicodeDecodeError, OSError: the file is no text, or cannot be read.
    """
    with file.open(encoding="utf-8-sig", newline="") as text:
        sample = text.read(_LOOKED_AT)
    lines = sample.splitlines(keepends=True)
    if len(sample) == _LOOKED_AT and len(lines) > 1:
        lines.pop()  # it goes on
    said = lines[0].rstrip("\r\n").lower() if lines else ""
    skipped = 1 if said.startswith("sep=") and len(said) == 5 else 0  # Excel's way to say it
    delimiters = said[4] if skipped else _DELIMITERS
    lines = lines[skipped:]
    first = {delimiter: _names(lines[:1], delimiter) for delimiter in delimiters}
    with_prompt = [delimiter for delimiter in delimiters if "prompt" in first[delimiter]]
    if with_prompt:
        return _with_header(max(with_prompt, key=lambda delimiter: len(first[delimiter])), first, skipped)
    if any(set(names) & set(COLUMNS) for names in first.values()):
        raise BadLayout('its first line names columns, but none is "prompt"; name the column of the prompts so')
    return _without_header(lines, delimiters, skipped)


def _with_header(delimiter: str, first: dict[str, list[str]], skipped: int) -> Layout:
    names = first[delimiter]
    named = [name for name in names if name]
    if len(named) != len(set(named)):
        raise BadLayout("its first line names a column twice; give each its own name")
    unknown = [name[:40] for name in named if name not in COLUMNS]
    told = f"Read as columns {', '.join(named)}"
    told += f" with {_shown(delimiter)} between them" if delimiter != "," and len(names) > 1 else ""
    told += f"; not used: {', '.join(unknown)}" if unknown else ""
    decided = bool(unknown) or (delimiter != "," and len(names) > 1)
    return Layout(delimiter if len(names) > 1 else _NONE, tuple(names), skipped + 1, told + "." if decided else "")


def _without_header(lines: list[str], delimiters: str, skipped: int) -> Layout:
    try:
        delimiter = csv.Sniffer().sniff("".join(lines), delimiters).delimiter
    except csv.Error:
        delimiter = _NONE
    rows = list(_rows(lines, delimiter))
    width = len(rows[0]) if rows else 0
    even = width > 1 and all(len(row) == width for row in rows)
    quoted = all(line.startswith('"') for line in lines if line.strip())
    if even and (quoted or all(_is_value(cell) for row in rows for cell in row[1:])):
        told = f"The file has no header: its first of {width} columns was read as the prompts, the others were left out"
        return Layout(
            delimiter, ("prompt", *[""] * (width - 1)), skipped, f"{told} (a first line “prompt” names them)."
        )
    told = "The file has no header, so each line was read as one prompt, commas and all"
    return Layout(_NONE, ("prompt",), skipped, f"{told} (a first line such as “prompt,style,size” names columns).")


def _rows(lines: list[str], delimiter: str) -> Iterator[list[str]]:
    try:
        yield from (row for row in csv.reader(lines, delimiter=delimiter) if any(cell.strip() for cell in row))
    except csv.Error:
        return  # said when the row itself is read


def _names(lines: list[str], delimiter: str) -> list[str]:
    return [cell.strip().lower() for row in _rows(lines, delimiter) for cell in row]


def _is_value(cell: str) -> bool:
    """True for what stands beside a prompt and is none: nothing, a number, a size, a style, a target."""
    plain = cell.strip().lower()
    if plain in _VALUES or plain.replace(".", "", 1).isdecimal():
        return True
    try:
        parse_size(plain)
    except BadSize:
        return False
    return True


def _shown(delimiter: str) -> str:
    return "tabs" if delimiter == "\t" else f"“{delimiter}”"
