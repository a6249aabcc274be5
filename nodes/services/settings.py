"""The user's own limits, from `endpoints.toml`:

[settings.images_api]
per_session_usd = 2.00          # until ComfyUI is restarted; for everything that is not free, chat calls included
per_day_usd = 5.00              # since midnight, local time; what holds if this line is not there
partial_images = 2              # previews while a GPT image model draws; 0 switches them off

[settings.images_api.prices]    # USD a picture, where the pack knows none or a wrong one
house-style = 0.03

[settings.images_api.models]    # your names, such as Azure deployments → the model behind
my-deployment = "gpt-image-2"

[settings.chat.prices]          # USD for a million tokens, those read and those written, of an LLM behind an endpoint
gpt-5.4-nano = 1.25
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..endpoints import BadEndpointsFile

TABLE = "images_api"
CHAT_TABLE = "chat"
# Enough for an evening's work (some 90 pictures of gpt-image-2 in standard quality), and no harm if a graph that was
# downloaded turns out to be greedy: without it one node can ask for 10 pictures of $6.68.
DEFAULT_PER_DAY_USD = 5.0
MAX_PARTIALS = 3
DEFAULT_PARTIALS = 2


@dataclass(frozen=True)
class ServiceSettings:
    """`[settings.images_api]` and `[settings.chat]`."""

    per_session_usd: float | None = None
    per_day_usd: float | None = DEFAULT_PER_DAY_USD  # None, which no file can say: no budget
    partial_images: int = DEFAULT_PARTIALS
    prices: Mapping[str, float] = field(default_factory=dict)  # USD a picture by model name
    models: Mapping[str, str] = field(default_factory=dict)  # the user's name → name in the model table
    chat_prices: Mapping[str, float] = field(default_factory=dict)  # USD for a million tokens by model name

    @property
    def has_budget(self) -> bool:
        return self.per_session_usd is not None or self.per_day_usd is not None

    @classmethod
    def read(cls, settings: Mapping[str, Any]) -> ServiceSettings:
        """Read the `[settings]` table.

        Raises:
            BadEndpointsFile: an unknown name or a value that makes no sense. A budget with a typing mistake
                must not be no budget.
        """
        images = _table(settings, TABLE, ("per_session_usd", "per_day_usd", "partial_images", "prices", "models"))
        chat = _table(settings, CHAT_TABLE, ("prices",))
        for name in ("per_session_usd", "per_day_usd"):
            if name in images and not _is_amount(images[name]):
                raise _wrong(TABLE, f"{name} must be an amount in USD")
        partials = images.get("partial_images", DEFAULT_PARTIALS)
        if not isinstance(partials, int) or isinstance(partials, bool) or not 0 <= partials <= MAX_PARTIALS:
            raise _wrong(TABLE, f"partial_images must be 0 to {MAX_PARTIALS}")
        models = images.get("models", {})
        if not isinstance(models, Mapping) or not all(isinstance(model, str) for model in models.values()):
            raise _wrong(TABLE, "models must be model names by your own names")
        return cls(
            images.get("per_session_usd"),
            images.get("per_day_usd", DEFAULT_PER_DAY_USD),
            partials,
            _prices(images, TABLE),
            dict(models),
            _prices(chat, CHAT_TABLE),
        )


def _table(settings: Mapping[str, Any], name: str, known: tuple[str, ...]) -> Mapping[str, Any]:
    table = settings.get(name, {})
    if not isinstance(table, Mapping):
        raise _wrong(name, "must be a table")
    for key in table:
        if key not in known:
            raise _wrong(name, f"has an unknown field '{key[:64]}'; known are {', '.join(known)}")
    return table


def _prices(table: Mapping[str, Any], name: str) -> dict[str, float]:
    prices = table.get("prices", {})
    if not isinstance(prices, Mapping) or not all(_is_amount(price) for price in prices.values()):
        raise _wrong(name, "prices must be amounts in USD by model name")
    return dict(prices)


def _is_amount(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0


def _wrong(table: str, what: str) -> BadEndpointsFile:
    return BadEndpointsFile(f"endpoints.toml cannot be used: [settings.{table}] {what}; correct it and run again.")
