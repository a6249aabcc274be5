"""One plain HTTP exchange with a service that has no client of its own here: bytes out, bytes in, with limits.

Proxies, redirects, packed replies and the log are dealt with as for the official client (`client.connections_for`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from ..endpoints import Endpoint
from . import reading
from .client import CONNECT_S, connections_for
from .failures import told_apart

LOOK_S = 30.0  # between two bytes of a short answer
MAX_REPLY = 128 * 2**20  # bytes: a picture of 64 MB in base64, with room
# Of a form: field, (file name, bytes, content type), or without the latter two a plain field's text
Part = tuple[str, tuple[str, bytes, str] | tuple[None, bytes]]


@dataclass(frozen=True)
class Answer:
    """A whole reply, whatever its status."""

    status: int  # HTTP
    headers: Mapping[str, str]  # names in any case
    body: bytes

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        """What the body says; None if it is no JSON."""
        try:
            return reading.parse(self.body)
        except ValueError:
            return None


async def exchange(
    endpoint: Endpoint,
    method: str,
    url: str,
    headers: Mapping[str, str],
    *,
    seconds: float,
    json: Any = None,
    form: Sequence[Part] = (),
) -> Answer:
    """Send one request and read the whole reply.

    Args:
        url: that may get the key; see `addresses.check_own_address` for one that came in a reply.
        headers: the key is one of them.
        seconds: between two bytes.
        json, form: the body.

    Raises:
        ServiceFailed: no connection, none to its end, or a reply that is too large. An error reply is an `Answer`.
        MissingPackage.
    """
    client = await asyncio.to_thread(connections_for, endpoint)
    timeout = {"connect": CONNECT_S, "read": seconds, "write": seconds, "pool": seconds}
    request = client.build_request(
        method, url, headers=headers, json=json, files=list(form) or None, extensions={"timeout": timeout}
    )
    with told_apart(endpoint):
        reply = await client.send(request, stream=True)
        try:
            if reply.is_success:
                body = await reading.whole(
                    SimpleNamespace(http_response=reply, headers=reply.headers), MAX_REPLY, endpoint
                )
            else:
                body = reply.content  # `connections_for` read the beginning of it
        finally:
            await reply.aclose()
    return Answer(reply.status_code, reply.headers, body)
