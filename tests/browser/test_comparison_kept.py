"""What outlives a look at the comparison view: the last run's pictures, votes, files, printed reports."""

from __future__ import annotations

import base64
import contextlib
import csv
import io
import json
import re
import zlib
from pathlib import Path

import numpy as np
import pytest
from compare_view import NODE, VIEW, at, choose, filled, ready, run, stage, state, text
from PIL import Image

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
VOTES = "/dalle_flux/comparison/votes"
CLIPBOARD = """async () => {
  const [item] = await navigator.clipboard.read();
  const bytes = new Uint8Array(await (await item.getType("image/png")).arrayBuffer());
  return btoa(bytes.reduce((text, byte) => text + String.fromCharCode(byte), ""));
}"""
TO_SUBGRAPH = f"() => void window.app.graph.convertToSubgraph(new Set([{NODE}]))"
INTO_SUBGRAPH = """() => {
  const canvas = window.app.canvas, outer = window.app.graph.nodes.find((node) => node.subgraph);
  canvas.setGraph(outer.subgraph);
}"""


def runs(canvas) -> int:
    return len(canvas.comfyui.get("/history"))


def reopen(canvas, workflow: dict) -> None:
    canvas.open()
    canvas.load(workflow)


def enter_subgraph(canvas) -> None:
    canvas.page.wait_for_timeout(300)
    canvas.page.evaluate(INTO_SUBGRAPH)
    canvas.page.wait_for_timeout(300)
    canvas.fit_view()


def test_pictures_and_votes_are_there_again_after_a_reload(compare):
    canvas = compare("plain_red.png", "plain_green.png", label_a="Old one", label_b="New one")
    page = canvas.page
    page.evaluate(f"() => {{ {VIEW}.toolbar.toggles.children[3].click(); {VIEW}.judge.blind.click(); }}")
    assert "Old one" not in text(canvas)
    assert "New one" not in text(canvas)
    page.evaluate(f"() => {VIEW}.judge.buttons.children[0].click()")
    page.wait_for_function(f"() => {VIEW}.judge.votes.size === 1")
    choice = page.evaluate(f"() => {VIEW}.judge.votes.get(0)")
    page.wait_for_function(f"() => {VIEW}.judge.summary.textContent.includes('Old one')")
    assert "Old one" in text(canvas)

    saved, before = canvas.serialize(), runs(canvas)
    reopen(canvas, saved)
    filled(canvas)
    assert runs(canvas) == before  # nothing was run again
    page.wait_for_function(f"() => {VIEW}.judge.votes.size === 1")
    assert page.evaluate(f"() => {VIEW}.judge.votes.get(0)") == choice
    page.evaluate(f"() => {VIEW}.judge.blind.click()")  # sides no longer shuffled
    choose(canvas, "side")
    assert (at(canvas, 0.25, 0.5), at(canvas, 0.75, 0.5)) == (RED, GREEN)
    page.evaluate(f"() => {VIEW}.judge.buttons.querySelector('[aria-pressed=true]').click()")
    page.wait_for_function(f"() => {VIEW}.judge.votes.size === 0")


@pytest.mark.parametrize("canvas", ["pinned-classic", "newest-nodes2"], indirect=True)
def test_in_a_subgraph_it_shows_its_run_and_shows_it_again_after_a_reload(compare):
    canvas = compare("plain_red.png", "plain_green.png")
    canvas.page.evaluate(TO_SUBGRAPH)
    assert not canvas.page.evaluate(f"() => Boolean({VIEW}.payload)")  # a node of its own, that has not run yet
    run(canvas)
    enter_subgraph(canvas)
    choose(canvas, "side")
    assert (at(canvas, 0.25, 0.5), at(canvas, 0.75, 0.5)) == (RED, GREEN)
    saved, before = canvas.serialize(), runs(canvas)
    reopen(canvas, saved)
    filled(canvas)
    enter_subgraph(canvas)
    assert (at(canvas, 0.25, 0.5), at(canvas, 0.75, 0.5)) == (RED, GREEN)
    assert runs(canvas) == before


@pytest.mark.parametrize("canvas", ["newest-classic"], indirect=True)
def test_pictures_that_are_gone_are_said_to_be_gone(compare):
    canvas = compare("plain_red.png", "plain_blue.png")
    saved = canvas.serialize()
    files = canvas.page.evaluate(f"() => {VIEW}.payload.sides.flatMap((side) => side.files)")
    for file in files:
        (canvas.comfyui.installation.base / "temp" / file["subfolder"] / file["filename"]).unlink()
    reopen(canvas, saved)
    canvas.page.wait_for_function(f"() => {VIEW}.stage.gone.size === 2")
    ready(canvas)
    assert "gone from ComfyUI's temp folder" in text(canvas, "status")
    frames = f"[...{VIEW}.root.querySelectorAll('.dfc-frame')]"
    assert canvas.page.evaluate(f"() => {frames}.map((one) => getComputedStyle(one).visibility)") == ["hidden"] * 2
    assert canvas.page.locator(".dfc-gone-note").first.is_visible()

    canvas.comfyui.post("/history", {"clear": True})
    canvas.load(saved)
    canvas.page.wait_for_function(f"() => {VIEW}.status.textContent.includes('no pictures of an earlier run')")


def test_pictures_go_to_clipboard_disk_and_full_screen_and_votes_to_files(compare, request):
    face = request.node.callspec.id  # two faces share a ComfyUI, and so its votes
    canvas = compare("plain_red.png", "plain_green.png", label_a=face, label_b="New one", category=face)
    page = canvas.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    menu = page.get_by_label("Save or copy", exact=True)

    def saved(name: str) -> tuple[str, Image.Image]:
        menu.click()
        with page.expect_download() as download:
            page.get_by_role("menuitem", name=f"Save {name}").click()
        return download.value.suggested_filename, Image.open(download.value.path()).convert("RGB")

    menu.click()
    page.get_by_role("menuitem", name=f"Copy A · {face}").click()
    page.wait_for_function(f"() => {VIEW}.status.textContent === 'Copied.'")
    copied = Image.open(io.BytesIO(base64.b64decode(page.evaluate(CLIPBOARD)))).convert("RGB")
    assert (copied.size, copied.getpixel((32, 32))) == ((64, 64), RED)
    name, picture = saved("B · New one")
    assert (name, picture.size, picture.getpixel((32, 32))) == ("B-New-one.png", (64, 64), GREEN)
    name, sheet = saved("Sheet")
    assert name == "Sheet.png"
    assert {RED, GREEN} <= {colour for _, colour in sheet.getcolors(sheet.width * sheet.height)}

    page.get_by_role("button", name="Judge (J)").click()
    page.get_by_role("button", name="New one is better").click()
    page.wait_for_function(f"() => {VIEW}.judge.votes.size === 1")
    files = {}
    for kind in ("CSV", "JSONL", "HTML"):
        with page.expect_download() as download:
            page.get_by_role("link", name=kind, exact=True).click()
        assert download.value.suggested_filename == f"votes.{kind.lower()}"
        files[kind] = Path(download.value.path()).read_text("utf-8-sig")
    page.get_by_role("button", name="Judge (J)").click()
    (vote,) = [row for row in csv.DictReader(io.StringIO(files["CSV"])) if row["category"] == face]
    assert (vote["choice"], vote["chosen_label"], vote["label_a"]) == ("b", "New one", face)
    (vote,) = [vote for vote in map(json.loads, files["JSONL"].splitlines()) if vote["category"] == face]
    assert [side["label"] for side in vote["sides"]] == [face, "New one"]
    assert "<bdi>New one</bdi> is better" in files["HTML"]
    assert len(re.findall(r"<img src='data:image/jpeg;base64,", files["HTML"])) >= 2

    small = stage(canvas)
    page.get_by_role("button", name="Full screen (F)").click()
    page.wait_for_function(f"() => document.fullscreenElement === {VIEW}.element")
    choose(canvas, "side")
    assert stage(canvas)["width"] > max(1400, small["width"])
    assert (at(canvas, 0.25, 0.5), at(canvas, 0.75, 0.5)) == (RED, GREEN)
    page.mouse.move(800, 400)
    page.mouse.wheel(0, -400)  # no canvas behind it: the wheel needs no click first
    page.wait_for_function(f"() => {VIEW}.state.zoom > 1")
    page.evaluate(f"() => {VIEW}.stage.root.focus()")
    page.keyboard.press("f")
    page.wait_for_function("() => !document.fullscreenElement")


@pytest.mark.parametrize("canvas", ["newest-nodes2"], indirect=True)
def test_four_pictures_are_judged_blind_and_a_changed_mind_is_not(compare):
    labels = dict(zip("abcd", ("Anna", "Bert", "Cleo", "Dora"), strict=True))
    canvas = compare(
        "plain_red.png", "plain_green.png", "plain_blue.png", "plain_white.png",
        **{f"label_{slot}": label for slot, label in labels.items()}, category="four",
    )  # fmt: skip
    page = canvas.page
    page.evaluate(f"() => {{ {VIEW}.toolbar.toggles.children[3].click(); {VIEW}.judge.blind.click(); }}")
    choose(canvas, "grid")
    assert not [label for label in labels.values() if label in page.evaluate(f"() => {VIEW}.root.outerHTML")]
    wanted = at(canvas, 0.75, 0.75)  # whichever picture the shuffle put there
    page.get_by_role("button", name="Picture 4 is better").click()
    page.wait_for_function(f"() => {VIEW}.judge.votes.size === 1")
    slot = page.evaluate(f"() => {VIEW}.judge.votes.get(0)")
    assert wanted == dict(zip("abcd", (RED, GREEN, BLUE, WHITE), strict=True))[slot]
    page.wait_for_function(f"() => {VIEW}.judge.summary.textContent.includes('Dora')")
    assert f"{labels[slot]} is better" in text(canvas, "judge.buttons")

    def votes() -> list[dict]:
        return [vote for vote in canvas.comfyui.get(VOTES)["votes"] if vote["category"] == "four"]

    (vote,) = votes()
    assert (vote["choice"], vote["blind"], len(vote["sides"])) == (slot, True, 4)
    groups = canvas.comfyui.get("/dalle_flux/comparison/summary?by=category")["groups"]
    met = [group for group in groups if group["group"] == "four"]
    assert len(met) == 3  # the chosen one against each other; those do not meet
    assert sorted(group["wins"] + group["losses"] for group in met) == [1, 1, 1]

    page.get_by_role("button", name="All bad").click()
    page.wait_for_function(f"() => {VIEW}.judge.votes.get(0) === 'bad'")
    (vote,) = votes()
    assert (vote["choice"], vote["blind"]) == ("bad", False)  # the names were known by then
    page.get_by_role("button", name="All bad").click()
    page.wait_for_function(f"() => {VIEW}.judge.votes.size === 0")
    assert votes() == []
    assert state(canvas)["blind"]


def painted(pdf: bytes) -> int:
    """How many pictures the pages of Chromium's PDF paint; it names each after the number of its object."""
    images = set(re.findall(rb"\n(\d+) 0 obj\s*<</Type /XObject\s*/Subtype /Image", pdf))
    count = 0
    for stream in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL):
        with contextlib.suppress(zlib.error):
            count += sum(number in images for number in re.findall(rb"/X(\d+) Do", zlib.decompress(stream)))
    return count


def test_reports_print_with_every_picture_whole(comfyui, browser, artefacts):
    folder = comfyui.installation.base / "input"
    y, x = np.mgrid[0:1200, 0:400]
    tall = Image.fromarray(np.stack([x * 255 // 400, y * 255 // 1200, np.full_like(x, 90)], -1).astype(np.uint8))
    for name, picture in {"tall": tall, "wide": tall.rotate(90, expand=True), "low": tall.resize((200, 200))}.items():
        picture.save(folder / f"print_{name}.png")
    graph = {
        **{slot: {"class_type": "LoadImage", "inputs": {"image": f"print_{name}.png"}}
           for slot, name in zip("abcd", ("tall", "wide", "low", "tall"), strict=True)},
        "e": {"class_type": "DalleFluxCompare", "inputs": {
            **{f"image_{slot}": [slot, 0] for slot in "abcd"}, "label_a": "x" * 150, "label_b": "שלום", "label_c": "C",
            "label_d": "D", "align": "fit", "html_report": True, "prompt": "word " * 300}},
        "f": {"class_type": "PreviewAny", "inputs": {"source": ["e", 2]}},
    }  # fmt: skip
    done = comfyui.run(graph)
    assert done.succeeded, done.error
    report = Path(json.loads(done.outputs["f"]["text"][0])["html_report"])
    (shown,) = done.outputs["e"]["dalle_flux_compare"]
    sides = [
        {name: side[name] for name in ("slot", "label", "width", "height")}
        | {"sha256": side["sha256"][0], "file": side["files"][0], "facts": {"revised_prompt": "y" * 400}}
        for side in shown["sides"]
    ]
    vote = {"comparison": shown["id"], "pair": 1, "choice": "b", "blind": True, "sides": sides, "prompt": "z" * 300}
    comfyui.post(VOTES, vote)

    width, height = 703, 1032  # CSS px of A4 within margins of 12 mm
    page = browser.new_page(viewport={"width": width, "height": height})
    page.emulate_media(media="print", color_scheme="dark")
    for name, address, pictures in (("report", report.as_uri(), 7), ("votes", comfyui.url + VOTES + ".html", 4)):
        if name == "votes":  # as it is downloaded
            html = report.with_name("votes.html")
            html.write_bytes(page.request.get(address).body())
            address = html.as_uri()
        page.goto(address)
        found = page.evaluate("""() => ({
          over: document.documentElement.scrollWidth - document.documentElement.clientWidth,
          images: [...document.images].map((one) => [one.naturalWidth, one.getBoundingClientRect().toJSON()]) })""")
        assert found["over"] <= 0, f"{name} is wider than the paper"
        assert len(found["images"]) >= pictures
        for natural, box in found["images"]:
            assert natural > 0
            assert box["left"] >= 0
            assert box["right"] <= width
            assert box["height"] < height
        margin = dict.fromkeys(("top", "right", "bottom", "left"), "12mm")
        pdf = page.pdf(path=artefacts / f"compare_{name}.pdf", format="A4", margin=margin, print_background=True)
        # One that a page break cut would be painted twice.
        assert painted(pdf) == len(found["images"])
    page.close()
