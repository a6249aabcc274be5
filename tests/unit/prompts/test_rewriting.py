"""The LLM that writes prompts out: what it is asked, what it may answer, and what happens when it misbehaves."""

from __future__ import annotations

import importlib.util
import json
import time
from pathlib import Path

import pytest

from nodes.endpoints import Endpoint
from nodes.prompts.convert import ConversionRequest, convert
from nodes.prompts.endpoint_rewriter import EndpointRewriter, RewriterRefused, RewriterUnreachable
from nodes.prompts.local_rewriter import LocalRewriter
from nodes.prompts.rewriting import OWN_INSTRUCTIONS, BadInstructions, converted, instructions, prompt_in, rewrite
from nodes.prompts.targets import PromptMode, Style
from nodes.services import asking
from nodes.state import State

_spec = importlib.util.spec_from_file_location("stand_in_llm", Path(__file__).with_name("llm.py"))
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)

PROMPT = 'Create an image of two red owls left of a sign "OPEN"'
GOOD = 'Two red owls perch to the left of a wooden sign that reads "OPEN", in warm evening light on a quiet street.'
ASKED = ConversionRequest(PROMPT, Style.NONE, "")


def as_json(text: str) -> str:
    return json.dumps({"prompt": text})


@pytest.fixture
def state(tmp_path) -> State:
    return State(tmp_path / "state")


@pytest.fixture
def llm():
    with _module.running() as llm:
        llm.answers = [as_json(GOOD)]
        yield llm


@pytest.fixture
def rewriter(llm):
    def make(seed: int = 1, model: str = "qwen3:4b", timeout_s: float = 20.0, **options) -> EndpointRewriter:
        return EndpointRewriter(Endpoint("mine", llm.base_url), model, 0.7, seed, timeout_s, **options)

    return make


def test_a_good_answer_is_used_and_reported(llm, rewriter, state):
    done = rewrite(ASKED, rewriter(), state)
    assert done.t5xxl == GOOD
    assert done.report.mode == "rewritten"
    told = done.report.as_dict()["rewriting"]
    assert told == {"model": "qwen3:4b at mine", "outcome": "rewritten", "attempts": 1, "complaints": []}


def test_the_llm_is_asked_for_nested_json_with_our_instructions(llm, rewriter, state):
    rewrite(ConversionRequest(PROMPT, Style.NATURAL, "1792x1024"), rewriter(seed=2**64 - 1), state)
    (asked,) = llm.requests
    assert asked["response_format"]["json_schema"]["schema"]["required"] == ["prompt"]
    assert asked["response_format"]["json_schema"]["strict"] is True
    assert 0 <= asked["seed"] < 2**31
    system, user = asked["messages"]
    assert system["role"] == "system"
    assert system["content"] == instructions(state)
    assert "two red owls" in user["content"]
    assert "natural" in user["content"]
    assert "1792x1024" in user["content"]
    assert "Create an image" not in user["content"], "the rules went first"


@pytest.mark.parametrize(
    "raw",
    [
        f"<think>Owls… {{not json}}</think>{as_json(GOOD)}",
        f"Sure! Here it is:\n```json\n{as_json(GOOD)}\n```\nEnjoy!",
        f"thinking without an opening tag</think>\n{as_json(GOOD)}",
        '{"note": "a draft"} ' + as_json(GOOD),
        as_json(GOOD).replace(" in warm", "\n in warm"),
    ],
)
def test_json_is_found_wherever_it_stands(llm, rewriter, state, raw):
    llm.answers = [raw]
    assert rewrite(ASKED, rewriter(), state).t5xxl == GOOD


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        ("Two red owls sit left of a sign.", "no JSON"),
        ('{"text": "x"}', "no JSON"),
        ("[1, 2]", "no JSON"),
        ("", "no JSON"),
        ("<think>for ever and", "no JSON"),
        (as_json("I'm sorry, but I can't help with that."), "refusal"),
        (as_json(GOOD.replace('"OPEN"', "a word")), "quoted “OPEN”"),
        (as_json(GOOD.replace("Two", "Some")), "number"),
        (as_json(GOOD.replace("red", "brown")), "colour red"),
        (as_json(GOOD.replace("left of", "side of")), "place left"),
        (as_json(GOOD + ' A poster says "FREE BEER".'), "“FREE BEER”"),
        (as_json(GOOD + " The owls look at the moon tonight." * 4), "repeats itself"),
        (as_json(GOOD + " " + " ".join(f"word{n}" for n in range(900))), "too long"),
    ],
)
def test_a_bad_answer_gets_one_second_chance_with_the_complaint(llm, rewriter, state, bad, complaint):
    llm.answers = [bad, as_json(GOOD)]
    done = rewrite(ASKED, rewriter(), state)
    assert done.t5xxl == GOOD
    assert complaint in done.report.rewriting.complaints[0]
    assert len(llm.requests) == 2
    assert complaint in llm.requests[1]["messages"][-1]["content"]


def test_after_two_bad_answers_the_rules_result_is_used_and_nothing_is_kept(llm, rewriter, state):
    llm.answers = [as_json("Owls.")]
    done = rewrite(ASKED, rewriter(), state)
    assert done.t5xxl == convert(ASKED).t5xxl
    assert done.report.mode == "rules"
    assert done.report.rewriting.outcome == "fell_back"
    assert len(done.report.rewriting.complaints) == 2
    llm.answers = [as_json(GOOD)]
    assert rewrite(ASKED, rewriter(), state).t5xxl == GOOD, "the next run asks again"


def test_a_server_that_hangs_is_left_in_time(llm, rewriter, state):
    llm.hang_s = 30
    started = time.monotonic()
    done = rewrite(ASKED, rewriter(timeout_s=0.6), state)
    assert time.monotonic() - started < 15
    assert done.t5xxl == convert(ASKED).t5xxl
    assert "no answer within" in done.report.rewriting.complaints[0]


def test_a_cancel_reaches_a_waiting_rewriter(llm, rewriter, state):
    class Cancelled(Exception):
        pass

    def cancelled() -> None:
        raise Cancelled

    llm.hang_s = 5
    with pytest.raises(Cancelled):
        rewrite(ASKED, rewriter(check_cancelled=cancelled), state)


def test_the_same_seed_and_prompt_give_the_same_text_from_disk(llm, rewriter, state):
    llm.answers = [as_json(GOOD), as_json(GOOD.replace("quiet", "busy"))]
    first = rewrite(ASKED, rewriter(), state)
    again = rewrite(ASKED, rewriter(), State(state.root))
    assert again.t5xxl == first.t5xxl
    assert again.report.rewriting.outcome == "from_disk"
    assert len(llm.requests) == 1
    other = rewrite(ASKED, rewriter(seed=2), state)
    assert "busy" in other.t5xxl


@pytest.mark.parametrize("change", ["seed", "model", "prompt", "instructions"])
def test_whatever_matters_asks_anew(llm, rewriter, state, change):
    rewrite(ASKED, rewriter(), state)
    if change == "instructions":
        (state.root / OWN_INSTRUCTIONS).write_text("Be brief.", "utf-8")
    asked = ConversionRequest(PROMPT + " at night", Style.NONE, "") if change == "prompt" else ASKED
    llm.answers = [as_json(GOOD.replace("evening", "night"))]
    rewrite(asked, rewriter(seed=5 if change == "seed" else 1, model="x" if change == "model" else "qwen3:4b"), state)
    assert len(llm.requests) == 2


def test_a_user_can_replace_the_instructions(llm, rewriter, state):
    assert '{"prompt"' in instructions(state)
    state.root.mkdir(parents=True)
    own = state.root / OWN_INSTRUCTIONS
    own.write_text("Write like a poet.", "utf-8")
    rewrite(ASKED, rewriter(), state)
    assert llm.requests[0]["messages"][0]["content"] == "Write like a poet."
    own.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(BadInstructions, match="UTF-8"):
        instructions(state)
    own.write_text("  ", "utf-8")
    with pytest.raises(BadInstructions, match="empty"):
        instructions(state)


@pytest.mark.parametrize(
    "request_",
    [ConversionRequest(PROMPT, mode=PromptMode.AS_IS), ConversionRequest("x", frozen="mine"), ConversionRequest("")],
)
def test_what_is_meant_to_the_letter_is_not_rewritten(llm, rewriter, state, request_):
    done = rewrite(request_, rewriter(), state)
    assert done.t5xxl == convert(request_).t5xxl
    assert done.report.rewriting.outcome == "skipped"
    assert llm.requests == []


def test_style_and_format_are_added_to_the_rewritten_text_and_it_is_escaped(llm, rewriter, state):
    llm.answers = [as_json(GOOD + " (seen from afar)")]
    done = rewrite(ConversionRequest(PROMPT, Style.VIVID, "1792x1024"), rewriter(), state)
    assert "\\(seen from afar\\)" in done.t5xxl
    assert done.t5xxl.endswith("Wide landscape composition.")


def test_another_language_may_be_translated_but_its_quotes_stay(llm, rewriter, state):
    german = ConversionRequest("Zwei rote Eulen mit einem Schild „OFFEN“ und 3 Kerzen auf dem Dach", Style.NONE, "")
    llm.answers = [
        as_json('Two red owls with a sign "OPEN" and three candles.'),
        as_json("Two red owls with a sign „OFFEN“ and three candles on the roof."),
    ]
    done = rewrite(german, rewriter(), state)
    assert done.report.rewriting.attempts == 2
    assert "„OFFEN“" in done.t5xxl
    assert "owls" in done.t5xxl


def test_a_server_that_knows_less_is_asked_with_less(llm, rewriter, state):
    llm.knows = {"temperature"}
    assert rewrite(ASKED, rewriter(), state).t5xxl == GOOD
    assert set(llm.requests[-1]) >= {"model", "messages", "temperature"}
    assert "response_format" not in llm.requests[-1]


@pytest.mark.parametrize(
    ("status", "error", "says"),
    [
        (401, RewriterRefused, "key"),
        (404, RewriterRefused, "model"),
        (422, RewriterRefused, "refuses"),
        (307, RewriterRefused, "redirects elsewhere"),
    ],
)
def test_what_the_user_has_to_put_right_is_an_error(llm, rewriter, state, status, error, says):
    llm.answers = [(status, {"error": {"message": "sk-secret-key-12345 is wrong"}})]
    with pytest.raises(error, match=says) as raised:
        rewrite(ASKED, rewriter(), state)
    assert "secret" not in str(raised.value)


def test_a_server_that_fails_is_no_reason_to_fail(llm, rewriter, state):
    llm.answers = [(500, {"error": {"message": "oops"}})]
    done = rewrite(ASKED, rewriter(), state)
    assert done.report.rewriting.outcome == "fell_back"
    assert "HTTP 500" in done.report.rewriting.complaints[0]


@pytest.mark.parametrize("reply", [{}, {"choices": []}, {"choices": [{"message": None}]}, {"choices": "x" * 5_000_000}])
def test_a_reply_that_holds_no_answer_is_none(llm, rewriter, state, reply):
    llm.answers = [(200, reply)]
    assert rewrite(ASKED, rewriter(), state).report.rewriting.outcome == "fell_back"


def test_what_belongs_to_openai_goes_nowhere_else(llm, rewriter, state, monkeypatch):
    monkeypatch.setenv("OPENAI_ORG_ID", "org-belongs-to-openai-only")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # nor through a proxy: the answer would not come
    rewrite(ASKED, rewriter(), state)
    (headers,) = llm.headers
    assert "openai-organization" not in headers
    assert "authorization" not in headers


def test_nobody_at_the_address_is_an_error_that_says_what_to_start(state, monkeypatch):
    monkeypatch.setattr(asking, "_BACKOFF_S", (0.01, 0.01))
    nowhere = EndpointRewriter(Endpoint("ollama", "http://127.0.0.1:9/v1"), "qwen3:4b", 0.7, 1, 20)
    with pytest.raises(RewriterUnreachable, match="start that program"):
        rewrite(ASKED, nowhere, state)


def test_without_a_rewriter_nothing_is_written(state):
    assert converted(ASKED, None, state).report.rewriting is None
    assert not state.root.exists()


def test_the_local_rewriter_may_answer_in_prose_and_repeats_with_its_seed(state):
    asked: list[tuple] = []

    def generate(text: str, seed: int, temperature: float, max_tokens: int) -> str:
        asked.append((seed, temperature))
        assert "two red owls" in text
        return f"<think>\n\n</think>\nHere is the prompt: {GOOD}"

    done = rewrite(ASKED, LocalRewriter(generate, 0.5, 9), state)
    assert done.t5xxl == GOOD
    assert asked == [(9, 0.5)]
    assert not state.root.exists(), "the host's own seed makes it repeatable; nothing is kept"


def test_an_answer_of_nothing_but_openings_is_read_in_time():
    assert prompt_in("{" * 100_000, prose_allowed=False) == ""
    assert prompt_in('{"prompt": ' * 5000, prose_allowed=True) == ""
