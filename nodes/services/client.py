"""The official `openai` client (1.109 and newer, 2.x, 3.x) for a named endpoint.

It makes addresses, headers and multipart bodies and raises its exceptions. Its retries and redirects are off, and
replies are read by `reading`, as raw bytes and with a limit.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from ..endpoints import JUDGING, Endpoint
from ..errors import DalleFluxError, MissingPackage
from .loop import THREAD

MAX_ERROR = 2**20  # bytes of an error's body; the rest is not read
CONNECT_S = 15.0
LATE_S = 600.0  # how long a late reply is still waited for after the endpoint's timeout
_AZURE_CLASSIC_VERSION = "2025-04-01-preview"
_AZURE_V1_VERSION = "preview"
_SPEAK_OPENAI = ("openai", "azure", "together")  # kinds; Together's images differ, its LLMs do not


class WrongKind(DalleFluxError):
    """The endpoint draws pictures or judges texts by a protocol of its own and has no LLMs. Nothing was sent."""

    code = "wrong_kind"


@dataclass(frozen=True)
class Client:
    """A client for one endpoint, and the headers that go with each request."""

    sdk: Any  # openai.AsyncOpenAI
    headers: Mapping[str, Any] = field(repr=False)  # to be passed as extra_headers; Azure's key is one of them


def open_client(endpoint: Endpoint, model: str) -> Client:
    """A client for one endpoint and model. The first takes some 100 ms: not for an event loop.

    Args:
        model: as the endpoint calls it; at Azure the deployment, which is part of the address.

    Raises:
        MissingKey, MissingPackage.
        WrongKind: the endpoint speaks another protocol.
    """
    if endpoint.kind not in _SPEAK_OPENAI:
        does = "judges texts" if endpoint.kind in JUDGING else "draws pictures"
        raise WrongKind(
            f"Endpoint '{endpoint.name}' is of the kind {endpoint.kind}, which {does} and does nothing else; "
            "choose an endpoint that speaks OpenAI's API."
        )
    openai = _package(endpoint)
    key = endpoint.api_key()
    headers: dict[str, Any] = {}
    query: dict[str, str] = {}
    base_url = endpoint.base_url
    if endpoint.kind == "azure":
        # Source: azure-ai-docs, "v1" and classic URL styles; key in the header api-key, not as Bearer.
        headers = {"Authorization": openai.Omit(), "api-key": key or ""}
        base_url, version = azure_address(base_url, model)
        query = {"api-version": endpoint.api_version or version}
    elif not key:
        headers = {"Authorization": openai.Omit()}
    sdk = _named_client(openai, whole=endpoint.is_openai)(
        api_key=key or "none",  # clients insist on one
        base_url=base_url,
        max_retries=0,
        timeout=openai.Timeout(endpoint.timeout_s + LATE_S, connect=CONNECT_S),
        default_query=query,
        http_client=connections_for(endpoint),
    )
    return Client(sdk, headers)


def _package(endpoint: Endpoint) -> Any:
    try:
        import openai
    except ImportError:
        raise MissingPackage("openai", f"Asking the endpoint '{endpoint.name}'") from None
    return openai


def azure_address(base_url: str, deployment: str) -> tuple[str, str]:
    """The base address for one deployment, and the api-version to use if the user names none.

    `https://NAME.openai.azure.com/openai/v1` is the v1 style; any other path is taken for the classic one.
    """
    parts = urlsplit(base_url)
    if parts.path.rstrip("/").endswith("/openai/v1"):
        return base_url, _AZURE_V1_VERSION
    path = f"/openai/deployments/{quote(deployment, safe='')}"
    return urlunsplit((parts.scheme, parts.netloc, path, "", "")), _AZURE_CLASSIC_VERSION


def _named_client(openai: Any, *, whole: bool) -> Any:
    """The client's class; unless `whole`, without the headers that it takes from the environment.

    OPENAI_ORG_ID, OPENAI_PROJECT_ID, OPENAI_ADMIN_KEY and OPENAI_CUSTOM_HEADERS (openai 3.54 `lib/_client_auth.py`)
    belong to OpenAI's account and go to OpenAI alone.
    """
    if whole:
        return openai.AsyncOpenAI

    class Named(openai.AsyncOpenAI):  # type: ignore[misc]
        @property
        def default_headers(self) -> dict[str, Any]:
            return {
                "Accept": "application/json",
                "Content-Type": "application/json",
                "User-Agent": "comfyui-dalle-flux",
                "Authorization": f"Bearer {self.api_key}",
            }

    return Named


def connections_for(endpoint: Endpoint) -> Any:
    """What requests to an endpoint are sent with (an `httpx.AsyncClient`). The first takes some 100 ms.

    Raises:
        MissingPackage.
    """
    _package(endpoint)
    # Plain http (loopback, or allowed by the user) has no certificates to verify; loading them takes 100 ms.
    return _connections(urlsplit(endpoint.base_url).scheme != "http", endpoint.is_local)


@functools.lru_cache(maxsize=4)
def _connections(encrypted: bool, is_local: bool) -> Any:
    """What requests are sent with; holds no key.

    What stays on this machine goes through no proxy, which would get the key unencrypted.
    """
    import openai

    class Careful(openai.DefaultAsyncHttpxClient):
        """Asks for replies as they are, and of what is no success reads at most `MAX_ERROR` bytes."""

        async def send(self, request: Any, *, stream: bool = False, **more: Any) -> Any:
            request.headers["Accept-Encoding"] = "identity"  # a packed reply grows beyond every limit when unpacked
            request.headers["Connection"] = "close"  # a stale connection could not be told from a lost request
            reply = await super().send(request, stream=True, **more)
            if stream and reply.is_success:
                return reply
            body = bytearray()
            try:
                if not is_encoded(reply.headers):
                    async for chunk in reply.aiter_raw():
                        body += chunk
                        if len(body) > MAX_ERROR:
                            break
            finally:
                await reply.aclose()
            told = ("content-encoding", "content-length", "transfer-encoding")
            headers = [(name, value) for name, value in reply.headers.multi_items() if name.lower() not in told]
            return type(reply)(reply.status_code, headers=headers, content=bytes(body[:MAX_ERROR]), request=request)

    for logger in ("httpx", "httpx2"):
        logging.getLogger(logger).addFilter(_is_news)
    return Careful(follow_redirects=False, verify=encrypted, trust_env=not is_local)


def is_encoded(headers: Mapping[str, str]) -> bool:
    """Whether a reply is packed although nobody asked for that."""
    return headers.get("content-encoding", "").strip().lower() not in ("", "identity")


def _is_news(record: logging.LogRecord) -> bool:
    """Keeps the client from writing a line for every request into ComfyUI's log; other packs' lines stay."""
    return record.levelno > logging.INFO or record.threadName != THREAD
