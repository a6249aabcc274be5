"""The one table of image models: what each accepts, until when it lived.

Source: docstrings of openai-python 1.109.1 and 2.54.0 (`image_generate_params.py`, dall-e columns) and
3.52.0 (GPT columns); shutdown dates from OpenAI's deprecations page, openai 3.52.0 `types/image_model.py`
and Microsoft's retirement notice (azure-ai-docs, `dall-e-retirement.md`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import Enum

from ..sizes import DALLE2_SIZES, DALLE3_SIZES, Size

LIVE_MODEL = "gpt-image-2"  # what the nodes ask for unless told otherwise
SUCCESSOR = "gpt-image-2 or gpt-image-2.6-sunburst"

# gpt-image-2 and newer (openai 3.52.0 `image_generate_params.py`).
EDGE_STEP = 16
MAX_EDGE = 3840
MIN_PIXELS = 655_360
MAX_PIXELS = 8_294_400
MAX_RATIO = 3.0

_DATED = re.compile(r"-20[0-9]{2}-[01][0-9]-[0-3][0-9]\Z")  # a snapshot of a model: gpt-image-2-2026-04-21
GPT1_SIZES = ("1024x1024", "1536x1024", "1024x1536")
GPT_QUALITIES = ("low", "medium", "high", "auto")


class ModelFamily(Enum):
    """Which dialect of the Images API a model speaks."""

    DALLE2 = "dall-e-2"
    DALLE3 = "dall-e-3"
    GPT = "gpt-image"
    HOSTED = "hosted"  # a service with a protocol of its own; its rows stand in `kinds/`
    UNKNOWN = "unknown"  # compatible servers: asked as if for DALL·E 3, without its limits


@dataclass(frozen=True)
class Model:
    """One row."""

    name: str
    family: ModelFamily
    max_prompt: int | None  # characters; None: nobody knows
    sizes: tuple[str, ...] | None  # None: free
    qualities: tuple[str, ...]
    has_style: bool = False
    has_response_format: bool = False  # GPT models refuse it and always send base64
    has_moderation: bool = False
    streams: bool = False
    max_inputs: int = 0  # pictures an edit takes; 0: no edits
    has_variations: bool = False
    shutdown: Mapping[str, date] = field(default_factory=dict)  # by provider: "openai", "azure"

    def retired_on(self, provider: str, today: date) -> date | None:
        """The day it was shut down at `provider` ("openai", "azure" or another), if that day has come."""
        day = self.shutdown.get(provider)
        return day if day and day <= today else None


def _gpt(name: str, *, shutdown: date | None = None, free: bool = True, newest: bool = False) -> Model:
    return Model(
        name,
        ModelFamily.GPT,
        max_prompt=32_000,
        sizes=None if free else GPT1_SIZES,
        qualities=(*GPT_QUALITIES, "xhigh", "max") if newest else GPT_QUALITIES,
        has_moderation=True,
        streams=True,
        max_inputs=16,
        shutdown={"openai": shutdown} if shutdown else {},
    )


_DALLE_SHUTDOWN = date(2026, 5, 12)
_DECEMBER = date(2026, 12, 1)

MODELS: Mapping[str, Model] = {
    model.name: model
    for model in (
        _gpt("gpt-image-2"),
        _gpt("gpt-image-2.6-sunburst", newest=True),
        _gpt("gpt-image-2.6-flare", newest=True),
        _gpt("gpt-image-2.5-sunburst", newest=True),
        _gpt("gpt-image-2.5-flare", newest=True),
        Model(
            "dall-e-3", ModelFamily.DALLE3, 4000, DALLE3_SIZES, ("standard", "hd"),
            has_style=True, has_response_format=True,
            shutdown={"openai": _DALLE_SHUTDOWN, "azure": date(2026, 3, 4)},
        ),
        Model(
            "dall-e-2", ModelFamily.DALLE2, 1000, DALLE2_SIZES, ("standard",),
            has_response_format=True, max_inputs=1, has_variations=True,
            shutdown={"openai": _DALLE_SHUTDOWN, "azure": date(2025, 1, 27)},
        ),
        _gpt("gpt-image-1", free=False, shutdown=date(2026, 10, 23)),
        _gpt("gpt-image-1-mini", free=False, shutdown=_DECEMBER),
        _gpt("gpt-image-1.5", free=False, shutdown=_DECEMBER),
        _gpt("chatgpt-image-latest", free=False, shutdown=_DECEMBER),
    )
}  # fmt: skip


def model_named(name: str, aliases: Mapping[str, str] | None = None) -> Model:
    """The row for a model's name; dated snapshots ("gpt-image-2-2026-04-21") share their model's row.

    Args:
        aliases: the user's own names, such as Azure deployments → a name in the table.
    """
    name = (aliases or {}).get(name, name)
    if name in MODELS:
        return MODELS[name]
    undated = _DATED.sub("", name)
    if undated in MODELS:
        return MODELS[undated]
    return Model(
        name,
        ModelFamily.UNKNOWN,
        max_prompt=None,
        sizes=None,
        qualities=(),
        has_style=True,
        has_response_format=True,
        max_inputs=16,
        has_variations=True,
    )


def choices(today: date) -> list[str]:
    """Models a node offers: live ones first, the two DALL·E models for compatible servers, no dead GPT model."""
    return [
        model.name
        for model in MODELS.values()
        if model.family is not ModelFamily.GPT or not model.retired_on("openai", today)
    ]


def fits_freely(size: Size) -> bool:
    """Whether gpt-image-2 and newer take this size."""
    return (
        size.width % EDGE_STEP == 0
        and size.height % EDGE_STEP == 0
        and max(size) <= MAX_EDGE
        and max(size) <= MAX_RATIO * min(size)
        and MIN_PIXELS <= size.width * size.height <= MAX_PIXELS
    )


def next_larger(size: Size) -> Size | None:
    """The smallest size of the same shape, not smaller than `size`, that gpt-image-2 and newer take; None: too large.

    The shape is kept to within one step of 16 px.
    """
    scale = max(1.0, math.sqrt(MIN_PIXELS / (size.width * size.height)))
    width, height = (math.ceil(edge * scale / EDGE_STEP - 1e-9) * EDGE_STEP for edge in size)
    larger = Size(width, height)
    return larger if fits_freely(larger) else None
