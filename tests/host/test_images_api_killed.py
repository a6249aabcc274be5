"""A process that dies at any step of a paid request, and its successor: nothing paid for is lost or paid twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from services import Fault
from services.customer import handed, make_here, order, order_everywhere
from services.hosted import HOSTED, JOB_SERVICES

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


JOB_STEPS = {
    **{step: STEPS[step] for step in ("mark_sent:before", "mark_sent:after")},
    "keep_job:before": (1, False),  # its ticket died with the process
    "keep_job:after": (1, True),
    "keep_reply:before": (1, True),
    **{step: STEPS[step] for step in ("keep_reply:file", "keep_reply:after", "done:before", "done:kept", "done:after")},
}


@pytest.mark.parametrize("step", JOB_STEPS)
def test_killed_at_any_step_of_a_job_it_is_picked_up_by_its_id(tmp_path, step):
    bills, kept = JOB_STEPS[step]
    by_ticket = step.startswith("keep_job") or step == "keep_reply:before"  # services that answer at once have none
    with ExitStack() as stack:
        services = [stack.enter_context(one()) for one in (JOB_SERVICES if by_ticket else HOSTED.values())]
        died = order_everywhere(services, tmp_path, dies=step, size="256x256")
        assert died.returncode != 0
        assert "Traceback" not in died.stderr
        assert [len(one.bills) for one in services] == [bills] * len(services)
        infos = [made.info for made in make_here(services, tmp_path, size="256x256")]
        assert [info.cached for info in infos] == [kept] * len(services)
        assert [len(one.bills) for one in services] == [bills if kept else bills + 1] * len(services)
        if bills and not kept:
            assert all(info.pictures[0].earlier_attempt_may_be_billed for info in infos)


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
