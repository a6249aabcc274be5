"""Where old graphs meet this ComfyUI: its node-replacement registry, and POST /prompt; and the checklist on a node.

`GET /dalle_flux/flux/checklist?node=DalleFluxLocalGenerate&draw_with=auto&connected=model,clip` answers
{model, complete, files: [{name, folder, size_gib, licence: {name, url, terms, commercial}, url, found}], instead,
unusable}: which files a run would need, and under which name each is there; `instead` is one file for model, text
encoders and VAE. What no run could do answers 400 with {error, code}. Folders are looked through anew each time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from ..host import running
from ..replies import BadRequest, answer
from .nodes import DalleFluxLocalEdit, DalleFluxLocalGenerate, DalleFluxLocalVariation, files_needed

if TYPE_CHECKING:
    from .revive import Graph

ROOT = "/dalle_flux/flux"
_STATUSES = {"bad_setting": 400, "licence_not_commercial": 400, "comfyui_too_old": 400, "bad_endpoints_file": 400}
routes = web.RouteTableDef()
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


@routes.get(f"{ROOT}/checklist")
async def checklist(request: web.Request) -> web.Response:
    """What a node lacks, as it is set."""
    node = request.query.get("node", "")
    if node not in [one.__name__ for one in _SUCCESSORS]:
        raise BadRequest("`node` must be one of the nodes that draw on this machine.")
    connected = frozenset(request.query.get("connected", "").split(","))
    draw_with = request.query.get("draw_with", "auto")
    return await answer(lambda: files_needed(node, draw_with, connected), "The model folders", _STATUSES)
