"""Graphs published as image models: `models/<name>/<version>.json` of the keeper, where every version stays until it is
removed.

A file holds the graph in API format, which is run, and the canvas format, to open it again. The newest version is
the one that draws. A version that is removed leaves an empty file `<version>.removed`, so that its number is never
another's.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from .. import json_text
from ..errors import DalleFluxError
from .contract.rules import Operation
from .keeping import Keeper

MAX_BYTES = 8 * 2**20  # of a file
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}[a-z0-9]|[a-z0-9]")
_FILE = re.compile(r"([0-9]{1,6})\.(json|removed)")
# What Windows keeps for itself.
_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}
_REQUEST, _RESPONSE = "DalleFluxImagesRequest", "DalleFluxImagesResponse"
_IMAGE, _N = 1, 8  # outputs of the request node


class BadPublication(DalleFluxError):
    """A graph that cannot be an image model, or a name that cannot be one's."""

    code = "bad_publication"


class NoSuchPublication(DalleFluxError):
    """No graph was published under this name."""

    code = "no_such_publication"


@dataclass(frozen=True)
class Published:
    """One version of a published graph."""

    name: str
    version: int  # from 1
    created: int  # Unix time
    description: str
    graph: Mapping[str, Any]  # API format
    workflow: Mapping[str, Any] | None  # canvas format
    operations: frozenset[Operation]

    @property
    def draws_n(self) -> bool:
        """True if the graph itself makes n pictures: the request's output n is connected."""
        return uses_output(self.graph, _N)

    def as_json(self) -> dict[str, Any]:
        """For the canvas, without the graphs."""
        return {"name": self.name, "version": self.version, "created": self.created, "description": self.description,
                "operations": sorted(operation.value for operation in self.operations)}  # fmt: skip


class Publications:
    """All published graphs."""

    def __init__(self, keeper: Keeper):
        self._keeper = keeper

    def names(self) -> list[str]:
        """Sorted."""
        return [name for name in self._keeper.names("models") if self.versions(name)]

    def versions(self, name: str) -> list[int]:
        """Oldest first; none for a name that was never published."""
        return self._numbers(name, {"json"})

    def get(self, name: str, version: int | None = None) -> Published | None:
        """The newest version, or that one; None if there is none.

        Raises:
            BadPublication: the file was changed into something else.
        """
        versions = self.versions(name)
        wanted = version if version is not None else (versions or [0])[-1]
        if wanted not in versions:
            return None
        try:
            data = json_text.read(self._keeper.read(_file(name, wanted)))
            return Published(
                name, wanted, int(data["created"]), str(data["description"]), checked_graph(data["graph"]),
                data.get("workflow"), frozenset(Operation(one) for one in data["operations"]),
            )  # fmt: skip
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadPublication(
                f"The published workflow {_file(name, wanted)} cannot be read ({type(error).__name__}); publish "
                "it again, or remove it."
            ) from None

    def publish(
        self,
        name: str,
        graph: object,
        *,
        workflow: object = None,
        description: str = "",
        operations: object = None,
    ) -> Published:
        """Store a further version, which draws from now on.

        Args:
            operations: what it serves, as in the API's addresses; None: what its connections allow.

        Raises:
            BadPublication: no such name, or no graph with one request node and one response node.
        """
        if not _is_name(name):
            raise BadPublication(
                f"A model cannot be called {name[:64]!r}; use up to 64 lower-case letters, digits, '-', '_' and '.'."
            )
        checked = checked_graph(graph)
        version = max(self._numbers(name, {"json", "removed"}), default=0) + 1
        data = {
            "created": int(time.time()),
            "description": description[:500],
            "operations": [operation.value for operation in _operations(checked, operations)],
            "graph": checked,
            "workflow": workflow if isinstance(workflow, dict) else None,
        }
        text = json.dumps(data, ensure_ascii=True).encode()
        if len(text) > MAX_BYTES:
            raise BadPublication(f"The workflow has {len(text):,} bytes; at most {MAX_BYTES:,} can be published.")
        self._keeper.write(_file(name, version), text)
        published = self.get(name, version)
        assert published
        return published

    def remove(self, name: str, version: int | None = None) -> None:
        """Remove a model, or one version of it.

        Raises:
            NoSuchPublication: there is none.
        """
        versions = self.versions(name)
        if not versions or (version is not None and version not in versions):
            raise NoSuchPublication(f"No workflow is published as {name[:64]!r} in that version.")
        for one in versions if version is None else [version]:
            self._keeper.write(_file(name, one, "removed"), b"")
            self._keeper.remove(_file(name, one))

    def _numbers(self, name: str, kinds: Collection[str]) -> list[int]:
        files = map(_FILE.fullmatch, self._keeper.names(f"models/{name}") if _is_name(name) else [])
        return sorted(int(file[1]) for file in files if file and file[2] in kinds)


def _file(name: str, version: int, kind: str = "json") -> str:
    return f"models/{name}/{version:04d}.{kind}"


def checked_graph(graph: object) -> dict[str, Any]:
    """The graph, if it is one in API format that a request can enter and pictures can leave.

    Raises:
        BadPublication: it is not.
    """
    if not isinstance(graph, dict) or not all(
        isinstance(node, dict) and isinstance(node.get("class_type"), str) and isinstance(node.get("inputs"), dict)
        for node in graph.values()
    ):
        raise BadPublication("The workflow must be given in API format: node id → {class_type, inputs}.")
    for class_type, title in ((_REQUEST, "Images API Request"), (_RESPONSE, "Images API Response")):
        count = sum(node["class_type"] == class_type for node in graph.values())
        if count != 1:
            raise BadPublication(f"The workflow has {count} nodes '{title}'; it needs exactly one.")
    return graph


def uses_output(graph: Mapping[str, Any], index: int) -> bool:
    """True if something is connected to that output of the request node."""
    (request,) = [node_id for node_id, node in graph.items() if node["class_type"] == _REQUEST]
    return any(value == [request, index] for node in graph.values() for value in node["inputs"].values())


def _operations(graph: Mapping[str, Any], asked: object) -> list[Operation]:
    if asked is not None:
        try:
            wanted = {Operation(one) for one in asked}  # type: ignore[attr-defined]
        except (TypeError, ValueError):
            wanted = set()
        if not wanted:
            raise BadPublication(f"operations must name one or more of {', '.join(one.value for one in Operation)}.")
    else:
        wanted = {Operation.EDIT, Operation.VARIATION} if uses_output(graph, _IMAGE) else {Operation.GENERATE}
    return [operation for operation in Operation if operation in wanted]


def _is_name(name: str) -> bool:
    return bool(_NAME.fullmatch(name)) and name.split(".")[0] not in _RESERVED
