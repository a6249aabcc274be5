"""The page "Archive" in the sidebar: what is dropped onto it comes in, is found again, and goes into workflows."""

from __future__ import annotations

import re
import zipfile

import pytest
from archive_client import ROOT, take_in
from chatgpt_exports import Export

PAGE = "[data-dalle-flux=archive]"
WIDGET = """([type, name]) => app.graph.nodes.find((node) => node.type === type)?.widgets
  .find((one) => one.name === name)?.value"""


def export(word: str) -> Export:
    made = Export("2026", sum(map(ord, word)))
    for number in range(30):
        made.dalle3(
            made.conversation(f"<b>Chat</b> {number}"), size=(40 + number, 30), prompt=f"draw {word}{number} and owl"
        )
    made.gpt_image()
    return made


@pytest.fixture
def panel(canvas):
    canvas.page.evaluate("() => app.extensionManager.command.execute('dalletoflux.OpenArchive')")
    shown = canvas.page.locator(PAGE)
    shown.get_by_role("searchbox", name="Search").wait_for()
    return shown


def search(panel, words: str, found: str) -> None:
    panel.get_by_role("searchbox", name="Search").fill(words)
    panel.get_by_role("status").filter(has_text=re.compile(found)).wait_for()


def tiles(panel):
    return panel.get_by_role("listbox", name="Pictures").get_by_role("option")


def test_an_export_is_dropped_found_and_used(canvas, panel, tmp_path, artefacts, request):
    page, face = canvas.page, request.node.callspec.id
    word = "fox" + re.sub("[^a-z0-9]", "", face) + "x"
    made = export(word)
    file = made.as_zip(tmp_path / f"export {face}.zip")
    panel.locator("summary").filter(has_text="Import").click()
    panel.get_by_label("Files to import").set_input_files(file)
    panel.get_by_text("found: 31, new: 31").first.wait_for(timeout=60_000)
    panel.locator("summary").filter(has_text="Import").first.click()

    search(panel, f"{word}7 owl after:2023", "^Pictures: 1$")
    tile = tiles(panel).first
    page.wait_for_function(
        f"() => document.querySelector('{PAGE}').shadowRoot.querySelector('.dfa-tile img')?.naturalWidth"
    )
    page.screenshot(path=artefacts / f"archive-found-{face}.png")
    tile.click()
    panel.get_by_text(f"draw {word}7 and owl").first.wait_for()
    assert "<b>Chat</b> 7" in panel.get_by_label("Picture", exact=True).inner_text()
    page.screenshot(path=artefacts / f"archive-picture-{face}.png")
    (item,) = canvas.comfyui.get(f"{ROOT}/items?query={word}7%20size:47x30")["items"]

    panel.get_by_role("button", name="Use in workflow").click()
    panel.get_by_text("Added a node").wait_for()
    assert page.evaluate(WIDGET, ["DalleFluxArchiveLoad", "query"]) == f"id:{item['id']}"
    panel.get_by_role("button", name="Use in workflow").click()
    panel.get_by_text("now loads this picture").wait_for()
    panel.get_by_role("button", name="Compare with FLUX").click()
    page.wait_for_function("() => app.graph.nodes.some((node) => node.type === 'DalleFluxCompare')")
    assert page.evaluate(WIDGET, ["DalleFluxArchiveLoad", "query"]) == f"id:{item['id']}"
    assert page.evaluate(WIDGET, ["DalleFluxArchiveLoad", "limit"]) == 1
    assert [line for line in canvas.complaints if "archive" in line or "uncaught" in line] == []


def test_the_keyboard_reaches_every_picture(canvas, panel):
    if canvas.comfyui.get(f"{ROOT}/items?query=keyboard29")["total"] == 0:
        take_in(canvas.comfyui, export("keyboard"), "keyboard.zip")
    search(panel, "keyboard owl maker:dall-e-3", "^Pictures: 30$")
    fits = f"() => document.querySelector('{PAGE}').shadowRoot.querySelector('.dfa-grid').clientHeight < innerHeight"
    assert canvas.page.evaluate(fits), "the grid itself scrolls, and draws only what is in sight"
    tiles(panel).first.focus()
    focused = f"() => document.querySelector('{PAGE}').shadowRoot.activeElement?.getAttribute('aria-label')"
    first = canvas.page.evaluate(focused)
    canvas.page.keyboard.press("End")
    canvas.page.wait_for_function(f"(first) => ({focused})() && ({focused})() !== first", arg=first)
    canvas.page.keyboard.press("Home")
    canvas.page.wait_for_function(f"(first) => ({focused})() === first", arg=first)
    canvas.page.keyboard.press("Enter")
    panel.get_by_role("button", name="Use in workflow").wait_for()
    canvas.page.keyboard.press("Escape")
    panel.get_by_role("searchbox", name="Search").wait_for()


def test_a_picture_is_deleted_after_a_question(canvas, panel):
    word = "farewell"
    if canvas.comfyui.get(f"{ROOT}/items?query={word}7")["total"] == 0:
        take_in(canvas.comfyui, export(word), f"{word}.zip")
    search(panel, f"{word}7 owl", "^Pictures: 1$")
    for answer, left in (("Cancel", 1), ("Delete", 0)):
        tiles(panel).first.click()
        panel.get_by_role("button", name="Delete").click()
        canvas.page.get_by_role("dialog").get_by_role("button", name=answer).click()
        if left:
            panel.get_by_role("button", name="All pictures").click()
        panel.get_by_role("status").filter(has_text="Pictures: 1" if left else "No picture fits").wait_for()
        assert canvas.comfyui.get(f"{ROOT}/items?query={word}7")["total"] == left


@pytest.mark.parametrize("way", ["chosen", "dropped"])
def test_a_folder_is_sent_as_it_lies_on_the_disk(canvas, panel, tmp_path, request, way):
    word = "folder" + re.sub("[^a-z0-9]", "", request.node.callspec.id) + "x"
    folder = tmp_path / f"my export {word}"
    with zipfile.ZipFile(export(word).as_zip(tmp_path / "export.zip")) as made:
        made.extractall(folder)
    (folder / "deeper").mkdir()
    next(folder.rglob("*.dat")).rename(folder / "deeper" / "ünïcode name.dat")
    panel.locator("summary").filter(has_text="Import").first.click()
    if way == "chosen":
        panel.get_by_label("Folder to import").set_input_files(folder)
    else:
        drop(canvas.page, panel.get_by_text("Drop your ChatGPT export"), folder)
    panel.locator(".dfi-entry", has_text=word).get_by_text("found: 31, new: 31").wait_for(timeout=60_000)
    (item,) = canvas.comfyui.get(f"{ROOT}/items?query={word}7%20size:47x30")["items"]
    assert item["file"].startswith(folder.name + "/")
    panel.locator("summary").filter(has_text="Import").first.click()


def drop(page, place, folder) -> None:
    """As a person's file manager does it; only the browser itself can make such a drop."""
    box = place.bounding_box()
    data = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
    browser = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        browser.send("Input.dispatchDragEvent", {"type": kind, "x": box["x"] + 9, "y": box["y"] + 9, "data": data})
    browser.detach()
