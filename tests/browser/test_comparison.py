"""The comparison view on the real canvas: pictures, pointer, keys, votes, and what it leaves behind."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

NODE = 'window.app.graph.nodes.find((n) => n.type === "DalleFluxCompare")'
VIEW = f"({NODE}).dalleFluxCompare"
ATTACK = "<img src=x onerror='window.hacked=1'><script>window.hacked=1</script>"
SET_UP = """([files, values]) => {
  const graph = window.app.graph;
  const node = graph.nodes.find((n) => n.type === "DalleFluxCompare");
  files.forEach((file, at) => {
    const loader = LiteGraph.createNode("LoadImage");
    loader.pos = [0, 60 + at * 420];
    graph.add(loader);
    loader.widgets.find((w) => w.name === "image").value = file;
    loader.connect(0, node, "image_" + "abcd"[at]);
  });
  for (const [name, value] of Object.entries(values)) node.widgets.find((w) => w.name === name).value = value;
}"""
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


@pytest.fixture
def pictures(canvas) -> None:
    """Plain colours say which picture is where; the ramp says which pixel."""
    folder = canvas.comfyui.installation.base / "input"
    for name, colour in {"red": RED, "green": GREEN, "blue": BLUE, "white": WHITE}.items():
        Image.new("RGB", (64, 64), colour).save(folder / f"plain_{name}.png")
    Image.new("RGB", (32, 64), GREEN).save(folder / "plain_narrow.png")
    y, x = np.mgrid[0:64, 0:64]
    Image.fromarray(np.stack([x * 4, y * 4, np.full_like(x, 200)], -1).astype(np.uint8)).save(folder / "ramp.png")


@pytest.fixture
def compare(canvas, pictures):
    """Run the node on files of the input folder: `compare("plain_red.png", …, label_a=…)`."""

    def run(*files: str, **values: Any) -> Any:
        canvas.load({"nodes": [], "links": [], "version": 0.4})
        canvas.add("DalleFluxCompare", at=(400, 60))
        canvas.page.evaluate(SET_UP, [list(files), {"measure": False, **values}])
        canvas.show_node("DalleFluxCompare")
        done = canvas.queue()
        assert done.succeeded, done.error
        canvas.page.wait_for_function(f"() => Boolean({VIEW}.payload)")
        ready(canvas)
        return canvas

    return run


def ready(canvas) -> None:
    """Wait until all shown pictures are there and painted."""
    canvas.page.wait_for_function(f"() => {VIEW}.stage.cuts.every((cut) => cut.image.complete)")
    canvas.page.wait_for_timeout(250)


def choose(canvas, mode: str) -> None:
    canvas.page.evaluate(f"(mode) => {VIEW}.modes.querySelector(`[data-mode=${{mode}}]`).click()", mode)
    ready(canvas)


def stage(canvas) -> dict[str, float]:
    return dict(canvas.page.evaluate(f"() => {VIEW}.stage.root.getBoundingClientRect().toJSON()"))


def at(canvas, x: float, y: float) -> tuple[int, int, int]:
    """Colour on the screen at a place of the stage, both 0…1."""
    box = stage(canvas)
    clip = {name: box[name] for name in ("x", "y", "width", "height")}
    shot = Image.open(io.BytesIO(canvas.page.screenshot(clip=clip))).convert("RGB")
    return shot.getpixel((int(x * (shot.width - 1)), int(y * (shot.height - 1))))


def state(canvas) -> dict[str, Any]:
    return dict(canvas.page.evaluate(f"() => {VIEW}.state"))


def readout(canvas) -> str:
    return str(canvas.page.evaluate(f"() => {VIEW}.readout.textContent"))


def test_each_mode_shows_what_it_promises(compare, artefacts, request):
    canvas = compare("plain_red.png", "plain_green.png", "plain_blue.png", "plain_white.png")
    left, right, top, bottom = (0.47, 0.25), (0.53, 0.25), (0.45, 0.3), (0.45, 0.7)  # clear of the divider's knob
    choose(canvas, "slider")
    assert (at(canvas, *left), at(canvas, *right)) == (RED, GREEN)
    choose(canvas, "slider-h")
    assert (at(canvas, *top), at(canvas, *bottom)) == (RED, GREEN)
    choose(canvas, "side")
    assert (at(canvas, 0.25, 0.5), at(canvas, 0.75, 0.5)) == (RED, GREEN)
    choose(canvas, "overlay")
    mixed = at(canvas, 0.5, 0.5)
    assert all(abs(value - half) < 8 for value, half in zip(mixed, (128, 128, 0), strict=True))
    choose(canvas, "difference")
    assert min(at(canvas, 0.5, 0.5)) > 150  # opposite in two channels: the pale end of the scale
    choose(canvas, "grid")
    corners = [at(canvas, x, y) for y in (0.25, 0.75) for x in (0.25, 0.75)]
    assert corners == [RED, GREEN, BLUE, WHITE]
    canvas.page.screenshot(path=artefacts / f"compare_grid_{request.node.callspec.id}.png")
    choose(canvas, "blink")
    seen = set()
    for _ in range(12):
        seen.add(at(canvas, 0.5, 0.5))
        canvas.page.wait_for_timeout(200)
    assert seen == {RED, GREEN}


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
    canvas = compare("ramp.png", "plain_green.png")
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
    words = readout(canvas).split()
    column, row = int(words[1]), int(words[3])
    assert f"A #{column * 4:02x}{row * 4:02x}c8" in readout(canvas)
    assert "B #00ff00" in readout(canvas)
    shown = Image.open(io.BytesIO(canvas.page.screenshot())).convert("RGB").getpixel((round(x + 1), round(y + 1)))
    assert shown == (column * 4, row * 4, 200)
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
    assert "32×64 ≠ 64×64" in canvas.page.evaluate(f"() => {VIEW}.stage.root.textContent")
    assert "sizes differ" in canvas.page.evaluate(f"() => {VIEW}.status.textContent")
    frame = canvas.page.evaluate(f"() => {VIEW}.stage.cuts[1].image.getBoundingClientRect().toJSON()")
    assert frame["height"] / frame["width"] == pytest.approx(2.0, rel=0.01)


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
    assert canvas.page.evaluate(f"() => {VIEW}.position.textContent") == "2 / 2"
    assert (at(canvas, 0.25, 0.5), at(canvas, 0.75, 0.5)) == (GREEN, RED)


def test_a_saved_workflow_reopens_as_it_was(compare):
    canvas = compare("plain_red.png", "plain_green.png")
    choose(canvas, "overlay")
    canvas.page.evaluate(f"() => {{ {VIEW}.stage.zoom(3); {VIEW}.toggles.children[1].click(); }}")
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
    after = state(canvas)
    assert after == before
    assert after["mode"] == "overlay"
    assert not after["captions"]
    assert after["zoom"] == pytest.approx(3)


def test_votes_survive_a_reload_and_blind_ones_hide_names(compare):
    canvas = compare("plain_red.png", "plain_green.png", label_a="Old one", label_b="New one")
    page = canvas.page
    page.evaluate(f"() => {{ {VIEW}.toggles.children[3].click(); {VIEW}.judge.blind.click(); }}")
    shown = page.evaluate(f"() => {VIEW}.root.textContent")
    assert "Old one" not in shown
    assert "New one" not in shown
    page.evaluate(f"() => {VIEW}.judge.buttons.children[0].click()")
    page.wait_for_function(f"() => {VIEW}.judge.votes.size === 1")
    choice = page.evaluate(f"() => {VIEW}.judge.votes.get(0)")
    page.wait_for_function(f"() => {VIEW}.judge.summary.textContent.includes('Old one')")
    assert "Old one" in page.evaluate(f"() => {VIEW}.root.textContent")

    saved = canvas.serialize()
    canvas.open()
    canvas.load(saved)
    # The host does not run again what it has seen, but tells its outputs again.
    assert canvas.queue().succeeded
    page.wait_for_function(f"() => {VIEW}.judge.votes.size === 1")
    assert page.evaluate(f"() => {VIEW}.judge.votes.get(0)") == choice
    page.evaluate(f"() => {VIEW}.judge.buttons.querySelector('[aria-pressed=true]').click()")
    page.wait_for_function(f"() => {VIEW}.judge.votes.size === 0")


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
          view.show(payload); for (const button of [2, 3]) view.toggles.children[button].click();
          view.toggles.children[2].click(); }}""",
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
    assert abs(result["sizes"][1] - result["sizes"][0]) <= 5
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
    canvas = compare("ramp.png", "plain_green.png")
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
