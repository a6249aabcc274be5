"""What the user's `endpoints.toml` says about this server.

[settings.endpoint]
policy = "family-safe"                      # the moderation policy in front; left out: DALL·E-like
max_waiting = 100                           # requests that may wait; more are answered 429
[settings.endpoint.aliases]
"gpt-image-1" = "house-style"               # what a name draws with
[settings.endpoint.keys.laptop]             # made by `python -m nodes.endpoint.keys add laptop`
sha256 = "…"
requests_per_minute = 30                    # each limit may be left out
[webhooks.mine]
url = "https://example.com/hook"
secret = "whsec_…"
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit

import pydantic
from pydantic import BaseModel, ConfigDict, Field

from ..errors import DalleFluxError

TABLE = "endpoint"
# What apps ask for today, and what draws it.
ALIASES: Mapping[str, str] = dict.fromkeys(
    (
        "gpt-image-1", "gpt-image-1-mini", "gpt-image-1.5", "gpt-image-2", "gpt-image-2.5-sunburst",
        "gpt-image-2.5-flare", "gpt-image-2.6-sunburst", "gpt-image-2.6-flare", "chatgpt-image-latest",
    ),
    "dall-e-3",
)  # fmt: skip


class BadEndpointSettings(DalleFluxError):
    """`[settings.endpoint]` or `[webhooks.…]` holds something that cannot be used."""

    code = "bad_endpoint_settings"


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Key(_Table):
    """A client's key, of which only the SHA-256 is known, and what it may ask for."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    requests_per_minute: Annotated[int, Field(ge=1)] | None = None
    pictures_per_day: Annotated[int, Field(ge=1)] | None = None
    max_waiting: Annotated[int, Field(ge=1)] | None = None
    models: list[str] | None = None  # None: all


class Webhook(_Table):
    """Where a finished job is announced."""

    url: str
    secret: Annotated[str, Field(pattern=r"^(whsec_)?[A-Za-z0-9+/=]{16,}$")]

    @pydantic.field_validator("url")
    @classmethod
    def _is_web_address(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise ValueError("it must begin with https:// and hold no password")
        return url


class EndpointSettings(_Table):
    """The whole table, with its defaults."""

    enabled: bool = True
    policy: str = "DALL·E-like"
    text_check: str | None = None  # as in the node Moderation Policy; None: the policy's own
    image_check: str | None = None
    max_waiting: Annotated[int, Field(ge=1, le=10_000)] = 128
    max_waiting_mb: Annotated[int, Field(ge=1)] = 1024  # of pictures that came with requests that wait
    max_body_mb: Annotated[int, Field(ge=1, le=512)] = 64
    timeout_s: Annotated[float, Field(gt=0, lt=math.inf)] = 1800.0  # waiting and drawing
    url_minutes: Annotated[int, Field(ge=1, le=7 * 24 * 60)] = 60  # how long a picture's address works
    job_hours: Annotated[int, Field(ge=1, le=365 * 24)] = 24  # how long a job and its result are kept
    public_url: str | None = None  # what clients call this server, if not by the name they send
    hosts: list[str] = []  # further Host names
    origins: list[str] = []  # web pages that may call, such as "https://app.example.com"
    aliases: Mapping[str, str] = {}
    keys: Mapping[str, Key] = {}
    webhooks: Mapping[str, Webhook] = {}

    def draws_with(self, name: str) -> str:
        """The model behind a name; the name itself if nothing else is said."""
        return self.aliases.get(name, ALIASES.get(name, name))


def settings_of(settings: Mapping[str, Any], webhooks: Mapping[str, Any]) -> EndpointSettings:
    """Read `[settings]` and `[webhooks]` of the user's file.

    Raises:
        BadEndpointSettings: with the name of the line that is wrong.
    """
    table = settings.get(TABLE, {})
    try:
        if not isinstance(table, dict):
            raise BadEndpointSettings(f"[settings.{TABLE}] in endpoints.toml must be a table; correct it.")
        return EndpointSettings.model_validate({**table, "webhooks": dict(webhooks)})
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadEndpointSettings(
            f"endpoints.toml cannot be used for the Images API: '{where}' in [settings.{TABLE}] or [webhooks] is "
            f"wrong ({first['msg']}); correct that line."
        ) from None
