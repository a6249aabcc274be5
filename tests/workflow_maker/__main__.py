"""Write workflows/ and workflows/api/ anew, with thumbnails."""

from __future__ import annotations

import io
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from comfyui import browser, environment, samples, weights
from comfyui.browser import Canvas
from comfyui.environment import PACK, Environment
from comfyui.installation import install
from comfyui.server import ComfyUI
from PIL import Image

from .drawing import draw, draw_blueprint
from .shipped import BLUEPRINTS, DRAWINGS

THUMBNAIL = (800, 500)  # px


def write(folder: Path, page: Canvas, names: list[str]) -> None:
    """Draw each workflow and write its three files."""
    for drawing in DRAWINGS:
        if names and drawing.name not in names:
            continue
        drawn = draw(page, drawing)
        _write_json(folder / f"{drawing.name}.json", drawn.canvas)
        _write_json(folder / "api" / f"{drawing.name}.json", drawn.api)
        (folder / f"{drawing.name}.jpg").write_bytes(_thumbnail(page))
        print(f"{drawing.name}: {len(drawn.api)} nodes")


def write_blueprints(folder: Path, page: Canvas, names: list[str]) -> None:
    """Draw each blueprint and write its file; the host shows the file's name."""
    drawings = {drawing.name: drawing for drawing in DRAWINGS}
    for blueprint in BLUEPRINTS:
        if names and blueprint.workflow not in names:
            continue
        canvas = draw_blueprint(page, drawings[blueprint.workflow], blueprint.name, blueprint.inside, blueprint.about)
        _write_json(folder / f"{blueprint.name}.json", canvas)
        print(f"{blueprint.name}: {len(canvas['definitions']['subgraphs'][0]['nodes'])} nodes inside")


def _write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", "utf-8")


def _thumbnail(page: Canvas) -> bytes:
    """The graph as the canvas shows it, without the note and without the frontend's own panels."""
    width, height = page.page.evaluate(
        """() => {
          const app = window.app, nodes = app.graph.nodes.filter(n => n.type !== 'MarkdownNote');
          const left = Math.min(...nodes.map(n => n.pos[0])) - 30, top = Math.min(...nodes.map(n => n.pos[1])) - 100;
          const right = Math.max(...nodes.map(n => n.pos[0] + n.size[0])) + 30;
          const bottom = Math.max(...nodes.map(n => n.pos[1] + n.size[1])) + 40;
          const scale = Math.min((innerWidth - 80) / (right - left), (innerHeight - 150) / (bottom - top), 1);
          app.canvas.show_info = false;
          app.canvas.ds.scale = scale;
          app.canvas.ds.offset = [-left + 80 / scale, -top + 150 / scale];
          app.canvas.setDirty(true, true);
          return [(right - left) * scale, (bottom - top) * scale];
        }"""
    )
    page.page.wait_for_timeout(800)
    picture = Image.open(io.BytesIO(page.page.screenshot())).convert("RGB")
    picture = picture.crop((80, 150, min(picture.width, round(80 + width)), min(picture.height, round(150 + height))))
    picture.thumbnail(THUMBNAIL, Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85, optimize=True)
    return buffer.getvalue()


def main(names: list[str], host: Environment | None = None, models: Path | None = None) -> None:
    host = host or environment.prepare()
    models = models or weights.stand_ins()
    with tempfile.TemporaryDirectory() as folder:
        installation = install(Path(folder), models, stand_ins=True)
        samples.put_example(host, installation.base / "input")
        with ComfyUI(host, installation) as comfyui, browser.launch() as chromium:
            comfyui.post("/api/settings", {"Comfy.Minimap.Visible": False})
            page = Canvas(chromium, comfyui, size=(2600, 1600))
            write(PACK / "workflows", page, names)
            write_blueprints(PACK / "subgraphs", page, names)


if __name__ == "__main__":
    main(sys.argv[1:])
