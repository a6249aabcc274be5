"""Every failure by meaning: a type for programs, one sentence with the next step for people."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
from datetime import date

import pytest
from services import Fault
from services.refusals import REFUSALS

from nodes.endpoints import Endpoint, MissingKey, UnknownEndpoint
from nodes.images_api import errors
from nodes.images_api.failures import worded
from nodes.images_api.inputs import Sent
from nodes.images_api.making import make_pictures
from nodes.images_api.plan import Ask, Operation, Plan, make_plan
from nodes.services.failures import duration, of_reply
from nodes.services.scrub import scrub

from .conftest import Watch, no_budget

MEANING = {
    "content_policy_violation": errors.RefusedByPolicy,
    "content_policy_violation_rewrite": errors.RefusedByPolicy,
    "moderation_blocked": errors.RefusedByPolicy,
    "contentFilter": errors.RefusedByPolicy,
    "model_not_found": errors.RetiredModel,
    "retired": errors.RetiredModel,
    "deprecated": errors.RetiredModel,
    "invalid_api_key": errors.BadKey,
    "unverified": errors.NoAccess,
    "region": errors.NoAccess,
    "rate_limit_exceeded": errors.RateLimited,
    "insufficient_quota": errors.QuotaSpent,
    "credit_balance_exhausted": errors.QuotaSpent,
    "organization_spend_limit_exceeded": errors.QuotaSpent,
    "project_spend_limit_exceeded": errors.QuotaSpent,
    "organization_usage_limit_exceeded": errors.QuotaSpent,
    "billing_hard_limit_reached": errors.QuotaSpent,
    "slow_down": errors.Overloaded,
    "server_is_overloaded": errors.Overloaded,
    "server_error": errors.EndpointFailed,
    "too_large": errors.TooLarge,
}


def told(status: int, body: object, plan: Plan, shutdown: date | None = None, **headers: str) -> errors.ImagesApiError:
    """What a node says about an endpoint's error reply."""
    return worded(of_reply(status, body, headers, plan.endpoint), plan, shutdown)


def test_every_known_error_body_has_a_meaning():
    assert set(MEANING) == set(REFUSALS)


@pytest.mark.parametrize("name", REFUSALS)
async def test_each_error_body_is_told_by_its_meaning(studio, services, name):
    studio.fields["max_parallel"] = 1
    services.plan(Fault.REFUSE, name=name, times=None)
    waiting = name in ("slow_down", "server_is_overloaded")  # these are tried again, a moment later
    with pytest.raises(MEANING[name]) as caught:
        await studio.make("dall-e-3")
    assert type(caught.value) is MEANING[name]
    assert caught.value.request_id.startswith("req_")
    text = str(caught.value)
    assert text.endswith(".")
    assert ". " not in re.sub('".*"', "", text), "one sentence"
    assert len(services.requests) == (4 if waiting else 1)
    assert services.bills == []


async def test_a_refusal_names_the_categories(studio, services):
    services.plan(Fault.REFUSE, name="moderation_blocked")
    with pytest.raises(
        errors.RefusedByPolicy, match="content policy for violence, self-harm; change the prompt"
    ) as caught:
        await studio.make("gpt-image-2")
    assert caught.value.categories == ("violence", "self-harm")
    assert caught.value.stage == "input"


async def test_a_rate_limit_says_how_many_seconds(studio, services):
    services.plan(Fault.RATE_LIMIT, seconds=300)  # longer than anybody waits without being asked
    with pytest.raises(errors.RateLimited, match="try again in 300 s") as caught:
        await studio.make()
    assert caught.value.seconds == 300
    assert len(services.requests) == 1


@pytest.mark.parametrize(
    ("model", "kind", "url", "words"),
    [
        (
            "dall-e-3",
            "openai",
            "https://api.openai.com/v1",
            "DALL·E 3 was retired by OpenAI on 12 May 2026; switch `model`",
        ),
        ("dall-e-2", "openai", "https://eu.api.openai.com/v1", "DALL·E 2 was retired by OpenAI on 12 May 2026"),
        ("dall-e-3", "azure", "https://x.openai.azure.com/openai/v1", "DALL·E 3 was retired by Azure on 4 March 2026"),
        (
            "gpt-image-1",
            "openai",
            "https://api.openai.com/v1",
            "'gpt-image-1' was retired by OpenAI on 23 October 2026",
        ),
    ],
)
def test_a_retired_model_names_its_day_and_its_successor_without_asking(model, kind, url, words):
    endpoint = Endpoint("openai", url, api_key_env="NO_SUCH_VARIABLE", kind=kind)
    with pytest.raises(errors.RetiredModel, match=words) as caught:
        make_plan(Ask(Operation.GENERATE, model, "1024x1024", 1, 0, "x"), endpoint, no_budget(), date(2026, 11, 21))
    assert "gpt-image-2" in str(caught.value)
    assert "DALL·E 3 on FLUX" in str(caught.value)


def test_a_model_lives_until_its_day():
    endpoint = Endpoint("openai", "https://api.openai.com/v1")
    ask = Ask(Operation.GENERATE, "gpt-image-1.5", "1024x1024", 1, 0, "x")
    assert make_plan(ask, endpoint, no_budget(), date(2026, 11, 30))
    with pytest.raises(errors.RetiredModel):
        make_plan(ask, endpoint, no_budget(), date(2026, 12, 1))


async def test_at_a_compatible_server_dalle3_is_asked_and_its_absence_explained(studio, services):
    services.dalle_alive = False
    with pytest.raises(errors.RetiredModel, match="has no 'dall-e-3', which OpenAI retired on 12 May 2026"):
        await studio.make("dall-e-3")
    studio.fields["models"] = ["nothing"]
    with pytest.raises(errors.NotFound, match="has no model 'nothing'"):
        await studio.make("nothing")


def test_a_model_that_the_endpoint_itself_calls_shut_down_is_named_with_its_day(studio):
    studio.fields["models"] = ["house-style"]
    error = told(404, {"code": "model_not_found"}, studio.plan("house-style"), shutdown=date(2026, 10, 1))
    assert isinstance(error, errors.RetiredModel)
    assert "says that 'house-style' was shut down on 1 October 2026; switch `model`" in str(error)


@pytest.mark.parametrize(
    ("code", "meaning"),
    [("contentFilter", errors.RefusedByPolicy), ("insufficient_quota", errors.QuotaSpent), ("odd", errors.BadReply)],
)
async def test_an_error_inside_a_reply_that_says_all_went_well_is_told_by_its_meaning(studio, services, code, meaning):
    services.plan(Fault.BODY, to=json.dumps({"created": 1, "error": {"code": code, "message": "Your task failed."}}))
    with pytest.raises(meaning) as caught:
        await studio.make()
    assert type(caught.value) is meaning


def test_variations_are_explained_at_openai():
    ask = Ask(Operation.VARIATION, "dall-e-2", "1024x1024", 1, 0, pictures=1)
    with pytest.raises(errors.RetiredModel):
        make_plan(ask, Endpoint("openai", "https://api.openai.com/v1"), no_budget(), date(2026, 11, 21))


async def test_an_endpoint_that_nobody_named_shows_the_lines_to_add(studio):
    with pytest.raises(UnknownEndpoint, match=r"\[stranger\] / base_url"):
        studio.endpoints().get("stranger")


async def test_a_missing_key_names_the_variable(studio, services, monkeypatch):
    monkeypatch.delenv("STUDIO_KEY", raising=False)
    plan = studio.plan()
    endpoint = Endpoint("studio", services.base_url, api_key_env="STUDIO_KEY")
    plan = dataclasses.replace(plan, endpoint=endpoint)
    with pytest.raises(MissingKey, match="STUDIO_KEY is not set"):
        await make_pictures(plan, Sent(), studio.account, Watch())
    assert services.requests == []
    assert studio.ledger.spent(date.today()) == (0.0, 0.0), "what could not be sent keeps nobody's budget"


async def test_nobody_there_is_a_network_failure_and_not_billed(studio):
    studio.fields["base_url"] = "http://127.0.0.1:9/v1"
    with pytest.raises(errors.NetworkFailure, match="cannot be reached; is it running") as caught:
        await studio.make()
    assert not caught.value.maybe_billed


async def test_a_redirect_to_another_host_is_refused_with_its_name(studio, services):
    services.plan(Fault.REDIRECT, to="https://elsewhere.example/v1/images/generations?token=1")
    with pytest.raises(
        errors.EndpointFailed, match=r"redirects to https://elsewhere.example/v1/images/generations, and"
    ):
        await studio.make()
    assert len(services.requests) == 1


async def test_a_parameter_the_server_refuses_is_quoted(studio, services):
    services.names["house-style"] = "gpt-image-2"  # looks unknown from here
    studio.fields["models"] = ["house-style"]
    with pytest.raises(errors.RequestRefused, match=r"Unknown parameter: .response_format.*images_api\.models"):
        await studio.make("house-style", style="vivid")


@pytest.mark.parametrize(
    ("body", "meaning"),
    [
        ({"created": 1, "error": {"code": "contentFilter", "message": "Your task failed."}}, errors.RefusedByPolicy),
        ({"detail": "model 'x' not found"}, errors.RetiredModel),
        ("<html>Bad gateway</html>", errors.RequestRefused),
        (None, errors.RequestRefused),
        (["odd"], errors.RequestRefused),
        ({"error": "plain words"}, errors.RequestRefused),
    ],
)
def test_other_servers_error_bodies_are_read_leniently(studio, body, meaning):
    assert type(told(400, body, studio.plan())) is meaning


@pytest.mark.parametrize(
    ("text", "seconds"), [("1s", 1), ("6m0s", 360), ("1m26.4s", 86.4), ("2m59.56s", 179.56), ("120ms", 0.12)]
)  # fmt: skip
def test_durations_of_rate_limit_headers_are_read(text, seconds):
    assert duration(text) == pytest.approx(seconds)
    assert duration("soon") is None


def test_what_an_endpoint_says_cannot_steer_the_terminal(studio):
    body = {
        "message": "a\x1b[2Jb\u202ec\n" + "x" * 10**6,
        "type": "insufficient_quota",
        "code": "\x1b[31m" + "y" * 10**6,
    }
    for sent in (body, {**body, "type": "", "code": ""}):
        text = str(told(400, sent, studio.plan()))
        assert text.isprintable()
        assert len(text) < 600


def test_a_key_in_an_echo_is_struck_out():
    assert "sk-abc" not in scrub("Incorrect API key provided: sk-abcdefghijklmnop.", None)
    assert "secret" not in scrub("you sent secret, really", "secret")


async def test_sixteen_nodes_failing_at_once_each_get_their_error(studio, services):
    services.plan(Fault.REFUSE, name="invalid_api_key", times=None)
    results = await asyncio.gather(*(studio.make(seed=seed) for seed in range(16)), return_exceptions=True)
    assert {type(result) for result in results} == {errors.BadKey}
