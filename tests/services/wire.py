"""An endpoint made of raw bytes: it sends exactly what a test writes, and remembers what it was sent.

with Wire(lambda request: reply(b'{"choices": []}')) as wire:
    Endpoint("there", wire.base_url)
"""

from __future__ import annotations

import functools
import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

Answer = Callable[[bytes], "bytes | Iterable[bytes | float]"]


def reply(body: bytes, *, status: int = 200, length: int | None = None, **headers: str) -> bytes:
    """A whole HTTP reply; `length` for one that lies about its length, names of headers with `_` for `-`."""
    fields = {"Content-Type": "application/json", "Content-Length": str(len(body) if length is None else length)}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} Said\r\n{head}\r\n".encode("latin-1") + body


def completion(text: str, **more: Any) -> bytes:
    """A chat completion."""
    message = {"role": "assistant", "content": text}
    return json.dumps({"choices": [{"index": 0, "finish_reason": "stop", "message": message}], **more}).encode()


@functools.cache
def bomb(layers: int = 2) -> bytes:
    """Some kB that unpack to gigabytes."""
    packed = gzip.compress(bytes(2**24), mtime=0) * 16
    for _ in range(layers - 1):
        packed = gzip.compress(packed, mtime=0)
    return packed


class Wire:
    """See the top of the file. A reply given as pieces is sent piece by piece; a number is a pause in seconds."""

    def __init__(self, answer: Answer):
        self.requests: list[bytes] = []
        self._answer = answer
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.base_url = f"http://127.0.0.1:{self._listening.getsockname()[1]}/v1"

    @property
    def bodies(self) -> list[Any]:
        """The JSON of each request."""
        return [json.loads(request.partition(b"\r\n\r\n")[2]) for request in self.requests]

    @property
    def addresses(self) -> list[str]:
        """What each request asked for: path and query."""
        return [request.split(b" ", 2)[1].decode() for request in self.requests]

    def __enter__(self) -> Wire:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection:
            try:
                request = _read(connection)
                self.requests.append(request)
                said = self._answer(request)
                for piece in [said] if isinstance(said, bytes) else said:
                    if isinstance(piece, float):
                        time.sleep(piece)
                    else:
                        connection.sendall(piece)
            except OSError:
                pass  # the customer went away


def _read(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536) or b"\r\n\r\n"
    head, _, body = data.partition(b"\r\n\r\n")
    wanted = next(
        (int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
    )
    while len(body) < wanted:
        more = connection.recv(65536)
        if not more:
            break
        body += more
    return head + b"\r\n\r\n" + body
