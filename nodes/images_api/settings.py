"""The user's own limits, from `endpoints.toml`:

[settings.images_api]
per_session_usd = 2.00          # until ComfyUI is restarted
per_day_usd = 5.00              # since midnight, local time
partial_images = 2              # previews while a GPT image model draws; 0 switches them off

[settings.images_api.prices]    # USD a picture, where the pack knows none or a wrong one
house-style = 0.03

[settings.images_api.models]    # your names, such as Azure deployments → the model behind
my-deployment = "gpt-image-2"
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..endpoints import BadEndpointsFile

TABLE = "images_api"
MAX_PARTIALS = 3
DEFAULT_PARTIALS = 2


@dataclass(frozen=True)
class Settings:
    """`[settings.images_api]`."""

    per_session_usd: float | None = None
    per_day_usd: float | None = None
    partial_images: int = DEFAULT_PARTIALS
    prices: Mapping[str, float] = field(default_factory=dict)  # USD a picture by model name
    models: Mapping[str, str] = field(default_factory=dict)  # the user's name → name in the model table

    @property
    def has_budget(self) -> bool:
        return self.per_session_usd is not None or self.per_day_usd is not None

    @classmethod
    def read(cls, settings: Mapping[str, Any]) -> Settings:
        """Read the `[settings]` table.

        Raises:
            BadEndpointsFile: an unknown name or a value that makes no sense. A budget with a typing mistake
                must not be no budget.
        """
        table = settings.get(TABLE, {})
        if not isinstance(table, Mapping):
            raise _wrong("must be a table")
        for name in table:
            if name not in cls.__dataclass_fields__:
                raise _wrong(f"has an unknown field '{name}'; known are {', '.join(cls.__dataclass_fields__)}")
        for name in ("per_session_usd", "per_day_usd"):
            if name in table and not _is_amount(table[name]):
                raise _wrong(f"{name} must be an amount in USD")
        partials = table.get("partial_images", DEFAULT_PARTIALS)
        if not isinstance(partials, int) or not 0 <= partials <= MAX_PARTIALS:
            raise _wrong(f"partial_images must be 0 to {MAX_PARTIALS}")
        prices = table.get("prices", {})
        if not isinstance(prices, Mapping) or not all(_is_amount(price) for price in prices.values()):
            raise _wrong("prices must be amounts in USD by model name")
        models = table.get("models", {})
        if not isinstance(models, Mapping) or not all(isinstance(model, str) for model in models.values()):
            raise _wrong("models must be model names by your own names")
        return cls(table.get("per_session_usd"), table.get("per_day_usd"), partials, dict(prices), dict(models))


def _is_amount(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0


def _wrong(what: str) -> BadEndpointsFile:
    return BadEndpointsFile(f"endpoints.toml cannot be used: [settings.{TABLE}] {what}; correct it and run again.")
