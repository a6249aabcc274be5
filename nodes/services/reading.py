"""The one reader of replies: raw bytes, as many as are allowed, and JSON that cannot fill the memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from .. import json_text
from ..endpoints import Endpoint
from .client import is_encoded
from .failures import Meaning, ServiceFailed
from .scrub import request_id


def id_of(reply: Any) -> str | None:
    """The endpoint's own name for a request."""
    return request_id(reply.headers.get("x-request-id") or reply.headers.get("apim-request-id"))


async def chunks(reply: Any, limit: int, endpoint: Endpoint) -> AsyncIterator[bytes]:
    """The bytes of a reply (the client's `with_streaming_response`), `limit` of them at most.

    Raises:
        ServiceFailed: BAD_REPLY; it is longer, or packed although it was to come as it is.
    """
    if is_encoded(reply.headers):
        raise _bad("is packed (Content-Encoding) though it was asked for as it is", reply, endpoint)
    total = 0
    async for chunk in reply.http_response.aiter_raw():
        total += len(chunk)
        if total > limit:
            raise _bad(f"is larger than {limit // 2**20} MB and was dropped", reply, endpoint)
        yield chunk


async def whole(reply: Any, limit: int, endpoint: Endpoint) -> bytes:
    """All bytes of a reply; see `chunks`."""
    body = bytearray()
    async for chunk in chunks(reply, limit, endpoint):
        body += chunk
    return bytes(body)


def _bad(what: str, reply: Any, endpoint: Endpoint) -> ServiceFailed:
    return ServiceFailed(Meaning.BAD_REPLY, endpoint, said=what, request_id=id_of(reply), maybe_billed=True)


def parse(body: bytes) -> Any:
    """A reply's JSON.

    Raises:
        ValueError: it is none, or holds more than any honest reply.
    """
    return json_text.read(body)


class Events:
    """Splits bytes into the `data` of server-sent events (WHATWG HTML, section 9.2)."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._searched = 0
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        self._rest += chunk
        while (end := self._rest.find(b"\n", self._searched)) >= 0:
            line = bytes(self._rest[:end]).rstrip(b"\r")
            del self._rest[: end + 1]
            self._searched = 0
            if line.startswith(b"data:"):
                self._data.append(line[5:].removeprefix(b" "))
            elif not line and self._data:
                yield b"\n".join(self._data)
                self._data.clear()
        self._searched = len(self._rest)
