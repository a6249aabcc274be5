"""Frame time of the archive's grid with 100,000 pictures, scrolled from top to bottom, against standing still.

Chromium paints without a graphics card here, so the figures are an upper bound; the ratio says what scrolling adds. The
small copies come from the test, so that the grid is measured and not the disk.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench_archive import MANY, fill
from chatgpt_exports import webp
from comfyui import browser, environment, weights
from comfyui.browser import Canvas
from comfyui.installation import install
from comfyui.server import ComfyUI

from nodes.state import State

FRAMES = 120
GRID = "document.querySelector('[data-dalle-flux=archive]').shadowRoot.querySelector('.dfa-grid')"
MEASURE = f"""async ([frames, step]) => {{
  const grid = {GRID}, times = [];
  let last = await new Promise(requestAnimationFrame);
  for (let frame = 0; frame < frames; frame++) {{
    grid.scrollTop += step;
    const now = await new Promise(requestAnimationFrame);
    times.push(now - last);
    last = now;
  }}
  times.sort((a, b) => a - b);
  return [times[frames >> 1], times[Math.floor(frames * 0.95)], grid.querySelectorAll('.dfa-tile').length];
}}"""


def main() -> None:
    host = environment.prepare()
    models = weights.stand_ins()
    with tempfile.TemporaryDirectory() as folder:
        installation = install(Path(folder), models, stand_ins=True)
        fill(State(Path(folder) / "user" / "dalle_flux"), MANY)
        picture = webp(1, 320, 320)
        with ComfyUI(host, installation) as comfyui, browser.launch() as chromium:
            canvas = Canvas(chromium, comfyui)
            canvas.page.route("**/thumbnail", lambda route: route.fulfill(body=picture, content_type="image/webp"))
            canvas.page.evaluate("() => app.extensionManager.command.execute('dalletoflux.OpenArchive')")
            canvas.page.wait_for_function(f"() => {GRID}?.querySelectorAll('img').length > 5")
            canvas.page.wait_for_timeout(2000)
            print(f"grid, {MANY:,} pictures               | median ms | 95 % ms | tiles in the page")
            for title, step in (("standing still", 0), ("a row a frame", 108), ("a page a frame", 900)):
                middle, high, tiles = canvas.page.evaluate(MEASURE, [FRAMES, step])
                print(f"{title:<35} | {middle:9.1f} | {high:7.1f} | {tiles}")


if __name__ == "__main__":
    main()
