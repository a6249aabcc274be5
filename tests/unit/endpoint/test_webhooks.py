"""Webhooks, called over real HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import openai
import pytest
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from nodes.endpoint.contract.rules import Operation
from nodes.endpoint.contract.submissions import Submission
from nodes.endpoint.jobs import MIGRATIONS, ROOM, JobStore
from nodes.endpoint.settings import EndpointSettings, Webhook
from nodes.endpoint.webhooks import PAUSES_S, Deliveries
from nodes.state import State

SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


@dataclass
class Receiver:
    """A web server that keeps what is posted to it, and answers as told, the last answer for ever."""

    url: str
    answers: list[int] = field(default_factory=lambda: [204])
    calls: list[tuple[bytes, dict[str, str]]] = field(default_factory=list)
    may_answer: threading.Event = field(default_factory=threading.Event)


@contextlib.contextmanager
def receiver() -> Iterator[Receiver]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.calls.append((body, {name.lower(): value for name, value in self.headers.items()}))
            made.may_answer.wait(30)
            self.send_response(made.answers.pop(0) if len(made.answers) > 1 else made.answers[0])
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Receiver(f"http://127.0.0.1:{server.server_port}/hook")
    made.may_answer.set()
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield made
    made.may_answer.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def mine() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture
def state(tmp_path) -> State:
    return State(tmp_path)


def payload(job_id: str) -> dict[str, Any]:
    return {"id": f"evt_{job_id}", "type": "image.job.completed", "data": {"id": job_id, "text": "Überraschung"}}


def deliveries(state: State, **urls: str) -> Deliveries:
    hooks = {name: Webhook(url, SECRET) for name, url in urls.items()}
    return Deliveries(state, lambda: EndpointSettings(webhooks=hooks), payload)


@contextlib.asynccontextmanager
async def delivering(made: Deliveries) -> AsyncIterator[Deliveries]:
    """What the server does for as long as it runs."""
    task = asyncio.create_task(made.deliver_forever())
    yield made
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def finish(state: State, job_id: str, webhook: str = "mine") -> None:
    """A job of that id ends."""
    store = JobStore(state)
    store.add(job_id, "me", "dall-e-2", Submission(Operation.GENERATE, {"prompt": "x"}), webhook=webhook)
    store.end(job_id, "completed", 200, {"data": []}, webhook)


def recorded(state: State) -> list[dict[str, Any]]:
    with state.database(ROOM, MIGRATIONS) as database:
        return [dict(row) for row in database.execute("SELECT * FROM endpoint_deliveries ORDER BY id").fetchall()]


def make_due(state: State) -> None:
    """As if the pause were over."""
    with state.database(ROOM, MIGRATIONS) as database:
        database.execute("UPDATE endpoint_deliveries SET due = 0 WHERE state = 'due'")


async def until(true: Callable[[], Any]) -> None:
    for _ in range(3000):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen")


async def test_a_finished_job_is_told_once_in_a_body_that_only_the_secret_can_have_signed(state, mine):
    finish(state, "imgjob_1")
    async with delivering(deliveries(state, mine=mine.url)) as made:
        await until(lambda: recorded(state)[0]["state"] == "done")
        made.wake()
        await asyncio.sleep(0.2)
    ((body, headers),) = mine.calls
    assert Verifier(SECRET).verify(body, headers) == payload("imgjob_1")
    assert headers["webhook-id"] == "evt_imgjob_1"
    assert headers["content-type"] == "application/json"
    event = openai.OpenAI(api_key="x", webhook_secret=SECRET).webhooks.unwrap(body, headers)
    assert (event.type, event.data.id) == ("image.job.completed", "imgjob_1")
    for changed, secret in ((body.replace(b"imgjob_1", b"imgjob_2"), SECRET), (body, "whsec_" + "QUJD" * 8)):
        with pytest.raises(WebhookVerificationError):
            Verifier(secret).verify(changed, headers)


async def test_it_is_tried_again_after_growing_pauses_with_the_same_id_and_body(state, mine):
    mine.answers[:] = [500, 503, 302, 404, 204]
    finish(state, "imgjob_1")
    async with delivering(deliveries(state, mine=mine.url)) as made:
        for attempt in range(4):
            before = time.time()
            await until(lambda attempt=attempt: recorded(state)[0]["attempts"] == attempt + 1)
            (row,) = recorded(state)
            assert row["state"] == "due"
            assert row["due"] >= before + PAUSES_S[attempt] - 1
            make_due(state)
            made.wake()
        await until(lambda: recorded(state)[0]["state"] == "done")
    assert recorded(state)[0]["answered"] == 204
    assert len(mine.calls) == 5  # and nowhere else: no redirect is followed
    assert len({body for body, _ in mine.calls}) == len({headers["webhook-id"] for _, headers in mine.calls}) == 1
    assert list(PAUSES_S) == sorted(PAUSES_S)
    for body, headers in mine.calls:
        Verifier(SECRET).verify(body, headers)


@pytest.mark.parametrize(("answer", "attempts"), [(410, 1), (500, len(PAUSES_S) + 1)])
async def test_it_is_given_up_when_nobody_wants_it_and_after_three_days(state, mine, answer, attempts):
    mine.answers[:] = [answer]
    finish(state, "imgjob_1")
    async with delivering(deliveries(state, mine=mine.url)) as made:
        for attempt in range(attempts):
            await until(lambda attempt=attempt: recorded(state)[0]["attempts"] == attempt + 1)
            make_due(state)
            made.wake()
    assert recorded(state)[0]["state"] == "given up"
    assert len(mine.calls) == attempts


async def test_what_was_due_when_the_server_died_is_told_by_the_next_one(state, mine):
    with receiver() as gone:
        nobody = gone.url
    finish(state, "imgjob_1")
    async with delivering(deliveries(state, mine=nobody)):
        await until(lambda: recorded(state)[0]["attempts"] == 1)
    assert recorded(state)[0]["complaint"]
    make_due(state)
    async with delivering(deliveries(State(state.root), mine=mine.url)):
        await until(lambda: recorded(state)[0]["state"] == "done")
    assert len(mine.calls) == 1


async def test_a_webhook_that_left_the_users_file_is_waited_for(state, mine):
    finish(state, "imgjob_1")
    async with delivering(deliveries(state)):
        await until(lambda: recorded(state)[0]["attempts"] == 1)
    assert (recorded(state)[0]["state"], "mine" in recorded(state)[0]["complaint"]) == ("due", True)


async def test_a_slow_receiver_holds_up_nobody_else(state, mine):
    with receiver() as slow:
        slow.may_answer.clear()
        finish(state, "imgjob_1", "slow")
        finish(state, "imgjob_2", "mine")
        async with delivering(deliveries(state, mine=mine.url, slow=slow.url)):
            await until(lambda: len(slow.calls) == 1)
            await until(lambda: recorded(state)[1]["state"] == "done")
            assert recorded(state)[0]["state"] == "due"
            slow.may_answer.set()
            await until(lambda: recorded(state)[0]["state"] == "done")


async def test_what_ends_while_a_slow_receiver_is_called_is_told_meanwhile(state, mine):
    with receiver() as slow:
        slow.may_answer.clear()
        finish(state, "imgjob_1", "slow")
        async with delivering(deliveries(state, mine=mine.url, slow=slow.url)) as made:
            await until(lambda: len(slow.calls) == 1)
            finish(state, "imgjob_2", "mine")
            made.wake()
            await until(lambda: recorded(state)[1]["state"] == "done")
            slow.may_answer.set()
            await until(lambda: recorded(state)[0]["state"] == "done")
    assert len(slow.calls) == 1
    assert json.loads(mine.calls[0][0])["data"]["id"] == "imgjob_2"
