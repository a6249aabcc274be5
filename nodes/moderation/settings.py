"""What the user's own file says about moderation, which no workflow undercuts.

    [settings.moderation]
    minimum = "DALL·E-like"    # a preset; every gate and every generator judges by it, whatever the workflow says
    keep_text = true           # see `record`
    retention_days = 365

or, in place of the preset's name, a policy of one's own, with the fields of the node Moderation Policy:

    [settings.moderation.minimum]
    preset = "family-safe"
    text_check = "local + openai"
    categories = "violence = 0.8"
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..endpoints import Check, check_table, is_number
from ..errors import DalleFluxError
from .policy import IF_INSTALLED, BadPolicy, OnError, Policy, Preset, make_policy

TABLE = "settings.moderation"


class BadModerationSettings(DalleFluxError):
    """[settings.moderation] in the user's file cannot be used."""

    code = "bad_moderation_settings"


@dataclass(frozen=True)
class ModerationSettings:
    """`[settings.moderation]`."""

    minimum: Policy | None = None
    keep_text: bool = False  # in the record
    retention_days: int = 365  # of the record; 0: for ever

    @classmethod
    def read(cls, settings: Mapping[str, Any]) -> ModerationSettings:
        """From `Endpoints.settings`.

        Raises:
            BadModerationSettings: an unknown field or a value that makes no sense. A minimum with a typing mistake must
                not be no minimum.
        """
        try:
            fields = check_table(TABLE, settings.get("moderation", {}), _FIELDS)
            if "minimum" in fields:
                fields["minimum"] = _policy(fields["minimum"])
        except (ValueError, BadPolicy) as error:
            raise BadModerationSettings(
                f"endpoints.toml cannot be used: {str(error).rstrip('.')}; correct it and run again."
            ) from None
        return cls(**fields)


def _policy(wanted: str | Mapping[str, Any]) -> Policy:
    named = {"preset": wanted} if isinstance(wanted, str) else wanted
    given = _UNSAID | check_table(f"{TABLE}.minimum", named, _MINIMUM)
    return make_policy(Preset(given.pop("preset")), on_error=OnError(given.pop("on_error")), **given)


def _one_of(values: list[str]) -> Check:
    return " or ".join(f'"{value}"' for value in values), lambda value: value in values


_TEXT: Check = ("text", lambda value: isinstance(value, str))
_FIELDS: Mapping[str, Check] = {
    "minimum": ("a preset's name, or a table of its own", lambda value: isinstance(value, (str, Mapping))),
    "keep_text": ("true or false", lambda value: isinstance(value, bool)),
    "retention_days": (
        "a whole number of days, 0 to keep for ever",
        lambda value: isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 36_500,
    ),
}
_UNSAID: dict[str, Any] = {
    "preset": Preset.DALLE_LIKE.value,
    "on_error": OnError.BLOCK.value,
    "text_check": "local",
    "image_check": IF_INSTALLED,
}
_MINIMUM: Mapping[str, Check] = {
    "preset": _one_of([preset.value for preset in Preset]),
    "on_error": _one_of([choice.value for choice in OnError]),
    "threshold": ("a number", is_number),
    **dict.fromkeys(
        (
            "text_check",
            "image_check",
            "endpoint",
            "model",
            "guard_endpoint",
            "guard_model",
            "google_endpoint",
            "categories",
        ),
        _TEXT,
    ),
}
