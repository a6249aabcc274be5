"""What the user's `endpoints.toml` says about this server.

[settings.endpoint]
policy = "family-safe"                      # the moderation policy in front; left out: DALL·E-like
max_waiting = 100                           # requests that may wait; more are answered 429
merge = 8                                   # requests that are alike become batches of so many pictures at most
[settings.endpoint.aliases]
"gpt-image-1" = "house-style"               # what a name draws with
[settings.endpoint.keys.laptop]             # made by `python -m nodes.endpoint.keys add laptop`
sha256 = "…"
requests_per_minute = 30                    # each limit may be left out
[settings.storage]
url = "s3://bucket/pictures"                # where pictures are served from; left out: the state folder
options = { endpoint = "https://minio.example.com", region = "eu-1" }   # obstore's; credentials by the environment
[webhooks.mine]
url = "https://example.com/hook"
secret = "whsec_…"
"""

from __future__ import annotations

import base64
import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from ..endpoints import WEBHOOKS_TABLE, Check, check_table, is_number
from ..errors import DalleFluxError

TABLE, STORAGE = "endpoint", "storage"
# What apps ask for today, and what draws it.
ALIASES: Mapping[str, str] = dict.fromkeys(
    (
        "gpt-image-1", "gpt-image-1-mini", "gpt-image-1.5", "gpt-image-2", "gpt-image-2.5-sunburst",
        "gpt-image-2.5-flare", "gpt-image-2.6-sunburst", "gpt-image-2.6-flare", "chatgpt-image-latest",
    ),
    "dall-e-3",
)  # fmt: skip
SCHEMES = ("s3", "gs", "az", "abfs", "abfss")  # of buckets
_SECRET_OPTION = re.compile("secret|token|password|access_key|account_key|private_key|credential")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SECRET_PREFIX = "whsec_"
_SHORTEST_SECRET = 16  # bytes
_MOST = 2**31  # of anything counted here


class BadEndpointSettings(DalleFluxError):
    """`[settings.endpoint]` or `[webhooks.…]` holds something that cannot be used."""

    code = "bad_endpoint_settings"


@dataclass(frozen=True)
class Key:
    """A client's key, of which only the SHA-256 is known, and what it may ask for; None: no limit."""

    sha256: str = field(repr=False)
    requests_per_minute: int | None = None
    pictures_per_day: int | None = None
    max_waiting: int | None = None
    models: tuple[str, ...] | None = None

    def limits(self) -> dict[str, Any]:
        """Those that are set, by name."""
        limits = {name: value for name, value in dataclasses.asdict(self).items() if value is not None}
        del limits["sha256"]
        return limits


@dataclass(frozen=True)
class Webhook:
    """Where a finished job is announced."""

    url: str
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Storage:
    """Where pictures are served from."""

    url: str  # file:///folder, or a bucket: s3://, gs://, az://
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path | None:
        """A folder of this machine; None: a bucket."""
        parts = urlsplit(self.url)
        return Path(url2pathname(parts.path)) if parts.scheme == "file" else None


@dataclass(frozen=True)
class EndpointSettings:
    """The whole table, with its defaults."""

    enabled: bool = True
    policy: str = "DALL·E-like"
    text_check: str | None = None  # as in the node Moderation Policy; None: the policy's own
    image_check: str | None = None
    max_waiting: int = 128
    max_waiting_mb: int = 1024  # of pictures that came with requests that wait
    max_body_mb: int = 64
    timeout_s: float = 1800.0  # waiting and drawing
    merge: int = 1  # pictures of several requests that are drawn as one batch at most
    url_minutes: int = 60  # how long a picture's address works
    job_hours: int = 24  # how long a job and its result are kept
    public_url: str | None = None  # what clients call this server, if not by the name they send
    aliases: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, Key] = field(default_factory=dict)
    webhooks: Mapping[str, Webhook] = field(default_factory=dict)
    storage: Storage | None = None  # None: the state folder

    def draws_with(self, name: str) -> str:
        """The model behind a name; the name itself if nothing else is said."""
        return self.aliases.get(name, ALIASES.get(name, name))


def settings_of(settings: Mapping[str, Any], webhooks: Mapping[str, Any]) -> EndpointSettings:
    """Read `[settings]` and `[webhooks]` of the user's file.

    Raises:
        BadEndpointSettings: with the name of the line that is wrong.
    """
    where = f"settings.{TABLE}"
    try:
        table = check_table(where, settings.get(TABLE, {}), _FIELDS)
        keys = {name: key_of(f"{where}.keys.{name}", key) for name, key in table.pop("keys", {}).items()}
        storage = settings.get(STORAGE)
        store = None if storage is None else _storage(f"settings.{STORAGE}", storage)
        hooks = {name: _webhook(f"{WEBHOOKS_TABLE}.{name}", hook) for name, hook in webhooks.items()}
    except ValueError as error:
        raise BadEndpointSettings(f"endpoints.toml cannot be used: {error}; correct that line.") from None
    return EndpointSettings(**table, keys=keys, webhooks=hooks, storage=store)


def key_of(where: str, table: object) -> Key:
    """Raises ValueError: it is no key."""
    fields = check_table(where, table, _KEY)
    if "sha256" not in fields:
        raise ValueError(f"[{where}] has no sha256")
    models = fields.pop("models", None)
    return Key(**fields, models=None if models is None else tuple(models))


def _webhook(where: str, table: object) -> Webhook:
    fields = check_table(where, table, _WEBHOOK)
    if missing := {"url", "secret"} - set(fields):
        raise ValueError(f"[{where}] has no {min(missing)}")
    return Webhook(**fields)


def _storage(where: str, table: object) -> Storage:
    fields = check_table(where, table, _STORAGE)
    if "url" not in fields:
        raise ValueError(f"[{where}] has no url")
    return Storage(**fields)


def _whole(low: int, high: int = _MOST) -> Check:
    return (
        f"a whole number from {low} to {high}",
        lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high,
    )


def _is_web_address(value: object) -> bool:
    try:
        parts = urlsplit(value if isinstance(value, str) else "")
        return parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.username and parts.port != 0
    except ValueError:
        return False


def _is_store(value: object) -> bool:
    try:
        parts = urlsplit(value if isinstance(value, str) else "")
    except ValueError:
        return False
    if parts.scheme == "file":
        return not parts.netloc and parts.path.startswith("/") and len(parts.path) > 1
    return parts.scheme in SCHEMES and bool(parts.netloc) and "@" not in parts.netloc and not parts.query


def _is_secret(value: object) -> bool:
    try:
        secret = value.removeprefix(_SECRET_PREFIX) if isinstance(value, str) else ""
        return len(base64.b64decode(secret, validate=True)) >= _SHORTEST_SECRET
    except ValueError:
        return False


def _is_names(value: object) -> bool:
    return isinstance(value, Mapping) and all(isinstance(target, str) for target in value.values())


_WEB_ADDRESS: Check = ("an address that begins with https:// and holds no password", _is_web_address)
_TEXT: Check = ("text", lambda value: isinstance(value, str))
_TABLE: Check = ("a table", lambda value: isinstance(value, Mapping))
_FIELDS: Mapping[str, Check] = {
    "enabled": ("true or false", lambda value: isinstance(value, bool)),
    "policy": _TEXT,
    "text_check": _TEXT,
    "image_check": _TEXT,
    "max_waiting": _whole(1, 10_000),
    "max_waiting_mb": _whole(1),
    "max_body_mb": _whole(1, 512),
    "merge": _whole(1, 64),
    "timeout_s": ("seconds, above 0", lambda value: is_number(value) and value > 0),
    "url_minutes": _whole(1, 7 * 24 * 60),
    "job_hours": _whole(1, 365 * 24),
    "public_url": _WEB_ADDRESS,
    "aliases": ("names of models by the names that clients ask for", _is_names),
    "keys": _TABLE,
}
_KEY: Mapping[str, Check] = {
    "sha256": ("64 hex digits", lambda value: isinstance(value, str) and bool(_SHA256.fullmatch(value))),
    "requests_per_minute": _whole(1),
    "pictures_per_day": _whole(1),
    "max_waiting": _whole(1),
    "models": ("a list of names", lambda value: isinstance(value, list) and all(isinstance(one, str) for one in value)),
}
_STORAGE: Mapping[str, Check] = {
    "url": ("file:///folder, or a bucket at s3://, gs:// or az:// without a password in it", _is_store),
    "options": ("names and texts", lambda value: _is_names(value) and not _SECRET_OPTION.search(" ".join(value))),
}
_WEBHOOK: Mapping[str, Check] = {
    "url": _WEB_ADDRESS,
    "secret": (f"{_SECRET_PREFIX} and Base64 of at least {_SHORTEST_SECRET} bytes", _is_secret),
}
