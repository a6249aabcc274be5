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
from typing import Any

from ..errors import DalleFluxError
from .policy import IF_INSTALLED, BadPolicy, OnError, Policy, Preset, make_policy

FIELDS = ("minimum", "keep_text", "retention_days")
_TEXTS = ("preset", "text_check", "image_check", "endpoint", "model", "guard_endpoint", "guard_model", "on_error")


class BadModerationSettings(DalleFluxError):
    """[settings.moderation] in the user's file cannot be used."""

    code = "bad_moderation_settings"


def moderation_table(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """The table [settings.moderation] of `Endpoints.settings`.

    Raises:
        BadModerationSettings: it is no table, or holds an unknown field.
    """
    table = settings.get("moderation", {})
    if not isinstance(table, Mapping):
        raise BadModerationSettings("In endpoints.toml moderation must be a table: write [settings.moderation].")
    if unknown := set(table) - set(FIELDS):
        raise BadModerationSettings(
            f"[settings.moderation] in endpoints.toml has the unknown field '{sorted(unknown)[0]}'; known are "
            f"{', '.join(FIELDS)}."
        )
    return table


def minimum_of(settings: Mapping[str, Any]) -> Policy | None:
    """The user's minimum policy from `Endpoints.settings`; None: there is none.

    Raises:
        BadModerationSettings: it cannot be read.
    """
    wanted = moderation_table(settings).get("minimum")
    if wanted is None:
        return None
    if isinstance(wanted, str):
        wanted = {"preset": wanted}
    if not isinstance(wanted, Mapping):
        raise BadModerationSettings(
            f"minimum under [settings.moderation] must be one of {_presets()}, or a table of its own."
        )
    given = dict(wanted)
    for name, value in given.items():
        if name not in (*_TEXTS, "threshold", "categories"):
            raise BadModerationSettings(
                f"minimum under [settings.moderation] has the unknown field '{name}'; known are "
                f"{', '.join((*_TEXTS, 'threshold', 'categories'))}."
            )
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not (is_number if name == "threshold" else isinstance(value, str)):
            kind = "a number" if name == "threshold" else "a text"
            raise BadModerationSettings(f"{name} of the minimum under [settings.moderation] must be {kind}.")
    return _policy(given)


def _policy(given: dict[str, Any]) -> Policy:
    try:
        preset = Preset(given.pop("preset", Preset.DALLE_LIKE.value))
    except ValueError:
        raise BadModerationSettings(
            f"minimum under [settings.moderation] names a preset that does not exist; use one of {_presets()}."
        ) from None
    try:
        on_error = OnError(given.pop("on_error", OnError.BLOCK.value))
    except ValueError:
        raise BadModerationSettings(
            "on_error of the minimum under [settings.moderation] must be block or allow."
        ) from None
    given.setdefault("text_check", "local")
    given.setdefault("image_check", IF_INSTALLED)
    try:
        return make_policy(preset, on_error=on_error, **given)
    except BadPolicy as error:
        raise BadModerationSettings(f"The minimum under [settings.moderation] cannot be used: {error}") from None


def _presets() -> str:
    return ", ".join(f'"{preset.value}"' for preset in Preset)
