"""The pack on a canvas that speaks another language than English."""

from __future__ import annotations

import pytest
from comfyui.browser import Canvas
from translations import LOCALES, read

# The labels of all nodes, Nodes 2.0, and those that do not fit their place.
LABELS = """() => {
  const all = [...document.querySelectorAll("[data-node-id] *")]
    .filter((e) => e.children.length === 0 && e.textContent.trim() && !e.closest("textarea, input"));
  const cut = all.filter((e) => getComputedStyle(e).overflowX !== "visible" && e.scrollWidth > e.clientWidth + 1);
  return [all, cut].map((labels) => labels.map((e) => e.textContent.trim()));
}"""
SHOWN = """() => Object.fromEntries(window.app.graph.nodes.map((node) => [node.type, {
  title: node.title,
  inputs: Object.fromEntries(node.inputs.map((i) => [i.name, i.label ?? i.localized_name ?? i.name])),
}]))"""


@pytest.fixture(params=["ar", "ru"])
def page(request, browser, comfyui_newest_frontend):
    comfyui_newest_frontend.post("/api/settings", {"Comfy.Locale": request.param})
    try:
        canvas = Canvas(browser, comfyui_newest_frontend, vue_nodes=True)
        yield canvas
        canvas.close()
    finally:
        comfyui_newest_frontend.post("/api/settings", {"Comfy.Locale": "en"})


def test_nodes_bear_their_names_and_no_label_is_cut(page, request, artefacts):
    language = request.node.callspec.params["page"]
    said = read(LOCALES / language / "nodeDefs.json")
    for at, node_id in enumerate(sorted(said)):
        page.add(node_id, (60 + at % 5 * 500, 60 + at // 5 * 900))
    page.fit_view()
    shown = page.page.evaluate(SHOWN)
    assert {node_id: node["title"] for node_id, node in shown.items()} == {
        node_id: node["display_name"] for node_id, node in said.items()
    }
    for node_id, node in said.items():
        for name, slot in node.get("inputs", {}).items():
            if name in shown[node_id]["inputs"] and "name" in slot:
                assert shown[node_id]["inputs"][name] == slot["name"], (node_id, name)
    page.page.screenshot(path=artefacts / f"language-{language}.png")
    labels, cut = page.page.evaluate(LABELS)
    assert {node["display_name"] for node in said.values()} <= set(labels)
    assert cut == []
