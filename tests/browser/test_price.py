"""The badge that says what a run would cost."""

from __future__ import annotations

SAID = """() => Object.fromEntries(window.app.graph.nodes.map((node) => [node.type,
  (node.badges ?? []).map((badge) => (typeof badge === "function" ? badge() : badge).text)
    .filter((text) => text?.startsWith("≈"))]))"""
SET = """([type, values]) => { const node = window.app.graph.nodes.find((one) => one.type === type);
  for (const widget of node.widgets) if (widget.name in values) widget.value = values[widget.name]; }"""


def wait_for(canvas, said):
    canvas.page.wait_for_function(f"(said) => JSON.stringify(({SAID})()) === JSON.stringify(said)", arg=said)


def test_a_node_says_what_a_run_would_cost_and_follows_what_is_set(canvas, artefacts):
    canvas.add("DalleFluxGenerate")
    canvas.show_node("DalleFluxGenerate")
    # $0.053 for medium, two previews of 100 tokens at $30 a million, and the text's first tokens.
    wait_for(canvas, {"DalleFluxGenerate": ["≈ $0.059"]})
    if canvas.vue_nodes:
        canvas.page.get_by_text("≈ $0.059").wait_for()
    canvas.page.screenshot(path=artefacts / "price.png")
    canvas.page.evaluate(SET, ["DalleFluxGenerate", {"n": 3}])
    wait_for(canvas, {"DalleFluxGenerate": ["≈ $0.18"]})
    if canvas.vue_nodes:
        canvas.page.get_by_text("≈ $0.18").wait_for()
    canvas.page.evaluate(SET, ["DalleFluxGenerate", {"model": "dall-e-3"}])  # which OpenAI no longer has
    wait_for(canvas, {"DalleFluxGenerate": []})
