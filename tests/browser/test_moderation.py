"""The moderation record in the sidebar, and the gates on the canvas."""

from __future__ import annotations

import time
import urllib.request

import pytest

RECORD = "document.querySelector('[data-dalle-flux=moderation]').shadowRoot"


def prompt_gate(prompt: str) -> dict:
    return {
        "gate": {
            "class_type": "DalleFluxModeratePrompt",
            "inputs": {"prompt": prompt, "on_flag": "block", "replacement": ""},
        },
        "report": {"class_type": "PreviewAny", "inputs": {"source": ["gate", 2]}},
    }


@pytest.fixture
def mark() -> str:
    """Makes a prompt one that the host has not seen: it runs nothing twice."""
    return str(time.time_ns())


@pytest.fixture
def panel(canvas, mark):
    """The open record, with one decision of its own in it."""
    canvas.comfyui.run(prompt_gate(f"a nude man in a walled garden {mark}"))
    canvas.page.evaluate(
        "() => app.extensionManager.command.execute('Workspace.ToggleSidebarTab.dalletoflux.moderation')"
    )
    canvas.page.wait_for_selector(".dfm-entry")
    return canvas.page


def test_decisions_are_shown_and_can_be_narrowed(canvas, panel, mark, artefacts, request):
    newest = panel.locator(".dfm-entry").first
    assert "Held back" in newest.inner_text()
    assert "sexual" in newest.inner_text()
    assert "walled garden" not in panel.locator(".dfm-panel").inner_text(), "the text is not kept by default"
    panel.screenshot(path=artefacts / f"moderation-record-{request.node.callspec.id}.png")
    canvas.comfyui.run(prompt_gate(f"a quiet lake {mark}"))
    panel.get_by_label("Show decisions with this outcome").select_option("allow")
    panel.wait_for_function(
        f"() => {{ const all = [...{RECORD}.querySelectorAll('.dfm-outcome')];"
        " return all.length && all.every((one) => one.textContent === 'Passed'); }"
    )
    assert [line for line in canvas.complaints if "moderation" in line] == []


def test_an_overrule_is_written_beside_the_decision(canvas, panel):
    newest = panel.locator(".dfm-entry").first
    newest.locator("summary").click()
    newest.get_by_text("Should pass").click()
    assert newest.locator(".dfm-overrule").count() == 0, "not without a name"
    newest.get_by_label("Reviewer's name").fill("Ada <b>L</b>")
    newest.get_by_label("Note").fill("a statue")
    newest.get_by_text("Should pass").click()
    panel.wait_for_selector(".dfm-entry .dfm-overrule")
    assert panel.locator(".dfm-overrule").first.inner_text() == "Ada <b>L</b>: allow – a statue"
    kept = canvas.comfyui.get("/dalle_flux/moderation/decisions?limit=1")["decisions"][0]
    assert (kept["outcome"], kept["overrules"][0]["verdict"]) == ("block", "allow")


def test_the_exports_can_be_fetched(panel):
    for kind in ("csv", "jsonl"):
        address = panel.locator(f"a[download='moderation-record.{kind}']").evaluate("(link) => link.href")
        with urllib.request.urlopen(address) as reply:
            assert reply.read()


def test_a_new_run_appears_by_itself(canvas, panel, mark):
    before = panel.locator(".dfm-entry").first.get_attribute("data-id")
    canvas.page.evaluate("() => app.graph.clear()")  # the frontend's own example would run for long
    canvas.add("DalleFluxModeratePrompt")
    canvas.page.evaluate(
        """(mark) => { const gate = app.graph.nodes.find((node) => node.type === 'DalleFluxModeratePrompt');
           gate.widgets.find((widget) => widget.name === 'prompt').value = 'a meadow ' + mark;
           const view = LiteGraph.createNode('PreviewAny'); app.graph.add(view); gate.connect(2, view, 0);
           return app.queuePrompt(0); }""",
        mark,
    )
    panel.wait_for_function(
        f"(before) => Number({RECORD}.querySelector('.dfm-entry')?.dataset.id) > Number(before)",
        arg=before,
        timeout=30_000,
    )
