"""In front of everything, in Serve's proxies: clients cannot steer Serve, and do not notice when the ingress dies.

Serve answers 500 for what was under way in an ingress that died, and starts another one. Here such a request is asked
again, as it came, and only what the client has not got yet is passed on; of a stream, the previews it has are left out.

Each proxy loads this by RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH=nodes.fleet.edge.middlewares.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

REQUEST_HEADER = "X-Dalle-Flux-Request"  # what a request is called, however often it is asked
OURS = (b"x-dalle-flux-fleet", b"1")  # on every answer of the ingress, and taken off here
STEERING = (b"x-request-timeout-seconds", b"x-request-disconnect-disabled", b"serve_multiplexed_model_id",
            b"x-session-id", b"x-request-id", REQUEST_HEADER.lower().encode())  # fmt: skip
_KEPT_BYTES = 32 * 2**20  # of a body, to ask again with; a larger one is asked once
_PATIENCE_S = 600.0  # for an ingress that lives
_PAUSE_S = 0.2
VARIABLE, MIDDLEWARES = "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH", "nodes.fleet.edge.middlewares"
_JOBS = "/dalle-flux/v1/jobs"


def is_there() -> bool:
    """Whether this stands in front of what runs in this process; else clients may send what only it should."""
    return os.environ.get(VARIABLE) == MIDDLEWARES


def middlewares() -> list[Any]:
    """Called by Serve in each proxy."""
    from starlette.middleware import Middleware

    return [Middleware(Edge)]


class Edge:
    """An ASGI application around Serve's own."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        headers = [(name, value) for name, value in scope["headers"] if name.lower() not in STEERING]
        headers.append((REQUEST_HEADER.lower().encode(), f"req_{uuid.uuid4().hex}".encode()))
        if scope["method"] == "POST" and scope["path"] == _JOBS and b"idempotency-key" not in dict(headers):
            headers.append((b"idempotency-key", f"edge-{uuid.uuid4().hex}".encode()))  # asked again it is the same job
        body, reply = _Body(receive), _Reply(send)
        until = time.monotonic() + _PATIENCE_S
        while True:
            try:
                await self._app({**scope, "headers": list(headers)}, body.again(), reply.again())
            except Exception:
                if not reply.may_go_on:
                    raise
            if reply.complete or body.left:
                return None
            if not (reply.may_go_on and body.whole and time.monotonic() < until):
                return await reply.give_up()
            await asyncio.sleep(_PAUSE_S)


class _Body:
    """A request's body, to be read any number of times."""

    def __init__(self, receive: Receive):
        self._receive = receive
        self._messages: list[Message] = []
        self._bytes = 0
        self.whole = True  # all that came is kept
        self.left = False  # the client is gone

    def again(self) -> Receive:
        read = 0

        async def receive() -> Message:
            nonlocal read
            if read < len(self._messages):
                read += 1
                return self._messages[read - 1]
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self.left = True
            elif self._bytes + len(message.get("body", b"")) <= _KEPT_BYTES:
                self._bytes += len(message.get("body", b""))
                self._messages.append(message)
                read += 1
            else:
                self.whole = False
            return message

        return receive


class _Reply:
    """What the client has got of the reply."""

    def __init__(self, send: Send):
        self._send = send
        self._started = False
        self._is_stream = False
        self._events = 0  # that the client has
        self.complete = False

    @property
    def may_go_on(self) -> bool:
        """Another attempt can continue what the client has."""
        return not self._started or self._is_stream

    def again(self) -> Send:
        failed = False
        skip, rest = self._events, b""

        async def send(message: Message) -> None:
            nonlocal failed, skip, rest
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                failed = message["status"] >= 500 and OURS not in headers
                if not failed and not self._started:
                    self._started = True
                    self._is_stream = any(value.startswith(b"text/event-stream") for _, value in headers)
                    await self._send({**message, "headers": [one for one in headers if one != OURS]})
            elif not failed:
                data, more = message.get("body", b""), message.get("more_body", False)
                if self._is_stream:
                    *events, rest = (rest + data).split(b"\n\n")
                    kept = events[skip:]
                    skip -= len(events) - len(kept)
                    self._events += len(kept)
                    data = b"".join(event + b"\n\n" for event in kept) + (b"" if more else rest)
                self.complete = not more
                await self._send({"type": "http.response.body", "body": data, "more_body": more})

        return send

    async def give_up(self) -> None:
        """Tell the client, if it can still be told."""
        if self._started:
            return
        said = {"message": "The server is starting anew; try again.", "type": "server_error", "param": None,
                "code": "restarting"}  # fmt: skip
        headers = [(b"content-type", b"application/json"), (b"retry-after", b"10")]
        await self._send({"type": "http.response.start", "status": 503, "headers": headers})
        await self._send({"type": "http.response.body", "body": json.dumps({"error": said}).encode()})
