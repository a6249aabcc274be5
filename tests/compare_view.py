"""The comparison view on the canvas, as the browser tests drive it, see it and would draw it themselves."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from comfyui.browser import Canvas
from PIL import Image
from scipy.ndimage import maximum_filter, minimum_filter

NODE = """(() => {
  const find = (graph) => {
    for (const node of graph.nodes) {
      if (node.type === "DalleFluxCompare") return node;
      const inner = node.subgraph && find(node.subgraph);
      if (inner) return inner;
    }
  };
  return find(window.app.graph);
})()"""
VIEW = f"{NODE}.dalleFluxCompare"
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
GROUND = (14, 16, 20)  # of the stage, where no picture lies
GAP = 4  # px between two panes


def build(canvas: Canvas, *files: str, **values: Any) -> None:
    """An empty canvas with the node on it, and pictures of the input folder connected to it."""
    canvas.load({"nodes": [], "links": [], "version": 0.4})
    canvas.add("DalleFluxCompare", at=(400, 60))
    canvas.page.evaluate(SET_UP, [list(files), {"measure": False, **values}])
    canvas.show_node("DalleFluxCompare")


def run(canvas: Canvas) -> None:
    """Run what is on the canvas and wait for the pictures."""
    done = canvas.queue()
    assert done.succeeded, done.error
    filled(canvas)


def filled(canvas: Canvas) -> None:
    """Wait until the view has something to show and shows it."""
    canvas.page.wait_for_function(f"() => Boolean({VIEW}?.payload)")
    ready(canvas)


def ready(canvas: Canvas) -> None:
    """Wait until all shown pictures are there and painted."""
    canvas.page.wait_for_function(f"() => {VIEW}.stage.cuts.every((cut) => cut.image.complete)")
    canvas.settle(250)


def choose(canvas: Canvas, mode: str) -> None:
    canvas.page.evaluate(f"(mode) => {VIEW}.toolbar.modes.querySelector(`[data-mode=${{mode}}]`).click()", mode)
    ready(canvas)


def stage(canvas: Canvas) -> dict[str, float]:
    """Where the pictures are on the page, in CSS pixels."""
    return dict(canvas.page.evaluate(f"() => {VIEW}.stage.root.getBoundingClientRect().toJSON()"))


def screen(canvas: Canvas) -> np.ndarray:
    """The page as it is shown, `[H,W,3]` 0…255."""
    return np.asarray(Image.open(io.BytesIO(canvas.page.screenshot())).convert("RGB"))


def at(canvas: Canvas, x: float, y: float) -> tuple[int, int, int]:
    """Colour on the screen at a place of the stage, both 0…1."""
    box = stage(canvas)
    red, green, blue = screen(canvas)[int(box["y"] + y * (box["height"] - 1)), int(box["x"] + x * (box["width"] - 1))]
    return int(red), int(green), int(blue)


def state(canvas: Canvas) -> dict[str, Any]:
    return dict(canvas.page.evaluate(f"() => {VIEW}.state"))


def text(canvas: Canvas, part: str = "root") -> str:
    """What stands in the view, or in a part of it."""
    return str(canvas.page.evaluate(f"() => {VIEW}.{part}.textContent"))


@dataclass(frozen=True)
class Drawing:
    """What a part of the screen should show, drawn here from the pictures."""

    part: tuple[slice, slice]  # of a screenshot: rows, columns
    pixels: np.ndarray  # [H,W,3] float 0…255, of that part
    sure: np.ndarray  # [H,W] bool: away from edges and from the divider

    def difference(self, shown: np.ndarray) -> tuple[float, float]:
        """Mean and largest difference to a screenshot, in levels 0…255."""
        wrong = np.abs(shown[self.part].astype(float) - self.pixels)[self.sure]
        return float(wrong.mean()), float(wrong.max())


def draw(canvas: Canvas, pictures: Sequence[np.ndarray], only: int | None = None) -> Drawing:
    """Draw the view as its mode, camera, divider and opacity promise, from the pictures themselves.

    Args:
        pictures: what this mode shows, in its order, `[H,W,3]` 0…255; the first one's size is the frame, others are
            fitted into it.
        only: which of them is to be seen, while blinking; all without it.
    """
    box, now = stage(canvas), state(canvas)
    outer = box["width"] / canvas.page.evaluate(f"() => {VIEW}.stage.root.offsetWidth")
    inset = 8 * outer  # the corners are round
    part = np.s_[
        int(box["y"] + inset) : int(box["y"] + box["height"] - inset),
        int(box["x"] + inset) : int(box["x"] + box["width"] - inset),
    ]
    y, x = np.mgrid[part] + 0.5
    pixels = np.full((*x.shape, 3), GROUND, float)
    sure = np.ones(x.shape, bool)
    mode, frame = now["mode"], pictures[0].shape[:2]
    columns, rows = {"side": (2, 1), "grid": (2, 2)}.get(mode, (1, 1))
    pane_width = (box["width"] - GAP * outer * (columns - 1)) / columns
    pane_height = (box["height"] - GAP * outer * (rows - 1)) / rows
    for number, picture in enumerate(pictures):
        if only not in (None, number):
            continue
        column, row = (number % columns, number // columns) if columns > 1 else (0, 0)
        left = box["x"] + column * (pane_width + GAP * outer)
        top = box["y"] + row * (pane_height + GAP * outer)
        s = now["zoom"] * min(pane_width / frame[1], pane_height / frame[0])
        u = (x - left - pane_width / 2) / s + now["x"] * frame[1]  # frame pixels
        v = (y - top - pane_height / 2) / s + now["y"] * frame[0]
        fit = min(frame[0] / picture.shape[0], frame[1] / picture.shape[1])
        across = np.floor((u - (frame[1] - picture.shape[1] * fit) // 2) / fit).astype(int)
        down = np.floor((v - (frame[0] - picture.shape[0] * fit) // 2) / fit).astype(int)
        here = (across >= 0) & (across < picture.shape[1]) & (down >= 0) & (down < picture.shape[0])
        here &= (u >= 0) & (u < frame[1]) & (v >= 0) & (v < frame[0])
        here &= (x >= left) & (x < left + pane_width) & (y >= top) & (y < top + pane_height)
        if mode == "slider":
            here &= (x >= left + now["split"] * pane_width) == (number == 1)
        if mode == "slider-h":
            here &= (y >= top + now["split"] * pane_height) == (number == 1)
        opacity = now["opacity"] if number == 1 and mode == "overlay" else 1.0
        colours = picture[down.clip(0, picture.shape[0] - 1), across.clip(0, picture.shape[1] - 1)]
        pixels[here] = (1 - opacity) * pixels[here] + opacity * colours[here]
    if mode in ("slider", "slider-h"):
        at_x, at_y = (now["split"], 0.5) if mode == "slider" else (0.5, now["split"])
        across, down = x - box["x"] - at_x * box["width"], y - box["y"] - at_y * box["height"]
        sure &= np.hypot(across, down) > 22 * outer  # the knob with its shadow
        sure &= np.abs(across if mode == "slider" else down) > 3 * outer
    steep = maximum_filter(pixels, (5, 5, 1)) - minimum_filter(pixels, (5, 5, 1))
    return Drawing(part, pixels, sure & (steep.max(-1) < 24))
