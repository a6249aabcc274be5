"""In every shipped graph that has a gate, what reaches a text encoder is what the gate judged: both file formats."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PACK = Path(__file__).resolve().parents[3]
GATE = "DalleFluxModeratePrompt"
GENERATORS = ("DalleFluxLocalGenerate", "DalleFluxLocalEdit", "DalleFluxGenerate", "DalleFluxEdit")
TEXTS = ("text", "t5xxl", "clip_l", "prompt")


@dataclass(frozen=True)
class Graph:
    """A graph of either format: node id → type, values by input, and (node id, output) by linked input."""

    name: str
    types: dict[str, str]
    values: dict[str, dict[str, Any]]
    links: dict[str, dict[str, tuple[str, int]]]

    def judged(self, node: str, socket: str) -> bool:
        """True if a gate's first output feeds the socket, with nothing between."""
        source = self.links[node].get(socket)
        return source is not None and self.types.get(source[0]) == GATE and source[1] == 0


def from_api(name: str, data: dict[str, Any]) -> Graph:
    inputs = {key: node["inputs"] for key, node in data.items()}
    return Graph(
        name,
        {key: node["class_type"] for key, node in data.items()},
        {key: {k: v for k, v in given.items() if not isinstance(v, list)} for key, given in inputs.items()},
        {key: {k: (v[0], v[1]) for k, v in given.items() if isinstance(v, list)} for key, given in inputs.items()},
    )


def from_canvas(name: str, data: dict[str, Any]) -> Iterator[Graph]:
    """The graph itself, and each subgraph that it defines."""
    yield _drawn(name, data["nodes"], [(link[0], link[1], link[2]) for link in data["links"]])
    for inner in data.get("definitions", {}).get("subgraphs", []):
        links = [(link["id"], link["origin_id"], link["origin_slot"]) for link in inner["links"]]
        yield _drawn(f"{name} / {inner['name']}", inner["nodes"], links)


def _drawn(name: str, nodes: list[dict[str, Any]], links: list[tuple[int, Any, int]]) -> Graph:
    sources = {link: (str(node), slot) for link, node, slot in links}
    values: dict[str, dict[str, Any]] = {}
    for node in nodes:
        widgets = [socket["name"] for socket in node.get("inputs", []) if "widget" in socket]
        given = node.get("widgets_values") or []
        # What the frontend adds behind a seed shifts what follows; only what stands before one is read by name.
        values[str(node["id"])] = {"": given, **dict(zip(widgets, given, strict=False))}
    return Graph(
        name,
        {str(node["id"]): node["type"] for node in nodes},
        values,
        {
            str(node["id"]): {
                s["name"]: sources[s["link"]] for s in node.get("inputs", []) if s.get("link") is not None
            }
            for node in nodes
        },
    )


def graphs() -> list[Graph]:
    found = [
        from_api(path.stem, json.loads(path.read_text("utf-8"))) for path in (PACK / "workflows" / "api").glob("*.json")
    ]
    for path in [*(PACK / "workflows").glob("*.json"), *(PACK / "subgraphs").glob("*.json")]:
        found += from_canvas(path.stem, json.loads(path.read_text("utf-8")))
    return sorted(found, key=lambda graph: graph.name)


ALL = graphs()
GATED = [graph for graph in ALL if GATE in graph.types.values()]


def test_the_graphs_with_a_gate_are_found_in_every_format():
    assert [graph.name for graph in GATED].count("moderated-pipeline") == 2
    assert [graph.name for graph in GATED].count("dalle3-vs-flux") == 2
    assert any("/" in graph.name for graph in GATED), "the blueprint of dalle3-vs-flux"


@pytest.mark.parametrize("graph", GATED, ids=lambda graph: graph.name)
def test_no_text_reaches_an_encoder_or_a_generator_past_the_gate(graph):
    drawn = 0
    for node, kind in graph.types.items():
        if "TextEncode" in kind:
            sockets = [socket for socket in TEXTS if socket in graph.links[node] or socket in graph.values[node]]
            assert sockets
            for socket in sockets:
                assert graph.judged(node, socket), (kind, socket)
                drawn += 1
        elif kind in GENERATORS:
            as_is = "as is" in (graph.values[node].get("prompt_mode"), *graph.values[node].get("", ()))
            assert "policy" in graph.links[node] or (graph.judged(node, "prompt") and as_is), kind
            drawn += 1
    assert drawn


@pytest.mark.parametrize("graph", GATED, ids=lambda graph: graph.name)
def test_pictures_are_saved_behind_the_picture_gate_where_there_is_one(graph):
    if "DalleFluxModerateImage" in graph.types.values():
        for node, kind in graph.types.items():
            if kind in ("SaveImage", "PreviewImage"):
                source = graph.links[node]["images"]
                assert (graph.types[source[0]], source[1]) == ("DalleFluxModerateImage", 0)
