"""Where old graphs meet this ComfyUI: its node-replacement registry, and POST /prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..host import running
from .nodes import DalleFluxLocalEdit, DalleFluxLocalGenerate, DalleFluxLocalVariation

if TYPE_CHECKING:
    from .revive import Graph

_SUCCESSORS: tuple[Any, ...] = (DalleFluxLocalGenerate, DalleFluxLocalEdit, DalleFluxLocalVariation)


async def register() -> None:
    """Bring retired DALL·E nodes back on the canvas, where the host can do that, and in /prompt on every host."""
    from .revive import retired_nodes, revive

    sockets = {node.__name__: {socket.id for socket in node.define_schema().inputs} for node in _SUCCESSORS}
    for old, entry in retired_nodes().items():
        if entry.values or entry.images_as_masks:
            continue  # the registry can translate neither; /prompt and the menu command can
        await running.register_replacement(
            old,
            entry.new,
            widgets=entry.widgets,
            inputs={before: after for before, after in entry.inputs.items() if after in sockets[entry.new]},
            values={
                name: value
                for name, value in entry.set.items()
                if name in sockets[entry.new] and name not in entry.inputs.values()
            },
            outputs=entry.outputs,
        )

    def change(graph: Graph) -> Graph:
        return revive(graph, sockets, running.node_types())

    running.on_prompt(change)
