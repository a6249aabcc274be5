"""One prompt in, the two texts out."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from .targets import Style, Target


@dataclass(frozen=True)
class Request:
    """What to convert, and for what."""

    prompt: str
    style: Style = Style.VIVID
    size: str = "1024x1024"
    target: Target = Target.DEV


@dataclass(frozen=True)
class Conversion:
    """The result."""

    t5xxl: str
    clip_l: str
    guidance: float | None
    report: str


def convert(request: Request) -> Conversion:
    """Convert by rules."""
    text = re.sub(r"\s+", " ", request.prompt).strip()
    text = re.sub(r"(?<!\\)([()])", r"\\\1", text)
    report = json.dumps({"version": 1, "rules": []})
    return Conversion(text, text, request.target.guidance(request.style), report)
