"""Several ingresses on one PostgreSQL: real servers, a real database, and replicas that a test plays."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import psycopg
import pytest
from services.postgres import PostgresServer

from nodes.endpoint import keys, sharing
from nodes.endpoint.api import V1
from nodes.endpoint.contract.answers import Finished
from nodes.endpoint.contract.rules import Operation
from nodes.endpoint.contract.submissions import File, Submission
from nodes.endpoint.jobs import MIGRATIONS, ROOM, JobStore
from nodes.endpoint.keeping import KeeperAway
from nodes.endpoint.published import NoSuchPublication, Publications
from nodes.fleet import edge
from nodes.fleet.bridge import CLIENT_HEADER
from nodes.fleet.ingress import Ingress
from nodes.fleet.keys import main as keys_command
from nodes.fleet.postgres import Postgres
from nodes.fleet.routing import Seen
from nodes.fleet.settings import FleetSettings
from nodes.fleet.wire import Event, Task
from nodes.state import StateTooNew

GRAPH = {
    "1": {"class_type": "DalleFluxImagesRequest", "inputs": {}},
    "2": {"class_type": "DalleFluxImagesResponse", "inputs": {"images": ["1", 1]}},
}


@pytest.fixture(scope="module")
def server():
    with PostgresServer() as running:
        yield running


@pytest.fixture
def url(server, request):
    """An empty database of the test's own."""
    name = f"test_{abs(hash(request.node.name))}"
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return server.url.replace("/postgres", f"/{name}")


class Replicas:
    """One ComfyUI for each of the ingresses that share it; draws the prompt, in `seconds`."""

    def __init__(self, seconds: float = 0.0):
        self.seconds, self.drawn = seconds, []

    def replicas(self) -> list[Seen]:
        return [Seen("only", None, 0.0, 0, 2)]

    async def draw(self, task: bytes, weights: str) -> AsyncGenerator[bytes, None]:
        asked = Task.model_validate_json(task)
        yield Event(begun=True).line()
        await asyncio.sleep(self.seconds)
        self.drawn.append(asked.order.prompt)
        said = asked.order.prompt
        yield Event(finished=Finished((said.encode(),), "8x8", False, said, asked.seed, None, self.seconds)).line()

    async def check(self, graph: Mapping[str, Any]) -> None:
        pass


class Client:
    """Asks one ingress as this machine."""

    def __init__(self, url: str, session: aiohttp.ClientSession, ingress: Ingress):
        self.url, self._session, self.ingress = url, session, ingress

    async def ask(self, path: str, body: object = None, method: str = "POST", **headers: str) -> tuple[int, Any]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        headers = {CLIENT_HEADER: "127.0.0.1", **named}
        async with self._session.request(method, self.url + path, json=body, headers=headers) as reply:
            self.headers = reply.headers
            return reply.status, await reply.json()

    async def draw(self, prompt: str, **headers: str) -> tuple[int, Any]:
        body = {"model": "dall-e-2", "prompt": prompt, "size": "256x256", "response_format": "b64_json"}
        return await self.ask(f"{V1}/images/generations", body, **headers)


@contextlib.asynccontextmanager
async def ingresses(folder: Path, url: str, fleet: Replicas, count: int = 2) -> AsyncIterator[list[Client]]:
    async with aiohttp.ClientSession() as session, contextlib.AsyncExitStack() as stack:
        made = []
        for number in range(count):
            keeper = Postgres(url)
            stack.callback(keeper.close)
            ingress = Ingress(folder / str(number), fleet, lambda running: 2 * running, keeper)
            made.append(Client(await ingress.start(), session, ingress))
            stack.push_async_callback(stop, ingress)
        yield made


async def persistently(at: Client, prompt: str, **headers: str) -> tuple[int, Any]:
    """As clients do that are told to try again."""
    while (reply := await at.draw(prompt, **headers))[0] == 503:
        await asyncio.sleep(0.2)
    return reply


def die(ingress: Ingress) -> None:
    """As far as others can tell."""
    for task in [*ingress.service._tasks, *ingress.service.scheduler._tasks]:
        task.cancel()
    for job in ingress.service.scheduler.live.values():
        job.outcome.cancel()


async def stop(ingress: Ingress) -> None:
    die(ingress)
    assert ingress._runner
    ingress._runner._shutdown_timeout = 0.0
    await ingress.stop()


async def until(true: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Servers that are gone are missed sooner than after ten seconds."""
    monkeypatch.setattr("nodes.endpoint.service.BEAT_S", 0.1)
    monkeypatch.setattr(sharing, "DEAD_S", 3.0)


def test_it_keeps_what_a_state_folder_keeps(url):
    keeper = Postgres(url)
    keeper.write("a/b/1", b"\x00one")
    keeper.write("a/b/1", b"\x00two")
    keeper.write("a/c/1", b"")
    keeper.write("ab/1", b"")
    assert keeper.read("a/b/1") == b"\x00two"
    assert (keeper.names("a"), keeper.names("a/b"), keeper.names("x")) == (["b", "c"], ["1"], [])
    keeper.remove("a/b")
    keeper.remove("a/b")
    assert keeper.names("a") == ["c"]
    with pytest.raises(FileNotFoundError):
        keeper.read("a/b/1")
    keeper.close()


def test_jobs_and_published_workflows_are_the_same_for_all(url):
    one, other = Postgres(url), Postgres(url)
    asked = Submission(Operation.EDIT, {"prompt": "100 % ?"}, (File("image", b"\x00png"),), True)
    JobStore(one, "a").add("imgjob_1", "me", "dall-e-2", asked, webhook="mine", idempotency_key="k")
    store = JobStore(other, "b")
    assert store.add("imgjob_2", "me", "dall-e-2", asked, idempotency_key="k").id == "imgjob_1"
    assert other.names("jobs") == ["imgjob_1"]
    assert store.submission("imgjob_1") == asked
    store.end("imgjob_1", "completed", 200, {"data": []}, "mine")
    JobStore(one).end("imgjob_1", "failed", 500, {}, "mine")  # it is over already
    found = JobStore(one).newest(9, "me")
    assert [(record.id, record.state, store.reply(record.id)) for record in found] == [
        ("imgjob_1", "completed", {"data": []})
    ]
    assert abs(found[0].created - time.time()) < 60
    with one.database(ROOM, MIGRATIONS) as database:
        database.execute("UPDATE endpoint_deliveries SET state = 'done'")
    store.sweep(0)
    assert (store.newest(9), other.names("jobs")) == ([], [])
    Publications(one).publish("house-style", GRAPH)
    assert Publications(other).publish("house-style", GRAPH).version == 2
    Publications(one).remove("house-style", 2)
    assert Publications(other).names() == ["house-style"]
    Publications(other).remove("house-style")
    with pytest.raises(NoSuchPublication):
        Publications(one).remove("house-style")
    one.close()
    other.close()


async def test_many_that_start_at_once_make_the_tables_once_and_a_newer_one_is_left_alone(url):
    keepers = [Postgres(url) for _ in range(8)]
    await asyncio.gather(*[asyncio.to_thread(JobStore(keeper).newest, 1) for keeper in keepers])
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT version FROM schema_version WHERE room = 'endpoint'").fetchall()
        assert rows == [(len(MIGRATIONS),)]
        connection.execute("UPDATE schema_version SET version = 99")
    newer = Postgres(url)
    with pytest.raises(StateTooNew, match="update the pack"):
        JobStore(newer).newest(1)
    for keeper in [*keepers, newer]:
        keeper.close()


async def test_an_idempotency_key_at_two_ingresses_draws_once(tmp_path, url):
    fleet = Replicas(0.3)
    async with ingresses(tmp_path, url, fleet) as (one, other):
        replies = await asyncio.gather(*[at.draw("x", Idempotency_Key="k") for at in (one, other, one, other)])
        assert [status for status, _ in replies] == [200] * 4
        assert all(body == replies[0][1] for _, body in replies)
        assert await other.draw("x", Idempotency_Key="k") == replies[0]
        assert (await other.draw("y", Idempotency_Key="k"))[0] == 400
    assert fleet.drawn == ["x"]


async def test_jobs_can_be_asked_for_and_cancelled_at_any_ingress(tmp_path, url):
    fleet = Replicas(0.2)
    async with ingresses(tmp_path, url, fleet) as (one, other):
        asked = {"operation": "generations", "model": "dall-e-2", "prompt": "x", "size": "256x256"}
        status, job = await one.ask(f"{V1}/jobs", asked)
        assert status == 202
        while (await other.ask(f"{V1}/jobs/{job['id']}", method="GET"))[1]["status"] != "completed":
            await asyncio.sleep(0.05)
        assert [one["id"] for one in (await other.ask(f"{V1}/jobs", method="GET"))[1]["data"]] == [job["id"]]
        fleet.seconds = 3600
        _, job = await one.ask(f"{V1}/jobs", {**asked, "prompt": "y"})
        assert (await other.ask(f"{V1}/jobs/{job['id']}", method="DELETE"))[1]["status"] == "cancelled"
        assert one.ingress.service.scheduler.live == {}
    assert fleet.drawn == ["x"]


async def test_a_key_and_its_limits_hold_at_every_ingress(tmp_path, url, capsys):
    async with ingresses(tmp_path, url, Replicas()) as (one, other):
        assert keys_command([url, "add", "phone", "--requests-per-minute", "2"]) == 0
        phone = capsys.readouterr().out.strip()
        _, made = await one.ask("/dalle_flux/endpoint/keys", {"name": "laptop", "pictures_per_day": 3})
        asked = [await at.draw("x", api_key=made["key"]) for at in (one, other, one, other)]
        assert [status for status, _ in asked] == [200, 200, 200, 429]
        assert asked[3][1]["error"]["code"] == "insufficient_quota"
        asked = [await at.draw("x", api_key=phone) for at in (one, other, one)]
        assert [status for status, _ in asked] == [200, 200, 429]
        assert 1 <= int(one.headers["Retry-After"]) <= 60
        assert keys_command([url, "list"]) == 0
        assert "phone: requests_per_minute 2" in capsys.readouterr().out
        assert (await other.ask("/dalle_flux/endpoint/keys/laptop", method="DELETE", api_key=phone))[0] == 200
        await until(lambda: set(one.ingress.service.settings().keys) == {"phone"})  # a key that is known, for 2 s
        assert (await one.draw("x", api_key=made["key"]))[0] == 401


async def test_a_request_that_is_asked_again_counts_once(tmp_path, url, monkeypatch):
    """As the edge asks when an ingress died; and whoever has no edge in front cannot say so."""
    async with ingresses(tmp_path, url, Replicas()) as (one, other):
        key = keys.add_shared(one.ingress.service.keeper, "laptop", {"pictures_per_day": 2})
        for at in (one, other):
            await at.ingress.service.shared_keys.read()
        monkeypatch.setenv(edge.VARIABLE, edge.MIDDLEWARES)
        same = {"api_key": key, edge.REQUEST_HEADER.replace("-", "_"): "req_1"}
        assert [(await at.draw("x", **same))[0] for at in (one, other, one)] == [200] * 3
        monkeypatch.delenv(edge.VARIABLE)
        assert [(await at.draw("x", **same))[0] for at in (one, other)] == [200, 429]


async def test_what_an_ingress_leaves_is_drawn_by_another(tmp_path, url):
    fleet = Replicas(3600)
    async with ingresses(tmp_path, url, fleet, 3) as (one, other, third):
        waiting = asyncio.create_task(other.draw("x", Idempotency_Key="k"))
        await until(lambda: other.ingress.service.scheduler.live)
        at_third = asyncio.create_task(third.draw("x", Idempotency_Key="k"))
        fleet.seconds = 0
        waiting.cancel()
        die(other.ingress)
        assert (await at_third)[0] == 200
        assert (await one.draw("x", Idempotency_Key="k"))[0] == 200
    assert fleet.drawn == ["x"]


async def test_two_fleets_share_a_database(tmp_path, url):
    mine, yours = Replicas(0.1), Replicas(0.1)
    async with ingresses(tmp_path / "a", url, mine, 1) as (one,), ingresses(tmp_path / "b", url, yours, 1) as (other,):
        asked = [at.draw(f"{number}", Idempotency_Key=f"{number}") for number in range(8) for at in (one, other)]
        replies = await asyncio.gather(*asked)
        assert [body["data"][0]["revised_prompt"] for _, body in replies] == [f"{n // 2}" for n in range(16)]
    assert sorted(mine.drawn + yours.drawn) == [f"{n}" for n in range(8)]


async def test_while_the_database_is_away_that_is_told_and_nothing_is_lost_or_drawn_twice(tmp_path):
    fleet = Replicas(0.5)
    with PostgresServer() as server:
        async with ingresses(tmp_path, server.url, fleet) as (one, other):
            await one.draw("before", Idempotency_Key="0")
            kept = asyncio.create_task(one.draw("kept", Idempotency_Key="1"))
            await until(lambda: one.ingress.service.scheduler.live)
            await asyncio.to_thread(server.stop)
            assert (await other.draw("plain"))[0] == 200  # needs nothing that is kept
            status, body = await other.draw("new", Idempotency_Key="2")
            assert (status, body["error"]["type"], body["error"]["code"]) == (503, "server_error", "database_away")
            assert int(other.headers["Retry-After"]) >= 1
            assert "password" not in body["error"]["message"]
            await until(lambda: "kept" in fleet.drawn)
            await asyncio.to_thread(server.start)
            await kept  # an answer, or 503 if the database was away for long
            at_one, at_other = [await persistently(at, "kept", Idempotency_Key="1") for at in (one, other)]
            assert at_one[0] == 200
            assert at_one == at_other
            assert (await persistently(other, "new", Idempotency_Key="2"))[0] == 200
    assert sorted(fleet.drawn) == ["before", "kept", "new", "plain"]


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGSTOP")
def test_a_database_that_hangs_is_away(monkeypatch):
    monkeypatch.setattr("nodes.fleet.postgres._WAIT_S", 0.5)
    with PostgresServer() as server:
        keeper = Postgres(server.url)
        assert JobStore(keeper).newest(1) == []
        server.pause()
        with pytest.raises(KeeperAway):
            JobStore(keeper).newest(1)
        server.go_on()
        assert JobStore(keeper).newest(1) == []
        keeper.close()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"ingresses": 2}, "need a database"),
        ({"database": "mysql://x/y"}, "postgresql://"),
        ({"database": "postgresql://me:secret@x/y"}, "no password"),
        ({"database": "postgresql://x/y?password=secret"}, "no password"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(fields, said):
    with pytest.raises(ValueError, match=said):
        FleetSettings(comfyui=Path(os.sep), state=Path(os.sep), **fields)
