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

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..endpoints import BadEndpointsFile, Check, check_table, is_number

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
        try:
            images = check_table(f"settings.{TABLE}", settings.get(TABLE, {}), _IMAGES)
            chat = check_table(f"settings.{CHAT_TABLE}", settings.get(CHAT_TABLE, {}), {"prices": _PRICES})
        except ValueError as error:
            raise BadEndpointsFile(f"endpoints.toml cannot be used: {error}; correct it and run again.") from None
        return cls(**images, chat_prices=chat.get("prices", {}))


def _is_amount(value: object) -> bool:
    return is_number(value) and value >= 0  # type: ignore[operator]


def _is_prices(value: object) -> bool:
    return isinstance(value, Mapping) and all(_is_amount(price) for price in value.values())


def _is_partials(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_PARTIALS


def _is_models(value: object) -> bool:
    return isinstance(value, Mapping) and all(isinstance(model, str) for model in value.values())


_AMOUNT: Check = ("an amount in USD", _is_amount)
_PRICES: Check = ("amounts in USD by model name", _is_prices)
_IMAGES: Mapping[str, Check] = {
    "per_session_usd": _AMOUNT,
    "per_day_usd": _AMOUNT,
    "partial_images": (f"0 to {MAX_PARTIALS}", _is_partials),
    "prices": _PRICES,
    "models": ("model names by your own names", _is_models),
}
