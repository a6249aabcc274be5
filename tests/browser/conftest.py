"""Pictures that tell which one is where, and the compare node run on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import compare_view
import numpy as np
import pytest
from comfyui.browser import Canvas
from PIL import Image

PLAIN = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}


@pytest.fixture
def ramps() -> dict[str, np.ndarray]:
    """File in the input folder → its pixels: each place of each picture has a colour of its own."""
    y, x = np.mgrid[0:32, 0:32]
    full = np.full_like(x, 200)
    slope = {
        "right_down": (x * 8, y * 8, full),
        "left_up": (full, 248 - y * 8, 248 - x * 8),
        "narrow": (y * 6, full, x * 6),
    }
    pictures = {f"ramp_{name}.png": np.stack(planes, -1).astype(np.uint8) for name, planes in slope.items()}
    pictures["ramp_narrow.png"] = pictures["ramp_narrow.png"][:, 8:24]
    return pictures


@pytest.fixture
def pictures(canvas: Canvas, ramps: dict[str, np.ndarray]) -> None:
    """Plain colours say which picture is where; ramps say which pixel."""
    folder = canvas.comfyui.installation.base / "input"
    for name, colour in PLAIN.items():
        Image.new("RGB", (64, 64), colour).save(folder / f"plain_{name}.png")
    Image.new("RGB", (32, 64), PLAIN["green"]).save(folder / "plain_narrow.png")
    for file, pixels in ramps.items():
        Image.fromarray(pixels).save(folder / file)


@pytest.fixture
def compare(canvas: Canvas, pictures: None) -> Callable[..., Canvas]:
    """Run the node on files of the input folder: `compare("plain_red.png", …, label_a=…)`."""

    def run(*files: str, **values: Any) -> Canvas:
        compare_view.build(canvas, *files, **values)
        compare_view.run(canvas)
        return canvas

    return run
