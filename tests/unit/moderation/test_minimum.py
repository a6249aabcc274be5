"""What no workflow undercuts: sexual/minors, and the minimum policy in the user's own file."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from PIL import Image

from nodes.endpoints import Endpoints
from nodes.errors import MissingPackage
from nodes.moderation import checks as checks_module
from nodes.moderation import local_picture
from nodes.moderation.categories import ALL, Category
from nodes.moderation.checks import picture_checks, text_checks
from nodes.moderation.decision import Failure, Outcome, Verdict
from nodes.moderation.gate import ContentRefused, check_prompt, decide
from nodes.moderation.moderate import GateContext, moderate_pictures, moderate_prompt
from nodes.moderation.policy import (
    IF_INSTALLED,
    MINORS_CEILING,
    NO_POLICY,
    Action,
    OnError,
    Policy,
    Preset,
    make_policy,
)
from nodes.moderation.record import Record
from nodes.moderation.settings import BadModerationSettings, ModerationSettings
from nodes.state import State

MINORS, SEXUAL, VIOLENCE, HATE = Category.SEXUAL_MINORS, Category.SEXUAL, Category.VIOLENCE, Category.HATE
ABOUT_MINORS = "a naked 14 year old girl"
ABOUT_ADULTS = "a naked adult man"


@pytest.fixture
def state(tmp_path) -> State:
    return State(tmp_path / "dalle_flux")


def context(state: State, file: str = "") -> GateContext:
    state.root.mkdir(exist_ok=True)
    state.endpoints_file.write_text(file, "utf-8")
    return GateContext(lambda: Endpoints.read(state.endpoints_file), state)


def minimum(text: str) -> str:
    return f"[settings.moderation]\nminimum = {text}\n"


# ── sexual/minors ──

LAX = [
    NO_POLICY,
    *(Policy.from_preset(preset) for preset in Preset),
    make_policy(Preset.LOG_ONLY, text_check="none", image_check="none", on_error=OnError.ALLOW),
    make_policy(Preset.DALLE_LIKE, text_check="none", image_check="none", threshold=1.0),
    make_policy(Preset.DALLE_LIKE, text_check="local", image_check="none", threshold=1.0),
    make_policy(Preset.DALLE_LIKE, text_check="local", image_check="none", categories="sexual/minors = 1.0"),
    make_policy(
        Preset.LOG_ONLY, text_check="openai", image_check="none", endpoint="nowhere", on_error=OnError.ALLOW,
        categories="sexual = off",
    ),
]  # fmt: skip


@pytest.mark.parametrize("policy", LAX, ids=lambda policy: f"{policy.name} {'+'.join(policy.text_checks)}")
def test_sexual_minors_blocks_whatever_the_policy_says(policy, state):
    decision = moderate_prompt(ABOUT_MINORS, policy, context(state))
    assert decision.blocked[-1] is MINORS or MINORS in decision.blocked
    assert not decision.allowed
    drawn = moderate_prompt("a girl", policy, context(state), drawn=[ABOUT_MINORS])
    assert MINORS in drawn.blocked
    assert "or the policy" not in str(ContentRefused([replace(decision, blocked=(MINORS,))]))


@pytest.mark.parametrize("score", [MINORS_CEILING, 0.5, 1.0])
def test_no_threshold_of_minors_is_above_the_ceiling(score):
    policy = Policy.from_preset().with_threshold(1.0).with_categories("sexual/minors = 0.9")
    verdict = Verdict("any", "1", ALL, {MINORS: score})
    assert decide("prompt", "", policy, (verdict,)).blocked == (MINORS,)
    assert policy.as_json()["categories"]["sexual/minors"]["threshold"] == MINORS_CEILING, "and the report tells it"
    flagged = Verdict("any", "1", ALL, {}, frozenset({MINORS}))
    assert decide("prompt", "", policy, (flagged,)).blocked == (MINORS,), "a service's own flag counts always"


def test_a_stricter_threshold_of_minors_stands():
    policy = Policy.from_preset().with_categories("sexual/minors = 0.1")
    assert decide("prompt", "", policy, (Verdict("any", "1", ALL, {MINORS: 0.15}),)).blocked == (MINORS,)


def test_where_nobody_asked_for_a_check_only_minors_are_judged_and_only_what_is_held_back_is_recorded(state):
    assert moderate_prompt(ABOUT_ADULTS, NO_POLICY, context(state)).outcome is Outcome.ALLOW
    assert Record(state, ModerationSettings()).page() == []
    moderate_prompt(ABOUT_MINORS, NO_POLICY, context(state))
    assert [kept["blocked"] for kept in Record(state, ModerationSettings()).page()] == [["sexual/minors"]]


def test_a_local_check_that_fails_lets_nothing_pass(state, monkeypatch):
    def broken(text):
        raise RecursionError

    monkeypatch.setattr(checks_module, "_local", broken)
    for policy in LAX:
        decision = moderate_prompt("a tree", policy, context(state))
        assert not decision.allowed, policy
        assert decision.failures[-1][1].code == "internal"


# ── the user's minimum ──


def test_a_workflow_cannot_undercut_the_minimum(state):
    given = context(state, minimum('"DALL·E-like"'))
    for policy in LAX:
        assert not moderate_prompt(ABOUT_ADULTS, policy, given).allowed, policy
    stricter = Policy.from_preset(Preset.FAMILY_SAFE)
    mild = "a woman in sexy lingerie"
    assert moderate_prompt(mild, NO_POLICY, given).allowed
    assert not moderate_prompt(mild, stricter, given).allowed, "and a workflow may be stricter"
    assert "your own minimum 'DALL·E-like'" in str(ContentRefused([moderate_prompt(ABOUT_ADULTS, NO_POLICY, given)]))


def test_a_minimum_of_ones_own(state):
    table = '[settings.moderation.minimum]\npreset = "log only"\ncategories = """\nviolence = review\nsexual = 0.9"""\n'
    policy = context(state, table).minimum()
    assert policy.rules[VIOLENCE].action is Action.REVIEW
    assert (policy.rules[SEXUAL].action, policy.rules[SEXUAL].threshold) == (Action.BLOCK, 0.9)
    assert moderate_prompt("a man stabs another man", NO_POLICY, context(state, table)).outcome is Outcome.REVIEW


def test_of_policy_and_minimum_the_stricter_holds_category_by_category():
    low = Policy.from_preset(Preset.LOG_ONLY).with_categories("violence = review 0.2\nsexual = block 0.8")
    both = replace(
        low, minimum=Policy.from_preset(Preset.LOG_ONLY).with_categories("violence = block 0.7\nhate = review 0.5")
    )

    def judged(**scores: float):
        decision = decide("prompt", "", both, (Verdict("any", "1", ALL, {Category(k): v for k, v in scores.items()}),))
        return decision.outcome, decision.blocked, decision.review

    assert judged(violence=0.3) == (Outcome.REVIEW, (), (VIOLENCE,))
    assert judged(violence=0.7) == (Outcome.BLOCK, (VIOLENCE,), ())
    assert judged(hate=0.6) == (Outcome.REVIEW, (), (HATE,))
    assert judged(sexual=0.7) == (Outcome.ALLOW, (), ())
    assert judged(sexual=0.8) == (Outcome.BLOCK, (SEXUAL,), ())


def test_the_checks_of_both_are_asked_once_each_and_a_minimum_that_fails_closed_does(state):
    minimum = make_policy(Preset.DALLE_LIKE, text_check="local + openai", image_check="openai", endpoint="mine")
    policy = make_policy(
        Preset.DALLE_LIKE, text_check="openai", image_check="local if installed", endpoint="theirs",
        on_error=OnError.ALLOW,
    )  # fmt: skip
    both = replace(policy, minimum=minimum)
    assert [check.name for check in text_checks(both, dict)] == ["openai", "local", "openai"]
    assert [check.name for check in picture_checks(both, dict)] == ["local", "openai"]
    same = replace(policy, minimum=replace(minimum, endpoint="theirs"))
    assert [check.name for check in text_checks(same, dict)] == ["openai", "local"]
    failing = Verdict("openai", "", frozenset(), failure=Failure("check_unreachable", "away"))
    assert decide("prompt", "", policy, (failing,)).allowed
    assert not decide("prompt", "", both, (failing,)).allowed


@pytest.mark.parametrize(
    "file",
    [
        minimum('"dalle"'), minimum("true"), minimum("3"), minimum("['family-safe']"), "[settings]\nmoderation = 3\n",
        "[settings.moderation]\nminimun = 'family-safe'\n", "[settings.moderation.minimum]\npresset = 'family-safe'\n",
        "[settings.moderation.minimum]\nthreshold = 'high'\n", "[settings.moderation.minimum]\nthreshold = 7\n",
        "[settings.moderation.minimum]\ncategories = 'hate = off 0.3'\n",
        "[settings.moderation.minimum]\non_error = 'x'\n",
        "[settings.moderation.minimum]\ntext_check = 'nudenet'\n", "[settings.moderation.minimum]\nthreshold = nan\n",
        "[broken", "\x00",
    ],
)  # fmt: skip
def test_settings_that_cannot_be_read_hold_everything_back(state, file):
    given = context(state, file)
    for policy in (NO_POLICY, replace(Policy.from_preset(Preset.LOG_ONLY), on_error=OnError.ALLOW)):
        decision = moderate_prompt("a tree", policy, given)
        assert decision.outcome is Outcome.BLOCK
        assert decision.failures[0][0] == "settings"
        assert str(ContentRefused([decision])).endswith("correct that and run again.")
        (picture,) = moderate_pictures([Image.new("RGB", (8, 8))], policy, given)
        assert not picture.allowed
    if "moderation" in file and "[broken" not in file:
        with pytest.raises(BadModerationSettings) as caught:
            given.minimum()
        assert "\n" not in str(caught.value)


def test_the_minimum_stands_in_reports(state):
    decision = moderate_prompt("a tree", Policy.from_preset(), context(state, minimum('"family-safe"')))
    assert decision.policy["minimum"]["name"] == "family-safe"
    assert json.dumps(decision.policy)
    assert Policy.from_preset().as_json()["minimum"] is None


# ── a fresh install ──


@pytest.fixture
def without_nudenet(monkeypatch):
    def missing():
        raise MissingPackage("nudenet", "The local picture check")

    monkeypatch.setattr(local_picture, "_detector", missing)


def test_without_nudenet_pictures_pass_for_review_and_the_report_says_what_to_install(state, without_nudenet):
    (decision,) = moderate_pictures([Image.new("RGB", (8, 8))], Policy.from_preset(), context(state))
    report = decision.as_report()
    assert (decision.outcome, report["errors"]) == (Outcome.REVIEW, [])
    assert len(report["cannot_judge"]) == 13
    (hint,) = report["hints"]
    assert hint["kind"] == "not_judged"
    assert "pip install nudenet" in hint["matched"]


def test_a_picture_check_that_was_asked_for_by_name_fails_closed(state, without_nudenet):
    for choice in ("local", "local if installed + local"):
        policy = make_policy(Preset.DALLE_LIKE, text_check="local", image_check=choice)
        (decision,) = moderate_pictures([Image.new("RGB", (8, 8))], policy, context(state))
        assert not decision.allowed
    by_name = context(state, '[settings.moderation.minimum]\nimage_check = "local"\n')
    (decision,) = moderate_pictures([Image.new("RGB", (8, 8))], Policy.from_preset(), by_name)
    assert not decision.allowed


def test_with_nudenet_the_default_judges(state):
    (decision,) = moderate_pictures([Image.new("RGB", (8, 8))], Policy.from_preset(), context(state))
    assert decision.verdicts[0].judges == {SEXUAL}
    assert IF_INSTALLED in Policy.from_preset().image_checks


def test_which_policies_judge_pictures():
    assert not NO_POLICY.judges_pictures
    assert Policy.from_preset().judges_pictures
    assert replace(NO_POLICY, minimum=Policy.from_preset()).judges_pictures


def test_a_text_check_judges_the_drawn_texts_too():
    assert not check_prompt(
        "a tree", Policy.from_preset(), text_checks(Policy.from_preset(), dict), [ABOUT_ADULTS]
    ).allowed
