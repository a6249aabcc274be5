"""What a picture costs, in USD: before it is asked for (an estimate) and after it came (from the token count).

Source: price badges of ComfyUI's former DALL·E nodes; OpenAI's image guide and model pages, autumn 2026.
Prices of gpt-image-2.5 and 2.6 are published per token only, and only for some, so theirs are gpt-image-2's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..sizes import Size
from .models import Model, ModelFamily

_DALLE2 = {"256x256": 0.016, "512x512": 0.018, "1024x1024": 0.02}
# (square, wide or tall) by quality
_DALLE3 = {"standard": (0.04, 0.08), "hd": (0.08, 0.12)}
# USD for 1024x1024; other sizes in proportion to their pixels, never less. xhigh and max are our guess upwards.
_GPT_SQUARE: Mapping[str, Mapping[str, float]] = {
    "gpt-image-1": {"low": 0.011, "medium": 0.042, "high": 0.167},
    "gpt-image-1-mini": {"low": 0.005, "medium": 0.011, "high": 0.036},
    "gpt-image-1.5": {"low": 0.009, "medium": 0.034, "high": 0.133},
    "gpt-image-2": {"low": 0.006, "medium": 0.053, "high": 0.211, "xhigh": 0.422, "max": 0.844},
}
# USD per token: text in, image in, image out.
_GPT_TOKENS = {
    "gpt-image-1": (5e-6, 10e-6, 40e-6),
    "gpt-image-1-mini": (2e-6, 2.5e-6, 8e-6),
    "gpt-image-1.5": (5e-6, 8e-6, 32e-6),
    "gpt-image-2": (5e-6, 8e-6, 30e-6),
}
_PUBLISHED = {*_GPT_TOKENS, "gpt-image-2.6-sunburst"}  # token prices that we read; the others are taken for alike
_MOST_TOKENS = 10**9  # no reply has as many: a larger count is no count
_TOKENS_PER_PARTIAL = 100
_TOKENS_PER_INPUT = 1600  # a large input picture; small ones are fewer
_CHARACTERS_PER_TOKEN = 3  # on the safe side of the usual 4


def estimate(model: Model, size: Size, quality: str | None, *, prompt: str, inputs: int, partials: int) -> float | None:
    """USD for one picture before it is asked for, rather too much than too little; None: nobody knows.

    Args:
        quality: as sent; None counts as the model's dearest.
        inputs: pictures that travel with the request.
        partials: partial pictures asked for.
    """
    if model.family is ModelFamily.DALLE2:
        return _DALLE2.get(str(size), 0.02)
    if model.family is ModelFamily.DALLE3:
        return _DALLE3["hd" if quality == "hd" else "standard"][str(size) != "1024x1024"]
    if model.family is ModelFamily.UNKNOWN:
        return None
    row = _price_row(model)
    by_quality = _GPT_SQUARE[row]
    picture = by_quality.get(quality or "high", by_quality["high"]) * max(1.0, size.width * size.height / 2**20)
    text_in, image_in, image_out = _GPT_TOKENS[row]
    text = (len(prompt) / _CHARACTERS_PER_TOKEN + 1) * text_in
    return picture + text + inputs * _TOKENS_PER_INPUT * image_in + partials * _TOKENS_PER_PARTIAL * image_out


def from_usage(model: Model, usage: Mapping[str, Any]) -> float | None:
    """USD from a reply's `usage` object; None if it says nothing useful or the model has no token prices."""
    if model.family is not ModelFamily.GPT:
        return None
    text_in, image_in, image_out = _GPT_TOKENS[_price_row(model)]
    details = usage.get("input_tokens_details")
    details = details if isinstance(details, Mapping) else {}
    counts = [usage.get("output_tokens"), details.get("text_tokens"), details.get("image_tokens")]
    if not all(isinstance(count, int) and 0 <= count < _MOST_TOKENS for count in counts):
        return None
    out, text, pictures = (int(count or 0) for count in counts)
    return out * image_out + text * text_in + pictures * image_in


def is_published(model: Model) -> bool:
    """Whether what `from_usage` says is the provider's own price; else it is taken from a similar model."""
    return model.name in _PUBLISHED


def _price_row(model: Model) -> str:
    if model.name == "chatgpt-image-latest":
        return "gpt-image-1.5"
    return model.name if model.name in _GPT_SQUARE else "gpt-image-2"
