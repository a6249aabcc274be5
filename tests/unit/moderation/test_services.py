"""The checks that ask a service: what is sent, how answers are read, and every way to fail."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from PIL import Image
from services import Services
from services.faults import Fault
from services.server import KEY

from nodes.endpoints import Endpoint, Endpoints
from nodes.moderation import service
from nodes.moderation.categories import ALL, ON_PICTURES, Category
from nodes.moderation.checks import picture_checks, text_checks
from nodes.moderation.decision import Outcome
from nodes.moderation.gate import ContentRefused, check_pictures, check_prompt
from nodes.moderation.llm_guard import (
    GUIDELINES,
    GuardFamily,
    LlmGuardCheck,
    read_llama_guard,
    read_policy_answer,
    read_shield_gemma,
    without_thinking,
)
from nodes.moderation.openai_check import OVERLAP, PART, OpenAICheck
from nodes.moderation.policy import OnError, Policy

SECRET = "zyxwvut-quokka"


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch):
    """Between tries there is a wait; here there is not."""
    monkeypatch.setattr("nodes.services.asking._BACKOFF_S", (0.01, 0.02))


@pytest.fixture
def services() -> Iterator[Services]:
    with Services() as running:
        yield running


@pytest.fixture
def policy() -> Policy:
    return replace(
        Policy.from_preset(),
        text_checks=("openai",),
        image_checks=("openai",),
        endpoint="there",
        guard_endpoint="there",
    )


def endpoints(base_url: str, **fields) -> Endpoints:
    settings = {"stored_key": KEY, "timeout_s": 60.0} | fields
    return Endpoints({"there": Endpoint("there", base_url, **settings)}, {}, None)


def judge(text: str, policy: Policy, known: Endpoints):
    return check_prompt(text, policy, text_checks(policy, lambda: known))


# ── openai ──


def test_a_prompt_is_judged_in_thirteen_categories(services, policy):
    decision = judge("a knife [violence]", policy, endpoints(services.base_url))
    assert decision.blocked == (Category.VIOLENCE,)
    (verdict,) = decision.verdicts
    assert (verdict.judges, verdict.version) == (ALL, "omni-moderation-latest")
    assert verdict.own_flags == {Category.VIOLENCE}
    assert judge("a tree", policy, endpoints(services.base_url)).outcome is Outcome.ALLOW


def test_what_belongs_to_openai_goes_nowhere_else(services, policy, monkeypatch):
    monkeypatch.setenv("OPENAI_ORG_ID", "org-belongs-to-openai-only")
    judge("a tree", policy, endpoints(services.base_url))
    assert "openai-organization" not in services.requests[-1].headers


def test_a_picture_is_judged_in_six(services, policy):
    checks = picture_checks(policy, lambda: endpoints(services.base_url))
    batch = [Image.new("RGB", (64, 64), colour) for colour in ((0, 255, 0), (255, 0, 0), (255, 0, 255))]
    decisions = check_pictures(batch, policy, checks)
    assert [d.blocked for d in decisions] == [(), (Category.VIOLENCE,), (Category.SEXUAL,)]
    assert decisions[0].verdicts[0].judges == ON_PICTURES
    assert "sexual/minors" in decisions[0].as_report()["cannot_judge"]
    assert len(services.moderations) == 3, "one picture a request"


def test_a_huge_picture_is_made_smaller_before_it_is_sent(services, policy):
    checks = picture_checks(policy, lambda: endpoints(services.base_url))
    check_pictures([Image.effect_noise((2200, 1400), 90)], policy, checks)
    assert len(json.dumps(services.moderations[0])) < 3_000_000


def test_a_long_prompt_is_judged_in_overlapping_parts(services, policy):
    known = endpoints(services.base_url)
    mark = "[hate]"
    text = "x" * (PART - 3) + mark + "x" * 20_000  # the mark lies across the border of two parts
    assert judge(text, policy, known).blocked == (Category.HATE,)
    parts = services.moderations[0]["input"]
    assert len(parts) == 4
    assert max(map(len, parts)) <= PART
    assert parts[0][-OVERLAP:] == parts[1][:OVERLAP]
    assert judge("x" * 300_000, policy, known).failures[0][1].code == "prompt_too_long"


def test_nothing_is_asked_about_nothing(services, policy):
    assert judge("  \n", policy, endpoints(services.base_url)).allowed
    assert services.moderations == []


FAULTS = {
    "check_rate_limited": (Fault.RATE_LIMIT, {}),
    "check_unreachable": (Fault.OVERLOADED, {}),
    "check_timed_out": (Fault.HANG, {}),
    "check_bad_answer": (Fault.BROKEN_JSON, {}),
    "check_refused": (Fault.REDIRECT, {"to": "http://127.0.0.1:9/elsewhere"}),
    "check_key_refused": (Fault.REFUSE, {"name": "invalid_api_key"}),
}


@pytest.mark.parametrize("on_error", OnError)
@pytest.mark.parametrize("code", FAULTS)
def test_every_failure_is_told_apart_and_goes_the_policys_way(services, policy, code, on_error):
    fault, options = FAULTS[code]
    services.plan(fault, times=None, **options)
    known = endpoints(services.base_url, timeout_s=0.2 if fault is Fault.HANG else 60.0)
    decision = judge(SECRET, replace(policy, on_error=on_error), known)
    ((check, failure),) = decision.failures
    assert (check, failure.code) == ("openai", code)
    assert decision.outcome is (Outcome.BLOCK if on_error is OnError.BLOCK else Outcome.REVIEW)
    assert SECRET not in failure.message
    assert KEY not in failure.message


def test_spent_quota_is_not_called_a_rate_limit(services, policy):
    services.plan(Fault.REFUSE, times=None, name="credit_balance_exhausted")
    failure = judge("x", policy, endpoints(services.base_url)).failures[0][1]
    assert failure.code == "check_rate_limited"
    assert "quota is spent" in failure.message


def test_a_short_trouble_is_asked_again(services, policy):
    services.plan(Fault.OVERLOADED, times=1)
    assert judge("a tree", policy, endpoints(services.base_url)).outcome is Outcome.ALLOW


def test_no_server_no_key_wrong_kind_wrong_model(services, policy, monkeypatch):
    assert judge("x", policy, endpoints("http://127.0.0.1:9/v1")).failures[0][1].code == "check_unreachable"
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    known = endpoints(services.base_url, stored_key=None, api_key_env="NO_SUCH_KEY")
    assert judge("x", policy, known).failures[0][1].code == "missing_key"
    assert judge("x", policy, endpoints(services.base_url, kind="azure")).failures[0][1].code == "check_refused"
    retired = replace(policy, model="text-moderation-latest")
    assert judge("x", retired, endpoints(services.base_url)).failures


SCORES = {category.value: 0.0 for category in Category}
FLAGS = {category.value: False for category in Category}
GOOD = {"category_scores": SCORES, "categories": FLAGS}


@pytest.mark.parametrize(
    "answer",
    [
        {}, [], "safe", None, {"results": []}, {"model": "m", "results": [GOOD, GOOD]}, {"results": [GOOD]},
        {"model": "m", "results": [{"categories": FLAGS}]},
        {"model": "m", "results": [GOOD | {"category_scores": {}}]},
        {"model": "m", "results": [GOOD | {"category_scores": SCORES | {"violence": None}}]},
        {"model": "m", "results": [GOOD | {"category_scores": SCORES | {"violence": "0.9"}}]},
        {"model": "m", "results": [GOOD | {"category_scores": SCORES | {"violence": 7}}]},
        {"model": "m", "results": [GOOD | {"category_scores": SCORES | {"violence": float("nan")}}]},
        {"model": "m", "results": [GOOD | {"categories": FLAGS | {"violence": "no"}}]},
    ],
)  # fmt: skip
def test_an_answer_that_is_no_verdict_is_a_failure_and_never_a_pass(answer, monkeypatch):
    monkeypatch.setattr("nodes.moderation.openai_check.ask", lambda *_: answer)
    with pytest.raises(service.CheckNonsense):
        OpenAICheck(Endpoint("there", "https://example.org/v1"), "omni-moderation-latest").check("x")


def test_old_models_may_leave_illicit_out_and_the_verdict_says_so(monkeypatch):
    old = {
        "category_scores": SCORES | {"illicit": None, "illicit/violent": None},
        "categories": FLAGS | {"illicit": None, "illicit/violent": None},
    }
    monkeypatch.setattr("nodes.moderation.openai_check.ask", lambda *_: {"model": "old", "results": [old]})
    verdict = OpenAICheck(Endpoint("there", "https://example.org/v1"), "omni-moderation-latest").check("x")
    assert verdict.judges == ALL - {Category.ILLICIT, Category.ILLICIT_VIOLENT}


def test_an_answer_without_end_is_cut_off():
    with ChatServer(lambda body: "x" * (service.MAX_ANSWER + 10)) as server:
        failure = judge("x", guarded("llama-guard3"), free(server)).failures[0][1]
    assert failure.code == "check_bad_answer"


# ── llm guard ──


class ChatServer:
    """A chat endpoint that answers what it is told to and remembers what it was asked."""

    def __init__(self, answer, status: int = 200):
        self.bodies: list[dict] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.bodies.append(body)
                content = answer(body)
                reply = content if isinstance(content, dict) else completion(content)
                data = json.dumps(reply).encode()
                self.send_response(status if self.path == "/v1/chat/completions" else 404)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base_url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


def completion(content) -> dict:
    message = {"role": "assistant", "content": content}
    return {"id": "c", "object": "chat.completion", "choices": [{"index": 0, "message": message}]}


def free(server: ChatServer) -> Endpoints:
    """A guard on this machine, which asks for no key and sends no bill."""
    return endpoints(server.base_url, stored_key=None)


def guarded(model: str) -> Policy:
    return replace(Policy.from_preset(), text_checks=("llm guard",), guard_endpoint="there", guard_model=model)


@pytest.mark.parametrize(
    ("answer", "blocked"),
    [
        ("safe", ()),
        ("\n\nsafe", ()),
        ("unsafe\nS12", (Category.SEXUAL,)),
        ("unsafe\nS4,S12", (Category.SEXUAL, Category.SEXUAL_MINORS)),
        ("unsafe S9", (Category.ILLICIT_VIOLENT,)),
        ("unsafe\nS1", (Category.ILLICIT_VIOLENT, Category.VIOLENCE)),
        ("unsafe\nS11", (Category.SELF_HARM,)),
    ],
)
def test_llama_guard_is_asked_plainly_and_its_hazards_are_mapped(answer, blocked):
    with ChatServer(lambda body: answer) as server:
        decision = judge("a prompt", guarded("llama-guard3:8b"), free(server))
    assert decision.blocked == blocked
    assert server.bodies[0]["messages"] == [{"role": "user", "content": "a prompt"}]
    assert server.bodies[0]["temperature"] == 0


def test_a_hazard_outside_of_the_vocabulary_is_a_hint_for_review():
    with ChatServer(lambda body: "unsafe\nS8") as server:
        decision = judge("a prompt", guarded("meta-llama/Llama-Guard-4-12B"), free(server))
    assert decision.outcome is Outcome.REVIEW
    assert decision.verdicts[0].hints[0].kind == "intellectual property"


def test_shield_gemma_is_asked_guideline_by_guideline():
    def answer(body):
        return "Yes" if "Hate" in body["chat_template_kwargs"]["guideline"] else "No"

    with ChatServer(answer) as server:
        decision = judge("a prompt", guarded("google/shieldgemma-9b"), free(server))
    assert decision.blocked == (Category.HATE,)
    assert len(server.bodies) == 4
    assert decision.verdicts[0].judges == frozenset(GUIDELINES)
    assert "violence" in decision.as_report()["cannot_judge"]


def test_a_policy_model_gets_the_policy_and_answers_json():
    reply = '<think>hm</think>```json\n{"violation": 1, "categories": {"self-harm": 0.8, "violence": 0.2}}\n```'
    with ChatServer(lambda body: reply) as server:
        decision = judge("a prompt", guarded("gpt-oss-safeguard:20b"), free(server))
    assert decision.blocked == (Category.SELF_HARM,)
    system, user = server.bodies[0]["messages"]
    assert (system["role"], user) == ("system", {"role": "user", "content": "a prompt"})
    assert all(category.value in system["content"] for category in Category)


@pytest.mark.parametrize("on_error", OnError)
@pytest.mark.parametrize(
    "answer",
    ["", "I cannot help with that.", "unsafe", "unsafe\nS99", "safe, but it also says unsafe S12", "Maybe", "{}", None,
     {"choices": []}, {"error": "x"}, '{"violation": 0, "categories": {"violence": 0.9}}'],
)  # fmt: skip
@pytest.mark.parametrize("model", ["llama-guard3", "shieldgemma:2b", "gpt-oss-safeguard:20b"])
def test_an_answer_in_no_known_form_is_a_failure_and_never_safe(model, answer, on_error):
    reply = completion(answer) if not isinstance(answer, dict) else answer
    with ChatServer(lambda body: reply) as server:
        decision = judge(SECRET, replace(guarded(model), on_error=on_error), free(server))
    ((check, failure),) = decision.failures
    assert (check, failure.code) == ("llm guard", "check_bad_answer")
    assert decision.outcome is (Outcome.BLOCK if on_error is OnError.BLOCK else Outcome.REVIEW)
    assert SECRET not in failure.message


def test_a_long_prompt_is_judged_in_parts_and_one_unsafe_part_is_enough():
    with ChatServer(lambda body: "unsafe\nS10" if "MARK" in body["messages"][0]["content"] else "safe") as server:
        check = LlmGuardCheck(free(server).get("there"), "llama-guard3")
        assert check.check("x" * 20_000 + "MARK" + "x" * 5_000).scores == {Category.HATE: 1.0}
        assert check.check("  ").scores == {}
        assert len(server.bodies) == 5
        decision = judge("x" * 200_000, guarded("llama-guard3"), free(server))
        assert not decision.allowed
        assert [failure.code for _, failure in decision.failures] == ["prompt_too_long"]
        assert "shorten" in str(ContentRefused([decision]))
        assert len(server.bodies) == 5  # nobody is asked


def test_families_are_told_by_the_models_name():
    assert (
        GuardFamily.of("llama-guard3:1b") is GuardFamily.of("meta-llama/Llama-Guard-4-12B") is GuardFamily.LLAMA_GUARD
    )
    assert GuardFamily.of("xe/llamaguard3") is GuardFamily.LLAMA_GUARD
    assert GuardFamily.of("google/shieldgemma-2b") is GuardFamily.SHIELD_GEMMA
    assert GuardFamily.of("openai/gpt-oss-safeguard-20b") is GuardFamily.of("qwen3:4b") is GuardFamily.POLICY


PARSERS = {
    "llama guard": read_llama_guard, "shieldgemma": read_shield_gemma, "policy": read_policy_answer,
    "thinking": without_thinking,
}  # fmt: skip
HOSTILE = [
    "```" + " " * 3, "```json ", "<think>", "</think>", "<think></think>", "< ", "S1 ", "unsafe ", "yes", " ",
    "\n", "{", "[",
    '{"violation":', "9", r"\W", "_", "-", "safe", "```" + "x" * 9,
]  # fmt: skip


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize("shape", HOSTILE)
def test_reading_an_answer_takes_time_in_proportion_to_its_length(parser, shape):
    def seconds(length: int) -> float:
        text = shape * (length // len(shape))
        started = time.perf_counter()
        PARSERS[parser](text)
        PARSERS[parser]("```" + text + "x```")
        return time.perf_counter() - started

    short, long = (min(seconds(length) for _ in range(3)) for length in (20_000, 160_000))
    assert long < 24 * short + 0.05, "eight times the text"


def test_thinking_is_left_out_of_an_answer():
    assert without_thinking("<think>unsafe</think> safe ") == "safe"
    assert without_thinking("a<think>b</think>c<think>d") == "ac<think>d"
    assert without_thinking("a</think>b") == "a</think>b"
    huge = '{"violation": 1, "categories": {"hate": %s}}'
    assert read_policy_answer(huge % ("9" * 400)) is None
    assert read_policy_answer("[" * 100_000) is None
    assert read_policy_answer("```json\n" + huge % "0.5" + "\n```") == ({Category.HATE: 0.5}, [])


def test_readers_take_nothing_for_granted():
    assert read_llama_guard("SAFE") == ({}, [])
    assert read_llama_guard("safety first") is None
    assert read_shield_gemma("**Yes**, because") is True
    assert read_shield_gemma("Not sure") is None
    assert read_policy_answer('{"violation": 1, "categories": ["hate"]}') == ({Category.HATE: 1.0}, [])
    assert read_policy_answer('{"violation": 1, "categories": {"rudeness": 1}}') is None
    assert read_policy_answer('{"violation": 1, "categories": {"hate": NaN}}') is None
    assert read_policy_answer('{"violation": true, "categories": {"hate": 2}}') is None
