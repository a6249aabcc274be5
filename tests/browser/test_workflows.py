"""Every shipped workflow opens on the canvas whole, in both frontends, classic and Nodes 2.0."""

from __future__ import annotations

import json

from comfyui.environment import PACK

WORKFLOWS = sorted((PACK / "workflows").glob("*.json"))


def test_every_workflow_opens_without_missing_nodes_models_or_warnings(canvas):
    wrong = {}
    for path in WORKFLOWS:
        workflow = json.loads(path.read_text("utf-8"))
        canvas.complaints.clear()
        canvas.load(workflow)
        canvas.page.wait_for_timeout(300)
        ours = [c for c in canvas.complaints if "dalle" in c.lower() or "uncaught" in c]
        opened = canvas.page.evaluate("() => window.app.graph.nodes.length")
        found = (canvas.unknown_nodes(), canvas.open_dialogs(), ours, len(workflow["nodes"]) - opened)
        if found != ([], [], [], 0):
            wrong[path.stem] = found
    assert wrong == {}


def test_the_canvas_exports_the_api_file_that_ships(canvas):
    for path in WORKFLOWS:
        canvas.load(json.loads(path.read_text("utf-8")))
        shipped = json.loads((path.parent / "api" / path.name).read_text("utf-8"))
        exported = canvas.to_api()
        assert {key: node["class_type"] for key, node in exported.items()} == {
            key: node["class_type"] for key, node in shipped.items()
        }, path.stem
        for key, node in shipped.items():
            for name, value in node["inputs"].items():
                assert exported[key]["inputs"].get(name) == value, f"{path.stem}: {node['class_type']}.{name}"


def test_a_file_that_is_not_installed_is_noticed_so_that_the_first_test_can_fail(canvas):
    workflow = json.loads(WORKFLOWS[0].read_text("utf-8"))
    workflow["nodes"][1]["type"] = "NoSuchNode"
    canvas.load(workflow)
    assert canvas.unknown_nodes() == ["NoSuchNode"]


def test_blueprints_are_offered_where_the_host_knows_them_and_open_whole(canvas):
    blueprints = sorted((PACK / "subgraphs").glob("*.json"))
    assert blueprints
    offered = {entry["name"] for entry in canvas.comfyui.get("/global_subgraphs").values()}
    assert {path.stem for path in blueprints} <= offered
    for path in blueprints:
        blueprint = json.loads(path.read_text("utf-8"))
        canvas.complaints.clear()
        canvas.load(blueprint)
        assert canvas.unknown_nodes() == []
        assert [c for c in canvas.complaints if "dalle" in c.lower() or "uncaught" in c] == []
        inner = {node["type"] for node in blueprint["definitions"]["subgraphs"][0]["nodes"]}
        assert {node["class_type"] for node in canvas.to_api().values()} == inner
