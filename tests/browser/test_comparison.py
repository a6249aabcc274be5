"""The comparison view on the real canvas: pictures, pointer, keys, and what it leaves behind."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from compare_view import NODE, VIEW, at, choose, draw, filled, ready, screen, stage, state, text

from nodes.comparison.align import Align, align
from nodes.comparison.difference import heat_map

ATTACK = "<img src=x onerror='window.hacked=1'><script>window.hacked=1</script>"
RED, GREEN = (255, 0, 0), (0, 255, 0)


def test_each_mode_shows_the_pictures_as_drawn_here_from_the_files(compare, ramps, artefacts, request):
    """Screenshots against a drawing of the same pictures by the mode's definition."""
    files = ["ramp_right_down.png", "ramp_left_up.png", "ramp_narrow.png", "ramp_right_down.png"]
    canvas = compare(*files)
    canvas.page.evaluate(f"() => {VIEW}.toolbar.toggles.children[0].click()")  # labels lie on the pictures
    a, b, narrow, _ = shown = [ramps[file] for file in files]
    first, second = (torch.from_numpy(picture / 255).float() for picture in (a, b))
    difference = heat_map(align(first, second, Align.FIT), 32, 32).numpy() * 255
    wrong = {}

    def look(name: str, *pictures: np.ndarray) -> None:
        mean, largest = draw(canvas, pictures).difference(screen(canvas))
        if mean > 0.5 or largest > 24:  # a shift by one pixel of a picture is a mean of 0.6
            wrong[name] = (mean, largest)

    for mode in ("slider", "slider-h", "side", "overlay"):
        choose(canvas, mode)
        look(mode, a, b)
    choose(canvas, "difference")
    look("difference", difference)
    choose(canvas, "grid")
    look("grid", *shown)
    canvas.page.screenshot(path=artefacts / f"compare_grid_{request.node.callspec.id}.png")
    canvas.page.evaluate(f"() => {{ const {{ stage, toolbar }} = {VIEW}; toolbar.commands.set({{ right: 2 }});"
                         " stage.zoom(3); stage.move(40, -25); stage.setSplit(0.3); }")  # fmt: skip
    for mode in ("side", "slider", "slider-h"):
        choose(canvas, mode)
        look(f"{mode}, zoomed, with a narrow picture", a, narrow)
    assert wrong == {}
    choose(canvas, "blink")
    turns = [draw(canvas, [a, narrow], only=number) for number in (0, 1)]
    seen = set()
    for _ in range(12):
        now = screen(canvas)
        seen |= {number for number, turn in enumerate(turns) if turn.difference(now)[0] < 0.5}
        canvas.page.wait_for_timeout(150)
    assert seen == {0, 1}


def test_the_divider_follows_the_pointer_and_the_keys(compare):
    canvas = compare("plain_red.png", "plain_green.png")
    box = stage(canvas)
    middle = box["y"] + box["height"] / 2
    canvas.page.mouse.move(box["x"] + box["width"] / 2, middle)
    canvas.page.mouse.down()
    canvas.page.mouse.move(box["x"] + box["width"] * 0.56, middle, steps=5)
    canvas.page.mouse.up()
    assert state(canvas)["split"] == pytest.approx(0.56, abs=0.01)
    ready(canvas)
    assert (at(canvas, 0.54, 0.25), at(canvas, 0.58, 0.25)) == (RED, GREEN)
    for _ in range(5):
        canvas.page.keyboard.press("ArrowLeft")
    assert state(canvas)["split"] == pytest.approx(0.46, abs=0.01)
    canvas.page.keyboard.press("3")
    assert state(canvas)["mode"] == "side"


def test_zoom_goes_down_to_true_pixels_in_all_panes_and_reads_them(compare):
    canvas = compare("ramp_right_down.png", "plain_green.png")
    choose(canvas, "side")
    box = stage(canvas)
    x, y = box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.45
    canvas.page.mouse.click(x, y)
    before = canvas.page.evaluate("() => window.app.canvas.ds.scale")
    for _ in range(12):
        canvas.page.mouse.wheel(0, -400)
        canvas.page.wait_for_timeout(30)
    assert canvas.page.evaluate("() => window.app.canvas.ds.scale") == before  # the canvas stayed where it was
    canvas.page.mouse.move(x + 1, y + 1)
    ready(canvas)
    words = text(canvas, "readout").split()
    column, row = int(words[1]), int(words[3])
    assert f"A #{column * 8:02x}{row * 8:02x}c8" in text(canvas, "readout")
    assert "B #00ff00" in text(canvas, "readout")
    assert tuple(screen(canvas)[round(y + 1), round(x + 1)]) == (column * 8, row * 8, 200)
    assert state(canvas)["zoom"] > 5
    transforms = canvas.page.evaluate(f"() => {VIEW}.stage.cuts.map((cut) => cut.frame.style.transform)")
    assert transforms[0] == transforms[1]
    canvas.page.evaluate(f"() => {VIEW}.stage.root.focus()")
    canvas.page.keyboard.press("8")
    assert canvas.page.evaluate(f"() => {VIEW}.stage.percent()") == pytest.approx(100, abs=1)
    canvas.page.keyboard.press("0")
    assert state(canvas)["zoom"] == 1


def test_a_size_that_differs_is_shown_and_never_stretched(compare):
    canvas = compare("plain_red.png", "plain_narrow.png")
    choose(canvas, "side")
    assert "32×64 ≠ 64×64" in text(canvas, "stage.root")
    assert "sizes differ" in text(canvas, "status")
    frame = canvas.page.evaluate(f"() => {VIEW}.stage.cuts[1].image.getBoundingClientRect().toJSON()")
    assert frame["height"] / frame["width"] == pytest.approx(2.0, rel=0.01)


def test_a_picture_beside_itself_has_no_difference_to_show_and_that_is_said(compare):
    canvas = compare("plain_red.png", "plain_green.png", "plain_blue.png")
    choose(canvas, "difference")
    assert "Difference A ↔ B" in text(canvas, "status")
    for which in ("left", "right"):
        canvas.page.evaluate(f"(which) => {VIEW}.toolbar.commands.set({{ [which]: 0 }})", which)
    assert "A picture does not differ from itself" in text(canvas, "status")
    assert "only one picture" not in text(canvas, "status")


def test_a_metric_that_the_view_does_not_know_is_shown_by_its_name(compare):
    canvas = compare("plain_red.png", "plain_green.png", measure=True)
    canvas.page.evaluate(
        f"""() => {{ const view = {VIEW}; const payload = structuredClone(view.payload);
          payload.sides.forEach((side) => side.files.forEach((file) => {{ file.again = 1; }}));
          payload.metrics.pairs[0].grain_of_film = 0.123456; payload.metrics.meaning.grain_of_film = "How grainy.";
          view.show(payload); view.toolbar.toggles.children[2].click(); }}"""
    )
    rows = canvas.page.evaluate(
        f"() => [...{VIEW}.panel.querySelectorAll('tbody tr')].map((row) => [row.title, ...[...row.cells]"
        ".map((cell) => cell.textContent)])"
    )
    assert ["How grainy.", "grain of film", "0.1235"] in rows
    known = {title for title, *_ in rows}
    assert set(canvas.page.evaluate(f"() => Object.values({VIEW}.payload.metrics.meaning)")) <= known


def test_batches_turn_in_linked_pairs(compare):
    canvas = compare("plain_red.png", "plain_green.png")
    canvas.page.evaluate(
        f"""() => {{ const graph = window.app.graph, node = {NODE};
          const [red, green] = graph.nodes.filter((n) => n.type === "LoadImage");
          const batch = LiteGraph.createNode("ImageBatch"); graph.add(batch);
          green.connect(0, batch, 0); red.connect(0, batch, 1); batch.connect(0, node, "image_b");
          const other = LiteGraph.createNode("ImageBatch"); graph.add(other);
          red.connect(0, other, 0); green.connect(0, other, 1); other.connect(0, node, "image_a"); }}"""
    )
    assert canvas.queue().succeeded
    canvas.page.wait_for_function(f"() => {VIEW}.payload.rows.length === 2")
    choose(canvas, "side")
    assert (at(canvas, 0.25, 0.5), at(canvas, 0.75, 0.5)) == (RED, GREEN)
    canvas.page.evaluate(f"() => {VIEW}.stage.root.focus()")
    canvas.page.keyboard.press("PageDown")
    ready(canvas)
    assert text(canvas, "toolbar.position") == "2 / 2"
    assert (at(canvas, 0.25, 0.5), at(canvas, 0.75, 0.5)) == (GREEN, RED)


def test_a_saved_workflow_reopens_as_it_was(compare):
    canvas = compare("plain_red.png", "plain_green.png")
    choose(canvas, "overlay")
    canvas.page.evaluate(f"() => {{ {VIEW}.stage.zoom(3); {VIEW}.toolbar.toggles.children[1].click(); }}")
    canvas.page.wait_for_timeout(200)
    before, saved = state(canvas), canvas.serialize()
    (node,) = [node for node in saved["nodes"] if node["type"] == "DalleFluxCompare"]
    assert "compare_view" in node["properties"]
    assert all("filename" not in str(value) for value in node["widgets_values"])
    assert "compare" not in next(
        one["inputs"] for one in canvas.to_api().values() if one["class_type"] == "DalleFluxCompare"
    )
    canvas.load({"nodes": [], "links": [], "version": 0.4})
    canvas.load(saved)
    filled(canvas)
    after = state(canvas)
    assert after == before
    assert after["mode"] == "overlay"
    assert not after["captions"]
    assert after["zoom"] == pytest.approx(3)


def test_labels_and_captions_are_text_and_nothing_else(compare):
    canvas = compare("plain_red.png", "plain_green.png", label_a=ATTACK, label_b="{{7*7}}" + ATTACK)
    canvas.page.evaluate(
        f"""(attack) => {{ const view = {VIEW}; const payload = structuredClone(view.payload);
          payload.sides.forEach((side) => {{ side.captions = [{{ line: attack, prompt: attack, facts: {{}} }}];
            side.files = side.files.map((file) => ({{ ...file, again: 1 }})); }});
          payload.metrics.pairing.note = attack; payload.metrics.caution = attack;
          payload.metrics.meaning = {{ ssim: attack }}; payload.metrics.pairs[0].ssim = 0.5;
          payload.metrics.pairs[0].palette_a = payload.metrics.pairs[0].palette_b =
            {{ colours: ["red;background:url(x)"], shares: [1] }};
          view.show(payload); for (const button of [2, 3]) view.toolbar.toggles.children[button].click();
          view.toolbar.toggles.children[2].click(); }}""",
        ATTACK,
    )
    canvas.page.wait_for_timeout(500)
    assert canvas.page.evaluate("() => window.hacked") is None
    root = f"{VIEW}.root"
    assert canvas.page.evaluate(f"() => {root}.querySelectorAll('script, [onerror], iframe').length") == 0
    sources = canvas.page.evaluate(f"() => [...{root}.querySelectorAll('img')].map((image) => image.src)")
    assert len(sources) == 2
    assert all("/view?" in source for source in sources)
    assert ATTACK in canvas.page.evaluate(f"() => {root}.textContent")


def test_a_hundred_nodes_added_and_removed_leave_nothing_behind(canvas):
    page = canvas.page
    page.evaluate("""() => { window.made = 0; const make = URL.createObjectURL, drop = URL.revokeObjectURL;
      URL.createObjectURL = (thing) => { window.made += 1; return make.call(URL, thing); };
      URL.revokeObjectURL = (url) => { window.made -= 1; return drop.call(URL, url); }; }""")
    canvas.load({"nodes": [], "links": [], "version": 0.4})
    page.wait_for_timeout(500)
    result = page.evaluate("""async () => {
      const pixel = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=";
      const count = () => document.querySelectorAll("*").length;
      const settle = () => new Promise((done) => setTimeout(done, 30));
      const refs = [], sizes = [];
      let timers = 0;
      const start = window.setInterval, stop = window.clearInterval, live = new Set();
      window.setInterval = (...given) => { const id = start(...given); live.add(id); return id; };
      window.clearInterval = (id) => { live.delete(id); stop(id); };
      for (let round = 0; round < 100; round++) {
        const node = LiteGraph.createNode("DalleFluxCompare");
        window.app.graph.add(node);
        const view = node.dalleFluxCompare;
        const side = (slot) => ({ slot, label: slot, width: 1, height: 1, sha256: ["0"],
          captions: [{ line: "", prompt: "", facts: {} }],
          files: [{ filename: slot + round, subfolder: "", type: "temp" }] });
        view.surroundings.address = () => pixel;
        view.state.mode = "blink";
        view.show({ id: "leak", prompt: "", category: "", sides: [side("a"), side("b")], rows: [[0, 0]],
          matches: [], sheet: [],
          metrics: { pairing: { note: "" }, pairs: [], alignment: { rule: "fit" } } });
        await settle();
        window.app.graph.remove(node);
        await settle();
        refs.push(view.root);
        if (round === 4 || round === 99) { await new Promise((done) => setTimeout(done, 500)); sizes.push(count()); }
      }
      window.setInterval = start; window.clearInterval = stop;
      return { sizes, connected: refs.filter((root) => root.isConnected).length,
        kept: refs.filter((root) => root.childElementCount).length, timers: live.size };
    }""")
    assert result["connected"] == 0
    assert result["kept"] == 0
    assert result["timers"] == 0
    assert result["sizes"][1] - result["sizes"][0] <= 5  # the canvas itself may put something away meanwhile
    assert page.evaluate("() => window.made") <= 0


def test_everything_can_be_reached_by_keyboard_and_has_a_name(compare):
    canvas = compare("plain_red.png", "plain_green.png")
    nameless = canvas.page.evaluate(
        f"""() => [...{VIEW}.root.querySelectorAll("button, select, summary, input, a, [role=slider]")]
          .filter((one) => !one.getAttribute("aria-label") && !one.textContent.trim() && !one.closest("label"))
          .map((one) => one.outerHTML)"""
    )
    assert nameless == []
    alternatives = canvas.page.evaluate(f"() => [...{VIEW}.root.querySelectorAll('img')].map((image) => image.alt)")
    assert alternatives == ["A", "B"]
    assert canvas.page.evaluate(f"() => {VIEW}.status.getAttribute('role')") == "status"


def test_touch_pinches_and_drags(compare):
    canvas = compare("ramp_right_down.png", "plain_green.png")
    choose(canvas, "side")
    canvas.page.evaluate(f"""() => {{
      const root = {VIEW}.stage.root, pane = {VIEW}.stage.cuts[0].pane, box = pane.getBoundingClientRect();
      root.setPointerCapture = undefined;
      const send = (type, id, x, y) => pane.dispatchEvent(new PointerEvent(type, {{ bubbles: true, pointerId: id,
        pointerType: "touch", button: 0, clientX: box.x + box.width * x, clientY: box.y + box.height * y }}));
      send("pointerdown", 11, 0.45, 0.5); send("pointerdown", 12, 0.55, 0.5);
      send("pointermove", 11, 0.3, 0.5); send("pointermove", 12, 0.7, 0.5);
      send("pointerup", 11, 0.3, 0.5); send("pointerup", 12, 0.7, 0.5); }}""")
    assert state(canvas)["zoom"] == pytest.approx(4, rel=0.1)
    before = state(canvas)["x"]
    box = stage(canvas)
    canvas.page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.5)
    canvas.page.mouse.down()
    canvas.page.mouse.move(box["x"] + box["width"] * 0.20, box["y"] + box["height"] * 0.5, steps=4)
    canvas.page.mouse.up()
    assert state(canvas)["x"] > before
