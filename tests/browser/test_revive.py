"""Old workflows with core's removed DALL·E nodes, revived by the menu command, down to the picture."""

from __future__ import annotations

import json

import pytest
from comfyui import samples
from comfyui.environment import PACK
from PIL import Image

REAL = ("api_openai_dall_e_3_t2i.json", "api_openai_dall_e_2_t2i.json", "api_openai_dall_e_2_inpaint.json")
RUN_COMMAND = """async id => {
  const extension = window.app.extensions.find(e => e.name === 'dalletoflux.revive');
  return await extension.commands.find(c => c.id === id).function();
}"""
LOCAL, ENDPOINT = "dalletoflux.ReviveLocal", "dalletoflux.ReviveEndpoint"


@pytest.fixture(scope="module", params=[False, True], ids=["pinned", "newest"])
def without_dalle(request, start_comfyui):
    """A host without OpenAIDalle2 and 3, as hosts since September 2026, with either frontend."""

    def prepare(installation) -> None:
        picture = Image.new("RGBA", (96, 96), (90, 120, 200, 255))
        picture.paste((0, 0, 0, 0), (32, 32, 64, 64))
        picture.save(installation.base / "input" / "api_openai_dall_e_2_inpaint_input_image.png")

    return start_comfyui(newest_frontend=request.param, arguments=("--cpu", "--disable-api-nodes"), prepare=prepare)


@pytest.fixture
def old_canvas(show_canvas, without_dalle):
    return show_canvas(without_dalle)


def only(graph: dict, class_type: str) -> dict:
    (node,) = [node for node in graph.values() if node["class_type"] == class_type]
    return node["inputs"]


def old_values(workflow: dict) -> list:
    (node,) = [node for node in workflow["nodes"] if node["type"].startswith("OpenAIDalle")]
    return node["widgets_values"]


@pytest.mark.parametrize("name", REAL)
def test_the_real_graphs_are_revived_whole(old_canvas, environment, name):
    workflow = samples.graph(environment, name)
    old_canvas.load(workflow)
    assert old_canvas.unknown_nodes() != []
    assert old_canvas.page.evaluate(RUN_COMMAND, LOCAL) == 1
    assert old_canvas.unknown_nodes() == []
    graph = old_canvas.to_api()
    values = old_values(workflow)
    if "dall_e_3" in name:
        new = only(graph, "DalleFluxLocalGenerate")
        kept = [new[key] for key in ("prompt", "seed", "quality", "style", "size")]
        assert kept == [values[0], values[1], *values[3:]]
    else:
        new = only(graph, "DalleFluxLocalEdit" if "inpaint" in name else "DalleFluxLocalGenerate")
        assert [new[key] for key in ("prompt", "seed", "size", "n")] == [values[0], values[1], *values[3:]]
    if "inpaint" in name:
        (loader,) = [key for key, node in graph.items() if node["class_type"] == "LoadImage"]
        assert (new["image"], new["mask"]) == ([loader, 0], [loader, 1])


def test_a_node_inside_a_subgraph_keeps_its_links_and_its_id(old_canvas, environment):
    workflow = samples.graph(environment, "api_openai_dall_e_2_inpaint.json")
    old_canvas.load(workflow)
    nodes = old_canvas.page.evaluate(
        """() => { const graph = window.app.graph, old = graph.nodes.find(n => n.type === 'OpenAIDalle2');
                   const { subgraph } = graph.convertToSubgraph(new Set([old]));
                   return subgraph.nodes.map(n => [n.type, n.id]); }"""
    )
    if not nodes:
        pytest.skip("this frontend drops an unknown node when it makes a subgraph")
    ((_, inside),) = nodes
    assert old_canvas.page.evaluate(RUN_COMMAND, LOCAL) == 1
    graph = old_canvas.to_api()
    (key,) = [key for key, node in graph.items() if node["class_type"] == "DalleFluxLocalEdit"]
    (loader,) = [key for key, node in graph.items() if node["class_type"] == "LoadImage"]
    assert key.endswith(f":{inside}")
    assert (graph[key]["inputs"]["image"], graph[key]["inputs"]["mask"]) == ([loader, 0], [loader, 1])
    assert only(graph, "PreviewImage")["images"] == [key, 0]
    assert graph[key]["inputs"]["prompt"] == old_values(workflow)[0]


def canvas_node(key: int, node_type: str, values: list, inputs: dict[str, tuple[str, int]], outputs: list[str]) -> dict:
    """A node in canvas format; `inputs`: name → (type, link)."""
    return {
        "id": key, "type": node_type, "pos": [400 * key, 100], "size": [300, 200], "flags": {}, "order": key, "mode": 0,
        "inputs": [{"name": name, "type": kind, "link": link} for name, (kind, link) in inputs.items()],
        "outputs": [{"name": kind, "type": kind, "links": [], "slot_index": at} for at, kind in enumerate(outputs)],
        "properties": {}, "widgets_values": values,
    }  # fmt: skip


def test_nodes_of_other_packs_keep_what_their_places_meant(old_canvas):
    """Plush's prompt comes by link and has no place among its values; cleanlii's mask is a picture."""
    plush = ["dall-e-3", "1792x1024", "standard", "vivid", 3, 77, "fixed", "default"]
    nodes = [
        canvas_node(1, "PrimitiveStringMultiline", ["a fox"], {}, ["STRING"]),
        canvas_node(2, "DalleImage", plush, {"prompt": ("STRING", 1)}, ["IMAGE", "STRING", "STRING", "STRING"]),
        canvas_node(3, "PreviewAny", [], {"source": ("*", 2)}, []),
        canvas_node(4, "LoadImage", ["example.png", "image"], {}, ["IMAGE", "MASK"]),
        canvas_node(5, "DalleImageEdit", ["a moon", "1024x1024", 2], {"image": ("IMAGE", 3), "mask": ("IMAGE", 4)},
                    ["IMAGE"]),
        canvas_node(6, "PreviewImage", [], {"images": ("IMAGE", 5)}, []),
    ]  # fmt: skip
    links = [[1, 1, 0, 2, 0, "STRING"], [2, 2, 1, 3, 0, "STRING"], [3, 2, 0, 5, 0, "IMAGE"], [4, 4, 0, 5, 1, "IMAGE"],
             [5, 5, 0, 6, 0, "IMAGE"]]  # fmt: skip
    for link, start, place, *_ in links:
        nodes[start - 1]["outputs"][place]["links"].append(link)
    old_canvas.load(
        {"last_node_id": 6, "last_link_id": 5, "nodes": nodes, "links": links, "groups": [], "version": 0.4}
    )
    assert old_canvas.page.evaluate(RUN_COMMAND, LOCAL) == 2
    graph = old_canvas.to_api()
    generate, edit = graph["2"]["inputs"], graph["5"]["inputs"]
    kept = [generate[name] for name in ("prompt", "size", "quality", "style", "n", "seed")]
    assert kept == [["1", 0], "1792x1024", "standard", "vivid", 3, 77]
    assert graph["3"]["inputs"]["source"] == ["2", 1]
    assert [edit[name] for name in ("image", "prompt", "size", "n")] == [["2", 0], "a moon", "1024x1024", 2]
    made = graph[edit["mask"][0]]
    assert (made["class_type"], made["inputs"]["image"]) == ("ImageToMask", ["4", 0])


def test_a_revived_graph_draws(old_canvas, environment):
    workflow = samples.graph(environment, "api_openai_dall_e_2_inpaint.json")
    old_canvas.load(workflow)
    old_canvas.page.evaluate(RUN_COMMAND, LOCAL)
    (key,) = [key for key, node in old_canvas.to_api().items() if node["class_type"] == "DalleFluxLocalEdit"]
    old_canvas.page.evaluate(
        "id => window.app.graph.getNodeById(id).widgets.forEach(w => { if (w.name === 'size') w.value = '256x256'; })",
        int(key),
    )
    run = old_canvas.queue()
    assert run.succeeded, run.error
    assert any(output.get("images") for output in run.outputs.values())


def test_the_user_may_choose_an_endpoint_instead(old_canvas, environment):
    old_canvas.load(samples.graph(environment, REAL[0]))
    assert old_canvas.page.evaluate(RUN_COMMAND, ENDPOINT) == 1
    assert only(old_canvas.to_api(), "DalleFluxGenerate")["quality"] == "hd"


def test_a_graph_without_old_nodes_is_left_alone(old_canvas):
    workflow = json.loads((PACK / "workflows" / "dalle3-on-flux.json").read_text("utf-8"))
    old_canvas.load(workflow)
    before = old_canvas.to_api()
    assert old_canvas.page.evaluate(RUN_COMMAND, LOCAL) == 0
    assert old_canvas.to_api() == before


def test_the_table_names_only_nodes_that_exist(without_dalle):
    known = set(without_dalle.get("/object_info"))
    for entry in json.loads((PACK / "js" / "old_nodes.json").read_text("utf-8")).values():
        named = {entry["local"], entry["endpoint"], *(entry.get("without") or {}).values()} - {"image"}
        assert named <= known
