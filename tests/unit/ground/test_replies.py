"""What addresses answer to bodies of strangers and to a disk that fails."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from nodes.errors import DalleFluxError
from nodes.guard import Names, guarded
from nodes.replies import answer, attachment, read_object

LONGEST = 100


class Gone(DalleFluxError):
    code = "gone"


async def echo(request: web.Request) -> web.Response:
    return web.json_response(await read_object(request, LONGEST))


def fails(error: Exception):
    def work() -> dict[str, str]:
        raise error

    async def handle(_: web.Request) -> web.Response:
        return await answer(work, "The votes", {"gone": 404})

    return handle


def lines(*pieces: str | Exception):
    def write() -> Iterator[str]:
        for piece in pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    async def handle(request: web.Request) -> web.StreamResponse:
        return await attachment(request, "text/csv", "votes.csv", write, "The votes")

    return handle


@pytest.fixture
async def client() -> AsyncIterator[TestClient]:
    app = web.Application()
    app.router.add_routes(guarded([web.post("/echo", echo)], Names(list, list)))
    app.router.add_get("/gone", fails(Gone("It is gone; look elsewhere.")))
    app.router.add_get("/broken", fails(sqlite3.OperationalError("disk I/O error")))
    app.router.add_get("/file", lines("a,b\n", "ü,\udc80\n"))
    app.router.add_get("/no-file", lines(OSError("no space left")))
    async with TestClient(TestServer(app)) as client:
        yield client


async def test_a_json_object_is_read(client):
    assert await (await client.post("/echo", json={"a": 1})).json() == {"a": 1}


@pytest.mark.parametrize(
    ("body", "kind", "says"),
    [
        (b'{"a": 1}', "text/plain", "application/json"),  # what a form of another site can send
        (b"[1]", "application/json", "JSON object"),
        (b"{", "application/json", "JSON object"),
        (b"\xff\xfe\x00", "application/json", "JSON object"),
        (b"[" * 90, "application/json", "JSON object"),
        (b'{"a": "' + b"x" * LONGEST + b'"}', "application/json", "too long"),
    ],
)
async def test_anything_else_is_refused(client, body, kind, says):
    reply = await client.post("/echo", data=body, headers={"Content-Type": kind})
    told = await reply.json()
    assert reply.status == 400
    assert told["code"] == "bad_request"
    assert says in told["error"]


async def test_a_body_that_hides_its_length_is_cut_off(client):
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(1000):
            yield b" " * 1000

    reply = await client.post("/echo", data=endless(), headers={"Content-Type": "application/json"})
    assert "too long" in (await reply.json())["error"]


async def test_errors_say_what_failed(client):
    gone = await client.get("/gone")
    assert (gone.status, (await gone.json())["code"]) == (404, "gone")
    broken = await client.get("/broken")
    assert (broken.status, (await broken.json())["code"]) == (500, "state_unreadable")
    assert (await broken.json())["error"].startswith("The votes could not be read or written")


async def test_a_file_is_sent_whole_or_not_at_all(client):
    reply = await client.get("/file")
    assert await reply.read() == "a,b\nü,".encode() + b"\xed\xb2\x80\n"
    assert reply.headers["Content-Disposition"] == 'attachment; filename="votes.csv"'
    assert (await client.get("/no-file")).status == 500
