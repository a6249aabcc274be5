"""Services that answer with anything at all: one readable error, nothing stuck, no crash."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from services.wire import Wire, reply

from nodes.endpoints import Endpoint
from nodes.errors import DalleFluxError
from nodes.images_api import job, making, waiting
from nodes.images_api.inputs import Sent
from nodes.images_api.kinds import AtOnce, hosted_kind
from nodes.images_api.making import make_pictures
from nodes.images_api.plan import Ask, Operation, make_plan
from nodes.services.ledger import Ledger
from nodes.services.spending import Account
from nodes.state import State

from .conftest import Watch, no_budget
from .hosted import JOB_KINDS, KINDS

KEY = "the-key-that-no-message-may-show-0123456789"
ODD = [
    b"", b"null", b"[]", b"5", b'"text"', b"{}", b"{" * 5000, b"\xff\xfe", b'{"status": 5}', b'{"status": ["Ready"]}',
    b'{"status": "Ready", "result": []}', b'{"status": "Ready", "result": {"sample": {"a": 1}}}',
    b'{"status": "Pending", "progress": NaN}', b'{"status": "Pending", "progress": 1e999}',
    b'{"status": "COMPLETED", "images": [[]]}', b'{"images": [{"url": 7}]}',
    b'{"status": "IN_QUEUE", "queue_position": {}}',
    b'{"status": "IN_PROGRESS", "logs": {"a": 1}}', b'{"status": "succeeded", "output": {"a": [1]}}',
    b'{"status": "processing", "logs": ["5%"]}', b'{"status": "failed", "error": {"a": 1}}',
    b'{"image": 5, "finish_reason": []}', b'{"data": {"b64_json": 5}}', b'{"image": "AAAA"}',
    json.dumps({"detail": [[{"msg": {}}, None, KEY]], "error": KEY}).encode(),
    json.dumps({"status": "Error", "details": {"said": f"bad key {KEY}"}}).encode(),
    json.dumps({"status": "failed", "error": f"bad key {KEY}\x1b[2J"}).encode(),
]  # fmt: skip


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(job, "_BACKOFF_S", (0.01,))
    monkeypatch.setattr(making, "_TICK_S", 0.01)
    monkeypatch.setattr(waiting, "_LOOKS_S", (0.01,))
    monkeypatch.setattr(waiting, "_MOST_SILENT_S", 0.0)


async def ask(kind: str, base_url: str, root: Path, seed: int) -> str:
    """What a node says."""
    endpoint = Endpoint("there", base_url, stored_key=KEY, kind=kind, timeout_s=0.3)
    model = next(iter(hosted_kind(kind).models))
    request = Ask(Operation.GENERATE, model, "256x256", 1, seed, "a fox", "standard")
    settings = no_budget()
    plan = make_plan(request, endpoint, settings, date(2026, 11, 21))
    with pytest.raises(DalleFluxError) as caught:
        await make_pictures(plan, Sent(), Account(Ledger(State(root)), settings), Watch())
    return str(caught.value)


def checked(said: str) -> None:
    assert KEY not in said
    assert "\x1b" not in said
    assert len(said) < 700


@pytest.mark.parametrize("status", [200, 422, 500])
@pytest.mark.parametrize("kind", KINDS)
async def test_any_answer_to_a_request_is_told_in_one_sentence(tmp_path, kind, status):
    for number, body in enumerate(ODD if status == 200 else ODD[-3:]):
        with Wire(lambda request, body=body: reply(body, status=status)) as wire:
            checked(await ask(kind, wire.base_url, tmp_path, number))


def ticket(kind: str, root: str) -> bytes:
    said = {
        "bfl": {"id": "1", "polling_url": f"{root}/look", "cost": "a lot"},
        "fal": {"request_id": 5, "status_url": f"{root}/look", "response_url": f"{root}/r", "cancel_url": f"{root}/c"},
        "replicate": {"id": None, "urls": {"get": f"{root}/look", "cancel": f"{root}/c"}},
    }
    return json.dumps(said[kind]).encode()


@pytest.mark.parametrize("status", [200, 404, 500])
@pytest.mark.parametrize("kind", JOB_KINDS)
async def test_any_answer_about_a_job_is_told_in_one_sentence(tmp_path, kind, status):
    for number, body in enumerate(ODD if status == 200 else ODD[-3:]):

        def answer(request: bytes, body: bytes = body) -> bytes:
            host = request.lower().partition(b"host: ")[2].partition(b"\r\n")[0].decode()
            taken = request.startswith(b"POST")
            return reply(ticket(kind, f"http://{host}") if taken else body, status=200 if taken else status)

        with Wire(answer) as wire:
            checked(await ask(kind, wire.base_url, tmp_path, number))


def test_every_kind_is_asked_here():
    assert set(JOB_KINDS) == {kind for kind in KINDS if not isinstance(hosted_kind(kind), AtOnce)}
