"""Which pages and programs our addresses answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from nodes.guard import Names, guarded
from nodes.replies import refuse

NAMES = Names(
    own=lambda: ["studio-pc", "studio-pc.local"], allowed=lambda: ["comfy.example.com", "*.proxy.example.net"]
)
routes = web.RouteTableDef()


@routes.get("/record")
async def read(request: web.Request) -> web.Response:
    return web.json_response({"seen": request.query.get("q", "")})


@routes.post("/record")
async def write(request: web.Request) -> web.Response:
    return web.json_response({})


@routes.delete("/record")
async def delete(request: web.Request) -> web.Response:
    return web.json_response({})


@pytest.fixture
async def client() -> AsyncIterator[TestClient]:
    app = web.Application()
    app.router.add_routes(guarded(routes, NAMES))
    async with TestClient(TestServer(app)) as client:
        yield client


async def asked(client: TestClient, method: str, host: str, **headers: str) -> int:
    named = {"Host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
    body = {"data": b"{}"} if method == "POST" else {}
    if body:
        named.setdefault("Content-Type", "application/json")
    reply = await client.request(method, "/record", headers=named, **body)
    if reply.status != 200:
        told = await reply.json()
        assert told["code"] == ("foreign_request" if reply.status == 403 else "bad_request")
        assert told["error"].endswith((".", "]"))
    return reply.status


OURS = [
    "127.0.0.1:8188", "localhost:8188", "LOCALHOST:8188", "localhost.:8188", "comfy.localhost", "[::1]:8188",
    "127.9.9.9", "192.168.1.20:8188", "[fe80::1]:8188", "10.0.0.7", "studio-pc:8188", "Studio-PC.local:8188",
    "comfy.example.com", "comfy.example.com:8443", "abc-8188.proxy.example.net",
]  # fmt: skip
FOREIGN = [
    "evil.example", "evil.example:8188", "localhost.evil.example", "127.0.0.1.evil.example", "evil-localhost",
    "proxy.example.net", "studio-pc.evil.example", "comfy.example.com.evil.example", "evilcomfy.example.com",
    "127.1", "0x7f.1", "2130706433", "", "a@127.0.0.1", "127.0.0.1@evil.example", "127.0.0.1/evil", "127.0.0.1:99999",
    "127.0.0.1:x", "[::1", "::1", "evil\\.localhost",
    "127.0.0.1, evil.example", "é.example", "localhost evil",
]  # fmt: skip


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE"])
@pytest.mark.parametrize("host", OURS)
async def test_comfyuis_own_page_may_ask_by_every_name_it_is_reached_by(client, method, host):
    if method == "HEAD":
        assert (await client.head("/record", headers={"Host": host})).status == 200
        return
    assert await asked(client, method, host) == 200
    for scheme in ("http", "https"):
        assert await asked(client, method, host, Origin=f"{scheme}://{host.lower()}") == 200
    assert await asked(client, method, host, Sec_Fetch_Site="same-origin") == 200
    assert await asked(client, method, host, Sec_Fetch_Site="none") == 200


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("host", FOREIGN)
async def test_a_name_that_is_not_ours_is_refused_also_when_the_origin_agrees(client, method, host):
    """DNS rebinding: the page of evil.example, whose name now points to this machine."""
    assert await asked(client, method, host) == 403
    if host and host.isascii():
        assert await asked(client, method, host, Origin=f"http://{host}") == 403


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example", "https://evil.example:8188", "null", "", "http://localhost:3000", "http://127.0.0.1:8188",
        "http://[::1]:8188", "http://studio-pc:3000", "file://", "app://localhost:8188", "localhost:8188", "http://localhost",
        "http://localhost:8188/", "http://localhost:8188@evil.example", "http://localhost:8188 http://evil.example",
        "chrome-extension://abcdef", "http://comfy.example.com.evil.example", "http://[", "http://localhost:x",
    ],
)  # fmt: skip
async def test_another_origin_is_refused(client, method, origin):
    assert await asked(client, method, "localhost:8188", Origin=origin) == 403


async def test_two_origins_or_two_hosts_are_none(client):
    for twice in ("Origin: http://localhost:8188", "Host: localhost:8188"):
        lines = ["GET /record HTTP/1.1", "Connection: close", "Host: localhost:8188", "Origin: http://localhost:8188"]
        reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
        writer.write("\r\n".join([*lines, twice, "", ""]).encode())
        assert (await reader.readline()).split()[1] in (b"400", b"403")
        writer.close()


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_what_the_browser_itself_calls_cross_site_is_refused(client, method):
    for site in ("cross-site", "Cross-Site"):
        assert await asked(client, method, "127.0.0.1:8188", Sec_Fetch_Site=site) == 403


async def test_a_proxy_that_the_user_named_may_pass_on_a_host_of_its_own(client):
    assert await asked(client, "POST", "192.168.1.20:8188", Origin="https://comfy.example.com") == 200
    assert await asked(client, "POST", "comfy.example.com", Origin="https://comfy.example.com:8443") == 200


async def test_a_refusal_says_which_line_to_add(client):
    reply = await client.get("/record", headers={"Host": "art.example.org:8188"})
    assert 'allowed_hosts = ["art.example.org"] under [settings] in endpoints.toml' in (await reply.json())["error"]


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
async def test_a_body_that_a_form_of_another_site_can_send_is_refused(client, kind):
    assert await asked(client, "POST", "localhost:8188", Content_Type=kind) == 400


@pytest.mark.parametrize("query", ["q=%00", "%00=1", "q=a%00b"])
async def test_an_address_that_holds_no_text_is_refused(client, query):
    reply = await client.get(f"/record?{query}")
    assert (reply.status, (await reply.json())["code"]) == (400, "bad_request")


async def test_another_room_may_take_other_bodies_and_answer_in_its_own_way():
    app = web.Application()
    own_way = lambda status, code, message: refuse(status, code.upper(), message)  # noqa: E731
    app.router.add_routes(guarded(routes, NAMES, accepts=("multipart/form-data",), refuse=own_way))
    async with TestClient(TestServer(app)) as client:
        assert (
            await client.post("/record", data={"a": "b"}, headers={"Content-Type": "multipart/form-data"})
        ).status == 200
        told = await (await client.post("/record", json={})).json()
        assert told["code"] == "BAD_REQUEST"
