"""What the settings page shows and changes. No key goes out, whatever is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..archive import places
from ..endpoint.settings import settings_of
from ..endpoints import BUILT_IN, KINDS, SETTINGS_TABLE, WEBHOOKS_TABLE, Endpoint, Endpoints
from ..errors import DalleFluxError
from ..flux.licences import SETTING as ONLY_COMMERCIAL
from ..flux.licences import wants_commercial
from ..moderation.policy import Preset
from ..moderation.settings import ModerationSettings
from ..replies import BadRequest
from ..services.settings import ServiceSettings
from ..state import State
from .document import Change, change

CUSTOM = "custom"  # a minimum policy with fields of its own, which is changed in the file
_KEY = "api_key"
_LONGEST = 10_000  # characters of a text


def shown(state: State) -> dict[str, Any]:
    """The file as the page shows it; what is wrong with it as a sentence."""
    complaint = ""
    try:
        known = Endpoints.read(state.endpoints_file)
        check(known)
    except DalleFluxError as error:
        complaint = str(error)
        known = Endpoints(dict(BUILT_IN), {}, state.endpoints_file)
    return {
        "file": str(state.endpoints_file),
        "complaint": complaint,
        "endpoints": [_endpoint(one) for one in known.by_name.values()],
        "kinds": list(KINDS),
        "settings": None if complaint else _settings(known.settings),
        "presets": [preset.value for preset in Preset],
    }


def check(known: Endpoints) -> None:
    """Raise what any room has to say against the file."""
    ServiceSettings.read(known.settings)
    ModerationSettings.read(known.settings)
    settings_of(known.settings, known.webhooks)
    wants_commercial(known.settings)
    places.folders(known.settings)


def change_settings(state: State, wanted: Mapping[str, Any]) -> None:
    """Set some of the settings by their names on the page; null takes a line out, and the default holds.

    Raises:
        BadRequest: a name that is none, or a value that no line can hold.
        DalleFluxError: see `document.change`.
    """
    changes = []
    for name, value in wanted.items():
        if name not in _PLACES:
            raise BadRequest(f"There is no setting {name[:40]!r}; there are {', '.join(_PLACES)}.")
        path, fits = _PLACES[name]
        if value is not None and not fits(value):
            raise BadRequest(f"{name} cannot be set to this; look at the field again.")
        changes.append(Change((SETTINGS_TABLE, *path), value))
    change(state.endpoints_file, changes, check)


def put_endpoint(state: State, fields: Mapping[str, Any]) -> None:
    """Add an endpoint, or change fields of one; null takes a field out.

    Raises:
        BadRequest, DalleFluxError: as above.
    """
    name = fields.get("name")
    if not isinstance(name, str) or not name:
        raise BadRequest("An endpoint needs a name.")
    if name in (SETTINGS_TABLE, WEBHOOKS_TABLE):
        raise BadRequest(f"An endpoint cannot be called '{name}'; the file has another table of that name.")
    changes = []
    for field, value in fields.items():
        if field == "name":
            continue
        if field not in _FIELDS:
            raise BadRequest(f"An endpoint has no field {field[:40]!r} on this page; write it into the file.")
        if value is not None and not _FIELDS[field](value):
            raise BadRequest(f"{field} of an endpoint cannot be set to this; look at the field again.")
        changes.append(Change((name, field), value.strip() if field == _KEY and value else value))
    if not changes:
        raise BadRequest("Nothing was said about the endpoint.")
    change(state.endpoints_file, changes, check)


def remove_endpoint(state: State, name: str) -> None:
    """Take an endpoint's table out of the file, its key included; a built-in one is as it was before.

    Raises:
        DalleFluxError: as above.
    """
    if name not in Endpoints.read(state.endpoints_file).by_name:
        raise BadRequest(f"There is no endpoint {name[:64]!r} in the file.")
    change(state.endpoints_file, [Change((name,))], check)


def _endpoint(endpoint: Endpoint) -> dict[str, Any]:
    variable = endpoint.api_key_env
    if endpoint.stored_key:
        key = "stored"
    elif variable:
        key = "set" if endpoint.key_in_environment() else "unset"
    else:
        key = "none"
    return {
        "name": endpoint.name,
        "base_url": endpoint.base_url,
        "kind": endpoint.kind,
        "models": endpoint.models,
        "api_key_env": variable,
        "key": key,
        "is_built_in": endpoint == BUILT_IN.get(endpoint.name),  # as it came: there is nothing to remove
        "is_local": endpoint.is_local,
    }


def _settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    services = ServiceSettings.read(settings)
    minimum = settings.get("moderation", {}).get("minimum")
    return {
        "per_session_usd": services.per_session_usd,
        "per_day_usd": services.per_day_usd,
        "only_commercial": wants_commercial(settings),
        "minimum": minimum if minimum is None or isinstance(minimum, str) else CUSTOM,
        "archive_folders": [str(folder) for folder in places.folders(settings)],
        "served": settings_of(settings, {}).enabled,
    }


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST and value.isprintable()


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_amount(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e9


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


Fits = Callable[[Any], bool]
_PLACES: Mapping[str, tuple[tuple[str, ...], Fits]] = {
    "per_session_usd": (("images_api", "per_session_usd"), _is_amount),
    "per_day_usd": (("images_api", "per_day_usd"), _is_amount),
    "only_commercial": ((ONLY_COMMERCIAL,), _is_flag),
    "minimum": (("moderation", "minimum"), lambda value: value in [preset.value for preset in Preset]),
    "archive_folders": (("archive", "folders"), _is_texts),
    "served": (("endpoint", "enabled"), _is_flag),
}
_FIELDS: Mapping[str, Fits] = {
    "base_url": _is_text,
    "kind": lambda value: value in KINDS,
    _KEY: _is_text,
    "api_key_env": _is_text,
    "api_version": _is_text,
    "models": _is_texts,
    "allow_http": _is_flag,
}
