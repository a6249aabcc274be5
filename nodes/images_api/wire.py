"""One request over the network with the official `openai` client (1.109 and newer, 2.x, 3.x).

The client makes addresses, headers and multipart bodies and raises its exceptions; its retries and redirects are
off, and replies are read here as raw bytes, with a limit, so that they can be kept before they are understood.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from ..endpoints import Endpoint
from ..errors import MissingPackage
from .errors import BadReply
from .inputs import Sent
from .plan import Operation, Plan, provider

THREAD = "dalle_flux requests"  # the name of the thread that all requests are made on
MAX_REPLY = 128 * 2**20  # bytes: a picture of 64 MB in base64, with room
MAX_ERROR = 2**20  # bytes of an error's body; the rest is not read
CONNECT_S = 15.0
LATE_S = 600.0  # how long a late reply is still waited for after the endpoint's timeout
_LONGEST_ID = 200  # characters of a request id
_AZURE_CLASSIC_VERSION = "2025-04-01-preview"
_AZURE_V1_VERSION = "preview"


@dataclass(frozen=True)
class Reply:
    """A whole reply: the JSON body, or the JSON of the event that completes a stream."""

    body: bytes
    request_id: str | None


@dataclass(frozen=True)
class Line:
    """A client for one endpoint, and the headers that go with each request."""

    client: Any  # openai.AsyncOpenAI
    headers: Mapping[str, Any] = field(repr=False)  # Azure's key is one of them


class ErrorEvent(Exception):
    """A stream that ended in an error instead of a picture."""

    def __init__(self, body: object, request_id: str | None):
        self.body = body
        self.request_id = request_id
        super().__init__("error event")


def openai_package() -> Any:
    """The official client, imported where it is needed.

    Raises:
        MissingPackage: with what to install.
    """
    try:
        import openai
    except ImportError:
        raise MissingPackage("openai", "Asking an image endpoint") from None
    return openai


def open_line(endpoint: Endpoint, model_name: str) -> Line:
    """A client for one endpoint and model. Takes some 100 ms: not for an event loop, and worth keeping.

    Raises:
        MissingKey, MissingPackage.
    """
    openai = openai_package()
    key = endpoint.api_key()
    headers: dict[str, Any] = {"Connection": "close"}  # a stale connection could not be told from a lost request
    query: dict[str, str] = {}
    base_url = endpoint.base_url
    if endpoint.kind == "azure":
        # Source: azure-ai-docs, "v1" and classic URL styles; key in the header api-key, not as Bearer.
        headers |= {"Authorization": openai.Omit(), "api-key": key or ""}
        base_url, version = azure_address(base_url, model_name)
        query = {"api-version": endpoint.api_version or version}
    elif not key:
        headers["Authorization"] = openai.Omit()
    if provider(endpoint) != "openai":  # else the client takes them from the environment
        headers |= {"OpenAI-Organization": openai.Omit(), "OpenAI-Project": openai.Omit()}
    # Plain http (loopback, or allowed by the user) has no certificates to verify; loading them takes 100 ms.
    encrypted = urlsplit(base_url).scheme != "http"
    for logger in ("httpx", "httpx2"):
        logging.getLogger(logger).addFilter(_is_news)
    client = openai.AsyncOpenAI(
        api_key=key or "none",
        base_url=base_url,
        max_retries=0,
        timeout=openai.Timeout(endpoint.timeout_s + LATE_S, connect=CONNECT_S),
        default_query=query,
        # What stays on this machine goes through no proxy, which would get the key unencrypted.
        http_client=_careful_client(openai)(follow_redirects=False, verify=encrypted, trust_env=not endpoint.is_local),
    )
    return Line(client, headers)


def _careful_client(openai: Any) -> Any:
    """The client's own way to send, but of what is no picture at most `MAX_ERROR` bytes are read."""

    class Careful(openai.DefaultAsyncHttpxClient):  # type: ignore[misc]
        async def send(self, request: Any, *, stream: bool = False, **more: Any) -> Any:
            reply = await super().send(request, stream=True, **more)
            if stream and reply.is_success:
                return reply
            body = bytearray()
            try:
                async for chunk in reply.aiter_bytes():
                    body += chunk
                    if len(body) > MAX_ERROR:
                        break
            finally:
                await reply.aclose()
            unpacked = ("content-encoding", "content-length", "transfer-encoding")
            headers = [(name, value) for name, value in reply.headers.multi_items() if name.lower() not in unpacked]
            return type(reply)(reply.status_code, headers=headers, content=bytes(body[:MAX_ERROR]), request=request)

    return Careful


def _is_news(record: logging.LogRecord) -> bool:
    """Keeps the client from writing a line for every request into ComfyUI's log; other packs' lines stay."""
    return record.levelno > logging.INFO or record.threadName != THREAD


def azure_address(base_url: str, deployment: str) -> tuple[str, str]:
    """The base address for one deployment, and the api-version to use if the user names none.

    `https://NAME.openai.azure.com/openai/v1` is the v1 style; any other path is taken for the classic one.
    """
    parts = urlsplit(base_url)
    if parts.path.rstrip("/").endswith("/openai/v1"):
        return base_url, _AZURE_V1_VERSION
    path = f"/openai/deployments/{quote(deployment, safe='')}"
    return urlunsplit((parts.scheme, parts.netloc, path, "", "")), _AZURE_CLASSIC_VERSION


async def send(line: Line, plan: Plan, sent: Sent, idempotency_key: str, on_partial: Callable[[str], None]) -> Reply:
    """Send one request and read the whole reply.

    Args:
        on_partial: gets the base64 of each partial picture of a stream.

    Raises:
        Exception: the client's own, for `failures.of_exception`.
        ErrorEvent: a stream ended in an error.
        BadReply: a reply beyond all limits, or a stream without a picture.
    """
    parameters: dict[str, Any] = dict(plan.parameters)
    if plan.partial_images:
        parameters |= {"stream": True, "partial_images": plan.partial_images}
    files = [(file.name, file.data, "image/png") for file in sent.named("image")]
    images = line.client.images.with_streaming_response
    match plan.operation:
        case Operation.GENERATE:
            call = images.generate
        case Operation.EDIT:
            call = images.edit
            parameters["image"] = files if len(files) > 1 else files[0]
            if masks := sent.named("mask"):
                parameters["mask"] = (masks[0].name, masks[0].data, "image/png")
        case Operation.VARIATION:
            call = images.create_variation
            parameters["image"] = files[0]
    headers = {**line.headers, "Idempotency-Key": idempotency_key}
    async with call(**parameters, extra_headers=headers) as response:
        request_id = response.headers.get("x-request-id", "")[:_LONGEST_ID] or None
        if "text/event-stream" in response.headers.get("content-type", ""):
            return Reply(await _completed_event(response.iter_bytes(), on_partial, request_id), request_id)
        return Reply(await _whole(response.iter_bytes(), request_id), request_id)


async def _whole(chunks: AsyncIterator[bytes], request_id: str | None) -> bytes:
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        _check_limit(len(body), request_id)
    return bytes(body)


async def _completed_event(
    chunks: AsyncIterator[bytes], on_partial: Callable[[str], None], request_id: str | None
) -> bytes:
    """Read server-sent events up to the completed one (source: openai 3.52.0 `image_gen_completed_event.py`)."""
    events = _Events()
    total = 0
    async for chunk in chunks:
        total += len(chunk)
        _check_limit(total, request_id)
        for data in events.feed(chunk):
            if data.strip() == b"[DONE]":
                continue
            try:
                event = json.loads(data)
            except (ValueError, RecursionError):
                raise BadReply(
                    "The endpoint's stream cannot be read, and the picture may have been billed; run the node again.",
                    maybe_billed=True,
                    request_id=request_id,
                ) from None
            kind = str(event.get("type", "")) if isinstance(event, dict) else ""
            if kind.endswith(".partial_image"):
                on_partial(str(event.get("b64_json", "")))
            elif kind.endswith(".completed"):
                return data
            elif kind == "error" or (isinstance(event, dict) and event.get("error")):
                raise ErrorEvent(event, request_id)
    raise BadReply(
        "The endpoint's stream ended without a picture, which may have been billed; run the node again.",
        maybe_billed=True,
        request_id=request_id,
    )


class _Events:
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


def _check_limit(size: int, request_id: str | None) -> None:
    if size > MAX_REPLY:
        raise BadReply(
            f"The endpoint's reply is larger than {MAX_REPLY // 2**20} MB and was dropped; it may have been billed, "
            "ask for a smaller picture or another endpoint.",
            maybe_billed=True,
            request_id=request_id,
        )
