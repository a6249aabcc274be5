"""Look into a reply that is safely on disk: find the picture, fetch it if it is only an address, check it."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from PIL import Image

from .. import pictures
from ..endpoints import Endpoint
from ..services import reading
from ..services.addresses import Pinned, Unsafe, check_address, is_own_origin, public_addresses
from ..services.client import is_encoded
from ..services.scrub import scrub
from .errors import BadReply, Expired, NetworkFailure, RefusedByPolicy, UnsafeAddress

DOWNLOAD_S = 120.0  # the whole download
MAX_REDIRECTS = 3
_BLACK = 4  # of 255: as dark as JPEG leaves black


@dataclass(frozen=True)
class Arrived:
    """One picture, as the endpoint sent it, and what it said about it."""

    data: bytes  # PNG, JPEG or WebP, checked
    picture: Image.Image  # the same, open: RGB or RGBA
    revised_prompt: str | None
    usage: Mapping[str, Any]
    cost_usd: float | None = None  # as the service says it


async def unpack(body: bytes, endpoint: Endpoint) -> Arrived:
    """The one picture in a reply's JSON.

    Raises:
        BadReply: there is none, or it is damaged, or too large.
        UnsafeAddress: the reply points where it must not.
        NetworkFailure: the picture's address does not answer just now; the reply stays good.
    """
    reply, first = await asyncio.to_thread(_read, body)
    revised = first.get("revised_prompt")
    usage = reply.get("usage")
    data = await _data(first, endpoint)
    return await arrived(data, revised, usage=usage if isinstance(usage, Mapping) else {})


async def arrived(data: bytes, revised: object, **more: Any) -> Arrived:
    """A picture's bytes, looked into.

    Args:
        revised: what the service says it drew, if it says so.

    Raises:
        BadReply: they are none.
    """
    return Arrived(data, await asyncio.to_thread(_opened, data), _text(revised), **{"usage": {}, **more})


async def fetched(url: object, endpoint: Endpoint, revised: object, **more: Any) -> Arrived:
    """A picture of a hosted service, by the address in its reply; see `arrived`.

    Raises:
        BadReply, UnsafeAddress, NetworkFailure; Expired: the address lives no longer.
        RefusedByPolicy: it is black all over.
    """
    if not isinstance(url, str) or not url:
        raise BadReply(f"The endpoint's reply holds no picture{_BILLED}", maybe_billed=True)
    came = await arrived(await _data({"url": url}, endpoint), revised, **more)
    check_not_black(came, endpoint)
    return came


def check_not_black(came: Arrived, endpoint: Endpoint) -> None:
    """Safety checkers send a black picture in place of one they hold back.

    Raises:
        RefusedByPolicy
    """
    brightest = came.picture.convert("L").getextrema()[1]
    if brightest <= _BLACK:  # type: ignore[operator]  # one band, so one number
        raise held_back(endpoint, "sent a picture that is black all over, as its safety checker does")


def held_back(endpoint: Endpoint, what: str) -> RefusedByPolicy:
    """The service drew a picture and does not give it away.

    Args:
        what: it did, to follow the endpoint's name.
    """
    return RefusedByPolicy(
        f"Endpoint '{endpoint.name}' {what} in place of a picture that it holds back by its content policy; it may "
        "have been billed, so change the prompt before you run this again.",
        stage="output",
        maybe_billed=True,
    )


def _text(value: object) -> str | None:
    """Text that can be stored; JSON can hold halves of characters (lone surrogates) that are none."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) and value.strip() else None


_BILLED = "; it may have been billed, so look at what the endpoint sent (it is kept) before you run the node again."


def _read(body: bytes) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The reply, and in it the item with the picture: `data[0]`, or the completed event itself."""
    try:
        reply = reading.parse(body)
    except ValueError:
        raise BadReply(f"The endpoint's reply is not JSON{_sounds_like(body)}{_BILLED}", maybe_billed=True) from None
    if isinstance(reply, Mapping):
        if "b64_json" in reply:
            return reply, reply
        data = reply.get("data")
        if isinstance(data, list) and data and isinstance(data[0], Mapping):
            return reply, data[0]
        if reply.get("error"):
            error = BadReply(f"The endpoint says it worked and sends an error{_BILLED}", maybe_billed=True)
            error.said = reply
            raise error
    raise BadReply(f"The endpoint's reply holds no picture{_BILLED}", maybe_billed=True)


async def _data(item: Mapping[str, Any], endpoint: Endpoint) -> bytes:
    encoded, url = item.get("b64_json"), item.get("url")
    if isinstance(url, str) and url.startswith("data:"):
        encoded, url = url.partition(",")[2], None
    if isinstance(encoded, str) and encoded:
        return await asyncio.to_thread(_decoded, encoded)
    if isinstance(url, str) and url:
        return await download(url, endpoint)
    raise BadReply(f"The endpoint's reply holds no picture{_BILLED}", maybe_billed=True)


def _opened(data: bytes) -> Image.Image:
    try:
        return pictures.decode(data)
    except pictures.BadPicture as error:
        raise BadReply(f"{str(error).rstrip('.')}{_BILLED}", maybe_billed=True) from None


def _decoded(encoded: str) -> bytes:
    text = encoded.partition(",")[2] if encoded.startswith("data:") else encoded
    text = "".join(text.split()).rstrip("=")  # some servers break lines, or leave the padding out
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise BadReply(f"The endpoint's base64 is broken{_BILLED}", maybe_billed=True) from None


async def download(url: str, endpoint: Endpoint) -> bytes:
    """Fetch a picture from an address in a reply, without the key.

    Allowed is https at a public address, and the endpoint's own origin (scheme, host and port).

    Raises:
        UnsafeAddress, BadReply, NetworkFailure.
    """
    import aiohttp

    for _ in range(MAX_REDIRECTS + 1):
        try:
            parts = check_address(url, endpoint)
            resolver: Any = None if is_own_origin(parts, endpoint) else Pinned(await public_addresses(parts))
        except Unsafe as what:
            raise _unsafe(str(what)) from None
        except OSError:
            raise NetworkFailure(
                f"The picture's host {scrub(url.partition('//')[2])[:80]} cannot be found; run the node again, it is "
                "not billed a second time."
            ) from None
        connector = aiohttp.TCPConnector(resolver=resolver)
        timeout = aiohttp.ClientTimeout(total=DOWNLOAD_S)
        try:
            async with (
                aiohttp.ClientSession(
                    connector=connector, timeout=timeout, trust_env=False, auto_decompress=False
                ) as session,
                session.get(url, allow_redirects=False, headers={"Accept-Encoding": "identity"}) as reply,
            ):
                if reply.status in (301, 302, 303, 307, 308):
                    url = _target(url, reply.headers.get("Location", ""))
                    continue
                if reply.status != 200:
                    gone = reply.status in (401, 403, 404, 410)
                    kind = Expired if gone else NetworkFailure
                    raise kind(
                        f"The picture's address answers HTTP {reply.status}"
                        + (" (such addresses live for an hour)" if gone else "; run the node again, it is not billed")
                        + (_BILLED if gone else "."),
                        maybe_billed=gone,
                    )
                return await _limited(reply)
        except (aiohttp.ClientError, asyncio.TimeoutError) as error:
            raise NetworkFailure(
                f"The picture could not be fetched from {parts.hostname} ({type(error).__name__}); run the node again, "
                "the picture is not billed a second time."
            ) from None
    raise BadReply(f"The picture's address redirects more than {MAX_REDIRECTS} times{_BILLED}", maybe_billed=True)


def _target(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        raise _unsafe("an address that cannot be read") from None


async def _limited(reply: Any) -> bytes:
    data = bytearray()
    if is_encoded(reply.headers):
        raise BadReply(
            f"The picture comes packed (Content-Encoding) though nobody asked for that{_BILLED}", maybe_billed=True
        )
    async for chunk in reply.content.iter_chunked(65536):
        data += chunk
        if len(data) > pictures.MAX_BYTES:
            raise BadReply(f"The picture is larger than {pictures.MAX_BYTES // 2**20} MB{_BILLED}", maybe_billed=True)
    return bytes(data)


def _unsafe(what: str) -> UnsafeAddress:
    return UnsafeAddress(
        f"The endpoint's reply points to {what}, which was not opened; do not use this endpoint unless you know why.",
        maybe_billed=True,
    )


def _sounds_like(body: bytes) -> str:
    head = body[:64].lstrip().lower()
    return " but a web page" if head.startswith((b"<!doctype", b"<html")) else ""
