"""What a failed request means, and whether it may have been billed."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodes.endpoints import Endpoint
from nodes.services.failures import Meaning, of_reply
from nodes.services.scrub import request_id, scrub

THERE = Endpoint("there", "https://images.example.com/v1")
WORDS = [
    "model worker not found", "The safety system is down", "The model 'x' does not exist.", "insufficient_quota",
    "Incorrect API key provided", "Unknown parameter: 'style'.", "Rate limit reached", "",
]  # fmt: skip
CODES = ["", "content_policy_violation", "moderation_blocked", "insufficient_quota", "invalid_api_key",
         "model_not_found", "rate_limit_exceeded", "DeploymentNotFound", "unknown_parameter"]  # fmt: skip


@pytest.mark.parametrize("status", [500, 501, 502, 503, 504, 520, 522, 524, 529, 599])
def test_a_server_error_may_have_been_billed_whatever_it_says(status):
    for words, code in itertools.product(WORDS, CODES):
        failure = of_reply(status, {"error": {"message": words, "code": code}}, {}, THERE)
        assert failure.maybe_billed, (words, code)
        assert not failure.may_be_sent_again, (words, code)
        assert failure.meaning in (Meaning.FAILED, Meaning.POLICY, Meaning.QUOTA), (words, code)


@settings(deadline=None)
@given(st.integers(400, 499), st.sampled_from(WORDS), st.sampled_from(CODES))
def test_a_client_error_is_unbilled_only_if_its_meaning_is_known(status, words, code):
    failure = of_reply(status, {"error": {"message": words, "code": code}}, {}, THERE)
    assert failure.maybe_billed == (failure.meaning in (Meaning.FAILED, Meaning.IN_PROGRESS))
    if not code and status not in (400, 403, 404):
        assert failure.meaning is of_reply(status, {}, {}, THERE).meaning, "words are not read"


@pytest.mark.parametrize("code", ["slow_down", "server_is_overloaded"])
def test_an_overload_that_openai_names_is_sent_again(code):
    failure = of_reply(503, {"error": {"message": "x", "code": code}}, {"retry-after": "3"}, THERE)
    assert failure.meaning is Meaning.OVERLOADED
    assert failure.may_be_sent_again
    assert failure.wait_s == 3
    assert of_reply(500, {"error": {"message": "x", "code": code}}, {}, THERE).maybe_billed


@pytest.mark.parametrize("text", ["nan", "-5", "inf", "soon", "Thu, 99 Foo", "1e400"])
def test_a_strange_retry_after_is_no_number_that_anything_sleeps_for(text):
    wait = of_reply(429, {}, {"retry-after": text}, THERE).wait_s
    assert wait is None or wait >= 0


@settings(deadline=None)
@given(st.text(), st.text())
def test_nothing_an_endpoint_says_steers_a_terminal(said, name):
    hostile = f"{said}\x1b]0;owned\x07\x9b31m\u202e{name}"
    failure = of_reply(400, {"error": {"message": hostile, "code": hostile, "param": hostile}},
                       {"x-request-id": hostile, "location": hostile}, THERE)  # fmt: skip
    for text in (str(failure), failure.said, failure.named, failure.param, failure.request_id or ""):
        assert text.isprintable()
        assert len(text) < 400
    redirect = of_reply(302, None, {"location": hostile}, THERE)
    assert redirect.said.isprintable()


def test_keys_are_struck_out_and_ids_keep_their_usual_form():
    assert "sk-abc" not in scrub("Incorrect API key provided: sk-abcdefghijklmnop.")
    assert scrub("Key 0123-4567 with secret 89abcdef is unknown", "0123-4567:89abcdef") == (
        "Key ••• with secret ••• is unknown"
    )
    assert request_id("req_0123-ab.c:d") == "req_0123-ab.c:d"
    assert request_id("\x1b[2Jreq_1\n") == "2Jreq_1"
    assert request_id("") is None
