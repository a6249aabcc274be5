"""The pack on a canvas that speaks another language than English."""

from __future__ import annotations

import contextlib
import re

import pytest
from comfyui.browser import Canvas
from playwright.sync_api import expect
from translations import LOCALES, read
from translations.pages import DOCS

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


@contextlib.contextmanager
def speaking(language, browser, comfyui):
    """A canvas, Nodes 2.0, in a language."""
    comfyui.post("/api/settings", {"Comfy.Locale": language})
    try:
        canvas = Canvas(browser, comfyui, vue_nodes=True)
        yield canvas
        canvas.close()
    finally:
        comfyui.post("/api/settings", {"Comfy.Locale": "en"})


@pytest.fixture(params=["ar", "ru"])
def page(request, browser, comfyui_newest_frontend):
    with speaking(request.param, browser, comfyui_newest_frontend) as canvas:
        yield canvas


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


@pytest.mark.parametrize(("language", "host"), [("ja", "comfyui_newest_frontend"), ("zh", "comfyui")])
def test_a_nodes_help_is_in_the_language_of_the_canvas(language, host, request, browser, artefacts):
    with speaking(language, browser, request.getfixturevalue(host)) as canvas:
        canvas.add("DalleFluxModerationPolicy")
        canvas.show_node("DalleFluxModerationPolicy")
        canvas.page.get_by_test_id("info-button").press("Enter")
        help_page = canvas.page.locator(".node-help-content")
        written = (DOCS / "DalleFluxModerationPolicy" / f"{language}.md").read_text("utf-8")
        expect(help_page.locator("h1")).to_have_text(re.findall("^# (.*)", written)[0])
        expect(help_page).to_contain_text(written.splitlines()[-1].split("`")[0])
        assert help_page.locator("table").count() == 1
        canvas.page.screenshot(path=artefacts / f"help-{language}.png")
