"""Everything of ours can be reached: by keyboard alone, enlarged, and by touch."""

from __future__ import annotations

import compare_view
import faces
import pytest
from archive_client import ROOT, take_in
from chatgpt_exports import Export
from comfyui.browser import Canvas

# The controls of the face that is shown, marked with their numbers; a group of arrow keys counts as one.
CONTROLS = """(name) => {
  const root = document.querySelector(`[data-dalle-flux=${name}]`).shadowRoot;
  const folded = (one) => [...root.querySelectorAll("details:not([open])")]
    .some((all) => all.contains(one) && one !== all.firstChild);
  return [...root.querySelectorAll("summary, button, input, select, textarea, a[href], [tabindex]")]
    .filter((one) => one.tabIndex >= 0 && !one.disabled && one.getBoundingClientRect().width > 1 && !folded(one))
    .map((one, at) => {
      one.dataset.reach = at;
      const named = one.ariaLabel || one.labels?.[0]?.textContent || one.textContent || one.title;
      return [one.localName, (named ?? "").trim()];
    });
}"""
# Which of them has the focus, and whether that can be seen.
FOCUSED = """(name) => {
  const one = document.querySelector(`[data-dalle-flux=${name}]`).shadowRoot.activeElement;
  if (!one) return null;
  const { outlineStyle, outlineWidth } = getComputedStyle(one);
  return [Number(one.dataset.reach), outlineStyle !== "none" && parseFloat(outlineWidth) > 0];
}"""
START = """(name) => document.querySelector(`[data-dalle-flux=${name}]`).shadowRoot
  .querySelector("[data-reach='0']").focus()"""
# Controls that cannot be brought into sight.
OUT_OF_REACH = """(name) => [...document.querySelector(`[data-dalle-flux=${name}]`).shadowRoot
  .querySelectorAll("[data-reach]")].filter((one) => {
    one.scrollIntoView({ block: "nearest" });
    const { left, right, top, bottom } = one.getBoundingClientRect();
    return left < -1 || right > innerWidth + 1 || top < -1 || bottom > innerHeight + 1;
  }).map((one) => one.localName + one.textContent)"""
ZOOMED = {"125 %": (1280, 800), "200 %": (800, 500)}  # CSS pixels that a window of 1600 by 1000 then has


def walk(canvas: Canvas, name: str) -> None:
    """Tab through a face from its first control on; every control gets the focus, shows it, and has a name."""
    controls = canvas.page.evaluate(CONTROLS, name)
    assert controls
    assert [kind for kind, named in controls if not named] == [], f"{name}: controls without a name"
    canvas.page.evaluate(START, name)
    canvas.page.keyboard.press("Tab")
    canvas.page.keyboard.press("Shift+Tab")  # so that the browser takes the focus for the keyboard's
    seen: dict[int, bool] = {}
    for _ in range(2 * len(controls)):
        focused = canvas.page.evaluate(FOCUSED, name)
        if focused is None:
            break
        seen[focused[0]] = focused[1]
        canvas.page.keyboard.press("Tab")
    missed = [control for at, control in enumerate(controls) if at not in seen and control[0] != "a"]
    assert missed == [], f"{name}: the keyboard does not get there"
    assert [controls[at] for at, visible in seen.items() if not visible] == [], f"{name}: focus cannot be seen"


@pytest.mark.parametrize("canvas", ["newest-classic"], indirect=True)
def test_pages_by_keyboard_alone_and_enlarged(canvas: Canvas):
    for name in faces.pages(canvas):
        walk(canvas, name)
        first = canvas.page.evaluate(
            "(name) => { const one = document.querySelector(`[data-dalle-flux=${name}]`).shadowRoot"
            ".querySelector('summary'); one?.focus(); return one?.parentElement.open ?? null; }",
            name,
        )
        if first is not None:
            for key, opened in (("Enter", not first), ("Space", first)):
                canvas.page.keyboard.press(key)
                assert (
                    canvas.page.evaluate(
                        "(name) => document.querySelector(`[data-dalle-flux=${name}]`).shadowRoot"
                        ".activeElement.parentElement.open",
                        name,
                    )
                    == opened
                ), (name, key)
        for zoom, (width, height) in ZOOMED.items():
            canvas.page.set_viewport_size({"width": width, "height": height})
            canvas.settle(300)
            assert canvas.page.evaluate(faces.OVERFLOWING) == [], zoom
            assert canvas.page.evaluate(OUT_OF_REACH, name) == [], (name, zoom)
        canvas.page.set_viewport_size({"width": 1600, "height": 1000})


def touch(canvas: Canvas, *places: tuple[float, float]) -> None:
    """A finger comes down at the first place, moves over the others and goes."""
    session = canvas.page.context.new_cdp_session(canvas.page)
    kinds = ["touchStart", *["touchMove"] * (len(places) - 1)]
    for kind, (x, y) in zip(kinds, places, strict=True):
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    session.detach()
    canvas.settle(300)


@pytest.mark.parametrize("canvas", ["newest-nodes2"], indirect=True)
def test_nodes_by_keyboard_alone_and_by_touch(canvas: Canvas, compare):
    shown = compare("plain_red.png", "plain_green.png")
    walk(shown, "compare")
    compare_view.choose(shown, "slider")
    place = compare_view.stage(shown)
    across = [(place["x"] + place["width"] * part, place["y"] + place["height"] / 2) for part in (0.5, 0.6, 0.7, 0.8)]
    touch(shown, *across)
    assert 0.75 < shown.page.evaluate(f"() => {compare_view.VIEW}.state.split") < 0.85


@pytest.mark.parametrize("canvas", ["newest-classic"], indirect=True)
def test_pictures_of_the_archive_by_touch(canvas: Canvas):
    if canvas.comfyui.get(f"{ROOT}/items?query=touched")["total"] == 0:
        made = Export("2026", 77)
        for number in range(30):
            made.dalle3(made.conversation(f"Chat {number}"), size=(40 + number, 30), prompt=f"touched {number}")
        take_in(canvas.comfyui, made, "touched.zip")
    canvas.page.evaluate("() => app.extensionManager.command.execute('dalletoflux.OpenArchive')")
    panel = canvas.page.locator("[data-dalle-flux=archive]")
    panel.get_by_role("searchbox", name="Search").fill("touched")
    tile = panel.get_by_role("option", name="touched").first
    tile.wait_for()
    grid = panel.get_by_role("listbox", name="Pictures")
    place = grid.bounding_box()
    x, y = place["x"] + place["width"] / 4, place["y"] + place["height"] / 2
    touch(canvas, *((x, y - 20 * step) for step in range(10)))
    assert grid.evaluate("grid => grid.scrollTop") > 50
    assert not panel.get_by_role("button", name="Use in workflow").is_visible(), "a swipe is no tap"
    touch(canvas, (x, y))
    panel.get_by_role("button", name="Use in workflow").wait_for()
    canvas.page.keyboard.press("Escape")
    tile.wait_for()
