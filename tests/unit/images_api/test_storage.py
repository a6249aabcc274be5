"""The disk and the ledger fail, or several processes share them: what is paid for is neither lost nor paid twice."""

from __future__ import annotations

import asyncio
import base64
import errno
import json
import sqlite3
import threading
from datetime import date

import pytest
from services import Fault

from nodes import state
from nodes.images_api import job as a_job
from nodes.images_api import jobs
from nodes.images_api.inputs import Sent
from nodes.services import ledger, presence
from nodes.services.ledger import BudgetReached, CallState, Ledger
from nodes.state import State, StateFailed

from .conftest import Cancelled, Watch, no_budget
from .test_money import states


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(a_job, "_LOOK_AGAIN_S", 0.02)
    monkeypatch.setattr(state, "_BUSY_TIMEOUT_S", 0.05)


def no_room(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


async def until(true) -> None:
    while not true():
        await asyncio.sleep(0.01)


async def test_a_reply_that_cannot_be_written_is_held_until_there_is_room(studio, services):
    with pytest.MonkeyPatch.context() as full:
        full.setattr(ledger, "write_file", no_room)
        with pytest.raises(StateFailed, match=r"No space left on device\); it is held in memory"):
            await studio.make()
    assert (await studio.make()).images.shape[0] == 1
    assert len(services.bills) == 1


async def test_cancel_does_not_drop_a_reply_that_waits_for_room(studio, services):
    def is_here() -> bool:
        return any(job.phase is a_job.Phase.FETCHING for job in jobs.jobs()._under_way.values())

    with pytest.MonkeyPatch.context() as full:
        full.setattr(ledger, "write_file", no_room)
        with pytest.raises((Cancelled, StateFailed)):
            await studio.make(watch=Watch(cancel_when=is_here))
        jobs.jobs().stop_watched()
        await asyncio.sleep(0.05)
    assert (await studio.make()).images.shape[0] == 1
    assert len(services.bills) == 1


async def test_while_a_reply_cannot_be_written_no_further_picture_is_paid_for(studio, services):
    studio.fields["max_parallel"] = 1
    with pytest.MonkeyPatch.context() as full:
        full.setattr(ledger, "write_file", no_room)
        with pytest.raises(StateFailed, match="held in memory"):
            await studio.make(n=3)
    await studio.settled()
    assert len(services.bills) == 1
    assert sorted(states(studio)) == ["done", "unsent", "unsent"]


async def test_a_picture_that_cannot_be_written_is_taken_from_the_kept_reply(studio, services):
    with pytest.MonkeyPatch.context() as full:
        full.setattr(State, "keep", no_room)
        with pytest.raises(StateFailed, match="the reply is kept"):
            await studio.make()
    assert states(studio) == ["replied"]
    assert (await studio.make()).info.cached
    assert len(services.bills) == 1


async def test_a_locked_ledger_stops_before_sending(studio, services):
    studio.endpoints()
    other = sqlite3.connect(studio.root / "state.sqlite", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StateFailed, match=r"state\.sqlite cannot be used \(database is locked\)"):
        await studio.make()
    assert services.requests == []
    other.close()
    assert (await studio.make()).images.shape[0] == 1


async def test_a_ledger_locked_while_the_endpoint_draws_does_not_lose_the_picture(studio, services):
    await studio.make(seed=7)  # the tables are there
    services.plan(Fault.HOLD)
    making = asyncio.create_task(studio.make())
    await until(lambda: services.busy)
    other = sqlite3.connect(studio.root / "state.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    services.release()
    with pytest.raises(StateFailed, match=r"database is locked.*held in memory"):
        await making
    other.close()
    assert (await studio.make()).images.shape[0] == 1
    assert len(services.bills) == 2


async def test_a_cancel_after_the_picture_came_changes_nothing(studio, services, monkeypatch):
    stored = []
    done = Ledger.done
    go_on = threading.Event()

    def slow(self, *arguments):
        stored.append(done(self, *arguments))
        go_on.wait(10.0)
        return stored[0]

    monkeypatch.setattr(Ledger, "done", slow)
    with pytest.raises(Cancelled):
        await studio.make(watch=Watch(cancel_when=lambda: bool(stored)))
    go_on.set()
    await studio.settled()
    studio.ledger.failed(stored[0], CallState.UNKNOWN, "cancelled")  # nor does one that comes later still
    assert (await studio.make()).info.cached
    assert len(services.bills) == 1


async def test_what_a_thrown_away_node_has_not_sent_is_not_sent(studio, services):
    studio.fields["max_parallel"] = 1
    services.plan(Fault.HOLD)
    making = asyncio.create_task(studio.make(n=3))
    await until(lambda: services.bills)
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    services.release()
    await studio.settled()
    assert len(services.bills) == 1
    assert states(studio) == ["done", "unsent", "unsent"]


async def test_a_node_thrown_away_while_it_reserves_leaves_no_reservation(studio, monkeypatch):
    claim = Ledger.claim
    claimed = []
    go_on = threading.Event()

    def slow(self, *arguments, **named):
        claimed.append(claim(self, *arguments, **named))
        go_on.wait(10.0)
        return claimed[0]

    monkeypatch.setattr(Ledger, "claim", slow)
    making = asyncio.create_task(studio.make(n=2))
    await until(lambda: claimed)
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    go_on.set()
    await until(lambda: set(states(studio)) == {"unsent"})


async def test_a_reply_that_never_ends_is_given_up(studio, services, monkeypatch):
    monkeypatch.setattr(a_job, "LATE_S", 0.0)
    studio.fields["timeout_s"] = 0.1
    services.plan(Fault.DRIP)
    with pytest.raises(Exception, match="may have been billed"):
        await studio.make()
    await asyncio.wait_for(studio.settled(), 10.0)
    assert states(studio) == ["unknown"]


class Other:
    """Another ComfyUI on the same state folder, in the middle of the same request."""

    def __init__(self, studio, session: str, **request):
        self.studio = studio
        self.lock = sqlite3.connect(presence._file(studio.root, session), isolation_level=None)
        self.lock.execute("BEGIN EXCLUSIVE")
        (self.call,) = studio.ledger.claim(studio.plan(**request).wanted(Sent()), no_budget(), again=False)
        with studio.ledger.state.database("images_api", ledger.MIGRATIONS) as rows:
            rows.execute("UPDATE images_api_calls SET session = ? WHERE id = ?", (session, self.call.id))
        studio.ledger.mark_sent(self.call)

    def die(self) -> None:
        self.lock.close()


@pytest.fixture
async def other(studio):
    await studio.make(seed=99)
    there = Other(studio, "another")
    yield there
    there.die()


async def test_another_process_asking_for_the_same_picture_is_waited_for(studio, services, other):
    watch = Watch()
    making = asyncio.create_task(studio.make(watch=watch))
    await until(lambda: any("another ComfyUI" in progress.text for progress in watch.shown))
    picture = studio.ledger.state.kept(studio.ledger.row(1)["image_sha256"]).read_bytes()
    reply = json.dumps({"data": [{"b64_json": base64.b64encode(picture).decode()}]}).encode()
    studio.ledger.keep_reply(other.call, reply, "req_there")
    studio.ledger.done(other.call, picture, 0.016, None)
    made = await making
    assert made.info.cached
    assert made.info.request_id == "req_there"
    assert len(services.bills) == 1  # the one of seed 99


async def test_if_the_other_process_dies_its_request_is_taken_over(studio, services, other):
    watch = Watch()
    making = asyncio.create_task(studio.make(watch=watch))
    await until(lambda: any("another ComfyUI" in progress.text for progress in watch.shown))
    other.die()
    made = await making
    assert made.info.pictures[0].earlier_attempt_may_be_billed
    assert services.requests[-1].headers["idempotency-key"] == other.call.idempotency_key


async def test_cancel_ends_the_waiting_and_leaves_the_other_process_its_row(studio, services, other):
    watch = Watch(cancel_when=lambda: any("another ComfyUI" in progress.text for progress in watch.shown))
    with pytest.raises(Cancelled):
        await studio.make(watch=watch)
    await studio.settled()
    assert states(studio) == ["done", "sent"]


async def test_what_a_dead_process_had_reserved_does_not_count(studio, services):
    await studio.make(seed=99)
    studio.ledger.claim(studio.plan(seed=5).wanted(Sent()), no_budget(), again=False)
    studio.settings = no_budget(per_day_usd=0.035, partial_images=0)
    with pytest.raises(BudgetReached):
        await studio.make()
    with studio.ledger.state.database("images_api", ledger.MIGRATIONS) as rows:
        rows.execute("UPDATE images_api_calls SET session = 'dead' WHERE state = 'reserved'")
    assert (await studio.make()).images.shape[0] == 1


def test_a_clock_set_back_does_not_empty_the_days_bill(studio):
    studio.ledger.mark_sent(studio.ledger.claim(studio.plan().wanted(Sent()), no_budget(), again=False)[0])
    assert studio.ledger.spent(date(2000, 1, 1))[1] == 0.016


async def test_a_ledger_from_before_jobs_is_read_and_its_pictures_are_still_there(studio, services):
    await studio.make()
    with State(studio.root).database("test", ()) as rows:  # what an older version left
        rows.execute("ALTER TABLE images_api_calls DROP COLUMN job")
        rows.execute("UPDATE schema_version SET version = 1 WHERE room = 'images_api'")
    assert (await studio.make()).info.cached
    assert studio.ledger.row(1)["job"] is None
    assert len(services.bills) == 1
