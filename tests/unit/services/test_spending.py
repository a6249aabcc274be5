"""One purse for pictures and chat calls: asked before anything is sent, and never emptied by what an endpoint says."""

from __future__ import annotations

import sqlite3
from datetime import date

import pytest
from services.wire import Wire, completion, reply

from nodes.endpoints import BadEndpointsFile, Endpoint, Endpoints
from nodes.moderation.llm_guard import LlmGuardCheck
from nodes.moderation.openai_check import OpenAICheck
from nodes.prompts.endpoint_rewriter import EndpointRewriter
from nodes.prompts.rewriting import Message
from nodes.services.ledger import BudgetReached, Ledger
from nodes.services.settings import DEFAULT_PER_DAY_USD, ServiceSettings
from nodes.services.spending import Account, UnknownModel
from nodes.state import State

ASKED = (Message("user", "an owl"),)


@pytest.fixture
def wire():
    with Wire(lambda _: reply(completion("safe", usage={"prompt_tokens": 10, "completion_tokens": 5}))) as running:
        yield running


@pytest.fixture
def known(tmp_path, wire):
    """The user's file: an endpoint with a key, and further lines."""

    def read(lines: str = "", models: str = "") -> Endpoints:
        file = tmp_path / "state" / "endpoints.toml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f'[paid]\nbase_url = "{wire.base_url}"\napi_key = "sk-x"\n{models}\n{lines}', "utf-8")
        return Endpoints.read(file)

    return read


def rewriter(known: Endpoints, model: str) -> EndpointRewriter:
    return EndpointRewriter(known.get("paid"), model, 0.5, 1, 20.0, account=lambda: Account.of(known))


def rows(known: Endpoints) -> list[tuple]:
    found = sqlite3.connect(known.file.parent / "state.sqlite").execute(
        "SELECT operation, state, estimate_usd, cost_usd FROM images_api_calls ORDER BY id"
    )
    return found.fetchall()


def test_without_a_line_there_is_a_budget_for_the_day():
    assert ServiceSettings.read({}).per_day_usd == DEFAULT_PER_DAY_USD == 5.0
    assert ServiceSettings.read({"images_api": {"per_session_usd": 1.0}}).per_day_usd == DEFAULT_PER_DAY_USD
    assert ServiceSettings.read({"images_api": {"per_day_usd": 20}}).per_day_usd == 20


def test_a_rewriting_at_a_paid_endpoint_is_written_down(known, wire):
    there = known()
    assert rewriter(there, "gpt-5.4-nano").ask(ASKED) == "safe"
    ((operation, state, estimate, cost),) = rows(there)
    assert (operation, state) == ("chat", "done")
    assert 4096 * 1.25e-6 < estimate < 4200 * 1.25e-6
    assert cost == pytest.approx(10 * 0.2e-6 + 5 * 1.25e-6)
    # What the endpoint reports counts only upwards.
    assert Account.of(there).ledger.spent(date.today())[1] == pytest.approx(estimate)


@pytest.mark.parametrize(
    "usage",
    [None, {}, {"prompt_tokens": 0, "completion_tokens": 0}, {"prompt_tokens": -5, "completion_tokens": 1},
     {"prompt_tokens": "9", "completion_tokens": 1}, {"prompt_tokens": 1e400, "completion_tokens": 1}, 7],
)  # fmt: skip
def test_no_usage_empties_the_count(tmp_path, usage):
    with Wire(lambda _: reply(completion("x", usage=usage))) as wire:
        there = Endpoints({"paid": Endpoint("paid", wire.base_url, stored_key="sk-x")}, {}, tmp_path / "endpoints.toml")
        rewriter(there, "gpt-5.4").ask(ASKED)
    spent = Account.of(there).ledger.spent(date.today())[1]
    assert spent > 4096 * 15e-6


def test_calls_end_with_the_budget_and_say_which_line_raises_it(known, wire):
    there = known("[settings.images_api]\nper_day_usd = 0.15\n")
    rewriter(there, "gpt-5.4").ask(ASKED)
    rewriter(there, "gpt-5.4").ask(ASKED)
    with pytest.raises(BudgetReached, match=r"per_day_usd = \S+ under \[settings.images_api\]"):
        rewriter(there, "gpt-5.4").ask(ASKED)
    assert len(wire.requests) == 2


def test_pictures_and_chat_calls_share_the_purse(known, wire, tmp_path):
    from nodes.images_api.inputs import Sent
    from nodes.images_api.plan import Ask, Operation, make_plan

    there = known("[settings.images_api]\nper_day_usd = 0.15\n")
    account = Account.of(there)
    ask = Ask(Operation.GENERATE, "dall-e-3", "1024x1024", 2, 0, "x", "hd", "vivid")
    plan = make_plan(ask, there.get("paid"), account.settings, date(2026, 11, 21))
    for call in account.ledger.claim(plan.wanted(Sent())[:1], account.settings, again=False):
        account.ledger.mark_sent(call)
    rewriter(there, "gpt-5.4").ask(ASKED)
    with pytest.raises(BudgetReached, match="1 chat call"):
        rewriter(there, "gpt-5.4").ask(ASKED)
    with pytest.raises(BudgetReached, match="1 picture"):
        account.ledger.claim(plan.wanted(Sent())[1:], account.settings, again=False)


@pytest.mark.parametrize(
    "model", ["dear-model", "gpt-5.4-2", "gpt-5.4/../x", "GPT-5.4", 'x"]\n[openai]', "gpt-5.4-pro"]
)
def test_a_model_that_nobody_named_is_refused_at_a_paid_endpoint(known, wire, model):
    there = known()
    for asking in (
        lambda: rewriter(there, model).ask(ASKED),
        lambda: LlmGuardCheck(there.get("paid"), model, lambda: Account.of(there)).check("an owl"),
        lambda: OpenAICheck(there.get("paid"), model, lambda: Account.of(there)).check("an owl"),
    ):
        with pytest.raises(UnknownModel, match=r"under \[paid\] the line: models = \[") as caught:
            asking()
        assert "\n" not in str(caught.value)
    assert wire.requests == []


def test_a_named_model_needs_a_price_and_then_runs(known, wire):
    with pytest.raises(BudgetReached, match=r'\[settings.chat.prices\] the line: "mine" = 10.0'):
        rewriter(known(models='models = ["mine"]'), "mine").ask(ASKED)
    assert wire.requests == []
    there = known("[settings.chat.prices]\nmine = 2.0\n", 'models = ["mine"]')
    rewriter(there, "mine").ask(ASKED)
    assert rows(there)[-1][3] == pytest.approx(15 * 2e-6)
    with_alias = known('[settings.images_api.models]\nmine = "gpt-5.4-mini-2026-03-01"\n')
    rewriter(with_alias, "mine").ask(ASKED)


def test_a_guard_at_a_paid_endpoint_pays_and_openais_own_moderation_does_not(known, wire, services):
    there = known("[settings.chat.prices]\nllama-guard3 = 1.0\n")
    assert LlmGuardCheck(there.get("paid"), "llama-guard3", lambda: Account.of(there)).check("an owl").scores == {}
    assert [row[0] for row in rows(there)] == ["chat"]
    free = Endpoint("paid", services.base_url, stored_key=services.key)
    OpenAICheck(free, "omni-moderation-latest").check("an owl")


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (reply(b'{"error": {"message": "no"}}', status=400), "unsent"),
        (reply(b"oops", status=500), "unknown"),
        (reply(b'{"cho', length=99), "unknown"),
    ],
)
def test_what_failed_counts_if_it_may_have_been_billed(tmp_path, answer, state):
    with Wire(lambda _: answer) as wire:
        there = Endpoints({"paid": Endpoint("paid", wire.base_url, stored_key="sk-x")}, {}, tmp_path / "endpoints.toml")
        with pytest.raises(Exception, match=r"refuses|failed"):
            rewriter(there, "gpt-5.4").ask(ASKED)
    assert rows(there)[0][1] == state


def test_a_server_on_this_machine_without_a_key_is_free(wire, tmp_path):
    free = EndpointRewriter(Endpoint("ollama", wire.base_url), "anything", 0.5, 1, 20.0)
    assert free.ask(ASKED) == "safe"
    assert Ledger(State(tmp_path)).spent(date.today()) == (0.0, 0.0)


@pytest.mark.parametrize("table", [{"prices": {"x": -1}}, {"prices": 3}, {"price": {}}, 3])
def test_a_mistyped_price_is_no_price(table):
    with pytest.raises(BadEndpointsFile, match=r"settings\.chat"):
        ServiceSettings.read({"chat": table})
