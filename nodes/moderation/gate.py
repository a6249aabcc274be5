"""The gate: ask every check, apply the policy, decide. The one entry point for other rooms.

    decision = check_prompt(text, policy, checks.text_checks(policy, endpoints))
    if not decision.allowed: …decision.reason()

Fail closed: a check that raises, of whatever kind, did not answer, and unless the policy says otherwise
that holds the content back and names the check.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from ..errors import DalleFluxError
from ..pictures import flatten
from .categories import Category
from .decision import Decision, Failure, Kind, Outcome, Verdict
from .policy import Action, OnError, Policy

if TYPE_CHECKING:
    from PIL import Image


class OnFlag(str, Enum):
    """What a gate does with content that is not allowed."""

    STOP = "stop"  # the run ends with a message
    BLOCK = "block"  # this branch ends silently
    REPLACE = "replace"  # something else goes on, clearly marked
    DROP = "drop"  # pictures only: the allowed pictures of the batch go on

    @classmethod
    def for_prompts(cls) -> list[OnFlag]:
        return [cls.STOP, cls.BLOCK, cls.REPLACE]


class ContentRefused(DalleFluxError):
    """The gate holds a prompt or a picture back."""

    code = "content_refused"

    def __init__(self, decisions: Sequence[Decision]):
        self.decisions = tuple(decisions)
        held = [(index, d) for index, d in enumerate(decisions) if not d.allowed]
        first = held[0][1]
        if first.kind == "prompt":
            what = "The prompt was"
        else:
            where = ", ".join(str(index + 1) for index, _ in held[:8])
            what = f"Picture {where} of {len(decisions)} was" if len(held) == 1 else f"Pictures {where} were"
        reasons = "; ".join(dict.fromkeys(decision.reason() for _, decision in held))
        cure = (
            f"change {'the prompt' if first.kind == 'prompt' else 'what makes the picture'}, or the policy if it is "
            "too strict for this use"
            if first.blocked
            else "restore that check, or leave it out of the policy"
        )
        super().__init__(f"{what} held back by the moderation policy '{first.policy['name']}': {reasons}; {cure}.")


class TextCheck(Protocol):
    """Judges prompts. `check` raises DalleFluxError when it cannot answer; it never guesses."""

    name: str

    def check(self, text: str) -> Verdict: ...


class PictureCheck(Protocol):
    """Judges pictures in mode RGB, as they will be seen. Same contract as `TextCheck`."""

    name: str

    def check(self, picture: Image.Image) -> Verdict: ...


def check_prompt(text: str, policy: Policy, checks: Iterable[TextCheck]) -> Decision:
    """Judge a prompt. Never raises for what a check does; deterministic for local checks."""
    sha256 = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    verdicts = tuple(_ask(check.name, lambda check=check: check.check(text)) for check in checks)  # type: ignore[misc]
    return decide("prompt", sha256, policy, verdicts)


def decide(kind: Kind, sha256: str, policy: Policy, verdicts: tuple[Verdict, ...]) -> Decision:
    """The strictest verdict wins."""
    found = {c for c in Category if any(_counts(policy, c, verdict) for verdict in verdicts)}
    blocked = tuple(c for c in Category if c in found and policy.rules[c].action is Action.BLOCK)
    review = tuple(c for c in Category if c in found and policy.rules[c].action is Action.REVIEW)
    failed = any(verdict.failure for verdict in verdicts)
    hinted = any(verdict.hints for verdict in verdicts)
    if blocked or (failed and policy.on_error is OnError.BLOCK):
        outcome = Outcome.BLOCK
    elif review or failed or hinted:
        outcome = Outcome.REVIEW
    else:
        outcome = Outcome.ALLOW
    return Decision(kind, sha256, outcome, blocked, review, verdicts, policy.as_json())


def _counts(policy: Policy, category: Category, verdict: Verdict) -> bool:
    rule = policy.rules[category]
    if rule.own_flags and category in verdict.own_flags:
        return True
    return verdict.scores.get(category, 0.0) >= rule.threshold


def _ask(name: str, question: Callable[[], Verdict]) -> Verdict:
    try:
        return question()
    except DalleFluxError as error:
        return Verdict(name, "", frozenset(), failure=Failure(error.code, str(error)))
    except Exception as error:
        # The message of a foreign error may quote the content, so only its type is told.
        message = f"it failed unexpectedly with {type(error).__name__}; please report this with the pack's version."
        return Verdict(name, "", frozenset(), failure=Failure("internal", message))


def check_pictures(pictures: Iterable[Image.Image], policy: Policy, checks: Sequence[PictureCheck]) -> list[Decision]:
    """Judge pictures one by one, any mode; each gets its own decision. Never raises for what a check does.

    What counts is what will be seen: alpha is laid over white and over black, and the stricter view wins.
    """
    decisions = []
    for picture in pictures:
        digest = hashlib.sha256(f"{picture.mode}{picture.size}".encode())
        digest.update(picture.tobytes())
        views = seen(picture)
        verdicts = tuple(
            _strictest([_ask(check.name, lambda check=check, view=view: check.check(view)) for view in views])  # type: ignore[misc]
            for check in checks
        )
        decisions.append(decide("image", digest.hexdigest(), policy, verdicts))
    return decisions


def seen(picture: Image.Image) -> list[Image.Image]:
    """The picture as it may be seen, mode RGB: itself, or over white and over black if it lets light through."""
    if "A" not in picture.getbands() or picture.getchannel("A").getextrema() == (255, 255):
        return [picture.convert("RGB")]
    return [flatten(picture, (255, 255, 255)), flatten(picture, (0, 0, 0))]


def _strictest(verdicts: Sequence[Verdict]) -> Verdict:
    """One check's verdicts about several views of the same picture as one."""
    failed = next((verdict for verdict in verdicts if verdict.failure), None)
    if failed or len(verdicts) == 1:
        return failed or verdicts[0]
    scores: dict[Category, float] = {}
    for verdict in verdicts:
        for category, score in verdict.scores.items():
            scores[category] = max(score, scores.get(category, 0.0))
    return replace(
        verdicts[0],
        scores=scores,
        own_flags=frozenset().union(*(verdict.own_flags for verdict in verdicts)),
        findings=tuple(dict.fromkeys(finding for verdict in verdicts for finding in verdict.findings)),
        hints=tuple(dict.fromkeys(hint for verdict in verdicts for hint in verdict.hints)),
    )
