"""A process that dies at any step of a paid request, and its successor: nothing paid for is lost or paid twice."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]

STEPS = {
    # where the process dies: (bills afterwards, whether the picture must not be paid for again)
    "mark_sent:before": (0, False),
    "mark_sent:after": (0, False),
    "keep_reply:before": (1, False),
    "keep_reply:file": (1, True),
    "keep_reply:after": (1, True),
    "done:before": (1, True),
    "done:kept": (1, True),
    "done:after": (1, True),
}
ONE_REQUEST = """
import asyncio, json, os, signal, sys
sys.path.insert(0, {root!r})
from pathlib import Path
from nodes.images_api import ledger
from nodes.images_api.ledger import Ledger
from nodes.state import State
step, moment = {step!r}.split(":")
def die(*_, **__):
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
def dying(owner, name, when):
    real = getattr(owner, name)
    def wrapped(*a, **k):
        if when == "before": die()
        result = real(*a, **k)
        die()
        return result
    setattr(owner, name, wrapped)
if moment == "never": pass
elif moment == "file": dying(ledger, "write_file", "after")
elif moment == "kept": dying(State, "keep", "after")
else: dying(Ledger, step, moment)
from dataclasses import dataclass
from nodes.endpoints import Endpoint
from nodes.images_api.inputs import Sent
from nodes.images_api.making import make_pictures
from nodes.images_api.plan import Ask, Operation, make_plan
from nodes.images_api.settings import Settings
from datetime import date
class Watch:
    def is_cancelled(self): return False
    def raise_cancelled(self): pass
    async def show(self, progress): pass
endpoint = Endpoint("studio", {url!r}, stored_key={key!r})
ask = Ask(Operation.GENERATE, "dall-e-3", "1024x1024", 1, 1, "a red cube", "standard", "vivid")
settings = Settings(partial_images=0)
plan = make_plan(ask, endpoint, settings, date(2026, 11, 21))
made = asyncio.run(make_pictures(plan, Sent(), Ledger(State(Path({state!r}))), settings, Watch()))
print(json.dumps([list(made.images.shape), made.info]))
"""


def one_request(services, state: Path, step: str = "none:never") -> subprocess.CompletedProcess[str]:
    """Ask for one picture in a process of its own, which kills itself at `step`."""
    source = ONE_REQUEST.format(root=str(ROOT), step=step, url=services.base_url, key=services.key, state=str(state))
    return subprocess.run([sys.executable, "-c", source], capture_output=True, text=True)


def result(done: subprocess.CompletedProcess[str]) -> tuple[list[int], dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    shape, info = json.loads(done.stdout.splitlines()[-1])
    return shape, info


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_nothing_paid_for_is_lost(services, tmp_path, step):
    bills, kept = STEPS[step]
    died = one_request(services, tmp_path, step)
    assert died.returncode != 0
    assert "Traceback" not in died.stderr
    assert len(services.bills) == bills
    shape, info = result(one_request(services, tmp_path))
    assert shape == [1, 1024, 1024, 3]
    assert info["cached"] == kept
    assert len(services.bills) == (bills if kept else bills + 1)
    if bills and not kept:  # the reply died with the process: all one can do is say so
        assert info["pictures"][0]["earlier_attempt_may_be_billed"]


def test_at_an_idempotent_endpoint_even_a_lost_reply_is_delivered_unbilled(services, tmp_path):
    services.idempotent = True
    one_request(services, tmp_path, "keep_reply:before")
    result(one_request(services, tmp_path))
    assert len(services.bills) == 1


def test_a_restart_answers_from_disk(services, tmp_path):
    _, first = result(one_request(services, tmp_path))
    _, second = result(one_request(services, tmp_path))
    assert not first["cached"]
    assert second["cached"]
    assert second["pictures"][0]["sha256"] == first["pictures"][0]["sha256"]
    assert len(services.bills) == 1
