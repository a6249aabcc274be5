"""Changes of `endpoints.toml` that leave everything else in it as it is: comments, order, blank lines.

A change is made twice, in the text by tomlkit and in the plain values; the file is written only if the new text reads
as those values, and only if every room can use them.
"""

from __future__ import annotations

import copy
import sys
import threading
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..endpoints import Endpoints
from ..errors import DalleFluxError, MissingPackage
from ..state import write_file

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_turn = threading.Lock()  # two changes at once would lose one


class CannotChange(DalleFluxError):
    """The file is written in a way that the change cannot be made in."""

    code = "cannot_change_settings"


@dataclass(frozen=True)
class Change:
    """One line or table."""

    path: tuple[str, ...]  # names of tables, and the name of the line
    value: Any = None  # None: the line or table goes

    def apply(self, tables: MutableMapping[str, Any], new_table: Callable[[], Any] = dict) -> None:
        """Make the change in nested mappings."""
        *above, last = self.path
        for name in above:
            if name not in tables:
                if self.value is None:
                    return
                tables[name] = new_table()
            tables = tables[name]
        if self.value is not None:
            tables[last] = self.value
        elif last in tables:
            del tables[last]


def change(file: Path, changes: Sequence[Change], check: Callable[[Endpoints], None]) -> None:
    """Make the changes in the user's file, all or none; a file that is not there is made, for the user alone.

    Args:
        check: raises what a room has to say against the settings.

    Raises:
        DalleFluxError: the file cannot be read as it is, or not with the changes; the reader's own sentence says why.
    """
    try:
        import tomlkit
    except ImportError:
        raise MissingPackage("tomlkit", "Changing endpoints.toml from the settings page") from None
    with _turn:
        Endpoints.read(file)  # says what is wrong with it
        text = file.read_bytes().decode("utf-8-sig") if file.is_file() else ""
        wanted = copy.deepcopy(tomllib.loads(text))
        try:
            document = tomlkit.parse(text)
            for one in changes:
                one.apply(wanted)
                one.apply(document, tomlkit.table)
            changed = tomlkit.dumps(document)
            is_right = tomllib.loads(changed) == wanted
        except (TypeError, ValueError, KeyError, tomlkit.exceptions.TOMLKitError):
            is_right = False
        if not is_right:
            raise CannotChange(
                f"{file} is written in a way that this change cannot be made in without touching the rest; change it "
                "by hand."
            )
        data = changed.encode()
        check(Endpoints.of(data, file))
        write_file(file.resolve(), data, private=True)  # where a link leads; the link stays
