"""What a request may hold: field → a check of its value, which says what is wrong or nothing."""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image

Check = Callable[[Any], str]  # empty: all is well


@dataclass(frozen=True)
class Wrong(Exception):
    """A request that the service would refuse."""

    field: str
    message: str
    type: str = "value_error"


def check(body: Mapping[str, Any], fields: Mapping[str, Check], required: tuple[str, ...] = ()) -> None:
    """Refuse what is missing, unknown or out of range."""
    for name in required:
        if name not in body:
            raise Wrong(name, "Field required", "missing")
    for name, value in body.items():
        if name not in fields:
            raise Wrong(name, "Extra inputs are not permitted", "extra_forbidden")
        if complaint := fields[name](value):
            raise Wrong(name, complaint)


def text(most: int = 100_000) -> Check:
    return lambda value: "" if isinstance(value, str) and len(value) <= most else f"Input should be text up to {most}"


def whole(least: int, most: int, step: int = 1) -> Check:
    def wrong(value: Any) -> str:
        if not isinstance(value, int) or isinstance(value, bool):
            return "Input should be a valid integer"
        if not least <= value <= most:
            return f"Input should be between {least} and {most}"
        return "" if value % step == 0 else f"Input should be a multiple of {step}"

    return wrong


def number(least: float, most: float) -> Check:
    def wrong(value: Any) -> str:
        if not isinstance(value, int | float) or isinstance(value, bool):
            return "Input should be a valid number"
        return "" if least <= value <= most else f"Input should be between {least} and {most}"

    return wrong


def choice(*values: Any) -> Check:
    return lambda value: "" if value in values else f"Input should be one of {values}"


def digits(least: int, most: int) -> Check:
    """A whole number in a form's field."""
    return lambda value: whole(least, most)(int(value)) if str(value).isdigit() else "Input should be a whole number"


def decimal(least: float, most: float) -> Check:
    """A number in a form's field."""

    def wrong(value: Any) -> str:
        try:
            return number(least, most)(float(value))
        except ValueError:
            return "Input should be a number"

    return wrong


def truth() -> Check:
    return lambda value: "" if isinstance(value, bool) else "Input should be a valid boolean"


def base64_picture(value: Any) -> str:
    """Plain base64, as BFL takes it."""
    try:
        opened(base64.b64decode(value, validate=True))
    except (TypeError, ValueError, binascii.Error, OSError):
        return "Input should be a base64 encoded image"
    return ""


def data_uri(value: Any) -> str:
    head, _, encoded = value.partition(",") if isinstance(value, str) else ("", "", "")
    return base64_picture(encoded) if head == "data:image/png;base64" else "Input should be a URL or a data URI"


def list_of(one: Check, most: int) -> Check:
    def wrong(value: Any) -> str:
        if not isinstance(value, list) or not 1 <= len(value) <= most:
            return f"Input should be a list of 1 to {most}"
        return next((complaint for item in value if (complaint := one(item))), "")

    return wrong


def black(width: int, height: int) -> bytes:
    """What a safety checker sends."""
    buffer = io.BytesIO()
    Image.new("RGB", (width, height)).save(buffer, "PNG")
    return buffer.getvalue()


def opened(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


def picture_of(value: str) -> Image.Image:
    """What a checked picture field holds."""
    return opened(base64.b64decode(value.partition(",")[2] or value))
