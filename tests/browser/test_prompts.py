"""The face of DALL·E Prompt to FLUX on the real canvas: both texts before anything runs, edited, frozen, kept."""

from __future__ import annotations

import json

NODE = "DalleFluxPrompt"
SET = """([id, name, value]) => {
  const node = window.app.graph.getNodeById(id);
  node.widgets.find((w) => w.name === name).value = value;
}"""
FACE = """(id) => {
  const root = window.app.graph.getNodeById(id).dalleFluxPrompt.root;
  const [long, short] = root.querySelectorAll("textarea");
  return {
    long: long.value, short: short.value, shown: root.isConnected && root.getBoundingClientRect().width > 100,
    counts: [...root.querySelectorAll(".dfx-count")].map((e) => e.textContent),
    state: root.querySelector(".dfx-state").textContent, button: root.querySelector("button").textContent,
    notes: [...root.querySelectorAll(".dfx-notes li")].map((e) => e.textContent),
    rules: [...root.querySelectorAll(".dfx-changes dt")].map((e) => e.textContent),
    reasons: [...root.querySelectorAll(".dfx-reason")].map((e) => e.textContent),
    summary: root.querySelector("summary")?.textContent ?? "",
  };
}"""
WIDGET = "([id, name]) => window.app.graph.getNodeById(id).widgets.find((w) => w.name === name).value"


def face(canvas, node: int) -> dict:
    return canvas.page.evaluate(FACE, node)


def wait_for(canvas, node: int, condition: str) -> dict:
    """Wait until the face `f` meets a JavaScript condition."""
    canvas.page.wait_for_function(
        f"(id) => {{ const f = ({FACE})(id); return {condition}; }}", arg=node, timeout=20_000
    )
    return face(canvas, node)


def put(canvas, prompt: str) -> int:
    node = canvas.add(NODE)
    canvas.page.evaluate(SET, [node, "prompt", prompt])
    return node


def test_both_texts_and_what_was_changed_are_shown_before_anything_runs(canvas, artefacts, request):
    node = put(canvas, "Create an image of a fox (old) on a street, no people, 8k --ar 16:9")
    seen = wait_for(canvas, node, 'f.long.startsWith("a fox (old)")')
    assert seen["shown"]
    assert seen["long"].startswith("a fox (old) on a street, empty and deserted. Vivid")
    assert seen["short"].startswith("a fox (old)")
    assert "of 512 tokens" in seen["counts"][0]
    assert "of 75 tokens" in seen["counts"][1]
    assert not seen["counts"][0].startswith("about"), "measured with the host's own tokenizers"
    assert {"request", "negatives", "quality words", "other tools"} <= set(seen["rules"])
    assert any("negative prompt" in reason for reason in seen["reasons"])
    assert any("16:9" in note for note in seen["notes"])
    assert any("guidance 3.5" in note for note in seen["notes"])
    canvas.page.screenshot(path=artefacts / f"prompt-{request.node.callspec.params['canvas']}.png")
    assert [c for c in canvas.complaints if "dalle" in c.lower() or "uncaught" in c] == []


def test_a_change_of_a_field_is_shown_at_once(canvas):
    node = put(canvas, "a fox")
    wait_for(canvas, node, 'f.long.includes("Vivid")')
    canvas.page.evaluate(SET, [node, "style", "natural"])
    canvas.page.evaluate(SET, [node, "size", "1792x1024"])
    seen = wait_for(canvas, node, 'f.long.includes("Wide landscape") && f.long.includes("natural light")')
    assert any("guidance 2.5" in note for note in seen["notes"])


def test_an_edited_text_is_frozen_and_travels_with_the_workflow(canvas):
    node = put(canvas, "a fox")
    wait_for(canvas, node, 'f.long.startsWith("a fox")')
    canvas.page.evaluate(
        """(id) => { const area = window.app.graph.getNodeById(id).dalleFluxPrompt.root.querySelector("textarea");
           area.value = "my own fox (red)"; area.dispatchEvent(new Event("input", { bubbles: true })); }""",
        node,
    )
    seen = wait_for(canvas, node, 'f.state.startsWith("Frozen")')
    assert seen["long"] == "my own fox (red)"
    assert seen["button"] == "Thaw"
    frozen = json.loads(canvas.page.evaluate(WIDGET, [node, "frozen"]))
    assert frozen["t5xxl"] == "my own fox (red)"
    assert canvas.to_api()[str(node)]["inputs"]["frozen"] == json.dumps(frozen, separators=(",", ":"))

    canvas.load(canvas.serialize())
    seen = wait_for(canvas, node, 'f.state.startsWith("Frozen")')
    assert seen["long"] == "my own fox (red)"
    canvas.page.evaluate(SET, [node, "prompt", "a wolf"])
    seen = wait_for(canvas, node, 'f.notes.some((n) => n.includes("changed since"))')
    assert seen["long"] == "my own fox (red)"

    canvas.page.evaluate(
        '(id) => window.app.graph.getNodeById(id).dalleFluxPrompt.root.querySelector("button").click()', node
    )
    seen = wait_for(canvas, node, 'f.long.startsWith("a wolf")')
    assert seen["button"] == "Freeze"
    assert canvas.page.evaluate(WIDGET, [node, "frozen"]) == ""


def test_the_face_adds_nothing_to_the_saved_values(canvas):
    node = put(canvas, "a {red|blue} fox // here")
    wait_for(canvas, node, 'f.long.startsWith("a red or blue fox")')
    saved = next(one for one in canvas.serialize()["nodes"] if one["id"] == node)
    assert saved["widgets_values"] == [
        "a {red|blue} fox // here",
        "vivid",
        "1024x1024",
        "FLUX.1-dev",
        "convert",
        False,
        "",
        "",
        1,
        100,
    ]
    inputs = canvas.to_api()[str(node)]["inputs"]
    assert inputs["prompt"] == "a {red|blue} fox // here", "the frontend expands nothing in it"
    assert set(inputs) == {
        "prompt", "style", "size", "target", "prompt_mode", "describe_artists", "frozen", "file", "first_row", "rows",
    }  # fmt: skip


def test_a_bad_field_is_explained_on_the_face(canvas):
    node = put(canvas, "a fox")
    canvas.page.evaluate(SET, [node, "size", "wide"])
    seen = wait_for(canvas, node, 'f.state.includes("WIDTHxHEIGHT")')
    assert seen["state"].endswith(".")
