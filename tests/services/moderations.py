"""`POST /moderations`: free, text and pictures, thirteen categories.

What it thinks is decided by marks, so that tests can ask for it: a text with `[violence]` or
`[sexual/minors]` in it is flagged for that category, one with `[violence=0.4]` scores 0.4 and is not
flagged below 0.5; a picture that is nearly all pure red is violent, nearly all magenta sexual.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
import secrets
from collections.abc import Mapping
from typing import Any

from PIL import Image

from .refusals import Refusal, invalid, missing, unknown_model, unknown_parameter

MODELS = ("omni-moderation-latest", "omni-moderation-2024-09-26")
SHUT_DOWN = ("text-moderation-latest", "text-moderation-stable", "text-moderation-007")
CATEGORIES = (
    "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm",
    "self-harm/intent", "self-harm/instructions", "sexual", "sexual/minors", "violence", "violence/graphic",
)  # fmt: skip
# The others look at text only, sexual/minors among them (openai 3.52.0 `types/moderation.py`).
FOR_PICTURES = (
    "self-harm", "self-harm/intent", "self-harm/instructions", "sexual", "violence", "violence/graphic",
)  # fmt: skip
MAX_PICTURE = 20 * 2**20  # bytes
FLAGGED_FROM = 0.5
_MARK = re.compile(r"\[([a-z/-]+)(?:=([01](?:\.\d+)?))?\]")
_QUIET = 1e-5


def moderate(body: Mapping[str, Any]) -> dict[str, Any]:
    """The reply to a request body.

    Raises:
        Refusal: what OpenAI refuses.
    """
    for name in body:
        if name not in ("model", "input"):
            raise unknown_parameter(name)
    model = body.get("model", MODELS[0])
    if model not in MODELS:
        raise unknown_model(str(model))
    if "input" not in body:
        raise missing("input")
    return {
        "id": f"modr-{secrets.token_hex(12)}",
        "model": MODELS[0],
        "results": [_result(text, pictures) for text, pictures in _inputs(body["input"])],
    }


def _inputs(given: object) -> list[tuple[list[str], list[Image.Image]]]:
    """One (texts, pictures) for each result: a list of strings is one result each, a list of parts is one in all."""
    match given:
        case str():
            return [([given], [])]
        case [*strings] if strings and all(isinstance(one, str) for one in strings):
            return [([str(one)], []) for one in strings]
        case [*parts] if parts and all(isinstance(one, dict) for one in parts):
            texts: list[str] = []
            pictures: list[Image.Image] = []
            for part in parts:
                match part:
                    case {"type": "text", "text": str(text), **rest} if not rest:
                        texts.append(text)
                    case {"type": "image_url", "image_url": {"url": str(url)}, **rest} if not rest:
                        pictures.append(_picture(url))
                    case _:
                        raise invalid("input", "Invalid value for 'input': unknown part.", "invalid_type")
            if len(pictures) > 1:
                raise invalid("input", "Invalid 'input': at most one image is allowed.", "array_above_max_length")
            return [(texts, pictures)]
    raise invalid("input", "Invalid type for 'input': expected a string or an array.", "invalid_type")


def _picture(url: str) -> Image.Image:
    if url.startswith("https://"):
        raise Refusal(400, "Failed to download image.", code="image_url_unavailable", param="input")
    head, _, data = url.partition(",")
    if not re.fullmatch(r"data:image/(png|jpeg|webp|gif);base64", head):
        raise invalid("input", "Invalid image URL.", "invalid_image_url")
    try:
        raw = base64.b64decode(data, validate=True)
        picture = Image.open(io.BytesIO(raw))
        picture.load()
    except (binascii.Error, OSError, ValueError):
        raise invalid("input", "Invalid base64 image.", "invalid_base64_image") from None
    if len(raw) > MAX_PICTURE:
        raise invalid("input", "Image is larger than 20 MB.", "image_too_large")
    return picture.convert("RGB")


def _result(texts: list[str], pictures: list[Image.Image]) -> dict[str, Any]:
    scores = dict.fromkeys(CATEGORIES, _QUIET)
    for name, score in _MARK.findall(" ".join(texts)):
        if name in scores:
            scores[name] = max(scores[name], float(score or 0.99))
    for picture in pictures:
        red, green, blue = picture.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
        if red > 200 and green < 60:
            name = "sexual" if blue > 200 else "violence"
            scores[name] = max(scores[name], 0.99)
    flags = {name: score >= FLAGGED_FROM for name, score in scores.items()}
    kinds = {
        name: ([] if not texts else ["text"]) + (["image"] if pictures and name in FOR_PICTURES else [])
        for name in CATEGORIES
    }
    return {
        "flagged": any(flags.values()),
        "categories": flags,
        "category_scores": scores,
        "category_applied_input_types": kinds,
    }
