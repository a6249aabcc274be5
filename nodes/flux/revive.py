"""Old graphs open again: retired DALL·E nodes become this pack's.

Which old node becomes which new one stands in `js/old_nodes.json`, read by this file for graphs in API format
and for the host's node-replacement registry, and by `js/revive.js` for the canvas. An entry says the order
of the old widgets (the canvas format stores values by place), which old input is which new one, values to
set where the old node had none, values that were written differently, which output is which, and which masks
were pictures.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Container, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

_TABLE = Path(__file__).resolve().parents[2] / "js" / "old_nodes.json"
Graph = dict[str, Any]  # API format: node id → {class_type, inputs, _meta?}


@dataclass(frozen=True)
class Retired:
    """How one retired node lives on."""

    old: str
    widgets: tuple[str, ...]  # in the order of the canvas format's widgets_values
    new: str  # on this machine
    new_without: tuple[str, str] | None  # (old input, node): the node if that input is not connected
    inputs: Mapping[str, str]  # old name → new name
    set: Mapping[str, Any]  # new name → value where nothing else says
    values: Mapping[str, Mapping[str, Any]]  # old name → old value → new value
    outputs: Mapping[int, int]  # old place → new place
    images_as_masks: frozenset[str]  # old inputs that took their mask as an IMAGE, white = change

    def successor(self, inputs: Container[str]) -> str:
        """The node that takes over, given the old inputs that have a value or a link."""
        if self.new_without and self.new_without[0] not in inputs:
            return self.new_without[1]
        return self.new


@lru_cache
def retired_nodes() -> dict[str, Retired]:
    """The table, by the old node's type."""
    return {
        old: Retired(
            old=old,
            widgets=tuple(entry["widgets"]),
            new=entry["local"],
            new_without=(entry["without"]["input"], entry["without"]["local"]) if "without" in entry else None,
            inputs=entry["inputs"],
            set=entry["set"],
            values=entry["values"],
            outputs={int(before): after for before, after in entry["outputs"].items()},
            images_as_masks=frozenset(entry.get("images_as_masks", ())),
        )
        for old, entry in json.loads(_TABLE.read_text("utf-8")).items()
    }


def revive(graph: Graph, sockets: Mapping[str, Container[str]], present: Container[str]) -> Graph:
    """A graph in API format with its retired nodes replaced; the same object if it has none.

    Args:
        sockets: this pack's node type → names of its inputs.
        present: node types that this host has; those are left alone.
    """
    dead = {
        key: retired_nodes()[node["class_type"]]
        for key, node in graph.items()
        if isinstance(node, dict) and node.get("class_type") in retired_nodes() and node["class_type"] not in present
    }
    if not dead:
        return graph
    revived = copy.deepcopy(graph)
    for key, entry in dead.items():
        node = revived[key]
        old = node.get("inputs", {})
        node["class_type"] = entry.successor(old)
        node["inputs"] = _inputs(entry, old, sockets[node["class_type"]])
        for name in entry.images_as_masks & old.keys():
            to_mask = {"class_type": "ImageToMask", "inputs": {"image": old[name], "channel": "red"}}
            revived[f"{key}-{name}"] = to_mask
            node["inputs"][entry.inputs[name]] = [f"{key}-{name}", 0]
    for node in revived.values():
        for name, value in list(node.get("inputs", {}).items()) if isinstance(node, dict) else ():
            if _is_link(value) and value[0] in dead:
                place = dead[value[0]].outputs.get(value[1])
                if place is None:
                    del node["inputs"][name]  # an output that no longer exists; the host names the missing input
                else:
                    value[1] = place
    return revived


def _inputs(entry: Retired, old: Mapping[str, Any], known: Container[str]) -> dict[str, Any]:
    inputs = {name: value for name, value in entry.set.items() if name in known}
    for before, after in entry.inputs.items():
        if before in old and after in known:
            value = old[before]
            spelled = entry.values.get(before, {})
            inputs[after] = spelled.get(value, value) if isinstance(value, str) else value
    return inputs


def _is_link(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], int)
