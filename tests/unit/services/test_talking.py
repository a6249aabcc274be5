"""One way to talk to a service: what leaves, what comes in, and how long it may take."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest
from services.wire import Wire, bomb, completion, reply

from nodes.endpoints import Endpoint
from nodes.services import asking
from nodes.services.asking import ask
from nodes.services.chat import chat
from nodes.services.client import open_client
from nodes.services.failures import Meaning, ServiceFailed
from nodes.services.reading import parse
from nodes.services.spending import no_account

MINE = "belongs-to-openai-only"
ENVIRONMENT = {
    name: MINE
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_WEBHOOK_SECRET",
                 "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN", "OPENAI_API_VERSION")
} | {
    "OPENAI_BASE_URL": f"https://{MINE}.example/v1",
    "AZURE_OPENAI_ENDPOINT": f"https://{MINE}.example",
    "OPENAI_CUSTOM_HEADERS": "\n".join(
        f"{name}: {MINE}"
        for name in ("X-Own", "Authorization", "authorization", "User-Agent", "Accept", "content-type", "Cookie",
                     "Accept-Encoding", "api-key", "OpenAI-Organization", "Idempotency-Key", "X-Stainless-Lang")
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(asking, "_BACKOFF_S", (0.01, 0.01))


def endpoint(wire: Wire, **fields) -> Endpoint:
    return Endpoint("there", wire.base_url, **fields)


def say(there: Endpoint, seconds: float = 20.0, **more):
    """One chat call that costs nothing."""
    return chat(
        there, "m", [{"role": "user", "content": "hi"}], max_tokens=5, account=no_account, seconds=seconds, **more
    )


def moderate(there: Endpoint, seconds: float = 20.0):
    def question(client):
        return client.sdk.moderations.with_streaming_response.create(
            model="m", input=["hi"], extra_headers=client.headers
        )

    return ask(there, "m", question, seconds=seconds)


KINDS = {
    "no key": {},
    "key": {"stored_key": "sk-of-the-studio"},
    "azure": {"stored_key": "sk-of-the-studio", "kind": "azure"},
}


@pytest.mark.parametrize("fields", KINDS.values(), ids=KINDS)
def test_what_belongs_to_openais_account_goes_to_nobody_else(monkeypatch, fields):
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with Wire(lambda _: reply(b"{}")) as wire:
        moderate(endpoint(wire, **fields))
    (request,) = wire.requests
    assert MINE.encode() not in request
    assert (b"sk-of-the-studio" in request) == ("stored_key" in fields)
    assert b"accept-encoding: identity" in request.lower()


def test_openai_itself_gets_what_belongs_to_its_account(monkeypatch):
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    headers = open_client(Endpoint("openai", "https://api.openai.com/v1", stored_key="sk-x"), "m").sdk.default_headers
    assert headers["OpenAI-Organization"] == MINE


ENCODINGS = ("gzip", "deflate", "gzip, gzip", "br", "GZIP", "x-gzip", "zstd")


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("status", [200, 400, 500])
def test_a_packed_reply_is_refused_unopened(encoding, status):
    with Wire(lambda _: reply(bomb(), status=status, Content_Encoding=encoding)) as wire:
        moderate_once = endpoint(wire)
        open_client(moderate_once, "m")  # the package is loaded
        tracemalloc.start()
        with pytest.raises(ServiceFailed) as caught:
            moderate(moderate_once)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 40 * 2**20
    assert caught.value.meaning is {200: Meaning.BAD_REPLY, 400: Meaning.REFUSED, 500: Meaning.FAILED}[status]


def test_a_reply_that_fills_the_memory_once_it_is_read_is_none():
    for body in (b"[" + b"{},1," * 2_000_000 + b"1]", b"[" * 1_000_000):
        tracemalloc.start()
        with pytest.raises(ValueError):  # noqa: PT011 - its words are for nobody
            parse(body)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 4 * 2**20
    assert parse(b'{"a": ' + b"9" * 100_000 + b"}") == {"a": None}


def drip(head: bytes):
    yield head
    while True:
        yield 0.05
        yield b" "


DRIPPING = (
    lambda _: drip(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"),
    lambda _: drip(b"HTTP/1.1 400 No\r\nContent-Type: application/json\r\n\r\n"),
    lambda _: drip(b"HTTP/1.1 200 OK\r\nX-Slow: "),
    lambda _: [60.0],
)


def test_a_reply_that_drips_ends_at_the_deadline():
    def failure(case) -> ServiceFailed:
        call, answer = case
        with Wire(answer) as wire, pytest.raises(ServiceFailed) as caught:
            call(endpoint(wire), 0.5)  # it would drip for ever
        return caught.value

    cases = list(itertools.product([say, moderate], DRIPPING))
    with ThreadPoolExecutor(len(cases)) as side_by_side:
        for failed in side_by_side.map(failure, cases):
            assert failed.meaning is Meaning.TIMED_OUT
            assert failed.maybe_billed


class Cancelled(Exception):
    pass


def test_cancel_ends_a_call_that_hangs():
    pressed = threading.Event()

    def look() -> None:
        if pressed.is_set():
            raise Cancelled

    def answer(_):
        pressed.set()
        return [600.0]

    began = time.monotonic()
    with Wire(answer) as wire, pytest.raises(Cancelled):
        say(endpoint(wire), 600.0, check_cancelled=look)
    assert time.monotonic() - began < 60  # it hangs for ten minutes; on an idle machine it takes a fifth of a second


@pytest.mark.parametrize(
    ("answer", "meaning", "billed"),
    [
        (lambda _: reply(b'{"cho', length=900), Meaning.BROKEN, True),
        (lambda _: b"", Meaning.BROKEN, True),
        (lambda _: b"\x00\xff nonsense\r\n\r\n", Meaning.BROKEN, True),
        (lambda _: reply(b"<html>"), Meaning.BAD_REPLY, True),
        (lambda _: reply(b"", status=307, Location="http://127.0.0.1:9/v1/x?key=1"), Meaning.REDIRECTED, False),
        (lambda _: reply(b'{"error": {"message": "no"}}', status=400), Meaning.REFUSED, False),
        (lambda _: reply(b"x" * (asking.MAX_ANSWER + 1)), Meaning.BAD_REPLY, True),
    ],
    ids=["cut", "silence", "no HTTP", "a page", "redirect", "refusal", "endless"],
)
def test_each_way_to_fail_has_its_meaning_and_is_asked_once(answer, meaning, billed):
    with Wire(answer) as wire, pytest.raises(ServiceFailed) as caught:
        say(endpoint(wire))
    assert caught.value.meaning is meaning
    if meaning is not Meaning.REDIRECTED:
        assert caught.value.maybe_billed is billed
    assert len(wire.requests) == 1


def test_what_was_surely_not_billed_is_asked_again():
    said = iter([reply(b'{"error": {"code": "slow_down", "message": "x"}}', status=503), reply(completion("yes"))])
    with Wire(lambda _: next(said)) as wire:
        assert say(endpoint(wire))["choices"]
    assert len(wire.requests) == 2


def test_nobody_there_is_unreachable_and_not_billed():
    with pytest.raises(ServiceFailed) as caught:
        say(Endpoint("there", "http://127.0.0.1:9/v1"))
    assert caught.value.meaning is Meaning.UNREACHABLE
    assert not caught.value.maybe_billed


@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("/openai/v1", "/openai/v1/chat/completions?api-version=preview"),
        ("", "/openai/deployments/..%2F..%2Ffiles%3Fx%23/chat/completions?api-version=2025-04-01-preview"),
        ("/openai", "/openai/deployments/..%2F..%2Ffiles%3Fx%23/chat/completions?api-version=2025-04-01-preview"),
        ("/v1", "/openai/deployments/..%2F..%2Ffiles%3Fx%23/chat/completions?api-version=2025-04-01-preview"),
    ],
)
def test_azures_chat_has_both_addresses_and_no_deployment_leads_elsewhere(path, address):
    with Wire(lambda _: reply(completion("yes"))) as wire:
        root = wire.base_url.removesuffix("/v1")
        there = Endpoint("there", root + path, kind="azure")
        chat(there, "../../files?x#", [], max_tokens=5, account=no_account, seconds=20.0)
    (got,) = wire.addresses
    assert got == address


def test_a_cap_is_never_left_out():
    def answer(request: bytes) -> bytes:
        if b'"max_tokens"' in request:
            return reply(b'{"error": {"message": "use max_completion_tokens, not max_tokens"}}', status=400)
        return reply(completion("yes"))

    with Wire(answer) as wire:
        assert say(endpoint(wire))
    assert [body.get("max_completion_tokens") for body in wire.bodies] == [None, 5]
    no = b'{"error": {"message": "neither max_tokens nor max_completion_tokens"}}'
    with Wire(lambda _: reply(no, status=400)) as wire, pytest.raises(ServiceFailed):
        say(endpoint(wire))
    assert all("max_tokens" in body or "max_completion_tokens" in body for body in wire.bodies)


async def test_a_room_can_wait_while_an_event_loop_goes_on():
    with Wire(lambda _: reply(completion("yes"))) as wire:
        assert (await asyncio.to_thread(say, endpoint(wire)))["choices"]
