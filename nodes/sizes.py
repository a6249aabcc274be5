"""Picture sizes, written the way the Images API writes them: "WIDTHxHEIGHT", in pixels."""

from __future__ import annotations

import re
from typing import NamedTuple

from .errors import DalleFluxError

# What DALL·E 2 and DALL·E 3 offered (source: openai-1.109.1 `image_generate_params.py`).
DALLE3_SIZES = ("1024x1024", "1792x1024", "1024x1792")
DALLE2_SIZES = ("256x256", "512x512", "1024x1024")

_MAX_EDGE = 16384  # px; ComfyUI's own MAX_RESOLUTION
_SIZE = re.compile(r"([0-9]{1,5}) ?[xX×] ?([0-9]{1,5})")


class BadSize(DalleFluxError):
    """A size that is not "WIDTHxHEIGHT" in whole pixels."""

    code = "bad_size"


class Size(NamedTuple):
    """Width and height in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


def parse_size(text: str) -> Size:
    """Read "1792x1024" as `Size(1792, 1024)`.

    Raises:
        BadSize: the text is anything else, or an edge is 0 or above 16384 px.
    """
    match = _SIZE.fullmatch(" ".join(text.split()))
    if match:
        size = Size(int(match[1]), int(match[2]))
        if 0 < size.width <= _MAX_EDGE and 0 < size.height <= _MAX_EDGE:
            return size
    raise BadSize(f"Size {text[:40]!r} cannot be read; write it as WIDTHxHEIGHT in pixels, for example 1024x1024.")
