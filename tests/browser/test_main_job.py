"""The shipped workflow on the real canvas: it opens whole, runs, and the two pictures appear on the node."""

from __future__ import annotations

import json
import shutil

from comfyui import samples
from comfyui.environment import PACK

WORKFLOW = "dalle3-vs-flux"
SHOWN_PICTURES = """() => {
  const node = window.app.graph.nodes.find((n) => n.type === "DalleFluxCompare");
  const widget = node.widgets.find((w) => w.element?.querySelectorAll);
  return [...(widget.element.shadowRoot ?? widget.element).querySelectorAll("img, canvas")]
    .filter((p) => (p.naturalWidth ?? p.width) > 0 && p.getBoundingClientRect().width > 0)
    .map((p) => [p.tagName, p.currentSrc ?? "", p.getBoundingClientRect().width]);
}"""


def test_the_workflow_is_offered_as_a_template_with_a_thumbnail(comfyui):
    offered = comfyui.get("/api/workflow_templates")
    assert WORKFLOW in offered["comfyui-dalle-flux"]
    assert comfyui.fetch(f"/api/workflow_templates/comfyui-dalle-flux/{WORKFLOW}.jpg")[:2] == b"\xff\xd8"


def test_the_shipped_workflow_opens_runs_and_shows_both_pictures(canvas, environment, artefacts, request):
    workflow = json.loads((PACK / "workflows" / f"{WORKFLOW}.json").read_text("utf-8"))
    shutil.copy(
        samples.template(environment, samples.DALLE3_PICTURE),
        canvas.comfyui.installation.base / "input" / "dalle3.webp",
    )
    for node in workflow["nodes"]:
        match node["type"]:
            case "LoadImage":
                node["widgets_values"][0] = "dalle3.webp"
            case "PrimitiveStringMultiline":
                node["widgets_values"][0] = samples.dalle3_prompt(environment)
    canvas.complaints.clear()
    canvas.load(workflow)
    assert canvas.unknown_nodes() == []
    assert canvas.open_dialogs() == []
    assert [c for c in canvas.complaints if "dalle" in c.lower() or "uncaught" in c] == []

    run = canvas.queue()
    assert run.succeeded, run.error
    canvas.show_node("DalleFluxCompare")
    canvas.page.wait_for_function(f"() => ({SHOWN_PICTURES})().length > 0", timeout=30_000)
    canvas.page.wait_for_timeout(1000)
    shown = canvas.page.evaluate(SHOWN_PICTURES)
    face = request.node.callspec.params["canvas"]
    canvas.page.screenshot(path=artefacts / f"canvas-{face}.png")
    canvas.fit_view()
    canvas.page.screenshot(path=artefacts / f"canvas-whole-{face}.png")
    assert len(shown) >= 2, shown
    assert [c for c in canvas.complaints if "dalle" in c.lower() or "uncaught" in c] == []


def test_a_workflow_with_an_unknown_node_is_noticed_so_that_the_test_above_can_fail(canvas):
    workflow = json.loads((PACK / "workflows" / f"{WORKFLOW}.json").read_text("utf-8"))
    workflow["nodes"][0]["type"] = "NobodyHasThisNode"
    canvas.load(workflow)
    assert canvas.unknown_nodes() == ["NobodyHasThisNode"] or canvas.open_dialogs()
