"""Policies, and what the gate makes of verdicts, answers and failures."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, replace

import pytest
from PIL import Image

from nodes.endpoints import Endpoints
from nodes.errors import DalleFluxError
from nodes.moderation.categories import ALL, ON_PICTURES, Category
from nodes.moderation.checks import picture_checks, text_checks
from nodes.moderation.decision import Hint, Outcome, Verdict, report
from nodes.moderation.gate import ContentRefused, check_pictures, check_prompt, seen
from nodes.moderation.obscure import Cover, cover
from nodes.moderation.policy import (
    IMAGE_CHECKS,
    PRESETS,
    TEXT_CHECKS,
    Action,
    BadPolicy,
    OnError,
    Policy,
    Preset,
    choices,
    make_policy,
)

VIOLENCE, SEXUAL, MINORS = Category.VIOLENCE, Category.SEXUAL, Category.SEXUAL_MINORS
CLOSED = Policy.from_preset()
OPEN = replace(CLOSED, on_error=OnError.ALLOW)


class Says:
    """A check that answers what it is told to, or raises."""

    def __init__(self, scores=None, own_flags=(), name="fake", error=None, hints=()):
        self.name = name
        self.verdict = Verdict(name, "1", ALL, scores or {}, frozenset(own_flags), hints=tuple(hints))
        self.error = error

    def check(self, content):
        if self.error:
            raise self.error
        return self.verdict


def decide(*checks, policy=CLOSED):
    return check_prompt("a prompt", policy, checks)


# ── the strictest wins ──


def test_one_check_that_flags_is_enough():
    decision = decide(Says({VIOLENCE: 0.1}, name="calm"), Says({VIOLENCE: 0.9}, name="strict"))
    assert decision.outcome is Outcome.BLOCK
    assert decision.blocked == (VIOLENCE,)
    assert decision.checks_for(VIOLENCE) == ["strict"]
    assert [verdict.check for verdict in decision.verdicts] == ["calm", "strict"], "each one's verdict is in the report"


@pytest.mark.parametrize(("score", "blocks"), [(0.4999, False), (0.5, True), (1.0, True)])
def test_a_category_counts_from_its_threshold_on(score, blocks):
    assert (decide(Says({VIOLENCE: score})).outcome is Outcome.BLOCK) == blocks


def test_a_services_own_flag_counts_until_the_user_sets_a_threshold():
    flagged = Says({VIOLENCE: 0.3}, own_flags=[VIOLENCE])
    assert not decide(flagged).allowed
    assert decide(flagged, policy=CLOSED.with_threshold(0.6)).allowed
    assert decide(flagged, policy=CLOSED.with_categories("violence = 0.6")).allowed


def test_hints_ask_for_review_and_let_pass():
    decision = decide(Says(hints=[Hint("brand", "r")]))
    assert (decision.outcome, decision.allowed) == (Outcome.REVIEW, True)


def test_decisions_are_frozen():
    with pytest.raises(FrozenInstanceError):
        decide().outcome = Outcome.ALLOW


# ── failing ──

ERRORS = [
    DalleFluxError("the service is away."),
    ValueError("something with a prompt in it: a prompt"),
    RecursionError(),
    MemoryError(),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_fail_closed_a_check_that_cannot_answer_holds_back_and_says_why(error):
    decision = decide(Says(name="broken", error=error))
    assert decision.outcome is Outcome.BLOCK
    assert decision.blocked == ()
    assert "check 'broken' could not answer" in str(ContentRefused([decision]))
    assert "a prompt" not in str(ContentRefused([decision])).replace("The prompt", ""), "foreign messages may quote it"


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_fail_open_lets_pass_and_marks_for_review(error):
    decision = decide(Says(name="broken", error=error), policy=OPEN)
    assert decision.outcome is Outcome.REVIEW
    assert decision.failures[0][0] == "broken"


def test_fail_open_does_not_hide_what_another_check_found():
    decision = decide(Says(error=ERRORS[0]), Says({SEXUAL: 0.9}), policy=OPEN)
    assert decision.blocked == (SEXUAL,)


def test_what_a_failed_check_could_have_judged_is_reported_as_not_judged():
    data = decide(Says(error=ERRORS[0]), policy=OPEN).as_report()
    assert len(data["cannot_judge"]) == 13
    assert data["errors"] == [{"check": "fake", "code": "error", "message": "the service is away."}]


@pytest.mark.parametrize("name", ["local", "openai", "llm guard"])
def test_an_endpoint_that_does_not_exist_is_that_checks_failure(name, tmp_path):
    policy = replace(CLOSED, text_checks=(name,), endpoint="nowhere", guard_endpoint="nowhere")
    decision = check_prompt("a tree", policy, text_checks(policy, lambda: Endpoints.read(tmp_path / "none.toml")))
    if name == "local":
        assert decision.allowed
    else:
        assert decision.failures[0][1].code == "unknown_endpoint"


def test_an_endpoints_file_that_cannot_be_read_is_a_failure_too(tmp_path):
    (tmp_path / "endpoints.toml").write_text("[broken", "utf-8")
    policy = replace(CLOSED, image_checks=("openai",))
    checks = picture_checks(policy, lambda: Endpoints.read(tmp_path / "endpoints.toml"))
    (decision,) = check_pictures([Image.new("RGB", (8, 8))], policy, checks)
    assert decision.failures[0][1].code == "bad_endpoints_file"


# ── policies ──


def test_every_preset_blocks_minors_and_nothing_turns_that_off():
    for preset in Preset:
        policy = Policy.from_preset(preset)
        assert policy.rules[MINORS].action is Action.BLOCK
        assert not decide(Says({MINORS: 0.9}), policy=policy).allowed
        for line in ("sexual/minors = off", "sexual/minors = review", "sexual/minors = review 0.9"):
            with pytest.raises(BadPolicy, match="always blocks"):
                policy.with_categories(line)
    assert CLOSED.with_categories("sexual/minors = 0.9").rules[MINORS].threshold == 0.9


def test_the_presets_differ_as_their_names_say():
    mild, clear = Says({VIOLENCE: 0.3}), Says({VIOLENCE: 0.7})
    outcomes = {p: (decide(mild, policy=Policy.from_preset(p)).outcome.value,
                    decide(clear, policy=Policy.from_preset(p)).outcome.value) for p in Preset}  # fmt: skip
    assert outcomes == {
        Preset.DALLE_LIKE: ("allow", "block"),
        Preset.FAMILY_SAFE: ("block", "block"),
        Preset.INTERNAL_REVIEW: ("allow", "review"),
        Preset.LOG_ONLY: ("allow", "allow"),
    }
    assert all(set(rules) == set(Category) for rules in PRESETS.values())
    assert all(Policy.from_preset(preset).on_error is OnError.BLOCK for preset in Preset), "fail closed everywhere"


def test_lines_go_over_the_threshold_and_the_threshold_over_the_preset():
    policy = make_policy(
        Preset.LOG_ONLY, text_check="openai + local", image_check="none", threshold=0.4,
        categories="# a remark\n\nviolence = block 0.9\nHate = off\n sexual=review\n illicit = 0.2",
    )  # fmt: skip
    rules = policy.rules
    assert (rules[VIOLENCE].action, rules[VIOLENCE].threshold) == (Action.BLOCK, 0.9)
    assert rules[Category.HATE].action is Action.OFF
    assert (rules[SEXUAL].action, rules[SEXUAL].threshold) == (Action.REVIEW, 0.4)
    assert (rules[Category.ILLICIT].action, rules[Category.ILLICIT].threshold) == (Action.BLOCK, 0.2)
    assert policy.text_checks == ("local", "openai")
    assert policy.image_checks == ()


@pytest.mark.parametrize(
    "bad",
    [
        "hate = off 0.3",
        "hate = 0.3 off",
        "hate = block review",
        "hate = block 0.3 0.4",
        "voilence = 0.5",
        "violence",
        "violence = maybe",
        "violence = 0",
        "violence = 1.5",
        "violence = nan",
        "= 0.5",
    ],
)
def test_a_line_that_cannot_be_read_is_said_in_one_sentence(bad):
    with pytest.raises(BadPolicy) as caught:
        CLOSED.with_categories(bad)
    assert "\n" not in str(caught.value)


def test_combinations_of_checks_are_offered_and_read_back():
    for known in (TEXT_CHECKS, IMAGE_CHECKS):
        offered = choices(known)
        assert len(offered) == len(set(offered)) == 2 ** len(known)
    with pytest.raises(BadPolicy, match="no check 'nudenet'"):
        make_policy(Preset.DALLE_LIKE, text_check="local + nudenet", image_check="none")


# ── the report ──


def test_the_reports_keys_are_stable():
    data = json.loads(report([decide(Says({VIOLENCE: 0.9}))], "block", CLOSED.as_json()))
    assert list(data) == [
        "version", "kind", "action", "policy", "sha256", "allowed", "outcome", "blocked", "review", "hints", "scores",
        "cannot_judge", "errors", "checks",
    ]  # fmt: skip
    assert list(data["checks"][0]) == [
        "check", "version", "judges", "cannot_judge", "scores", "own_flags", "findings", "hints", "error",
    ]  # fmt: skip
    pictures = check_pictures([Image.new("RGB", (8, 8))] * 2, CLOSED, [Says({SEXUAL: 0.9})])
    data = json.loads(report(pictures, "replace", CLOSED.as_json()))
    assert list(data) == ["version", "kind", "action", "policy", "allowed", "outcome", "blocked", "review", "images"]
    assert [picture["index"] for picture in data["images"]] == [0, 1]


def test_the_message_names_category_and_check_and_does_not_lecture():
    message = str(ContentRefused([decide(Says({VIOLENCE: 0.9}, name="openai"))]))
    assert "violence (check: openai)" in message
    assert "DALL·E-like" in message
    assert message.count(".") == 1
    for word in ("inappropriate", "harmful", "sorry", "please", "must not", "unsafe"):
        assert word not in message


# ── pictures ──


class Darkest:
    """Flags what is nearly black."""

    name = "darkest"

    def check(self, picture):
        assert picture.mode == "RGB"
        black = picture.resize((1, 1)).getpixel((0, 0)) < (30, 30, 30)
        return Verdict(self.name, "1", ON_PICTURES, {SEXUAL: 0.9 if black else 0.0})


def test_transparent_pictures_are_judged_over_white_and_over_black():
    see_through = Image.new("RGBA", (8, 8), (255, 255, 255, 5))
    opaque = Image.new("RGBA", (8, 8), (255, 255, 255, 255))
    hidden = Image.new("RGBA", (8, 8), (0, 0, 0, 255))
    outcomes = [d.outcome for d in check_pictures([see_through, opaque, hidden], CLOSED, [Darkest()])]
    assert outcomes == [Outcome.BLOCK, Outcome.ALLOW, Outcome.BLOCK]
    assert len(seen(see_through)) == 2
    assert len(seen(opaque)) == 1


def test_each_picture_has_its_own_decision_and_hash():
    batch = [Image.new("RGB", (8, 8), (i, i, i)) for i in (200, 0, 200)]
    decisions = check_pictures(batch, CLOSED, [Darkest()])
    assert [d.allowed for d in decisions] == [True, False, True]
    assert decisions[0].sha256 == decisions[2].sha256 != decisions[1].sha256


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (512, 64), (64, 512), (256, 256), (1, 2000)])
@pytest.mark.parametrize("how", Cover)
def test_a_covered_picture_keeps_its_size_and_loses_its_content(how, size):
    def stripes(phase: int) -> Image.Image:
        picture = Image.new("RGB", size)
        picture.putdata([(255, 255, 255) if (i + phase) % 2 else (0, 0, 0) for i in range(size[0] * size[1])])
        return picture

    covered = cover(stripes(0), how, ["sexual"])
    assert (covered.size, covered.mode) == (size, "RGB")
    if min(size) >= 64:
        other = cover(stripes(1), how, ["sexual"])
        difference = max(abs(a - b) for a, b in zip(covered.tobytes(), other.tobytes(), strict=True))
        assert difference <= 2, "nothing of the pattern is left"
