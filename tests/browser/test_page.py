"""Tests share a page; here is the proof that nothing of a test is left in it for the next one."""

from __future__ import annotations

import pytest
from comfyui.browser import Canvas, OnePage

# Everything that tests do to a page, and its user: each is a trace of its own.
WAYS_TO_LEAVE_SOMETHING = {
    "nodes": lambda canvas: [canvas.add(name) for name in ("DalleFluxCompare", "DalleFluxPrompt", "LoadImage")],
    "tabs": lambda canvas: [canvas.load({"nodes": [], "links": [], "version": 0.4}) for _ in range(3)],
    "view": lambda canvas: canvas.page.evaluate("() => { window.app.canvas.ds.scale = 2; }"),
    "sidebar": lambda canvas: canvas.page.evaluate(
        "() => app.extensionManager.sidebarTab.toggleSidebarTab("
        "app.extensionManager.getSidebarTabs().find((tab) => tab.id.includes('moderation')).id)"
    ),
    "dialogs": lambda canvas: canvas.page.evaluate(
        "() => app.extensionManager.command.execute('Comfy.ShowSettingsDialog')"
    ),
    "storage": lambda canvas: canvas.page.evaluate("() => localStorage.setItem('dalle.reviewer', 'A')"),
    "size": lambda canvas: canvas.page.set_viewport_size({"width": 900, "height": 700}),
    "outputs": lambda canvas: canvas.page.evaluate("() => { window.app.nodeOutputs['1'] = { images: [] }; }"),
}


def test_after_a_reset_the_page_shows_no_trace_of_what_was_done_in_it(canvas: Canvas):
    fresh = canvas.traces()
    for trace, leave_something in WAYS_TO_LEAVE_SOMETHING.items():
        leave_something(canvas)
        canvas.settle(1000)
        canvas.complaints.append("uncaught: something")
        assert canvas.traces()[trace] != fresh[trace], "a trace that is not noticed would prove nothing"
        assert canvas.reset(), trace
        assert canvas.traces() == fresh
        assert "uncaught: something" not in canvas.complaints


def test_inside_a_subgraph_with_a_run_under_way_is_no_exception(canvas: Canvas):
    fresh = canvas.traces()
    canvas.add("DalleFluxCompare")
    canvas.page.evaluate("() => void window.app.graph.convertToSubgraph(new Set(window.app.graph.nodes))")
    canvas.page.evaluate(
        "() => window.app.canvas.setGraph(window.app.graph.nodes.find((node) => node.subgraph).subgraph)"
    )
    canvas.settle(500)
    assert not canvas.traces()["inside"]
    assert canvas.reset()
    assert canvas.traces() == fresh


@pytest.mark.parametrize("canvas", ["newest-classic"], indirect=True)
def test_what_no_reset_can_undo_makes_the_next_test_get_a_new_page(canvas: Canvas, browser):
    with OnePage(browser) as page:
        before = page.show(canvas.comfyui)
        assert page.show(canvas.comfyui) is before
        for left in ("URL.createObjectURL = () => ''", "window.hacked = 1"):
            before.page.evaluate(f"() => {{ {left}; }}")
            now = page.show(canvas.comfyui)
            assert now is not before
            assert before.page.is_closed()
            before = now
        assert page.show(canvas.comfyui, vue_nodes=True) is not before, "a page of another face is another page"
