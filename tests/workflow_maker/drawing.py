"""A graph described in a few lines, and laid out on ComfyUI's real canvas.

A description says which nodes stand in which column and how they are linked. The canvas itself makes the
nodes, so sizes, widget order and file format are the frontend's, and both files, canvas and API, come from
the same canvas.
"""

from __future__ import annotations

import contextlib
import json
import uuid
from dataclasses import dataclass, field
from typing import Any

from comfyui.browser import Canvas

from nodes.flux.files import OfficialFile

_NAMESPACE = uuid.UUID("6f1f7b1e-6d0c-4f0e-9d0a-6c1d3f5b7a90")


@dataclass(frozen=True)
class Out:
    """An output of a node, to be given to another node's input."""

    node: Node
    index: int


@dataclass(eq=False)
class Node:
    """One node: its type, its title on the canvas, and its inputs by name, each a value or an `Out`."""

    type: str
    inputs: dict[str, Any]
    title: str = ""
    box: tuple[int, int] | None = None  # px; at least what the node itself needs
    off: bool = False  # muted: stands on the canvas, is not run
    file: tuple[OfficialFile, ...] = ()  # what loaders load; the canvas offers to download it

    def out(self, index: int = 0) -> Out:
        return Out(self, index)


@dataclass(eq=False)
class Column:
    """Nodes below each other in one titled group."""

    title: str
    nodes: list[Node]
    colour: str = "#3f789e"


@dataclass(eq=False)
class Drawing:
    """A whole workflow."""

    name: str  # of the files
    title: str
    about: str  # Markdown: what it does, what to change
    columns: list[Column] = field(default_factory=list)
    files: list[OfficialFile] = field(default_factory=list)
    more_files: list[str] = field(default_factory=list)  # Markdown lines for files that are the user's own

    def node(self, type_: str, *, title: str = "", box: tuple[int, int] | None = None, **inputs: Any) -> Node:
        """Make a node, at least as large as `box` (px); a column takes it up later."""
        node = Node(type_, inputs, title, box)
        by_name = {file.name: file for file in self._known_files()}
        node.file = tuple(by_name[value] for value in inputs.values() if isinstance(value, str) and value in by_name)
        for file in node.file:
            if file not in self.files:
                self.files.append(file)
        return node

    def column(self, title: str, *nodes: Node) -> None:
        self.columns.append(Column(title, list(nodes)))

    def needs(self, *files: OfficialFile) -> None:
        """Files that a node finds by itself."""
        self.files += [file for file in files if file not in self.files]

    def note(self) -> str:
        """The text of the note on the canvas."""
        parts = [f"# {self.title}", self.about.strip()]
        if self.files or self.more_files:
            lines = [
                "## Files",
                "Put them into ComfyUI's `models` folder.",
                "",
                "| file | folder | size | licence |",
                "|---|---|---|---|",
            ]
            lines += [
                f"| [{file.name}]({file.url}) | {file.folder} | {file.size_gib:g} GB | {file.licence.name} |"
                for file in self.files
            ]
            lines += ["", *self.more_files] if self.more_files else []
            if any(not file.licence.commercial for file in self.files):
                lines += [
                    "",
                    "The FLUX.1 [dev] models are for non-commercial use; their licence says what that means.",
                ]
            parts.append("\n".join(lines))
        parts.append(
            "## Without the canvas\n"
            f"The same graph in API format is `workflows/api/{self.name}.json` in this pack's folder:\n"
            "```\n"
            "cd ComfyUI/custom_nodes/comfyui-dalle-flux\n"
            f'echo "{{\\"prompt\\": $(cat workflows/api/{self.name}.json)}}" |\n'
            "  curl -s -d @- http://127.0.0.1:8188/prompt\n"
            "```"
        )
        return "\n\n".join(parts)

    @staticmethod
    def _known_files() -> tuple[OfficialFile, ...]:
        from nodes.flux.files import OFFICIAL_FILES

        return OFFICIAL_FILES


@dataclass(frozen=True)
class Drawn:
    """What the canvas made of a description."""

    canvas: dict[str, Any]
    api: dict[str, Any]


def draw(page: Canvas, drawing: Drawing) -> Drawn:
    """Lay the graph out on an open canvas and export it both ways."""
    nodes = [Node("MarkdownNote", {"": drawing.note()}, "About this workflow", (560, 620))]
    columns = [{"title": "", "nodes": [0]}]
    for column in drawing.columns:
        columns.append({"title": column.title, "nodes": list(range(len(nodes), len(nodes) + len(column.nodes)))})
        nodes += column.nodes
    places = {id(node): index for index, node in enumerate(nodes)}
    spec = {
        "nodes": [
            {
                "type": node.type,
                "title": node.title,
                "size": node.box,
                "mode": 2 if node.off else 0,
                "values": {name: value for name, value in node.inputs.items() if not isinstance(value, Out)},
                "links": {
                    name: [places[id(value.node)], value.index]
                    for name, value in node.inputs.items()
                    if isinstance(value, Out)
                },
                "models": [{"name": file.name, "url": file.url, "directory": file.folder} for file in node.file],
            }
            for node in nodes
        ],
        "columns": columns,
        "id": str(uuid.uuid5(_NAMESPACE, drawing.name)),
    }
    with contextlib.suppress(Exception):  # what is not there after this is named by its type below
        page.page.wait_for_function(
            "types => types.every(type => LiteGraph.registered_node_types[type])",
            arg=sorted({node.type for node in nodes}),
            timeout=20_000,
        )
    complaints = page.page.evaluate(_LAY_OUT, spec)
    if complaints:
        raise ValueError(f"{drawing.name}: {'; '.join(complaints)}")
    page.page.wait_for_timeout(300)
    canvas = json.loads(page.page.evaluate("() => JSON.stringify(window.app.graph.serialize())"))
    return Drawn(tidied(canvas, spec["id"]), _known_to_the_host(page.to_api(), page.comfyui.get("/object_info")))


def _known_to_the_host(api: dict[str, Any], info: dict[str, Any]) -> dict[str, Any]:
    """Without the widgets that only a frontend has, such as PreviewAny's `preview` in the pinned one."""
    for node in api.values():
        groups = info[node["class_type"]]["input"]
        known = {*groups.get("required", {}), *groups.get("optional", {})}
        node["inputs"] = {name: value for name, value in node["inputs"].items() if name in known}
    return api


def tidied(canvas: dict[str, Any], identity: str) -> dict[str, Any]:
    """Without what differs between two exports of the same graph: the view, the frontend's own version."""
    canvas = {**canvas, "id": identity, "revision": 0}
    canvas["extra"] = {}
    for node in canvas["nodes"]:
        node["properties"] = {
            key: value for key, value in node.get("properties", {}).items() if key in ("Node name for S&R", "models")
        }
        node["pos"] = [round(edge) for edge in node["pos"]]
        node["size"] = [round(edge) for edge in node["size"]]
    return canvas


_LAY_OUT = """async spec => {
  const app = window.app, graph = app.graph, complaints = [];
  app.clean();  // pictures of the drawing before this one are kept by node id
  graph.clear();
  const made = spec.nodes.map(wanted => {
    const node = LiteGraph.createNode(wanted.type);
    if (!node) { complaints.push(`no node type ${wanted.type}`); return null; }
    node.mode = wanted.mode;
    if (wanted.title) node.title = wanted.title;
    if (wanted.models.length) node.properties.models = wanted.models;
    graph.add(node);
    for (const widget of node.widgets ?? [])
      if (widget.name === 'control_after_generate') widget.value = 'fixed';
    for (const [name, value] of Object.entries(wanted.values)) {
      const widget = node.widgets?.find(w => w.name === name || name === '');
      if (!widget) complaints.push(`${wanted.type} has no widget ${name}`);
      else { widget.value = value; widget.callback?.(value); }
    }
    return node;
  });
  if (complaints.length) return complaints;
  spec.nodes.forEach((wanted, index) => {
    for (const [name, [from, output]] of Object.entries(wanted.links)) {
      const input = made[index].inputs?.findIndex(i => i.name === name) ?? -1;
      if (input < 0) complaints.push(`${wanted.type} has no input ${name}`);
      else if (!made[from].connect(output, made[index], input))
        complaints.push(`${spec.nodes[from].type} ${output} does not fit ${wanted.type}.${name}`);
    }
  });
  await new Promise(done => setTimeout(done, 300));
  const TITLE = 30, GAP = 24, PAD = 20;
  let x = 0;
  for (const column of spec.columns) {
    const nodes = column.nodes.map(i => made[i]);
    let width = 0;
    for (const node of nodes) {
      const least = node.computeSize(), asked = spec.nodes[made.indexOf(node)].size ?? [0, 0];
      node.setSize([Math.max(least[0], asked[0], 300), Math.max(least[1], asked[1])]);
      width = Math.max(width, node.size[0]);
    }
    let y = 80;
    for (const node of nodes) {
      node.setSize([width, node.size[1]]);
      node.pos = [x + PAD, y];
      y += node.size[1] + TITLE + GAP;
    }
    if (column.title) {
      const group = new LiteGraph.LGraphGroup(column.title);
      group.pos = [x, 0];
      group.size = [width + 2 * PAD, y - TITLE];
      group.color = '#3f789e';
      graph.add(group);
    }
    x += width + 2 * PAD + 40;
  }
  graph.id = spec.id;
  app.canvas.setDirty(true, true);
  return complaints;
}"""


def draw_blueprint(page: Canvas, drawing: Drawing, name: str, inside: str, about: str) -> dict[str, Any]:
    """A drawing folded into one subgraph node, as the host offers it in its node library.

    Args:
        inside: title of the first column that goes into the subgraph; those before it stay outside, the last
            column, which shows the result, too, and the user's pictures.
        about: what the node library says of it.
    """
    draw(page, drawing)
    titles = [column.title for column in drawing.columns]
    folded = page.page.evaluate(_FOLD, [titles[titles.index(inside) : -1], name])
    canvas = json.loads(folded)
    canvas = tidied(canvas, str(uuid.uuid5(_NAMESPACE, f"{drawing.name}-blueprint")))
    (node,) = canvas["nodes"]
    for socket in (*node["inputs"], *node["outputs"]):
        socket["link"] = None
    for output in node["outputs"]:
        output.pop("link")
        output["links"] = []
    canvas |= {"links": [], "groups": [], "last_link_id": 0}
    (subgraph,) = canvas["definitions"]["subgraphs"]
    subgraph |= {"name": name, "category": "DALL·E to FLUX", "description": about}
    for one in subgraph["nodes"]:
        one["properties"] = {
            key: value for key, value in one.get("properties", {}).items() if key in ("Node name for S&R", "models")
        }
    ids = {one["type"]: str(one["id"]) for one in subgraph["nodes"]}
    node["properties"]["proxyWidgets"] = [[ids[type_], widget] for type_, widget in _ON_THE_BLUEPRINT if type_ in ids]
    return canvas


_ON_THE_BLUEPRINT = (
    ("DalleFluxSettings", "size"),
    ("DalleFluxSettings", "quality"),
    ("DalleFluxSettings", "style"),
    ("RandomNoise", "noise_seed"),
)
_FOLD = """async ([titles, name]) => {
  const app = window.app, graph = app.graph;
  const groups = graph.groups.filter(group => titles.includes(group.title));
  const inside = graph.nodes.filter(node => node.type !== 'LoadImage' && groups.some(group =>
    node.pos[0] >= group.pos[0] && node.pos[0] < group.pos[0] + group.size[0]));
  const { node } = graph.convertToSubgraph(new Set(inside));
  node.title = name;
  node.subgraph.name = name;
  for (const other of [...graph.nodes]) if (other !== node) graph.remove(other);
  for (const group of [...graph.groups]) graph.remove(group);
  await new Promise(done => setTimeout(done, 300));
  return JSON.stringify(graph.serialize());
}"""
