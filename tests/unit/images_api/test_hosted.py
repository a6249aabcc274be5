"""Hosted services, all by the same questions: what each operation brings, what each failure means, what is billed."""

from __future__ import annotations

import asyncio
import logging
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from services import Fault
from services.hosted import HOSTED

from nodes.endpoints import Endpoints, MissingKey
from nodes.images_api import errors, provenance
from nodes.images_api.hosted import AsInput, Pixels, Work
from nodes.images_api.kinds import hosted_kind
from nodes.images_api.provenance import records
from nodes.pictures import to_pil
from nodes.services.ledger import BudgetReached
from nodes.services.spending import UnknownModel
from nodes.sizes import Size

from .conftest import Cancelled, Watch, no_budget
from .hosted import JOB_KINDS, KINDS, studio_at
from .test_money import states

ROWS = [(kind, name, work) for kind in KINDS for name, row in hosted_kind(kind).models.items() for work in row.uses]


@pytest.fixture(params=KINDS)
def studio(request, tmp_path, monkeypatch):
    with studio_at(request.param, tmp_path / "state", monkeypatch) as running:
        yield running


@pytest.fixture(params=JOB_KINDS)
def job_studio(request, tmp_path, monkeypatch):
    with studio_at(request.param, tmp_path / "state", monkeypatch) as running:
        yield running


# ── every model of every table


@pytest.mark.parametrize(("kind", "model", "work"), ROWS)
async def test_every_model_does_what_its_row_says(tmp_path, monkeypatch, kind, model, work):
    with studio_at(kind, tmp_path / "state", monkeypatch) as studio:
        made = await studio.draw(work, model, quality="hd", style="natural", moderation="low", seed=2**40 + 7)
        assert made.images.shape == (1, 256, 256, 3)
        (bill,) = studio.services.bills
        (picture,) = made.info.pictures
        assert picture.cost_usd == pytest.approx(bill.usd, abs=0.02)  # by the price list, rather too much
        assert picture.cost_usd >= bill.usd - 1e-9
        assert (made.info.kind, made.info.model) == (kind, model)


@pytest.mark.parametrize("work", list(Work))
async def test_what_a_service_has_not_is_said_with_what_has_it(studio, work):
    models = hosted_kind(studio.kind).models
    without = next((name for name, row in models.items() if work not in row.uses), None)
    if without is None:
        pytest.skip("every model of this service does it")
    with pytest.raises(errors.NotPossible) as caught:
        await studio.draw(work, without)
    able = [name for name, row in models.items() if work in row.uses]
    assert (able[0] if able else "another endpoint") in str(caught.value)
    assert studio.services.requests == []


def test_the_help_page_lists_every_model_with_what_it_does_and_its_estimate():
    page = (Path(__file__).parents[3] / "js" / "docs" / "hosted.md").read_text("utf-8")
    listed = {line.split("|")[2].strip(" `"): line for line in page.splitlines() if line.count("|") == 5}
    for kind in KINDS:
        for name, row in hosted_kind(kind).models.items():
            rule = next(iter(row.uses.values())).size
            size = Size(1024, 1024) if isinstance(rule, AsInput) else rule.choose(Size(1024, 1024)).size
            assert f"`{kind}`" in listed[name]
            assert f" {row.price.of(size, []):.3f}" in listed[name]
            assert ("masked edit" in listed[name]) == (Work.FILL in row.uses)
            assert ("variation" in listed[name]) == (Work.VARY in row.uses)


# ── DALL·E's knobs


@settings(deadline=None, max_examples=300)
@given(st.integers(1, 16384), st.integers(1, 16384), st.sampled_from([
    Pixels(32, 256, 1440), Pixels(16, 64, 4096, most_pixels=4 * 2**20), Pixels(16, 256, 2048, most_pixels=2 * 2**20),
]))  # fmt: skip
def test_any_size_comes_to_one_on_the_grid_and_within_the_limits(width, height, rule):
    size = rule.choose(Size(width, height)).size
    assert all(edge % rule.step == 0 and rule.least <= edge <= rule.most for edge in size)
    assert size.width * size.height <= rule.most_pixels
    if rule.choose(size).size != size:
        raise AssertionError("what is allowed is asked for as it is")


@pytest.mark.parametrize("size", ["1792x1024", "333x777"])
async def test_the_picture_has_exactly_the_size_asked_for(studio, size):
    made = await studio.draw(size=size)
    width, height = map(int, size.split("x"))
    assert made.images.shape == (1, height, width, 3)


async def test_n_pictures_are_n_jobs_from_n_seeds(studio):
    made = await studio.draw(n=3, seed=5)
    assert len(studio.services.bills) == 3
    seeds = [picture.seed for picture in made.info.pictures]
    assert seeds == [5, 6, 7]
    assert len({picture.sha256 for picture in made.info.pictures}) == 3


async def test_a_dalle_prompt_is_converted_for_flux_unless_it_is_to_stay(studio):
    model = next(
        (name for name, row in hosted_kind(studio.kind).models.items() if row.target and Work.DRAW in row.uses), None
    )
    if model is None:
        pytest.skip("no FLUX here")
    asked = "Create an image of a fox, no text."
    made = await studio.draw(model=model, prompt=asked, style="vivid")
    assert made.revised_prompt != asked
    assert made.info.prompt_mode == "convert"
    assert any("rule" in note for note in made.info.notes)
    kept = await studio.draw(model=model, prompt=asked, style="vivid", prompt_mode="as is")
    assert kept.revised_prompt == asked
    assert studio.services.bills[-1].prompt == asked


async def test_what_is_not_wanted_goes_into_the_negative_prompt_where_a_model_has_one(tmp_path, monkeypatch):
    asked = "A quiet street at dawn, no cars. No people."
    with studio_at("stability", tmp_path / "state", monkeypatch) as studio:
        made = await studio.draw(model="sd3.5-large", prompt=asked)
        sent = studio.services.requests[-1].fields
        assert sent["negative_prompt"] == "cars, people"
        assert sent["prompt"] == made.revised_prompt
        assert "cars" not in sent["prompt"]
        assert any("negative_prompt: cars, people" in note for note in made.info.notes)
        for changes in ({"model": "sd3.5-large-turbo"}, {"model": "core", "prompt_mode": "as is"}):
            await studio.draw(prompt=asked, **changes)
            assert "negative_prompt" not in studio.services.requests[-1].fields
        assert studio.services.requests[-1].fields["prompt"] == asked


def test_no_model_loses_what_its_prompts_say_apart():
    rows = [row for kind in KINDS for row in hosted_kind(kind).models.values() if row.target]
    assert all(bool(row.negative) == row.target.has_negative_prompt for row in rows)


async def test_what_a_model_does_not_know_is_said_with_the_models_it_has(studio):
    with pytest.raises(UnknownModel, match="choose"):
        await studio.draw(model="gpt-image-2")
    own = studio.services.own_model
    studio.fields["models"] = [own]
    studio.settings = no_budget(prices={own: 0.07})
    studio.services.names[own] = hosted_kind(studio.kind).like
    made = await studio.draw(model=own)
    assert made.info.cost_usd == 0.07
    assert "in the way of" in made.info.notes[0]


# ── failures by meaning


MEANINGS = [
    (Fault.REFUSE, {"name": "402"}, errors.QuotaSpent, "unsent"),
    (Fault.REFUSE, {"name": "403"}, errors.ImagesApiError, "unsent"),
    (Fault.REFUSED_INPUT, {}, errors.RefusedByPolicy, ("unsent", "lost")),
    (Fault.REFUSED_OUTPUT, {}, errors.RefusedByPolicy, "lost"),
    (Fault.BLACK, {}, errors.RefusedByPolicy, "lost"),
    (Fault.NOT_AN_IMAGE, {}, errors.BadReply, "lost"),
    (Fault.NO_ANSWER, {}, errors.NetworkFailure, "unknown"),
    (Fault.GATEWAY, {}, errors.EndpointFailed, "unknown"),
    (Fault.BROKEN_JSON, {}, errors.BadReply, ("unknown", "lost")),
]


@pytest.mark.parametrize(("fault", "options", "error", "state"), MEANINGS)
async def test_a_failure_is_told_by_its_meaning(studio, fault, options, error, state):
    studio.services.plan(fault, **options)
    with pytest.raises(error) as caught:
        await studio.draw()
    told = str(caught.value)
    assert told.endswith(".")
    assert studio.services.key not in told
    assert states(studio)[0] in ([state] if isinstance(state, str) else state)
    assert caught.value.maybe_billed == (states(studio) != ["unsent"])
    if fault in (Fault.REFUSED_OUTPUT, Fault.NO_ANSWER):
        assert not (await studio.draw()).info.cached  # and the next run is not held up by it


async def test_a_wrong_key_is_told_and_not_shown(studio):
    studio.services.key = "another-key-than-the-one-in-the-file"
    plain, studio.services.key = studio.endpoints, studio.services.key
    file = studio.root / "endpoints.toml"
    plain()
    text = file.read_text("utf-8")
    file.write_text(text.replace(studio.services.key, "wrong-key-0123456789"), "utf-8")

    def endpoints():
        from nodes.endpoints import Endpoints

        return Endpoints.read(file)

    studio.endpoints = endpoints
    with pytest.raises((errors.BadKey, errors.NoAccess)) as caught:
        await studio.draw()
    assert "wrong-key" not in str(caught.value)


async def test_what_was_surely_not_taken_is_sent_again(studio):
    studio.services.plan(Fault.RATE_LIMIT, times=2, seconds=0.01)
    made = await studio.draw()
    assert made.info.pictures[0].attempts == 3
    assert len(studio.services.bills) == 1


async def test_a_model_that_is_gone_is_told_with_the_others(studio):
    model = studio.model_for(Work.DRAW)
    studio.services.gone.add(model)
    with pytest.raises(errors.NotFound, match="choose another"):
        await studio.draw(model=model)
    assert studio.services.bills == []


# ── a job is never paid for twice


@pytest.mark.parametrize("fault", [Fault.FAILED, Fault.FORGOTTEN])
async def test_a_job_that_fails_is_told_and_asked_anew_by_the_next_run(job_studio, fault):
    job_studio.services.plan(fault)
    with pytest.raises(errors.EndpointFailed):
        await job_studio.draw()
    billed = len(job_studio.services.bills)
    assert states(job_studio) == ["lost" if billed else "unsent"]
    await job_studio.draw()
    assert len(job_studio.services.bills) == billed + 1


async def test_looks_that_fail_do_not_fail_the_job(job_studio):
    job_studio.services.plan(Fault.LOOKS_FAIL)
    made = await job_studio.draw()
    assert len(job_studio.services.bills) == 1
    assert not made.info.cached


async def test_an_address_that_expired_is_asked_for_anew(job_studio):
    job_studio.services.plan(Fault.EXPIRED_URL)
    await job_studio.draw()
    assert len(job_studio.services.bills) == 1


async def test_after_a_timeout_the_picture_that_came_is_there_for_the_next_run(job_studio):
    job_studio.fields["timeout_s"] = 0.1
    job_studio.services.plan(Fault.HOLD)
    with pytest.raises(errors.TimedOut):
        await job_studio.draw()
    job_studio.services.release()
    await job_studio.settled()
    job_studio.fields["timeout_s"] = 60.0
    made = await job_studio.draw()
    assert made.info.cached
    assert len(job_studio.services.bills) == 1


async def test_a_job_outlives_a_key_that_is_gone_for_a_while(job_studio, monkeypatch):
    services, key = job_studio.services, job_studio.services.key
    lines = f'[studio]\nkind = "{job_studio.kind}"\nbase_url = "{services.base_url}"\napi_key_env = "THE_KEY"\n'
    job_studio.root.mkdir()
    (job_studio.root / "endpoints.toml").write_text(lines, "utf-8")
    monkeypatch.setattr(job_studio, "endpoints", lambda: Endpoints.read(job_studio.root / "endpoints.toml"))
    monkeypatch.setenv("THE_KEY", key)
    services.plan(Fault.HOLD)
    watch = Watch(on_look=lambda: services.looks > 1 and monkeypatch.delenv("THE_KEY", raising=False))
    with pytest.raises(MissingKey):
        await job_studio.draw(watch=watch)
    monkeypatch.setenv("THE_KEY", key)
    services.release()
    assert (await job_studio.draw()).info.cached
    assert len(services.bills) == 1


async def test_addresses_of_a_job_at_another_host_are_not_opened(job_studio):
    job_studio.services.plan(Fault.FOREIGN_URLS)
    with pytest.raises(errors.BadReply, match=r"elsewhere\.example\.com"):
        await job_studio.draw()


@pytest.mark.parametrize("to", ["file:///etc/passwd", "http://10.0.0.1/x.png", "https://127.0.0.1:1/x.png"])
async def test_a_pictures_address_passes_the_same_guards_as_everywhere(job_studio, to):
    job_studio.services.plan(Fault.URL, to=to)
    with pytest.raises(errors.UnsafeAddress):
        await job_studio.draw()


async def test_cancel_on_the_canvas_cancels_at_the_service_and_is_not_paid_twice(job_studio):
    services = job_studio.services
    services.plan(Fault.HOLD)
    watch = Watch(cancel_when=lambda: services.looks > 1)
    with pytest.raises(Cancelled):
        await job_studio.draw(watch=watch)
    await job_studio.settled()
    services.release()
    assert len(services.cancels) == (job_studio.kind != "bfl")  # which has no such request
    await job_studio.draw()
    assert len(services.bills) == 1


async def test_cancel_while_the_job_is_being_handed_in_loses_no_ticket(job_studio):
    services = job_studio.services
    services.plan(Fault.SLOW, seconds=0.3)
    watch = Watch(cancel_when=lambda: bool(services.tasks))
    with pytest.raises(Cancelled):
        await job_studio.draw(watch=watch)
    await job_studio.settled()
    assert job_studio.ledger.row(1)["job"]


async def test_progress_is_shown_while_a_job_waits(job_studio):
    services = job_studio.services
    services.plan(Fault.HOLD)
    watch = Watch(on_look=lambda: services.looks > 3 and services.release())
    await job_studio.draw(watch=watch)
    assert any("drawing" in progress.text or "queue" in progress.text for progress in watch.shown)


async def test_two_nodes_with_one_request_pay_once(studio):
    made = await asyncio.gather(studio.draw(), studio.draw())
    assert len(studio.services.bills) == 1
    assert made[0].info.pictures[0].sha256 == made[1].info.pictures[0].sha256


# ── money and secrets


async def test_the_budget_holds(studio):
    studio.settings = no_budget(per_day_usd=0.001, partial_images=0)
    with pytest.raises(BudgetReached):
        await studio.draw()
    assert studio.services.requests == []


async def test_the_ledger_counts_at_least_what_is_billed(studio):
    await studio.draw(n=2, size="1792x1024")
    assert studio.ledger.spent(date.today())[1] >= studio.services.billed_usd - 1e-9


async def test_the_key_is_nowhere_but_in_the_header_it_is_sent_in(studio, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    made = await studio.draw(n=2)
    studio.services.plan(Fault.REFUSED_OUTPUT)
    with pytest.raises(errors.ImagesApiError):
        await studio.draw(seed=9)
    provenance.save(to_pil(made.images)[0], records(made.info)[0], tmp_path / "out" / "a.png", {"workflow": "{}"})
    secret = studio.services.key
    for file in tmp_path.rglob("*"):
        if file.is_file() and file.name != "endpoints.toml":
            assert secret.encode() not in file.read_bytes(), file
    assert secret not in caplog.text
    assert secret not in made.info.to_json()
    assert all(secret not in str(request.fields) for request in studio.services.requests)


async def test_sixteen_jobs_across_all_services_side_by_side(tmp_path, monkeypatch):
    from contextlib import ExitStack

    with ExitStack() as stack:
        studios = [stack.enter_context(studio_at(kind, tmp_path / kind, monkeypatch)) for kind in HOSTED]
        asked = [studios[one % len(studios)].draw(seed=one) for one in range(16)]
        made = await asyncio.gather(*asked)
        assert sum(len(studio.services.bills) for studio in studios) == 16
        assert len({one.info.pictures[0].sha256 for one in made}) == 16


# ── what one service alone says


async def test_a_prediction_that_replicate_gave_up_is_told_as_a_service_that_is_too_busy(tmp_path, monkeypatch):
    with studio_at("replicate", tmp_path / "state", monkeypatch) as studio:
        studio.services.plan(Fault.CANCELLED)
        with pytest.raises(errors.Overloaded):
            await studio.draw()
        assert states(studio) == ["unsent"]


async def test_fal_tells_the_place_in_the_queue_and_how_far_it_is(tmp_path, monkeypatch):
    with studio_at("fal", tmp_path / "state", monkeypatch) as studio:
        services = studio.services
        services.plan(Fault.HOLD)
        services.queued = True

        def go_on() -> None:
            services.queued = services.queued and not told("2 before it in the queue")
            if told("drawing, 43%"):
                services.release()

        def told(words: str) -> bool:
            return any(words in progress.text for progress in watch.shown)

        watch = Watch(on_look=go_on)
        await studio.draw(watch=watch)  # ends only when both were shown


async def test_what_blackforestlabs_says_it_costs_is_what_counts(tmp_path, monkeypatch):
    with studio_at("bfl", tmp_path / "state", monkeypatch) as studio:
        made = await studio.draw(model="flux-2-pro", size="1792x1024")
        assert made.info.cost_usd == studio.services.billed_usd
        assert not made.info.cost_is_estimate
