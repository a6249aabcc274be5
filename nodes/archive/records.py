"""Pictures as other sources speak of them: logs of the Images API, lists, files that lie beside a picture.

All of these are records, objects with fields: a line of JSON Lines, a row of a CSV file, a `.json` beside a picture. A
record may be a request together with its response, as a proxy or a script logs them, or flat.
"""

from __future__ import annotations

import base64
import binascii
import csv
import io
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from typing import Any
from urllib.parse import unquote, urlsplit

from .. import json_text
from .json_stream import objects, values
from .mentions import Maker, Mention, moment, text
from .source import Entry

MOST_VALUES = 100_000  # in one record
JSON_ENDINGS = (".json", ".jsonl", ".ndjson", ".log")
_LONGEST_LINE = 1_000_000  # characters of a CSV file's line
_LONGEST_TEXT = 1_000_000  # bytes of a `.txt` beside a picture
_REQUESTS = ("request", "body", "input", "params", "parameters", "kwargs", "arguments", "payload", "json")
_RESPONSES = ("response", "body", "output", "result", "reply")
_NAMES = {
    "prompt": ("prompt", "caption"),
    "revised_prompt": ("revised_prompt", "revised prompt", "revisedprompt"),
    "model": ("model", "engine", "deployment"),
    "file": ("file", "filename", "file_name", "image", "image_path", "path", "picture"),
    "url": ("url", "image_url"),
    "created": ("created", "created_at", "date", "timestamp", "time", "sent_at"),
    "title": ("title", "conversation", "project"),
}
_FACTS = ("model", "size", "quality", "style", "seed", "n", "user", "request_id", "id", "operation", "endpoint")

_SECONDS = re.compile(r"[0-9]{9,13}(\.[0-9]{1,9})?")  # since 1970, or milliseconds

Found = tuple[Mention, bytes | None]  # the bytes, where the picture stands in the record itself


def in_json(entry: Entry, look: Callable[[], None]) -> Iterator[Found | json_text.BadJson]:
    """What a file of JSON, or of JSON Lines, says; an error in place of a record that cannot be read.

    Args:
        look: called now and then; may raise to end it.

    Raises:
        CutShort, and any of BROKEN.
    """
    with entry.open() as file:
        for record in values(file, MOST_VALUES, look):
            if isinstance(record, json_text.BadJson):
                yield record
            else:
                yield from read(record, folder=posixpath.dirname(entry.name))


def in_csv(entry: Entry, look: Callable[[], None]) -> Iterator[Found]:
    """What a CSV file with a header says; nothing if the header names no prompt.

    Args:
        look: called now and then; may raise to end it.

    Raises:
        csv.Error, and any of BROKEN.
    """
    with entry.open() as raw:
        lines = _bounded(io.TextIOWrapper(raw, "utf-8-sig", errors="replace", newline=""))
        first = next(lines, "")
        delimiter = max(",;\t|", key=first.count)
        names = [name.strip().lower() for name in next(csv.reader([first], delimiter=delimiter), [])]
        if not set(names) & {*_NAMES["prompt"], *_NAMES["revised_prompt"]}:
            return
        for cells in csv.reader(lines, delimiter=delimiter):
            look()
            record = {name: cell for name, cell in zip(names, cells, strict=False) if name and cell}
            yield from read(record, folder=posixpath.dirname(entry.name))


def beside(entry: Entry, picture: str) -> Iterator[Found]:
    """What a file that lies beside a picture, under its name, says of it.

    Raises:
        BadJson, CutShort, and any of BROKEN.
    """
    with entry.open() as file:
        if entry.name.lower().endswith(".txt"):
            words = file.read(_LONGEST_TEXT).decode("utf-8-sig", "replace")
            yield Mention(file=picture, prompt=text(words).strip()), None
            return
        for data in objects(file):
            record = json_text.read(data, most_values=MOST_VALUES) if data is not None else None
            for mention, _ in read(record, folder="", picture=picture):
                yield mention, None
            return


def read(record: object, *, folder: str, picture: str = "") -> Iterator[Found]:
    """The pictures of one record.

    Args:
        folder: where file names in it begin.
        picture: the file that it speaks of if it names none.
    """
    if not isinstance(record, dict):
        return
    request = next((record[name] for name in _REQUESTS if isinstance(record.get(name), dict)), record)
    response = next((record[name] for name in _RESPONSES if isinstance(record.get(name), dict)), record)
    body = response.get("body") if isinstance(response.get("body"), dict) else response
    listed = body.get("data") if isinstance(body, dict) else None
    made = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else [record]
    for one in made:
        fields = {**_plain(record), **_plain(request), **_plain(body), **_plain(one)}
        prompt, revised = _field(fields, "prompt"), _field(fields, "revised_prompt")
        encoded = one.get("b64_json")
        data = _decoded(encoded) if isinstance(encoded, str) else None
        file = picture or _file(_field(fields, "file"), folder) or _last_part(_field(fields, "url"))
        if not (prompt or revised) or not (data or file):
            continue
        mention = Mention(
            maker=_maker(fields, revised, is_api=made[0] is not record),
            file="" if data else file,
            prompt=prompt,
            revised_prompt=revised,
            conversation=_field(fields, "title")[:1000],
            created=_time(fields),
            name=posixpath.basename(file),
            facts={name: fields[name] for name in _FACTS if fields.get(name) not in (None, "")},
        )
        yield mention, data


def _maker(fields: Mapping[str, Any], revised: str, *, is_api: bool) -> Maker:
    said = fields.get("maker")  # as the archive's own exports say it
    return Maker(said) if said in set(Maker) else maker_of(_field(fields, "model"), revised, is_api=is_api)


def maker_of(model: str, revised: str = "", *, is_api: bool = False) -> Maker:
    """Who draws under this name.

    Args:
        is_api: the name came from a request of OpenAI's Images API, where none meant DALL·E 2, and only DALL·E 3
            answered with a revised prompt (source: openai-python 1.109 `image_generate_params.py`).
    """
    plain = "".join(filter(str.isalnum, model.lower()))
    if "dalle3" in plain:
        return Maker.DALLE3
    if "dalle2" in plain:
        return Maker.DALLE2
    if "gptimage" in plain or "chatgptimage" in plain:
        return Maker.GPT_IMAGE
    if is_api and not plain:
        return Maker.DALLE3 if revised else Maker.DALLE2
    return Maker.UNKNOWN


def _plain(record: object) -> dict[str, Any]:
    """The fields that hold a text or a number; pictures in base64 are none."""
    if not isinstance(record, dict):
        return {}
    return {
        name.lower(): value
        for name, value in record.items()
        if isinstance(value, str | int | float) and not isinstance(value, bool) and name != "b64_json"
    }


def _field(fields: Mapping[str, Any], name: str) -> str:
    return next((text(fields[one]).strip() for one in _NAMES[name] if isinstance(fields.get(one), str)), "")


def _time(fields: Mapping[str, Any]) -> float | None:
    for name in _NAMES["created"]:
        value = fields.get(name)
        if isinstance(value, str) and _SECONDS.fullmatch(value):
            value = float(value)
        if isinstance(value, int | float):
            return moment(value / 1000 if value > 1e11 else value)
        if isinstance(value, str):
            try:
                found = datetime.fromisoformat(value.strip().replace("Z", "+00:00"))
            except ValueError:
                continue
            return moment(found.replace(tzinfo=found.tzinfo or timezone.utc).timestamp())
    return None


def _file(name: str, folder: str) -> str:
    """A file's name as the source would write it; of one with a whole path only the last part."""
    plain = name.replace("\\", "/")
    if plain.startswith("/") or ":" in plain:
        return _last_part(plain)
    path = posixpath.normpath(posixpath.join(folder, plain)) if plain else ""
    return "" if path.startswith("..") or path == "." else path[:1000]


def _last_part(address: str) -> str:
    try:
        path = urlsplit(address).path
    except ValueError:
        path = address
    return posixpath.basename(unquote(path, errors="replace"))[:1000]


def _decoded(encoded: str) -> bytes | None:
    try:
        return base64.b64decode(encoded.split(",", 1)[-1] if encoded.startswith("data:") else encoded)
    except (binascii.Error, ValueError):
        return None


def _bounded(lines: io.TextIOWrapper) -> Iterator[str]:
    while line := lines.readline(_LONGEST_LINE):
        if len(line) >= _LONGEST_LINE:
            raise csv.Error("a line is longer than a megabyte")
        yield line
