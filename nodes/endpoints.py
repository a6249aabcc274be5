"""Named endpoints: a workflow says "openai", the user's own file says what that means.

So a graph downloaded from a stranger cannot send a key, a prompt or a picture anywhere the user did not
name. The file is `<ComfyUI user dir>/dalle_flux/endpoints.toml`:

    [studio]
    base_url = "https://images.example.com/v1"
    api_key_env = "STUDIO_KEY"            # or: api_key = "…" in this file, which is then made private
    models = ["dall-e-3", "house-style"]

The table `[settings]` is no endpoint: it holds the user's own limits and choices, see `Endpoints.settings`; nor is
`[webhooks]`, which names addresses that the Images API served here may call.
"""

from __future__ import annotations

import contextlib
import difflib
import ipaddress
import math
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from .errors import DalleFluxError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SETTINGS_TABLE = "settings"
WEBHOOKS_TABLE = "webhooks"


@dataclass(frozen=True)
class Home:
    """Where the services of a kind live, for a table of the user's file that says no more than its kind."""

    base_url: str
    api_key_env: str
    path: str = "/v1"  # of an address that has none


# Kinds that draw pictures and speak a protocol of their own (`images_api/kinds/`).
HOSTED: Mapping[str, Home] = {
    "bfl": Home("https://api.bfl.ai/v1", "BFL_API_KEY"),
    "fal": Home("https://queue.fal.run", "FAL_KEY", path=""),
    "replicate": Home("https://api.replicate.com/v1", "REPLICATE_API_TOKEN"),
    "together": Home("https://api.together.ai/v1", "TOGETHER_API_KEY"),
    "stability": Home("https://api.stability.ai/v2beta", "STABILITY_API_KEY", path="/v2beta"),
}
# Kinds that judge texts and do nothing else.
JUDGING: Mapping[str, Home] = {
    "google": Home("https://language.googleapis.com/v2", "GOOGLE_API_KEY", path="/v2"),
}
_HOMES = {**HOSTED, **JUDGING}
KINDS = ("openai", "azure", *_HOMES)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_MAX_FILE_BYTES = 1_000_000
_LONGEST_S = 86_400  # seconds that a request may be given
_AZURE_HOSTS = (".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com")


class BadEndpointsFile(DalleFluxError):
    """`endpoints.toml` cannot be read or says something that is not allowed."""

    code = "bad_endpoints_file"


class UnknownEndpoint(DalleFluxError):
    """A workflow names an endpoint that the user's file does not."""

    code = "unknown_endpoint"


class MissingKey(DalleFluxError):
    """The endpoint needs a key and none is set."""

    code = "missing_key"


@dataclass(frozen=True)
class Endpoint:
    """Where requests go and with which key. The key is read only when a request is made."""

    name: str
    base_url: str  # no trailing slash, no user:password
    api_key_env: str | None = None
    stored_key: str | None = field(default=None, repr=False)
    models: tuple[str, ...] = ()
    kind: str = "openai"  # one of KINDS; "azure": header api-key, deployments
    api_version: str | None = None  # azure only
    timeout_s: float = 600.0
    max_parallel: int = 10  # requests under way at once: as many as one node asks for pictures

    @property
    def is_local(self) -> bool:
        """True if requests stay on this machine."""
        return is_loopback(urlsplit(self.base_url).hostname or "")

    @property
    def is_openai(self) -> bool:
        """True at OpenAI itself: only there belongs what OPENAI_ORG_ID and OPENAI_PROJECT_ID say."""
        host = urlsplit(self.base_url).hostname or ""
        return host == "api.openai.com" or host.endswith(".api.openai.com")

    def api_key(self) -> str | None:
        """The key to send, or None if this endpoint needs none.

        Raises:
            MissingKey: the endpoint names an environment variable and it is not set, or what it holds is no key.
        """
        if not self.stored_key and not self.api_key_env:
            return None
        key = (self.stored_key or self.key_in_environment()).strip()
        if not (key.isascii() and key.isprintable()):
            raise MissingKey(
                f"The key of endpoint '{self.name}' holds characters that no key has, such as a line break or the dots "
                "of a hidden one; copy it again from the provider's page."
            )
        if not key and self.api_key_env:
            raise MissingKey(
                f"Endpoint '{self.name}' needs a key and the environment variable {self.api_key_env} is not set; "
                f'set it before starting ComfyUI, or put api_key = "…" under [{self.name}] in endpoints.toml.'
            )
        return key or None

    def key_in_environment(self) -> str:
        """What the environment holds for this endpoint, or an empty text.

        fal's clients also take a key in two halves, FAL_KEY_ID and FAL_KEY_SECRET (source: PyPI fal_client, auth.py).
        """
        variable = self.api_key_env or ""
        key = os.environ.get(variable, "").strip()
        if key or self.kind != "fal" or not variable:
            return key
        halves = [os.environ.get(f"{variable}_{half}", "").strip() for half in ("ID", "SECRET")]
        return ":".join(halves) if all(halves) else ""


BUILT_IN: Mapping[str, Endpoint] = {
    "openai": Endpoint("openai", "https://api.openai.com/v1", api_key_env="OPENAI_API_KEY"),
    "ollama": Endpoint("ollama", "http://127.0.0.1:11434/v1"),
}


@dataclass(frozen=True)
class Endpoints:
    """The built-in endpoints with the user's own over them."""

    by_name: Mapping[str, Endpoint]
    settings: Mapping[str, Any]  # the [settings] table: budgets, records; each room reads its own sub-table
    file: Path
    webhooks: Mapping[str, Any] = field(default_factory=dict)  # the [webhooks] table; read by the room `endpoint`

    def names(self) -> list[str]:
        """Names for a node's list of choices; built-in ones first."""
        return list(self.by_name)

    def get(self, name: str) -> Endpoint:
        """Look an endpoint up.

        Raises:
            UnknownEndpoint: with the lines to add to the user's file.
        """
        if name in self.by_name:
            return self.by_name[name]
        near = difflib.get_close_matches(name, self.by_name, n=1)
        hint = f" (did you mean '{near[0]}'?)" if near else ""
        table = name if _NAME.fullmatch(name) else "my-endpoint"
        lines = 'base_url = "https://…/v1" / api_key_env = "NAME_OF_YOUR_VARIABLE"'
        if name in _HOMES:
            lines = f'kind = "{name}", and set the environment variable {_HOMES[name].api_key_env} to your key'
        raise UnknownEndpoint(
            f"This workflow wants the endpoint {name[:64]!r}, which you have not set up{hint}; if you trust it, add "
            f"to {self.file} the lines: [{table}] / {lines}."
        )

    @classmethod
    def read(cls, file: Path) -> Endpoints:
        """Read the user's file. A missing file means the built-in endpoints.

        Raises:
            BadEndpointsFile: not TOML, an unknown field, a URL that is not allowed.
        """
        try:
            data = file.read_bytes()[: _MAX_FILE_BYTES + 1]
        except FileNotFoundError:
            return cls(dict(BUILT_IN), {}, file)
        except OSError as error:
            raise BadEndpointsFile(f"{file} cannot be read ({error.strerror}); check its permissions.") from None
        known = cls.of(data, file)
        if known.webhooks or any(endpoint.stored_key for endpoint in known.by_name.values()):
            _make_private(file)
        return known

    @classmethod
    def of(cls, data: bytes, file: Path) -> Endpoints:
        """What the user's file says if it holds `data`.

        Raises:
            BadEndpointsFile: as `read`.
        """
        try:
            if len(data) > _MAX_FILE_BYTES:
                raise ValueError("it is larger than 1 MB")
            tables = tomllib.loads(data.decode("utf-8-sig"))
            settings = tables.pop(SETTINGS_TABLE, {})
            if not isinstance(settings, dict):
                raise ValueError(f"[{SETTINGS_TABLE}] must be a table")
            webhooks = tables.pop(WEBHOOKS_TABLE, {})
            if not isinstance(webhooks, dict):
                raise ValueError(f"[{WEBHOOKS_TABLE}] must be a table")
            named = {name: _endpoint(name, table) for name, table in tables.items()}
        except ValueError as error:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
            raise BadEndpointsFile(f"{file} cannot be used: {error}; correct that line and run again.") from None
        return cls({**BUILT_IN, **named}, settings, file, webhooks)


def is_loopback(host: str) -> bool:
    """True for localhost and loopback addresses; never resolves a name."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


Check = tuple[str, Callable[[Any], bool]]  # what a value must be, in words, and whether it is


def check_table(title: str, table: object, known: Mapping[str, Check]) -> dict[str, Any]:
    """A table of the user's file as it is, if it is one and all its fields are known and make sense.

    Raises:
        ValueError: it is not; the text begins with the table's name.
    """
    if not isinstance(table, Mapping):
        raise ValueError(f"[{title}] must be a table")
    for key, value in table.items():
        if key not in known:
            raise ValueError(f"[{title}] has an unknown field '{key[:64]}'; known are {', '.join(known)}")
        what, fits = known[key]
        if not fits(value):
            raise ValueError(f"[{title}] {key} has the wrong type or value: it must be {what}")
    return dict(table)


def is_number(value: object) -> bool:
    """A number that one can count with; True and NaN are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) and 0 < len(one) <= 200 for one in value)


_TEXT: Check = ("text", _is_text)
_FIELDS: Mapping[str, Check] = {
    "base_url": _TEXT,
    "api_key_env": _TEXT,
    "api_key": _TEXT,
    "models": ("a list of names", _is_names),
    "kind": _TEXT,
    "api_version": _TEXT,
    "timeout_s": (
        f"seconds, above 0 and at most {_LONGEST_S}",
        lambda value: is_number(value) and 0 < value <= _LONGEST_S,
    ),
    "max_parallel": ("a whole number above 0", lambda value: is_number(value) and isinstance(value, int) and value > 0),
    "allow_http": ("true or false", lambda value: isinstance(value, bool)),
}


def _endpoint(name: str, table: object) -> Endpoint:
    if not _NAME.fullmatch(name):
        raise ValueError(f"endpoint name {name[:64]!r} may hold letters, digits, '_', '-' and '.' only")
    if not isinstance(table, dict):
        raise ValueError(f"'{name}' stands outside of a table; write [{name}] on a line of its own")
    fields = check_table(name, table, _FIELDS)
    allow_http = fields.pop("allow_http", False)
    kind = fields.pop("kind", None)
    if kind is not None and kind not in KINDS:
        raise ValueError(f"[{name}] kind must be one of {', '.join(KINDS)}")
    home = _HOMES.get(kind or "")
    known: Home | Endpoint | None = BUILT_IN.get(name)
    if home:  # its key goes to its own address only
        known = None if "base_url" in fields else home
    if "base_url" not in fields and known is None:
        raise ValueError(f"[{name}] has no base_url")
    asked = fields.pop("base_url", None) or (known.base_url if known else "")
    base_url = _base_url(name, asked, allow_http, home.path if home else "/v1")
    if kind is None:
        kind = "azure" if (urlsplit(base_url).hostname or "").endswith(_AZURE_HOSTS) else "openai"
    models = fields.pop("models", [])
    stored_key = fields.pop("api_key", None)
    if "api_key_env" not in fields and stored_key is None and known:
        fields["api_key_env"] = known.api_key_env
    return Endpoint(name, base_url, stored_key=stored_key, models=tuple(models), kind=kind, **fields)


def _base_url(name: str, url: str, allow_http: bool, usual_path: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:  # said without the address, which may hold a password
        raise ValueError(f"[{name}] base_url is no address ({str(error)[:60]})") from None
    if port == 0 or any(not sign.isprintable() or sign in " \\" for sign in url):
        raise ValueError(f"[{name}] base_url is no address")
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise ValueError(f"[{name}] base_url must begin with https://")
    if parts.username or parts.password:
        raise ValueError(f"[{name}] base_url must not hold a password; use api_key_env or api_key")
    if parts.query or parts.fragment:
        raise ValueError(f"[{name}] base_url must not hold '?' or '#'")
    if parts.scheme == "http" and not allow_http and not is_loopback(parts.hostname):
        raise ValueError(f"[{name}] base_url sends your key unencrypted; use https://, or add allow_http = true")
    path = parts.path.rstrip("/") or usual_path
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def _make_private(file: Path) -> None:
    if os.name != "nt" and file.stat().st_mode & 0o077:
        with contextlib.suppress(OSError):  # another's file or a read-only disk, such as a container's secret
            file.chmod(0o600)
