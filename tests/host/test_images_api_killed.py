"""A process that dies at any step of a paid request, and its successor: nothing paid for is lost or paid twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from services import Fault
from services.customer import handed, order

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


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_nothing_paid_for_is_lost(services, tmp_path, step):
    bills, kept = STEPS[step]
    died = order(services, tmp_path, dies=step)
    assert died.returncode != 0
    assert "Traceback" not in died.stderr
    assert len(services.bills) == bills
    got = handed(order(services, tmp_path))
    assert got["shape"] == [1, 1024, 1024, 3]
    assert got["info"]["cached"] == kept
    assert len(services.bills) == (bills if kept else bills + 1)
    if bills and not kept:  # the reply died with the process: all one can do is say so
        assert got["info"]["pictures"][0]["earlier_attempt_may_be_billed"]


def test_at_an_idempotent_endpoint_even_a_lost_reply_is_delivered_unbilled(services, tmp_path):
    services.idempotent = True
    order(services, tmp_path, dies="keep_reply:before")
    handed(order(services, tmp_path))
    assert len(services.bills) == 1


def test_two_processes_on_one_state_folder_pay_once_for_the_same_picture(services, tmp_path):
    services.plan(Fault.SLOW, seconds=6.0)  # long enough for the second to be there
    with ThreadPoolExecutor() as both:
        first, second = (handed(done) for done in both.map(lambda _: order(services, tmp_path), range(2)))
    assert len(services.bills) == 1
    assert sorted([first["info"]["cached"], second["info"]["cached"]]) == [False, True]
    assert first["info"]["pictures"][0]["sha256"] == second["info"]["pictures"][0]["sha256"]


def test_a_restart_answers_from_disk(services, tmp_path):
    first = handed(order(services, tmp_path))["info"]
    second = handed(order(services, tmp_path))["info"]
    assert not first["cached"]
    assert second["cached"]
    assert second["pictures"][0]["sha256"] == first["pictures"][0]["sha256"]
    assert len(services.bills) == 1
