"""Who may ask: from this machine anybody until keys are set, from elsewhere nobody without one.

Pages of other sites never come this far, see `nodes/guard.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..endpoints import is_loopback
from .contract.errors import bad_key, forbidden, no_key
from .keys import owner_of
from .settings import EndpointSettings, Key

ANYBODY = "this machine"  # the client of requests that need no key


@dataclass(frozen=True)
class Caller:
    """Who asks."""

    name: str  # of the key, or ANYBODY
    key: Key | None
    request: str = ""  # what this request is called, by which it is counted

    def may_use(self, model: str) -> bool:
        return self.key is None or self.key.models is None or model in self.key.models


class Admission:
    """Looks at every request before its body is read."""

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


def is_from_here(headers: Mapping[str, str], remote: str | None) -> bool:
    """True for a request of this very machine that no proxy passed on."""
    passed_on = any(name in headers for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP"))
    return is_loopback(remote or "") and is_loopback(_hostname(headers.get("Host", ""))) and not passed_on


def _hostname(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""
