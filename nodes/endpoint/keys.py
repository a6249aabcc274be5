"""Clients' keys: made here, shown once, kept as SHA-256 in the user's `endpoints.toml`.

    cd ComfyUI/custom_nodes/comfyui-dalle-flux
    python -m nodes.endpoint.keys add laptop --requests-per-minute 30 --pictures-per-day 500
    python -m nodes.endpoint.keys list
    python -m nodes.endpoint.keys remove laptop

A key has 256 random bits, so a plain hash is as good as a slow one.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import hmac
import json
import os
import re
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from .. import json_text
from ..endpoints import Endpoints
from ..errors import DalleFluxError
from ..state import FOLDER_NAME, STATE_ENV, State, write_file
from .keeping import Keeper
from .settings import TABLE, Key, key_of, settings_of

PREFIX = "df-"
_SHARED = "keys"  # folder of the keeper that servers share, one file a key
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class BadKeyCommand(DalleFluxError):
    """A key that cannot be made or removed."""

    code = "bad_key_command"


def hashed(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def owner_of(key: str, keys: Mapping[str, Key]) -> str | None:
    """The name a key was made for; None if it is nobody's. Takes the same time whichever it is."""
    asked, found = hashed(key), None
    for name, one in keys.items():
        if hmac.compare_digest(asked, one.sha256):
            found = name
    return found


def add(file: Path, name: str, limits: Mapping[str, int | Sequence[str] | None]) -> str:
    """Make a key, append its table to the user's file, and return it: the only time it is seen.

    Raises:
        BadKeyCommand: the name is taken or no name.
        BadEndpointsFile, BadEndpointSettings: the file cannot be read, or not with the new table.
    """
    _check_name(name)
    if name in _read(file):
        raise BadKeyCommand(f"There is a key called '{name}' already; remove it first, or choose another name.")
    key = PREFIX + secrets.token_urlsafe(32)
    lines = [f"[settings.{TABLE}.keys.{name}]", f'sha256 = "{hashed(key)}"']
    for field, value in limits.items():
        if isinstance(value, int):
            lines.append(f"{field} = {value}")
        elif value:
            lines.append(f"{field} = [{', '.join(_quoted(one) for one in value)}]")
    before = file.read_text("utf-8-sig").rstrip() + "\n\n" if file.is_file() else ""
    _write(file, before + "\n".join(lines) + "\n", expected={*_read(file), name})
    return key


def remove(file: Path, name: str) -> None:
    """Take a key's table out of the user's file; everything else stays as it is.

    Raises:
        BadKeyCommand: there is no such key, or its table is not written as `add` writes it.
    """
    if name not in _read(file):
        raise BadKeyCommand(f"There is no key called {name[:64]!r}.")
    kept, inside = [], False
    for line in file.read_text("utf-8-sig").splitlines():
        if line.lstrip().startswith("["):
            inside = line.split("#")[0].strip() == f"[settings.{TABLE}.keys.{name}]"
        if not inside:
            kept.append(line)
    _write(file, "\n".join(kept).rstrip() + "\n", expected=set(_read(file)) - {name})


def shared(keeper: Keeper) -> dict[str, Key]:
    """The keys that servers share, by name; slow."""
    if not keeper.shared:
        return {}
    found = {}
    for file in keeper.names(_SHARED):
        with contextlib.suppress(FileNotFoundError, ValueError):  # removed a moment ago; spoilt: lets nobody in
            found[file.removesuffix(".json")] = key_of(file, json_text.read(keeper.read(f"{_SHARED}/{file}")))
    return found


def add_shared(keeper: Keeper, name: str, limits: Mapping[str, int | Sequence[str] | None]) -> str:
    """As `add`, for all servers that share this keeper."""
    _check_name(name)
    if name in shared(keeper):
        raise BadKeyCommand(f"There is a key called '{name}' already; remove it first, or choose another name.")
    key = PREFIX + secrets.token_urlsafe(32)
    table = {"sha256": hashed(key), **{field: value for field, value in limits.items() if value}}
    try:
        key_of(name, table)
    except ValueError as error:
        raise BadKeyCommand(f"The key cannot be made: {error}.") from None
    keeper.write(f"{_SHARED}/{name}.json", json.dumps(table).encode())
    return key


def remove_shared(keeper: Keeper, name: str) -> None:
    """As `remove`, for all servers that share this keeper."""
    if name not in shared(keeper):
        raise BadKeyCommand(f"There is no key called {name[:64]!r}.")
    keeper.remove(f"{_SHARED}/{name}.json")


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise BadKeyCommand(f"A key cannot be called {name[:64]!r}; use letters, digits, '_' and '-'.")


def _read(file: Path) -> Mapping[str, Key]:
    read = Endpoints.read(file)
    return settings_of(read.settings, read.webhooks).keys


def _write(file: Path, text: str, expected: set[str]) -> None:
    """Write the file if it then holds just the keys that it should; else leave it."""
    trial = file.with_name(f".{file.name}.trial")
    try:
        write_file(trial, text.encode(), private=True)
        if set(_read(trial)) != expected:
            raise BadKeyCommand(f"{file} writes its keys in a way of its own; change it by hand.")
    finally:
        trial.unlink(missing_ok=True)
    write_file(file, text.encode(), private=True)


def _quoted(text: str) -> str:
    if not text.isprintable() or '"' in text or "\\" in text:
        raise BadKeyCommand(f"No model is called {text[:60]!r}.")
    return f'"{text}"'


def default_file() -> Path:
    """The user's file of the ComfyUI that this pack lies in."""
    override = os.environ.get(STATE_ENV)
    root = Path(override) if override else Path(__file__).resolve().parents[4] / "user" / FOLDER_NAME
    return State(root).endpoints_file


class Book(Protocol):
    """Where keys are kept."""

    def add(self, name: str, limits: Mapping[str, Any]) -> str: ...

    def remove(self, name: str) -> None: ...

    def all(self) -> Mapping[str, Key]: ...


@dataclass(frozen=True)
class FileBook:
    """The user's file."""

    file: Path

    def add(self, name: str, limits: Mapping[str, Any]) -> str:
        return add(self.file, name, limits)

    def remove(self, name: str) -> None:
        remove(self.file, name)

    def all(self) -> Mapping[str, Key]:
        return _read(self.file)


@dataclass(frozen=True)
class SharedBook:
    """What servers share."""

    keeper: Keeper

    def add(self, name: str, limits: Mapping[str, Any]) -> str:
        return add_shared(self.keeper, name, limits)

    def remove(self, name: str) -> None:
        remove_shared(self.keeper, name)

    def all(self) -> Mapping[str, Key]:
        return shared(self.keeper)


def main(arguments: Sequence[str] | None = None, book: Book | None = None) -> int:
    """The command; without a book on the user's file."""
    parser = argparse.ArgumentParser(prog="python -m nodes.endpoint.keys", description="Keys of the Images API.")
    if book is None:
        parser.add_argument("--file", type=Path, help="endpoints.toml, if not this ComfyUI's own")
    commands = parser.add_subparsers(dest="command", required=True)
    adding = commands.add_parser("add", help="make a key and show it, once")
    adding.add_argument("name")
    adding.add_argument("--requests-per-minute", type=int)
    adding.add_argument("--pictures-per-day", type=int)
    adding.add_argument("--max-waiting", type=int)
    adding.add_argument("--models", nargs="+", help="the only models that it may ask for")
    commands.add_parser("remove", help="make a key useless").add_argument("name")
    commands.add_parser("list", help="names and limits")
    asked = parser.parse_args(arguments)
    kept = book or FileBook((asked.file or default_file()).expanduser().resolve())
    try:
        if asked.command == "add":
            limits = ("requests_per_minute", "pictures_per_day", "max_waiting", "models")
            print(kept.add(asked.name, {name: getattr(asked, name) for name in limits}))
            where = kept.file if isinstance(kept, FileBook) else "the database"
            print(f"This is the only time the key is shown. Its hash is in {where}.", file=sys.stderr)
        elif asked.command == "remove":
            kept.remove(asked.name)
        else:
            for name, key in kept.all().items():
                said = ", ".join(f"{k} {v}" for k, v in key.limits().items())
                print(f"{name}: {said or 'no limits'}")
    except DalleFluxError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
