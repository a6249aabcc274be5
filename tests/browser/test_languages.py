"""The pack on a canvas that speaks another language than English."""

from __future__ import annotations

import re

import faces
import pytest
from comfyui.browser import EMPTY, Canvas
from translations import LOCALES, read

SEEN = ("ar", "ja", "ru", "zh-TW")  # from right to left, without blanks, with long words, with a region

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
WIDE = "() => app.graph.nodes.find((one) => one.type === 'DalleFluxCompare').setSize([1300, 760])"
FAILS = """(message) => {
  const node = app.graph.nodes.find((one) => one.type === "DalleFluxPrompt");
  const detail = { node_id: node.id, node_type: node.type, exception_type: "x.Overloaded", exception_message: message };
  app.api.dispatchEvent(new CustomEvent("execution_error", { detail }));
}"""
OVERLOADED = "Endpoint '{0}' is overloaded; try again in a few minutes."
DIRECTIONS = """() => [...new Set([...document.querySelectorAll("[data-dalle-flux]")]
  .map((one) => getComputedStyle(one.shadowRoot.lastChild).direction))]"""


@pytest.fixture(scope="module")
def speaking(browser, comfyui_newest_frontend):
    """`speaking(language)`: the canvas, newly opened in that language."""
    canvas = Canvas(browser, comfyui_newest_frontend, vue_nodes=True)

    def speak(language: str) -> Canvas:
        comfyui_newest_frontend.post("/api/settings", {"Comfy.Locale": language})
        canvas.open()
        canvas.load(EMPTY)  # in place of what was open before
        return canvas

    yield speak
    comfyui_newest_frontend.post("/api/settings", {"Comfy.Locale": "en"})
    canvas.close()


@pytest.mark.parametrize("language", ["ar", "ru"])
def test_nodes_bear_their_names_and_no_label_is_cut(speaking, language, artefacts):
    canvas = speaking(language)
    said = read(LOCALES / language / "nodeDefs.json")
    for at, node_id in enumerate(sorted(said)):
        canvas.add(node_id, (60 + at % 5 * 500, 60 + at // 5 * 900))
    canvas.fit_view()
    shown = canvas.page.evaluate(SHOWN)
    assert {node_id: node["title"] for node_id, node in shown.items()} == {
        node_id: node["display_name"] for node_id, node in said.items()
    }
    for node_id, node in said.items():
        for name, slot in node.get("inputs", {}).items():
            if name in shown[node_id]["inputs"] and "name" in slot:
                assert shown[node_id]["inputs"][name] == slot["name"], (node_id, name)
    canvas.page.screenshot(path=artefacts / f"language-{language}.png")
    labels, cut = canvas.page.evaluate(LABELS)
    assert {node["display_name"] for node in said.values()} <= set(labels)
    assert cut == []


@pytest.mark.parametrize("language", SEEN)
def test_pages_and_faces_speak_it_and_nothing_overflows(speaking, language, artefacts):
    canvas = speaking(language)
    words = read(LOCALES / language / "main.json")["dalletoflux"]
    canvas.add("DalleFluxPrompt", (100, 100))
    canvas.add("DalleFluxCompare", (700, 100))
    canvas.page.evaluate(WIDE)
    canvas.fit_view()
    texts: set[str] = set()
    for name in faces.pages(canvas):
        texts |= set(canvas.page.evaluate(faces.TEXTS))
        assert canvas.page.evaluate(faces.OVERFLOWING) == []
        canvas.page.screenshot(path=artefacts / f"{name}-{language}.png")
    assert texts & set(words) == set(), "English where there is a translation"
    assert len(texts & set(words.values())) > 130
    assert canvas.page.evaluate(DIRECTIONS) == ["rtl" if language in ("ar", "fa") else "ltr"]
    canvas.page.evaluate(FAILS, OVERLOADED.format("studio"))
    notice = canvas.page.locator("[data-notice=error] .dfn").inner_text()
    assert re.sub("[\u2068\u2069]", "", notice) == words[OVERLOADED].format("studio")  # values stand apart
    assert [line for line in canvas.complaints if "uncaught" in line] == []
