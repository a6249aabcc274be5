"""Take the README's moving picture, `python -m workflow_maker.moving`: two real pictures on the canvas, compared.

They are the samples of DALL·E 3 and FLUX.1-dev that ship with ComfyUI's workflow templates, so each of its own prompt.
"""

from __future__ import annotations

import io
import math
import tempfile
from pathlib import Path

import compare_view
from comfyui import browser, environment, samples, weights
from comfyui.browser import Canvas
from comfyui.environment import PACK
from comfyui.installation import install
from comfyui.server import ComfyUI
from PIL import Image

PLACE = PACK / "js" / "docs" / "images" / "comparison.webp"
PICTURES = {"DALL·E 3": samples.DALLE3_PICTURE, "FLUX.1-dev": "flux_dev_full_text_to_image-1.webp"}
PAGE = (1350, 900)  # px
CUT = {"x": 50, "y": 90, "width": 1290, "height": 800}  # of the page, without the frontend's own panels
WIDTH = 900  # px
# The node large, its pictures beside the view, and both in sight.
ARRANGE = """([width, height]) => {
  const { graph, canvas, extensionManager } = window.app;
  const node = graph.nodes.find((one) => one.type === "DalleFluxCompare");
  node.setSize([860, 1250]);
  const bottom = node.pos[1] + node.size[1];
  graph.nodes.filter((one) => one !== node).forEach((one, at) => {
    one.setSize([330, 360]);
    one.pos = [node.pos[0] - 390, bottom - 760 + at * 400];
  });
  canvas.deselectAll();
  canvas.show_info = false;
  canvas.ds.scale = 1;
  canvas.ds.offset = [width - 30 - node.pos[0] - node.size[0], height - 30 - bottom];
  canvas.setDirty(true, true);
  extensionManager.toast.removeAll?.();
}"""
STEPS = 24  # of the slider, there and back
STEP, HOLD = 80, 1600  # ms that a frame is shown


class Film:
    """Frames of the canvas's page, each with the milliseconds that it is shown."""

    def __init__(self, canvas: Canvas):
        self._canvas = canvas
        self._frames: list[Image.Image] = []
        self._times: list[int] = []

    def take(self, milliseconds: int) -> None:
        frame = Image.open(io.BytesIO(self._canvas.page.screenshot(clip=CUT))).convert("RGB")
        self._frames.append(frame.resize((WIDTH, WIDTH * frame.height // frame.width), Image.Resampling.LANCZOS))
        self._times.append(milliseconds)

    def save(self, path: Path) -> None:
        first, *others = self._frames
        first.save(
            path,
            save_all=True,
            append_images=others,
            duration=self._times,
            loop=0,
            quality=60,
            method=6,
            minimize_size=True,
        )


def play(canvas: Canvas, film: Film) -> None:
    """The slider, there and back; the difference; side by side."""
    stage = compare_view.stage(canvas)
    middle = stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2
    film.take(HOLD)
    canvas.page.mouse.move(*middle)
    canvas.page.mouse.down()
    for step in range(STEPS + 1):
        canvas.page.mouse.move(middle[0] + stage["width"] * 0.2 * math.sin(2 * math.pi * step / STEPS), middle[1])
        canvas.settle(100)
        film.take(STEP)
    canvas.page.mouse.up()
    for mode in ("difference", "side"):
        compare_view.choose(canvas, mode)
        film.take(HOLD)


def main() -> None:
    host = environment.prepare()
    with tempfile.TemporaryDirectory() as folder:
        installation = install(Path(folder), weights.stand_ins(), stand_ins=True)
        files = []
        for name in PICTURES.values():
            Image.open(samples.template(host, name)).convert("RGB").save(installation.base / "input" / f"{name}.png")
            files.append(f"{name}.png")
        with ComfyUI(host, installation) as comfyui, browser.launch() as chromium:
            comfyui.post("/api/settings", {"Comfy.Minimap.Visible": False})
            canvas = Canvas(chromium, comfyui, size=PAGE)
            label_a, label_b = PICTURES
            compare_view.build(canvas, *files, label_a=label_a, label_b=label_b)
            compare_view.run(canvas)
            canvas.page.evaluate(ARRANGE, PAGE)
            canvas.settle(2000)
            film = Film(canvas)
            play(canvas, film)
            film.save(PLACE)


if __name__ == "__main__":
    main()
