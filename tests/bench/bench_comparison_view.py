"""Frame time of the comparison view on the canvas, panning and zooming four pictures of 2048², against standing still.

Chromium paints without a graphics card here, so the figures are an upper bound; the ratio says what the view adds.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from comfyui import browser, environment, weights
from comfyui.browser import Canvas
from comfyui.installation import install
from comfyui.server import ComfyUI
from PIL import Image

EDGE = 2048  # px
FRAMES = 60
MEASURE = """async ([frames, moving]) => {
  const node = window.app.graph.nodes.find((n) => n.type === "DalleFluxCompare");
  const stage = node.dalleFluxCompare.stage, times = [];
  let last = await new Promise(requestAnimationFrame);
  for (let frame = 0; frame < frames; frame++) {
    if (moving) { stage.zoom(frame < frames / 2 ? 1.05 : 1 / 1.05); stage.move(frame % 2 ? 7 : -5, 3); }
    const now = await new Promise(requestAnimationFrame);
    times.push(now - last);
    last = now;
  }
  times.sort((a, b) => a - b);
  return [times[frames >> 1], times[Math.floor(frames * 0.95)]];
}"""


def main() -> None:
    host = environment.prepare()
    models = weights.stand_ins()
    with tempfile.TemporaryDirectory() as folder:
        installation = install(Path(folder), models, stand_ins=True)
        generator = np.random.default_rng(0)
        for name in "abcd":
            pixels = generator.integers(0, 255, (EDGE // 8, EDGE // 8, 3), np.uint8)
            Image.fromarray(pixels).resize((EDGE, EDGE)).save(Path(folder) / "input" / f"{name}.png")
        with ComfyUI(host, installation) as comfyui, browser.launch() as chromium:
            canvas = Canvas(chromium, comfyui)
            canvas.load({"nodes": [], "links": [], "version": 0.4})
            canvas.add("DalleFluxCompare", at=(400, 0))
            canvas.page.evaluate(
                """() => { const node = window.app.graph.nodes[0];
                  [..."abcd"].forEach((name, at) => { const loader = LiteGraph.createNode("LoadImage");
                    loader.pos = [0, at * 400]; window.app.graph.add(loader);
                    loader.widgets.find((w) => w.name === "image").value = name + ".png";
                    loader.connect(0, node, "image_" + name); });
                  node.widgets.find((w) => w.name === "measure").value = false;
                  node.dalleFluxCompare.state.mode = "grid"; node.setSize([1000, 1100]); }"""
            )
            canvas.show_node("DalleFluxCompare")
            assert canvas.queue().succeeded
            canvas.page.wait_for_timeout(3000)
            print("view, four pictures of 2048²        | median ms | 95 % ms")
            still = canvas.page.evaluate(MEASURE, [FRAMES, False])
            moving = canvas.page.evaluate(MEASURE, [FRAMES, True])
            for title, (middle, high) in (("standing still", still), ("zooming and panning", moving)):
                print(f"{title:<35} | {middle:9.1f} | {high:7.1f}")
            print(f"{'ratio':<35} | {moving[0] / still[0]:9.2f} | {moving[1] / still[1]:7.2f}")


if __name__ == "__main__":
    main()
