"""What arrives is checked, and addresses that arrive most of all."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import json
import socket

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from services import Fault
from services.drawing import draw, encode
from services.wire import Wire, bomb, reply

from nodes.endpoints import Endpoint
from nodes.images_api import arrival, errors
from nodes.images_api.arrival import unpack
from nodes.services.addresses import Unsafe, check_address, is_public

LAN = Endpoint("lan", "http://192.168.1.5:8000/v1")
OPENAI = Endpoint("openai", "https://api.openai.com/v1")
PNG = encode(draw("x", 64, 64, 1))


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://example.com/a.png",
        "http://example.com/a.png",
        "http://169.254.169.254/latest/meta-data",
        "https://127.0.0.1/a.png",
        "https://10.0.0.8/a.png",
        "https://[::1]/a.png",
        "https://[::ffff:10.0.0.1]/a.png",
        "https://[64:ff9b::a00:1]/a.png",
        "https://user:pass@example.com/a.png",
        "https://",
        "http://[broken/a.png",
        "javascript:alert(1)",
    ],
)
def test_addresses_that_a_picture_has_no_business_with(url):
    with pytest.raises(Unsafe):
        check_address(url, OPENAI)


def test_a_public_https_address_and_the_endpoints_own_origin_are_fine():
    assert check_address("https://oaidalleapiprodscus.blob.core.windows.net/a.png?sig=1", OPENAI)
    assert check_address("http://192.168.1.5:8000/files/1.png", LAN)
    for other in ("http://192.168.1.5:8001/files/1.png", "https://192.168.1.5/1.png", "http://192.168.1.6:8000/1.png"):
        with pytest.raises(Unsafe):
            check_address(other, LAN)


@pytest.mark.parametrize(
    ("address", "public"),
    [("8.8.8.8", True), ("2606:4700::1111", True), ("100.64.0.1", False), ("0.0.0.0", False), ("fe80::1", False),
     ("fc00::1", False), ("224.0.0.1", False), ("2002:0a00:0001::1", False)],
)  # fmt: skip
def test_which_addresses_are_public(address, public):
    assert is_public(ipaddress.ip_address(address)) is public


async def test_a_name_that_leads_into_the_local_network_is_not_followed(monkeypatch):
    async def resolve(self, host, port, **_):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", resolve)
    with pytest.raises(errors.UnsafeAddress, match=r"rebind\.example, which lies in a private network"):
        await arrival.download("https://rebind.example/a.png", OPENAI)


@pytest.mark.parametrize("to", ["file:///etc/passwd", "http://127.0.0.1:9/x.png", "https://10.0.0.1/x.png"])
async def test_a_reply_that_points_there_is_refused_and_kept(studio, services, to):
    services.plan(Fault.URL, to=to)
    with pytest.raises(errors.UnsafeAddress) as caught:
        await studio.make()
    assert caught.value.code == "unsafe_address"
    assert caught.value.maybe_billed


async def test_a_served_address_is_fetched_without_the_key(services):
    import urllib.request

    endpoint = Endpoint("studio", services.base_url)
    request = urllib.request.Request(
        f"{services.base_url}/images/generations",
        json.dumps({"model": "dall-e-2", "prompt": "x", "size": "256x256"}).encode(),
        {"Authorization": f"Bearer {services.key}", "Content-Type": "application/json"},
    )
    reply = await asyncio.to_thread(lambda: urllib.request.urlopen(request).read())
    assert "url" in json.loads(reply)["data"][0]
    assert (await unpack(reply, endpoint)).data.startswith(b"\x89PNG")


@pytest.fixture
async def files():
    """A file server of an endpoint: redirects, and a picture."""
    seen = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(dict(request.headers))
        times = int(request.query.get("times", 0))
        to = request.query.get("to") or (f"/a?times={times - 1}" if times else "")
        return web.Response(status=302, headers={"Location": to}) if to else web.Response(body=PNG)

    application = web.Application()
    application.router.add_get("/{name}", answer)
    async with TestServer(application) as server:
        yield Endpoint("studio", str(server.make_url("/v1")), stored_key="sk-secret-of-the-studio"), seen


@pytest.mark.parametrize(
    "to", ["http://127.0.0.1:9/a", "file:///etc/passwd", "https://169.254.169.254/latest", "https://[broken"]
)
async def test_a_redirect_is_checked_as_an_address_is(files, to):
    endpoint, seen = files
    with pytest.raises(errors.UnsafeAddress):
        await arrival.download(endpoint.base_url.replace("/v1", f"/a?to={to}"), endpoint)
    assert len(seen) == 1


async def test_three_redirects_are_followed_without_the_key_and_a_fourth_is_not(files):
    endpoint, seen = files
    url = endpoint.base_url.replace("/v1", "/a?times=")
    assert await arrival.download(f"{url}3", endpoint) == PNG
    with pytest.raises(errors.BadReply, match="more than 3 times"):
        await arrival.download(f"{url}4", endpoint)
    assert "sk-secret" not in str(seen)


async def test_a_download_ends_at_its_limit(files, monkeypatch):
    endpoint, _ = files
    monkeypatch.setattr(arrival.pictures, "MAX_BYTES", len(PNG) - 1)
    with pytest.raises(errors.BadReply, match="larger than"):
        await arrival.download(endpoint.base_url.replace("/v1", "/a"), endpoint)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
async def test_a_packed_picture_or_reply_is_refused_unopened(studio, encoding):
    with Wire(lambda _: reply(bomb(), Content_Encoding=encoding)) as wire:
        there = Endpoint("there", wire.base_url)
        with pytest.raises(errors.BadReply, match="packed"):
            await arrival.download(wire.base_url + "/a.png", there)
        studio.fields = {"base_url": wire.base_url}
        with pytest.raises(errors.BadReply, match="packed") as caught:
            await studio.make()
    assert caught.value.maybe_billed


@pytest.mark.parametrize(
    "item",
    [
        {"b64_json": base64.b64encode(PNG).decode()},
        {"b64_json": "data:image/png;base64," + base64.b64encode(PNG).decode()},
        {"url": "data:image/png;base64," + base64.b64encode(PNG).decode()},
        {"b64_json": base64.b64encode(PNG).decode(), "url": "file:///etc/passwd"},
    ],
)
async def test_base64_is_taken_in_every_form_servers_send_it(item):
    assert (await unpack(json.dumps({"data": [item]}).encode(), OPENAI)).data == PNG


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{}", b'{"data": null}', b'{"data": [null]}', b'{"data": [{}]}', b"[" * 100_000,
     b'{"data": [{"b64_json": 1}]}', b'{"data": [{"url": 5}]}', b'{"error": {"message": "no"}}'],
)  # fmt: skip
async def test_any_other_reply_is_a_bad_one(body):
    with pytest.raises(errors.BadReply):
        await unpack(body, OPENAI)
