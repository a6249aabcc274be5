"""The knobs of DALL·E at work on prompts that the small FLUX knows, on one sheet."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable
from typing import Any

from PIL import Image, ImageDraw

Run = Callable[[dict[str, Any]], list[bytes]]  # a graph → the pictures it saves

_PROMPT = "a fox to the left of an orange heart on a white background"
_CELL = 400
_STOPS = (
    (_PROMPT, {}),
    (_PROMPT, {"size": "1792x1024"}),
    (_PROMPT, {"size": "1024x1792"}),
    (_PROMPT, {"quality": "hd"}),
    (_PROMPT, {"style": "natural"}),
    ("three yellow stars on a blue background", {"n": 2}),
    ("a big red apple, green background", {"size": "512x512"}),
    ("a blue circle in the top right corner on a pink background", {"prompt_mode": "as is"}),
)


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    """One node in API format."""
    return {"class_type": class_type, "inputs": inputs}


def generate(prompt: str, **knobs: Any) -> dict[str, Any]:
    """A graph that draws a prompt with "DALL·E 3 on FLUX" and saves it."""
    defaults = {
        "size": "1024x1024", "quality": "standard", "style": "vivid", "n": 1, "seed": 1, "prompt_mode": "convert",
        "draw_with": "auto",
    }  # fmt: skip
    return {
        "1": node("DalleFluxLocalGenerate", prompt=prompt, **{**defaults, **knobs}),
        "2": node("SaveImage", images=["1", 0], filename_prefix="flux"),
    }


def gated(prompt: str, replacement: str) -> dict[str, Any]:
    """The same behind a moderation gate that draws `replacement` instead of what it flags."""
    return generate(["3", 0]) | {  # type: ignore[arg-type]  # a link in place of the text
        "3": node("DalleFluxModeratePrompt", prompt=prompt, on_flag="replace", replacement=replacement)
    }


def sheet(run: Run, drawn_by: str) -> Image.Image:
    """Every stop of the tour with its caption."""
    cells = []
    for prompt, knobs in _STOPS:
        said = ", ".join(f"{name} {value}" for name, value in knobs.items()) or "1024x1024, standard, vivid"
        cells += [(picture, f"{said}: “{prompt}”") for picture in run(generate(prompt, **knobs))]
    instead = "a pink heart on a white background"
    (picture,) = run(gated("a graphic photo of a beheading with blood and gore", instead))
    cells.append((picture, f"moderation gate, what was flagged replaced by: “{instead}”"))
    return _laid_out(cells, drawn_by)


def _laid_out(cells: list[tuple[bytes, str]], drawn_by: str) -> Image.Image:
    columns, below = 5, 70
    rows = -(-len(cells) // columns)
    whole = Image.new("RGB", (columns * (_CELL + 10), rows * (_CELL + below) + 30), "white")
    pen = ImageDraw.Draw(whole)
    pen.text((5, 5), f"Drawn by: {drawn_by}", "black", font_size=20)
    for index, (data, caption) in enumerate(cells):
        x, y = index % columns * (_CELL + 10) + 5, index // columns * (_CELL + below) + 35
        picture = Image.open(io.BytesIO(data)).convert("RGB")
        picture.thumbnail((_CELL, _CELL))
        whole.paste(picture, (x, y + (_CELL - picture.height) // 2))
        pen.multiline_text((x, y + _CELL + 2), textwrap.fill(caption, 58), "black", font_size=14)
    return whole
