"""Who may ask: from this machine anybody until keys are set, from elsewhere nobody without one.

A web page must not draw with its visitor's GPU: requests of another origin are refused, and those that reach this
server under a name that is not its own, as a page does that points its own name at 127.0.0.1 (DNS rebinding).
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit

from ..endpoints import is_loopback
from .contract.errors import bad_key, forbidden, no_key, too_many
from .keys import owner_of
from .settings import EndpointSettings, Key

ANYBODY = "this machine"  # the client of requests that need no key


@dataclass(frozen=True)
class Caller:
    """Who asks."""

    name: str  # of the key, or ANYBODY
    key: Key | None

    def may_use(self, model: str) -> bool:
        return self.key is None or self.key.models is None or model in self.key.models


class Admission:
    """Looks at every request before its body is read; keeps the last minute of each key in memory."""

    def __init__(self) -> None:
        self._asked: defaultdict[str, deque[float]] = defaultdict(deque)

    def admit(self, settings: EndpointSettings, headers: Mapping[str, str], remote: str | None) -> Caller:
        """The caller of a request.

        Args:
            headers: looked up without regard to case.
            remote: the address that the connection comes from.

        Raises:
            ApiError: 401, 403.
        """
        if not settings.enabled:
            raise forbidden("The Images API is switched off in this ComfyUI's endpoints.toml.", "endpoint_off")
        check_origin(settings, headers)
        if not settings.keys:
            if is_from_here(headers, remote):
                return Caller(ANYBODY, None)
            raise forbidden(
                "This Images API answers other machines only once keys are set; make one with `python -m "
                "nodes.endpoint.keys add NAME` where ComfyUI runs.",
                "endpoint_off",
            )
        scheme, _, key = headers.get("Authorization", "").partition(" ")
        key = key.strip() or headers.get("api-key", "").strip()
        if not key or (headers.get("Authorization") and scheme.lower() != "bearer"):
            raise no_key()
        name = owner_of(key, settings.keys)
        if name is None:
            raise bad_key()
        return Caller(name, settings.keys[name])

    def count(self, caller: Caller) -> None:
        """One more request for pictures.

        Raises:
            ApiError: 429, the key's requests a minute are used up.
        """
        limit = caller.key.requests_per_minute if caller.key else None
        if limit is None:
            return
        asked, now = self._asked[caller.name], time.monotonic()
        while asked and asked[0] <= now - 60.0:
            asked.popleft()
        if len(asked) >= limit:
            raise too_many(
                f"Rate limit reached for this key: {limit} requests a minute.", retry_after_s=asked[0] + 60.0 - now
            )
        asked.append(now)


def check_origin(settings: EndpointSettings, headers: Mapping[str, str]) -> None:
    """Refuse foreign web pages and foreign names.

    Raises:
        ApiError: 403.
    """
    host = headers.get("Host", "")
    if not _is_own_name(_hostname(host), settings):
        raise forbidden(
            f"This server is not called {host[:100]!r}; if it is, add that name to hosts under [settings.endpoint].",
            "unknown_host",
        )
    origin = headers.get("Origin")
    if origin is not None and origin not in settings.origins and urlsplit(origin).netloc.lower() != host.lower():
        raise forbidden(
            "A web page of another origin may not call this server; if it may, add its origin to origins under "
            "[settings.endpoint].",
            "foreign_origin",
        )
    if origin is None and headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
        raise forbidden("A web page of another site may not call this server.", "foreign_origin")


def is_from_here(headers: Mapping[str, str], remote: str | None) -> bool:
    """True for a request of this very machine that no proxy passed on."""
    passed_on = any(name in headers for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP"))
    return is_loopback(remote or "") and is_loopback(_hostname(headers.get("Host", ""))) and not passed_on


def cross_origin_headers(settings: EndpointSettings, headers: Mapping[str, str]) -> dict[str, str]:
    """For a web page that may call; set by hand, because the host sets its own too late for a stream."""
    origin = headers.get("Origin")
    if origin is None or origin not in settings.origins:
        return {}
    return {"Access-Control-Allow-Origin": origin, "Vary": "Origin",
            "Access-Control-Allow-Headers": "authorization, content-type, idempotency-key, *",
            "Access-Control-Allow-Methods": "GET, POST, DELETE, OPTIONS"}  # fmt: skip


def _hostname(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_own_name(name: str, settings: EndpointSettings) -> bool:
    """Addresses and this machine's names; a name of somebody else's may lead here without our doing."""
    public = urlsplit(settings.public_url).hostname if settings.public_url else None
    if is_loopback(name) or name in settings.hosts or (public and name == public.lower()):
        return True
    try:
        ipaddress.ip_address(name)
        return True
    except ValueError:
        return name in _machine_names()


@cache
def _machine_names() -> frozenset[str]:
    name = socket.gethostname().lower().rstrip(".")
    return frozenset({name, name.partition(".")[0], f"{name.partition('.')[0]}.local"} - {""})
