"""What stands in front: the edge, asked as an ASGI application, and the bridge to a real aiohttp server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web

from nodes.fleet.bridge import Bridge, true_client
from nodes.fleet.edge import OURS, Edge

JSON, STREAM = (b"content-type", b"application/json"), (b"content-type", b"text/event-stream")


async def ask(app: Any, *, path: str = "/", method: str = "POST", headers: tuple = (), body: bytes = b"{}") -> Any:
    """(status, headers, body) of an ASGI application's answer."""
    came, sent = [{"type": "http.request", "body": body, "more_body": False}], []

    async def receive() -> Any:
        if came:
            return came.pop()
        return await asyncio.get_running_loop().create_future()

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "query_string": b"a=b%20c", "client": ("10.0.0.7", 1),
             "headers": [(b"content-length", str(len(body)).encode()), *headers]}  # fmt: skip
    await app(scope, receive, send)
    assert not sent[-1].get("more_body")
    return sent[0]["status"], dict(sent[0]["headers"]), b"".join(one["body"] for one in sent[1:])


class Serve:
    """Serve's proxy with an ingress that dies: each answer is (status, headers, pieces), "dies" breaks it off."""

    def __init__(self, *answers: tuple):
        self.answers, self.asked = list(answers), []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked.append((dict(scope["headers"]), (await receive())["body"]))
        status, headers, pieces = self.answers.pop(0)
        await send({"type": "http.response.start", "status": status, "headers": list(headers)})
        for piece in pieces:
            if piece == "dies":
                return
            await send({"type": "http.response.body", "body": piece, "more_body": piece != pieces[-1]})


DIED = (500, (), [b"Internal Server Error"])


async def test_what_was_under_way_in_an_ingress_that_died_is_asked_again():
    serve = Serve(DIED, DIED, (200, (JSON, OURS), [b"{}"]))
    status, headers, body = await ask(Edge(serve), body=b"picture, please")
    assert (status, headers, body) == (200, dict([JSON]), b"{}")
    assert [body for _, body in serve.asked] == [b"picture, please"] * 3


async def test_our_own_errors_are_passed_on():
    status, _, body = await ask(Edge(Serve((500, (JSON, OURS), [b'{"error": {}}']))))
    assert (status, body) == (500, b'{"error": {}}')


async def test_of_a_stream_the_client_gets_every_event_once():
    first = (200, (STREAM, OURS), [b"event: 1\n\n: ping", b"\n\nevent: 2\n\nev", "dies"])
    second = (200, (STREAM, OURS), [b"event: 1\n\n", b": ping\n\nevent: 2\n", b"\nevent: 3\n\n"])
    status, _, body = await ask(Edge(Serve(first, second)))
    assert (status, body) == (200, b"event: 1\n\n: ping\n\nevent: 2\n\nevent: 3\n\n")


async def test_a_job_that_is_asked_for_again_is_the_same_job():
    serve = Serve(DIED, (202, (JSON, OURS), [b"{}"]))
    await ask(Edge(serve), path="/dalle-flux/v1/jobs")
    first, second = (headers[b"idempotency-key"] for headers, _ in serve.asked)
    assert first == second
    serve = Serve((202, (JSON, OURS), [b"{}"]))
    await ask(Edge(serve), path="/dalle-flux/v1/jobs", headers=((b"idempotency-key", b"mine"),))
    assert serve.asked[0][0][b"idempotency-key"] == b"mine"


async def test_headers_that_steer_serve_are_taken_off():
    serve = Serve((200, (JSON, OURS), [b"{}"]))
    steering = ((b"X-Request-Timeout-Seconds", b"1"), (b"x-request-disconnect-disabled", b"?1"), (b"accept", b"*/*"),
                (b"X-Dalle-Flux-Request", b"mine"))  # fmt: skip
    await ask(Edge(serve), headers=steering)
    assert set(serve.asked[0][0]) == {b"content-length", b"accept", b"x-dalle-flux-request"}
    assert serve.asked[0][0][b"x-dalle-flux-request"] != b"mine"


async def test_a_request_is_called_the_same_however_often_it_is_asked():
    serve = Serve(DIED, (200, (JSON, OURS), [b"{}"]), (200, (JSON, OURS), [b"{}"]))
    await ask(Edge(serve))
    await ask(Edge(serve))
    first, again, other = (headers[b"x-dalle-flux-request"] for headers, _ in serve.asked)
    assert first == again != other


@pytest.fixture
async def bridge():
    """A bridge to a server that tells what it was asked, and how a long request ended."""
    ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def echo(request: web.Request) -> web.Response:
        body = await request.read()
        return web.json_response(
            {"path": request.path_qs, "from": request.remote, "bytes": len(body), "key": request.headers.get("api-key")}
        )

    async def refuse(request: web.Request) -> web.Response:
        return web.Response(status=413)

    async def wait(request: web.Request) -> web.Response:
        while request.transport is not None and not request.transport.is_closing():
            await asyncio.sleep(0.01)
        ended.set_result("left")
        raise ConnectionResetError

    app = web.Application(middlewares=[true_client])
    app.router.add_post("/wait", wait)
    app.router.add_post("/refuse", refuse)
    app.router.add_post("/{tail:.*}", echo)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made = Bridge(f"http://127.0.0.1:{runner.addresses[0][1]}")
    yield made, ended
    await made({"type": "lifespan"}, shutdown, nothing)  # else the server waits ten seconds for what nobody sends
    await runner.cleanup()


async def shutdown() -> Any:
    return {"type": "lifespan.shutdown"}


async def nothing(message: Any) -> None: ...


async def test_the_bridge_passes_on_what_came_and_from_whom(bridge):
    import json

    headers = ((b"api-key", b"df-x"), (b"x-dalle-flux-client", b"127.0.0.1"))
    status, headers, body = await ask(bridge[0], path="/a%20b", headers=headers, body=b"x" * 300_000)
    assert (status, headers[OURS[0]]) == (200, OURS[1])
    assert json.loads(body) == {"path": "/a%20b?a=b%20c", "from": "10.0.0.7", "bytes": 300_000, "key": "df-x"}


async def test_a_body_that_is_refused_unread_is_read_before_the_end(bridge):
    """Else the client, which reads the answer after it has sent all, would see a broken connection."""
    pieces, sent = [b"x" * 2**20] * 40, []

    async def receive() -> Any:
        assert pieces
        return {"type": "http.request", "body": pieces.pop(), "more_body": bool(pieces)}

    async def send(message: Any) -> None:
        sent.append((message.get("status"), message.get("more_body"), len(pieces)))

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/refuse",
        "headers": [(b"content-length", b"%d" % (40 * 2**20))],
    }
    await bridge[0](scope, receive, send)
    assert sent[0][0] == 413
    assert sent[-1] == (None, None, 0)


async def test_a_client_that_leaves_is_gone_behind_the_bridge_too(bridge):
    made, ended = bridge
    asking = asyncio.create_task(ask(made, path="/wait"))
    await asyncio.sleep(0.1)
    asking.cancel()
    assert await asyncio.wait_for(ended, 60) == "left"
