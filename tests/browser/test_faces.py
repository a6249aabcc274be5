"""What people see of the pack on the canvas: legible, reachable, and no more than applies."""

from __future__ import annotations

import json

import pytest
from comfyui.browser import Canvas

FOLDED = """() => Object.fromEntries(
  app.graph.nodes.map((node) => [node.type, node.widgets.filter((one) => one.hidden).map((one) => one.name)]))"""
CHOOSE = """([type, name, value]) => {
  app.graph.nodes.find((node) => node.type === type).widgets.find((widget) => widget.name === name).value = value;
}"""
OURS = """() => [...document.querySelectorAll("[data-dalle-flux]")]
  .filter((one) => one.getBoundingClientRect().width > 0).map((one) => one.dataset.dalleFlux)"""
SAMPLES = """() => {  // a text for every rule of our sheets that sets a colour, as it would stand in the page or panel
  const made = (compound) => {
    const [tag] = compound.match(/^[a-z]*/);
    const one = document.createElement(tag || "span");
    one.role = "none"; // no list or table about it
    one.className = compound.slice(tag.length).replaceAll(".", " ").trim();
    return one;
  };
  const rules = (sheet) => [...sheet.cssRules].flatMap((rule) => rule.styleSheet ? rules(rule.styleSheet) : [rule]);
  for (const { shadowRoot } of document.querySelectorAll("[data-dalle-flux]")) {
    const content = shadowRoot?.lastElementChild;
    if (!content?.getBoundingClientRect().width) continue;
    const place = document.createElement("div");
    place.className = "samples";
    content.prepend(place);
    for (const { selectorText, style } of [...shadowRoot.styleSheets].flatMap(rules)) {
      if (!style?.color || ["inherit", "transparent"].includes(style.color)) continue;
      const plain = selectorText.split(", ").filter((one) => /^[\\w.\\- ]+$/.test(one) && !content.matches(one));
      for (const selector of plain) {
        const chain = selector.split(" ").map(made);
        chain.reduce((outer, inner) => outer.appendChild(inner));
        chain.at(-1).textContent = selector;
        place.append(chain[0]);
      }
    }
  }
}"""
NO_SAMPLES = """() => document.querySelectorAll("[data-dalle-flux]").forEach((one) =>
  one.shadowRoot?.querySelectorAll(".samples").forEach((samples) => samples.remove()))"""
SET = "([name, value]) => app.extensionManager.setting.set(name, value)"


def folded(canvas: Canvas, expected: dict[str, list[str]]) -> None:
    canvas.page.wait_for_function(f"(expected) => JSON.stringify(({FOLDED})()) === expected", arg=_compact(expected))


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def test_inputs_that_do_not_apply_are_folded_away_and_keep_their_values(canvas: Canvas):
    canvas.add("DalleFluxModerationPolicy")
    folded(canvas, {"DalleFluxModerationPolicy": ["endpoint", "model", "guard_endpoint", "guard_model"]})
    before = canvas.serialize()["nodes"][0]["widgets_values"]
    canvas.page.evaluate(CHOOSE, ["DalleFluxModerationPolicy", "text_check", "local + llm guard"])
    folded(canvas, {"DalleFluxModerationPolicy": ["endpoint", "model"]})
    canvas.page.evaluate(CHOOSE, ["DalleFluxModerationPolicy", "text_check", "local"])
    folded(canvas, {"DalleFluxModerationPolicy": ["endpoint", "model", "guard_endpoint", "guard_model"]})
    assert canvas.serialize()["nodes"][0]["widgets_values"] == before
    assert canvas.to_api()["1"]["inputs"]["guard_model"] == "llama-guard3"


@pytest.mark.parametrize("canvas", ["pinned-classic"], indirect=True)
def test_nothing_of_ours_has_barriers_in_light_or_dark(canvas: Canvas, artefacts):
    tabs = canvas.page.evaluate(
        "() => app.extensionManager.getSidebarTabs().map((tab) => tab.id).filter((id) => id.startsWith('dalletoflux'))"
    )
    assert len(tabs) >= 3
    for node in ("DalleFluxCompare", "DalleFluxPrompt"):
        canvas.add(node, at=(100 if "Prompt" in node else 700, 100))
    canvas.fit_view()
    word = canvas.page.locator(".dfc-word", has_text="Difference")
    assert not word.is_visible()
    canvas.page.evaluate("() => app.graph.nodes.find((one) => one.type === 'DalleFluxCompare').setSize([1300, 760])")
    canvas.fit_view()
    word.wait_for(state="visible")
    found: dict[str, list[str]] = {}
    try:
        for palette in ("light", "dark"):
            canvas.page.evaluate(SET, ["Comfy.ColorPalette", palette])
            for tab in tabs:
                canvas.page.evaluate("(id) => app.extensionManager.sidebarTab.toggleSidebarTab(id)", tab)
                canvas.settle(1500)
                canvas.page.evaluate(SAMPLES)
                for name in canvas.page.evaluate(OURS):
                    found[f"{palette} {name}"] = canvas.barriers(f"[data-dalle-flux={name}]")
                canvas.page.screenshot(path=artefacts / f"{tab}-{palette}.png")
                canvas.page.evaluate(NO_SAMPLES)
                canvas.page.evaluate("(id) => app.extensionManager.sidebarTab.toggleSidebarTab(id)", tab)
    finally:
        canvas.page.evaluate(SET, ["Comfy.ColorPalette", "dark"])
    assert len(found) >= 2 * (len(tabs) + 2)
    assert {name: barriers for name, barriers in found.items() if barriers} == {}
