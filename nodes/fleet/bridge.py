"""ASGI in front of the aiohttp server that speaks the Images API, so that Serve's proxy can stand before it.

The aiohttp server listens on this machine's loopback; requests and replies pass through piece by piece, and a client
that leaves closes the connection behind, as it would without a proxy.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from . import edge
from .edge import OURS, REQUEST_HEADER, Receive, Scope, Send

_LINGER_S = 30.0  # for a body that nobody reads
CLIENT_HEADER = "X-Dalle-Flux-Client"  # the address of the one who asks
# Of one connection only (RFC 9110, 7.6.1), or ours.
_NOT_PASSED_ON = {b"connection", b"keep-alive", b"te", b"trailer", b"upgrade", b"proxy-connection",
                  b"transfer-encoding", CLIENT_HEADER.lower().encode()}  # fmt: skip


class Bridge:
    """An ASGI application that asks the server behind it.

    Args:
        url: of the server behind.
    """

    def __init__(self, url: str):
        self._url = url
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "lifespan":
                await self._live(receive, send)
            case "http":
                passing = asyncio.ensure_future(self._pass(scope, body := _Body(receive), send))
                leaving = asyncio.ensure_future(body.left.wait())
                try:
                    await asyncio.wait([passing, leaving], return_when=asyncio.FIRST_COMPLETED)
                    if passing.done():
                        passing.result()
                finally:
                    passing.cancel()
                    leaving.cancel()
                    body.close()
            case _:
                await send({"type": "websocket.close", "code": 1008})

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                if self._session:
                    await self._session.close()
                return

    async def _pass(self, scope: Scope, body: _Body, send: Send) -> None:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=None), connector=aiohttp.TCPConnector(limit=0),
                auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar(),
            )  # fmt: skip
        passed = [(name, value) for name, value in scope["headers"] if name.lower() not in _NOT_PASSED_ON]
        headers = CIMultiDict((name.decode("latin-1"), value.decode("latin-1")) for name, value in passed)
        headers[CLIENT_HEADER] = (scope.get("client") or ("",))[0]
        target = scope.get("raw_path") or scope["path"].encode()
        if scope.get("query_string"):
            target = target.split(b"?")[0] + b"?" + scope["query_string"]
        has_body = "Content-Length" in headers or any(
            name.lower() == b"transfer-encoding" for name, _ in scope["headers"]
        )
        async with self._session.request(
            scope["method"], URL(self._url + target.decode("latin-1"), encoded=True), headers=headers,
            data=body.pieces() if has_body else None, allow_redirects=False, skip_auto_headers=("User-Agent", "Accept"),
        ) as reply:  # fmt: skip
            if not has_body:
                body.listen()
            raw = [(name, value) for name, value in reply.raw_headers if name.lower() not in _NOT_PASSED_ON]
            await send({"type": "http.response.start", "status": reply.status, "headers": [*raw, OURS]})
            async for piece in reply.content.iter_any():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        if has_body:
            await body.drain()
        await send({"type": "http.response.body", "body": b""})


class _Body:
    """A request's body; and after it, whether the client is still there."""

    def __init__(self, receive: Receive):
        self._receive = receive
        self._listening: asyncio.Future[None] | None = None
        self._whole = False
        self.left = asyncio.Event()

    async def pieces(self) -> AsyncIterator[bytes]:
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self.left.set()
                return
            yield message.get("body", b"")
            if not message.get("more_body"):
                break
        self._whole = True
        self.listen()

    async def drain(self) -> None:
        """Read what nobody wanted: clients that are still sending see an answer only then."""

        async def read() -> None:
            async for _ in self.pieces():
                pass

        if not self._whole:
            with contextlib.suppress(asyncio.TimeoutError, TimeoutError):
                await asyncio.wait_for(read(), _LINGER_S)

    def listen(self) -> None:
        if self._listening is None:
            self._listening = asyncio.ensure_future(self._listen())

    def close(self) -> None:
        if self._listening:
            self._listening.cancel()

    async def _listen(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            while (await self._receive())["type"] != "http.disconnect":
                pass
            self.left.set()


@web.middleware
async def true_client(request: web.Request, handler: Any) -> web.StreamResponse:
    """Behind a bridge: the request as if it had come from the client itself."""
    if edge.is_there():
        request["asked_as"] = request.headers.get(REQUEST_HEADER)
    try:
        return await handler(request.clone(remote=request.headers.get(CLIENT_HEADER, "")))
    except ConnectionResetError:
        return web.Response(status=499)  # to nobody: the client left
