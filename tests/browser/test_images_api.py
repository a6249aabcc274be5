"""The endpoint nodes as people see them: progress, a partial picture, the cost, a readable error."""

from __future__ import annotations

import random

import pytest
from services import Fault

SET_UP = """(values) => {
  const graph = window.app.graph;
  const node = graph.nodes.find((n) => n.type === "DalleFluxGenerate");
  for (const [name, value] of Object.entries(values)) node.widgets.find((w) => w.name === name).value = value;
  const preview = graph.nodes.find((n) => n.type === "PreviewImage");
  node.connect(0, preview, 0);
}"""
NODE = 'window.app.graph.nodes.find((n) => n.type === "DalleFluxGenerate")'
TEXT = f"""() => ({NODE}.widgets ?? []).filter((w) => w.name.startsWith("$$"))
  .map((w) => String(w.value ?? "")).join(" ") + " " + document.body.innerText"""
# `runEnded` when the frontend has done with it: what is on the node then stays there.
RUN = """() => {
  window.runEnded = false;
  const ended = () => setTimeout(() => { window.runEnded = true; }, 100);
  window.app.api.addEventListener("execution_success", ended, { once: true });
  window.app.queuePrompt(0);
}"""
# Partial pictures become pictures of the node; where they are kept differs between frontends.
PARTIALS = f"""() => {{
  const node = {NODE};
  const kept = window.app.nodePreviewImages ?? {{}};
  return (node.imgs ?? []).length + (kept[String(node.id)] ?? []).length
    + document.querySelectorAll('[data-node-id="' + node.id + '"] img').length;
}}"""

INNERMOST = """() => {
  const find = (graph) => graph.nodes.find((n) => n.type === "DalleFluxGenerate")
    ?? graph.nodes.map((n) => n.subgraph && find(n.subgraph)).find(Boolean);
  return find(window.app.rootGraph ?? window.app.graph);
}"""
WRAP = """() => {
  const graph = window.app.rootGraph ?? window.app.graph;
  const node = graph.nodes.find((n) => n.type === "DalleFluxGenerate" || n.subgraph);
  graph.convertToSubgraph(new Set([node]));
}"""
SENTENCES = f"""() => ({INNERMOST})().widgets.filter((w) => w.name === "dalle_flux_error")
  .map((w) => w.element.shadowRoot.lastChild.textContent)"""


@pytest.fixture
def studio(canvas, services):
    """The canvas of a user whose endpoints.toml names the stand-in, with a Generate node on it."""
    file = canvas.comfyui.installation.base / "user" / "dalle_flux" / "endpoints.toml"
    before = file.read_text("utf-8") if file.exists() else None
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f'[studio]\nbase_url = "{services.base_url}"\napi_key = "{services.key}"\n', "utf-8")
    canvas.refresh_nodes()
    canvas.add("DalleFluxGenerate")
    canvas.add("PreviewImage", at=(700, 100))
    yield canvas
    if before is None:
        file.unlink()
    else:
        file.write_text(before, "utf-8")


def ask(canvas, **values) -> None:
    # A seed of its own: the host itself does not run a node again whose inputs it has seen.
    plain = {"prompt": "a red cube", "endpoint": "studio", "model": "gpt-image-2", "quality": "low"}
    plain["seed"] = random.randrange(2**48)
    canvas.page.evaluate(SET_UP, {**plain, **values})
    canvas.show_node("DalleFluxGenerate")


def test_the_node_shows_progress_a_partial_picture_and_the_cost(studio, services, artefacts, request):
    services.take(1.0)
    services.plan(Fault.HOLD)
    ask(studio)
    studio.page.evaluate(RUN)
    studio.page.wait_for_function(f"() => ({TEXT})().includes('drawing')", timeout=30_000)
    studio.page.wait_for_function(f"() => ({PARTIALS})() > 0", timeout=30_000)
    face = request.node.callspec.params["canvas"]
    studio.page.screenshot(path=artefacts / f"generate-running-{face}.png")
    services.release()
    studio.page.wait_for_function("() => window.runEnded", timeout=120_000)
    studio.page.wait_for_function(f"() => ({TEXT})().includes('1 picture · $0.0')", timeout=30_000)
    studio.page.screenshot(path=artefacts / f"generate-done-{face}.png")
    assert len(services.bills) == 1
    assert [c for c in studio.complaints if "dalle" in c.lower() or "uncaught" in c] == []


def test_an_error_is_read_on_the_node_itself(studio, services, artefacts, request):
    services.plan(Fault.REFUSE, name="moderation_blocked")
    ask(studio, prompt="something else")
    run = studio.queue()
    assert not run.succeeded
    words = "by its content policy for violence, self-harm; change the prompt"
    face = request.node.callspec.params["canvas"]
    assert words in run.error
    shown = studio.page.locator("[data-notice=error] .dfn")
    shown.wait_for(timeout=10_000)
    assert words in shown.inner_text()
    studio.page.screenshot(path=artefacts / f"generate-error-{face}.png")
    values = next(node for node in studio.serialize()["nodes"] if node["type"] == "DalleFluxGenerate")["widgets_values"]
    assert not any(words in str(value) for value in values)


@pytest.mark.parametrize("depth", [1, 2])
def test_an_error_in_a_subgraph_is_read_on_the_node_in_it(studio, services, depth):
    ask(studio, prompt="something else")
    for _ in range(depth):
        studio.page.evaluate(WRAP)
    services.plan(Fault.REFUSE, name="moderation_blocked")
    assert not studio.queue().succeeded
    studio.page.wait_for_function(f"() => ({SENTENCES})().length > 0", timeout=10_000)
    (sentence,) = studio.page.evaluate(SENTENCES)
    assert "by its content policy for violence, self-harm; change the prompt" in sentence
    studio.page.evaluate(f"() => window.app.canvas.setGraph(({INNERMOST})().graph)")
    studio.fit_view()
    assert sentence in studio.page.locator("[data-notice=error] .dfn").inner_text(timeout=10_000)
