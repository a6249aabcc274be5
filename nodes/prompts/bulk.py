"""Prompts from a file: plain text, CSV or JSON Lines, read row by row, however long the file is.

- `.txt`: one prompt a line; empty lines and lines that begin with `#` and a space are passed over.
- `.csv`: a header names the columns; `prompt` is needed, `style`, `size` and `target` may be there. What stands
  between the columns is found out, and so is how to read a file without a header: see `csv_layout`.
- `.jsonl`: one JSON object a line with the same names, or a JSON string that is the prompt.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from ..errors import DalleFluxError
from ..filenames import inside
from ..sizes import BadSize, parse_size
from .convert import Conversion, ConversionRequest, convert
from .csv_layout import BadLayout, layout_of
from .rule import Notice
from .targets import Style, Target
from .tokens import ESTIMATE, Tokenizers

ENDINGS = (".txt", ".csv", ".jsonl")
_LONGEST_ROW = 1_100_000  # characters; a file without line ends is not read into memory whole


class BadPromptFile(DalleFluxError):
    """The file is missing, outside of the input folder, of another kind, or a row cannot be read."""

    code = "bad_prompt_file"


@dataclass(frozen=True)
class PromptRow:
    """One prompt of a file, with what its row says about it."""

    number: int  # counted from 1 among the prompts
    request: ConversionRequest


def find_file(folder: Path, name: str) -> Path:
    """The file `name` inside `folder`.

    Raises:
        BadPromptFile: it is not there, lies elsewhere, or has another ending.
    """
    file = inside(folder, name.strip())
    if file is None:
        raise BadPromptFile(
            f"'{name[:80]}' lies outside of ComfyUI's input folder, or some systems cannot have such a name; put the "
            "file there under a plain one."
        )
    if file.suffix.lower() not in ENDINGS:
        raise BadPromptFile(f"'{name[:80]}' is no {', '.join(ENDINGS)} file; save the prompts as one of these.")
    if not file.is_file():
        raise BadPromptFile(f"There is no file '{name[:80]}' in ComfyUI's input folder; put it there, or clear `file`.")
    return file


def rows(file: Path, like: ConversionRequest, *, first: int = 1, most: int | None = None) -> Iterator[PromptRow]:
    """The prompts of a file in order; nothing is kept in memory but the row at hand.

    Args:
        like: style, size, target and the rest for rows that say nothing about them.
        first: number of the first prompt wanted, from 1.
        most: at most so many; None: all.

    Raises:
        BadPromptFile: a row that cannot be read; the message names its line.
    """
    stop = None if most is None else first - 1 + most
    with closing(_told(file)) as told:
        for number, (line, fields) in islice(enumerate(told, 1), first - 1, stop):
            yield PromptRow(number, _request(file, line, fields, like))


def count(file: Path) -> int:
    """How many prompts the file holds."""
    with closing(_told(file)) as told:
        return sum(1 for _ in told)


def convert_rows(
    wanted: Iterator[PromptRow], tokenizers: Tokenizers = ESTIMATE
) -> Iterator[tuple[PromptRow, Conversion]]:
    """Each row converted, one at a time."""
    for row in wanted:
        yield row, convert(row.request, tokenizers)


def with_notices(done: list[Conversion], file: Path, first: int, in_file: int) -> list[Conversion]:
    """`done`, its first report saying how the file was read where that was decided, and whether it goes on.

    Args:
        first: number of the first prompt converted.
        in_file: how many prompts the file holds.
    """
    told = layout_of(file).told if file.suffix.lower() == ".csv" else ""
    notices = [Notice("file_read", told)] if told else []
    following = first + len(done)
    if following <= in_file:
        rest = f"Rows {first} to {following - 1} of {in_file} were converted; set first_row to {following}"
        notices.append(Notice("more_rows", f"{rest} for the next run."))
    if not done or not notices:
        return done
    report = replace(done[0].report, warnings=(*done[0].report.warnings, *notices))
    return [replace(done[0], report=report), *done[1:]]


def _told(file: Path) -> Generator[tuple[int, dict[str, Any]], None, None]:
    """(line in the file, its fields) of each prompt."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            match file.suffix.lower():
                case ".csv":
                    yield from _csv(file, text)
                case ".jsonl":
                    yield from _json_lines(file, text)
                case _:
                    yield from _lines(text)
    except UnicodeDecodeError:
        raise BadPromptFile(f"{file.name} is not UTF-8 text; save it as UTF-8.") from None
    except csv.Error as error:
        raise BadPromptFile(
            f"{file.name} is no CSV that can be read ({error}); check its quotation marks, or save one prompt a line "
            "as .txt."
        ) from None
    except BadLayout as error:
        raise BadPromptFile(f"{file.name} cannot be read: {error}.") from None
    except OSError as error:
        raise BadPromptFile(f"{file.name} cannot be read ({error.strerror}); check its permissions.") from None


def _bounded(text: TextIO) -> Iterator[tuple[int, str]]:
    number = 0
    while line := text.readline(_LONGEST_ROW):
        number += 1
        if len(line) >= _LONGEST_ROW:
            raise BadPromptFile(f"Line {number} is longer than a megabyte; is this a file of prompts, one a line?")
        yield number, line


def _lines(text: TextIO) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in _bounded(text):
        if line.strip() and not line.startswith("# "):
            yield number, {"prompt": line.strip("\r\n")}


def _csv(file: Path, text: TextIO) -> Iterator[tuple[int, dict[str, Any]]]:
    layout = layout_of(file)
    lines = (line for number, line in _bounded(text) if number > layout.first_line)
    reader = csv.reader(lines, delimiter=layout.delimiter, strict=True)
    for cells in reader:
        if len(cells) > len(layout.names) and any(cell.strip() for cell in cells[len(layout.names) :]):
            raise BadPromptFile(
                f"Line {layout.first_line + reader.line_num} of {file.name} has {len(cells)} columns and the file "
                f"{len(layout.names)}; put a prompt that holds {layout.delimiter!r} into quotation marks."
            )
        fields = {name: cell for name, cell in zip(layout.names, cells, strict=False) if name}
        if fields.get("prompt", "").strip():
            yield layout.first_line + reader.line_num, fields


def _json_lines(file: Path, text: TextIO) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in _bounded(text):
        if not line.strip():
            continue
        try:
            data = json.loads(line)
        except (ValueError, RecursionError):
            raise BadPromptFile(f"Line {number} of {file.name} is no JSON; each line must be one object.") from None
        fields = {"prompt": data} if isinstance(data, str) else data
        if not isinstance(fields, dict) or not isinstance(fields.get("prompt"), str):
            raise BadPromptFile(f'Line {number} of {file.name} has no text "prompt"; write {{"prompt": "…"}}.')
        yield number, fields


def _request(file: Path, line: int, fields: dict[str, Any], like: ConversionRequest) -> ConversionRequest:
    request = replace(like, prompt=str(fields["prompt"]), frozen="")
    try:
        if said := str(fields.get("style") or "").strip():
            request = replace(request, style=Style(said))
        if said := str(fields.get("target") or "").strip():
            request = replace(request, target=Target(said))
        if said := str(fields.get("size") or "").strip():
            request = replace(request, size=str(parse_size(said)))
    except (ValueError, BadSize):
        raise BadPromptFile(
            f"Line {line} of {file.name} has {said[:40]!r} as style, size or target, which is not known; correct it."
        ) from None
    return request
