"""Nothing is billed twice, nothing paid for is lost: counted by the stand-in's own bills."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from datetime import date

import pytest
import torch
from services import Fault

from nodes.images_api import errors
from nodes.services.ledger import BudgetReached, CallState

from .conftest import Cancelled, Watch, no_budget


def states(studio) -> list[str]:
    rows = sqlite3.connect(studio.root / "state.sqlite").execute("SELECT state FROM images_api_calls ORDER BY id")
    return [row[0] for row in rows]


@pytest.mark.parametrize("fault", [Fault.RATE_LIMIT, Fault.OVERLOADED])
async def test_what_was_surely_not_billed_is_sent_again(studio, services, fault):
    services.plan(fault, times=2, seconds=0.01)
    made = await studio.make()
    assert made.info.pictures[0].attempts == 3
    assert len(services.bills) == 1


async def test_a_wait_is_as_long_as_the_endpoint_says(studio, services):
    services.plan(Fault.RATE_LIMIT, seconds=0.1)
    watch = Watch()
    began = time.monotonic()
    await studio.make(watch=watch)
    assert time.monotonic() - began >= 0.1
    assert any("told to wait" in progress.text for progress in watch.shown)


AFTER_SENDING = [Fault.NO_ANSWER, Fault.CUT_SHORT, Fault.GATEWAY]


@pytest.mark.parametrize("fault", AFTER_SENDING)
async def test_what_may_have_been_billed_is_never_sent_again_by_itself(studio, services, fault):
    services.plan(fault)
    with pytest.raises(errors.ImagesApiError, match="may have") as caught:
        await studio.make()
    assert caught.value.maybe_billed
    assert len(services.bills) == 1
    assert states(studio) == ["unknown"]
    assert studio.ledger.spent(date.today())[1] == 0.016  # the budget counts it


BAD = [
    (Fault.BROKEN_JSON, "not JSON"),
    (Fault.BROKEN_BASE64, "base64 is broken"),
    (Fault.EMPTY, "holds no picture"),
    (Fault.IMAGE_BOMB, "megapixels allowed"),
    (Fault.NOT_AN_IMAGE, "look like a web page"),
    (Fault.CUT_IMAGE, "damaged or cut short"),
    (Fault.EXPIRED_URL, "live for an hour"),
]


@pytest.mark.parametrize(("fault", "words"), BAD)
async def test_a_bad_reply_is_kept_reported_and_not_paid_again_by_itself(studio, services, fault, words):
    services.plan(fault)
    with pytest.raises(errors.BadReply, match=words) as caught:
        await studio.make()
    assert caught.value.maybe_billed
    assert len(services.bills) == 1
    assert states(studio) == ["lost"]
    assert len(list((studio.root / "replies").iterdir())) == 1


async def test_a_reply_without_end_is_dropped(studio, services, monkeypatch):
    from nodes.images_api.kinds import openai

    monkeypatch.setattr(openai, "MAX_REPLY", 3 * 2**20)
    services.plan(Fault.HUGE_BODY)
    with pytest.raises(errors.BadReply, match="larger than 3 MB"):
        await studio.make()


async def test_an_error_in_a_stream_is_reported(studio, services):
    studio.settings = no_budget(partial_images=1)
    services.plan(Fault.STREAM_ERROR)
    with pytest.raises(errors.EndpointFailed) as caught:
        await studio.make("gpt-image-2")
    assert caught.value.maybe_billed
    services.plan(Fault.CUT_SHORT)
    with pytest.raises(errors.ImagesApiError) as caught:
        await studio.make("gpt-image-2", seed=2)
    assert caught.value.maybe_billed


async def test_refusals_are_neither_repeated_nor_billed(studio, services):
    services.plan(Fault.REFUSE, name="moderation_blocked")
    with pytest.raises(errors.RefusedByPolicy):
        await studio.make()
    assert len(services.requests) == 1
    assert states(studio) == ["unsent"]
    assert studio.ledger.spent(date.today())[1] == 0.0


async def test_a_late_picture_is_kept_for_the_next_run(studio, services):
    studio.fields["timeout_s"] = 0.1
    services.plan(Fault.HOLD)
    with pytest.raises(errors.TimedOut, match="may have been billed; the reply is still waited for"):
        await studio.make()
    services.release()
    await studio.settled()
    made = await studio.make()
    assert made.info.cached
    assert len(services.bills) == 1


async def test_a_run_meanwhile_joins_the_request_under_way(studio, services):
    studio.fields["timeout_s"] = 0.1
    services.plan(Fault.HOLD)
    with pytest.raises(errors.TimedOut):
        await studio.make()
    studio.fields["timeout_s"] = 60.0
    watch = Watch(on_look=lambda: watch.shown and services.release())
    assert (await studio.make(watch=watch)).images.shape[0] == 1
    assert len(services.bills) == 1


async def test_an_idempotent_endpoint_delivers_the_late_picture(studio, services):
    services.idempotent = True
    services.plan(Fault.NO_ANSWER)
    with pytest.raises(errors.NetworkFailure):
        await studio.make()
    made = await studio.make()
    assert len(services.bills) == 1
    assert made.info.pictures[0].earlier_attempt_may_be_billed
    first, second = (request.headers["idempotency-key"] for request in services.requests)
    assert first == second


async def test_different_requests_have_different_idempotency_keys(studio, services):
    await studio.make(n=3)
    await studio.make(again=True)
    assert len({request.headers["idempotency-key"] for request in services.requests}) == 4


async def test_one_refused_picture_of_four_does_not_lose_the_other_three(studio, services):
    studio.fields["max_parallel"] = 4
    services.take(0.05)
    services.plan(Fault.REFUSE, name="content_policy_violation")
    with pytest.raises(errors.RefusedByPolicy, match="3 of 4 pictures came and cost nothing when you run this again"):
        await studio.make(n=4)
    made = await studio.make(n=4)
    assert [picture.cached for picture in made.info.pictures].count(True) == 3
    assert len(services.bills) == 4


async def test_after_the_first_failure_no_further_picture_is_begun(studio, services):
    studio.fields["max_parallel"] = 1
    services.plan(Fault.REFUSE, name="insufficient_quota", times=None)
    with pytest.raises(errors.QuotaSpent):
        await studio.make(n=8)
    assert len(services.requests) < 8
    assert set(states(studio)) == {"unsent"}


async def test_sixteen_nodes_with_one_request_pay_once(studio, services):
    services.plan(Fault.HOLD)
    watch = Watch(on_look=lambda: len(watch.shown) >= 16 and services.release())
    made = await asyncio.gather(*(studio.make(watch=watch) for _ in range(16)))
    assert len(services.bills) == 1
    assert all(torch.equal(made[0].images, one.images) for one in made)


async def test_sixteen_different_nodes_pay_sixteen_times(studio, services):
    studio.fields["max_parallel"] = 16
    services.plan(Fault.HOLD, times=None)
    watch = Watch(on_look=lambda: services.busy == 16 and services.release())
    made = await asyncio.gather(*(studio.make(seed=seed, watch=watch) for seed in range(16)))
    assert len(services.bills) == 16
    assert len({one.info.pictures[0].sha256 for one in made}) == 16
    assert services.most_busy == 16


async def test_a_budget_holds_for_nodes_side_by_side(studio, services):
    studio.settings = no_budget(per_day_usd=0.08, partial_images=0)
    results = await asyncio.gather(*(studio.make(seed=seed) for seed in range(16)), return_exceptions=True)
    assert sum(isinstance(result, BudgetReached) for result in results) == 11
    assert services.billed_usd == 0.08


async def test_cancel_stops_a_call_that_hangs(studio, services):
    services.plan(Fault.HANG, times=2)
    began = time.monotonic()
    watch = Watch(cancel_when=lambda: len(services.bills) == 2)
    with pytest.raises(Cancelled):
        await studio.make(n=2, watch=watch)
    await studio.settled()
    while services.abandoned < 2:
        await asyncio.sleep(0.01)
    # The endpoint hangs far longer than this; on an idle machine it takes well under a second.
    assert time.monotonic() - began < 15.0, "the connections are closed"
    assert states(studio) == ["unknown", "unknown"]


async def test_cancel_while_waiting_costs_nothing(studio, services):
    services.plan(Fault.RATE_LIMIT, seconds=30)
    watch = Watch(cancel_when=lambda: bool(watch.shown) and "told to wait" in watch.shown[-1].text)
    with pytest.raises(Cancelled):
        await studio.make(watch=watch)
    await studio.settled()
    assert states(studio) == ["unsent"]


async def test_a_node_that_is_thrown_away_does_not_lose_what_it_paid_for(studio, services):
    services.plan(Fault.HOLD)
    task = asyncio.create_task(studio.make())
    while not services.bills:
        await asyncio.sleep(0.01)
    task.cancel()  # as the host does when a neighbouring node fails
    with pytest.raises(asyncio.CancelledError):
        await task
    services.release()
    await studio.settled()
    assert (await studio.make()).info.cached
    assert len(services.bills) == 1


def test_the_states_of_a_row_are_for_ever():
    assert [state.value for state in CallState] == ["reserved", "sent", "replied", "done", "unsent", "unknown", "lost"]
