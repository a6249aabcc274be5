"""The check "google": what is sent, what its attributes mean here, and every way to fail."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from services.google_language import KEY, GoogleLanguage

from nodes.endpoints import BadEndpointsFile, Endpoint, Endpoints
from nodes.moderation import google_check
from nodes.moderation.categories import Category
from nodes.moderation.checks import text_checks
from nodes.moderation.decision import Decision, Outcome
from nodes.moderation.gate import check_prompt
from nodes.moderation.policy import Policy


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch):
    monkeypatch.setattr("nodes.services.asking._BACKOFF_S", (0.01, 0.02))


PRICED = {"chat": {"prices": {"moderateText": 5.0}}}  # USD for a million characters


@pytest.fixture
def google() -> Iterator[GoogleLanguage]:
    with GoogleLanguage() as running:
        yield running


@pytest.fixture
def judge(google, tmp_path) -> Callable[..., Decision]:
    def judged(text: str, settings: Mapping[str, Any] = PRICED, **fields: Any) -> Decision:
        endpoint = Endpoint("google", google.base_url, **({"stored_key": KEY, "kind": "google"} | fields))
        known = Endpoints({"google": endpoint}, settings, tmp_path / "endpoints.toml")
        policy = replace(Policy.from_preset(), text_checks=("google",))
        return check_prompt(text, policy, text_checks(policy, lambda: known))

    return judged


@pytest.mark.parametrize(("attribute", "category"), google_check.CATEGORIES.items())
def test_an_attribute_counts_as_its_category(judge, google, attribute, category):
    decision = judge(f"a lamp [{attribute}=0.9]")
    assert decision.blocked == (category,)
    assert judge("a lamp").outcome is Outcome.ALLOW
    assert google.seen[0] == {
        "document": {"type": "PLAIN_TEXT", "content": f"a lamp [{attribute}=0.9]"}, "modelVersion": "MODEL_VERSION_2",
    }  # fmt: skip


def test_what_it_cannot_judge_is_said(judge, google):
    verdict = judge("a lamp [Sexual=0]").as_report()["checks"][0]
    assert verdict["judges"] == ["harassment", "hate", "sexual", "violence"]
    assert {"sexual/minors", "self-harm", "illicit", "violence/graphic"} <= set(verdict["cannot_judge"])


@pytest.mark.parametrize("subject", google_check.SUBJECTS)
def test_a_subject_that_may_be_harmless_asks_for_review_only(judge, google, subject):
    decision = judge(f"a lamp [{subject}=0.9]")
    assert (decision.outcome, decision.blocked) == (Outcome.REVIEW, ())


@pytest.mark.parametrize("subject", ["Finance", "Politics", "Legal", "Health", "Public Safety", "Religion & Belief"])
def test_a_subject_that_is_no_harm_is_left_alone(judge, google, subject):
    assert judge(f"a lamp [{subject}=0.99]").outcome is Outcome.ALLOW


def test_a_long_text_is_judged_in_parts_that_overlap(judge, google):
    text = "lamp " * 3000 + "[Violent=0.9]"
    assert judge(text).blocked == (Category.VIOLENCE,)
    assert max(len(body["document"]["content"]) for body in google.seen) <= google_check.PART


def test_a_wrong_key_is_said_although_google_says_400(judge, google):
    (failure,) = judge("a lamp", stored_key="AIzaWrong").failures
    assert failure[1].code == "check_key_refused"


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (403, {"error": {"code": 403, "message": "disabled", "status": "PERMISSION_DENIED"}}, "check_key_refused"),
        (400, {"error": {"code": 400, "message": "language", "status": "INVALID_ARGUMENT"}}, "check_refused"),
        (200, {"moderationCategories": []}, "check_bad_answer"),
        (200, {"moderationCategories": [{"name": "Toxic", "confidence": "high"}]}, "check_bad_answer"),
        (200, [], "check_bad_answer"),
    ],
)
def test_what_is_no_judgement_holds_the_prompt_back(judge, google, status, body, code):
    google.answers = [(status, json.dumps(body).encode())]
    decision = judge("a lamp")
    assert decision.outcome is Outcome.BLOCK
    assert decision.failures[0][1].code == code
    assert "a lamp" not in decision.failures[0][1].message


def test_a_busy_moment_is_waited_for(judge, google):
    busy = {"error": {"code": 429, "message": "Quota exceeded", "status": "RESOURCE_EXHAUSTED"}}
    google.answers = [(429, json.dumps(busy).encode())]
    assert judge("a lamp").outcome is Outcome.ALLOW
    assert len(google.seen) == 2


def test_nobody_pays_for_what_they_did_not_name(judge, google):
    (failure,) = judge("a lamp", settings={}).failures
    assert "moderateText" in failure[1].message
    assert not google.seen


def test_an_endpoint_of_another_kind_is_refused(judge, google):
    (failure,) = judge("a lamp", kind="openai").failures
    assert 'kind = "google"' in failure[1].message
    assert not google.seen


def test_two_lines_of_the_users_file_name_it(tmp_path, monkeypatch):
    file = tmp_path / "endpoints.toml"
    file.write_text('[google]\nkind = "google"\n', "utf-8")
    found = Endpoints.read(file).get("google")
    assert (found.base_url, found.api_key_env) == ("https://language.googleapis.com/v2", "GOOGLE_API_KEY")
    file.write_text('[google]\nkind = "gogle"\n', "utf-8")
    with pytest.raises(BadEndpointsFile):
        Endpoints.read(file)
