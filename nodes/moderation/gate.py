"""The gate: ask every check, apply the policy, decide.

    decision = check_prompt(text, policy, checks.text_checks(policy, endpoints), drawn)
    if not decision.allowed: …decision.reason()

What counts is what is drawn: a prompt is judged together with the texts that were made of it, and each of them in
every way it reads (`readings`).

Fail closed: a check that raises, of whatever kind, did not answer, and unless the policy says otherwise that holds
the content back and names the check. No policy can let pass what the local text check could not judge.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, Protocol, TypeVar

from ..errors import DalleFluxError
from ..pictures import flatten
from .categories import Category
from .decision import Decision, Failure, Kind, Outcome, Verdict
from .policy import NO_POLICY, SERVICES, Action, Policy
from .readings import readings

if TYPE_CHECKING:
    from PIL import Image


LONGEST = 100_000  # characters of one text; FLUX reads some 2,000
LOCAL = "local"  # the check that always judges prompts
MINORS_ALONE = frozenset({Category.SEXUAL_MINORS})  # what the local check judges where no policy asks for it
_MOST_FINDINGS = 40  # in a report
_CLAUSE_ENDS = re.compile(r"[.,;:!?\n]+")


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
        super().__init__(f"{what} held back by {_by(first)}: {reasons}; {_cure(first)}.")


class PromptTooLong(DalleFluxError):
    """More text than a check reads or sends."""

    code = "prompt_too_long"


def _by(decision: Decision) -> str:
    name, minimum = decision.policy["name"], decision.policy["minimum"]
    connected = [] if name == NO_POLICY.name else [f"the moderation policy '{name}'"]
    own = [f"your own minimum '{minimum['name']}'"] if minimum else []
    return " and ".join(connected + own) or "moderation"


def _cure(decision: Decision) -> str:
    if decision.blocked:
        change = "change " + ("the prompt" if decision.kind == "prompt" else "what makes the picture")
        always = decision.blocked == (Category.SEXUAL_MINORS,)
        return change if always else f"{change}, or the policy if it is too strict for this use"
    if any(failure.code == PromptTooLong.code for _, failure in decision.failures):
        return "shorten the prompt"
    if any(failure.final for _, failure in decision.failures):
        return "correct that and run again"
    return "restore that check, or leave it out of the policy"


Content = TypeVar("Content", contravariant=True)


class Check(Protocol[Content]):
    """Judges prompts, or pictures in mode RGB as they will be seen.

    `check` raises DalleFluxError when it cannot answer; it never guesses.
    """

    @property
    def name(self) -> str: ...

    def check(self, content: Content, /) -> Verdict: ...


def check_prompt(text: str, policy: Policy, checks: Iterable[Check[str]], drawn: Sequence[str] = ()) -> Decision:
    """Judge a prompt. Never raises for what a check does; deterministic for local checks.

    Args:
        text: the prompt as it was asked.
        drawn: the texts made of it that will be drawn or sent; what is found in one of them counts.
    """
    sha256 = digest(text)
    texts = list(dict.fromkeys([text, *drawn]))
    if (longest := max(map(len, texts))) > LONGEST:
        message = f"The prompt has {longest:,} characters and no more than {LONGEST:,} can be judged."
        verdict = Verdict(LOCAL, "", frozenset(), failure=Failure(PromptTooLong.code, message, final=True))
        return decide("prompt", sha256, policy, (verdict,))
    every = list(dict.fromkeys(reading for one in texts for reading in readings(one)))
    verdicts = []
    for check in checks:
        asked = _worth_sending(every) if check.name in SERVICES else every
        answers = [_ask(check, reading, final=check.name == LOCAL) for reading in asked]
        verdict = _strictest(answers)
        if verdict.judges == MINORS_ALONE and not verdict.scores:
            continue  # nobody asked for it; it is told when it finds something
        verdicts.append(verdict)
    return decide("prompt", sha256, policy, tuple(verdicts))


def digest(text: str) -> str:
    """SHA-256 of a text, 64 hex digits; also of one that holds half a character."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _worth_sending(texts: Sequence[str]) -> list[str]:
    """Those that say something the others do not: a service is not asked twice about the same clauses."""
    known: set[str] = set()
    kept: list[str] = []
    for text in sorted(texts, key=len, reverse=True):
        clauses = {clause.strip().casefold() for clause in _CLAUSE_ENDS.split(text)} - {""}
        if not clauses <= known:
            known |= clauses
            kept.append(text)
    return kept or list(texts[:1])


def decide(kind: Kind, sha256: str, policy: Policy, verdicts: tuple[Verdict, ...]) -> Decision:
    """The strictest verdict wins, and of a policy and the user's minimum the stricter one."""
    actions = {c: _actions(policy, c, verdicts) for c in Category}
    blocked = tuple(c for c in Category if Action.BLOCK in actions[c])
    review = tuple(c for c in Category if Action.REVIEW in actions[c] and c not in blocked)
    failures = [verdict.failure for verdict in verdicts if verdict.failure]
    hinted = any(verdict.hints for verdict in verdicts)
    if blocked or any(failure.final or policy.fails_closed for failure in failures):
        outcome = Outcome.BLOCK
    elif review or failures or hinted:
        outcome = Outcome.REVIEW
    else:
        outcome = Outcome.ALLOW
    return Decision(kind, sha256, outcome, blocked, review, verdicts, policy.as_json())


def _actions(policy: Policy, category: Category, verdicts: Sequence[Verdict]) -> set[Action]:
    return {p.rules[category].action for p in policy.both if any(_counts(p, category, v) for v in verdicts)}


def _counts(policy: Policy, category: Category, verdict: Verdict) -> bool:
    if category in verdict.own_flags and (policy.rules[category].own_flags or category is Category.SEXUAL_MINORS):
        return True
    return verdict.scores.get(category, 0.0) >= policy.threshold(category)


def _ask(check: Check[Content], content: Content, *, final: bool = False) -> Verdict:
    try:
        return check.check(content)
    except DalleFluxError as error:
        return failed(check.name, error, final=final)
    except Exception as error:
        # The message of a foreign error may quote the content, so only its type is told.
        message = f"it failed unexpectedly with {type(error).__name__}; please report this with the pack's version."
        return Verdict(check.name, "", frozenset(), failure=Failure("internal", message, final))


def failed(check: str, error: DalleFluxError, *, final: bool = False) -> Verdict:
    """The verdict of a check that could not answer."""
    return Verdict(check, "", frozenset(), failure=Failure(error.code, str(error), final))


def check_pictures(
    pictures: Iterable[Image.Image], policy: Policy, checks: Sequence[Check[Image.Image]]
) -> list[Decision]:
    """Judge pictures one by one, any mode; each gets its own decision. Never raises for what a check does.

    What counts is what will be seen: alpha is laid over white and over black, and the stricter view wins.
    """
    decisions = []
    for picture in pictures:
        digest = hashlib.sha256(f"{picture.mode}{picture.size}".encode())
        digest.update(picture.tobytes())
        views = seen(picture)
        verdicts = tuple(_strictest([_ask(check, view) for view in views]) for check in checks)
        decisions.append(decide("image", digest.hexdigest(), policy, verdicts))
    return decisions


def seen(picture: Image.Image) -> list[Image.Image]:
    """The picture as it may be seen, mode RGB: itself, or over white and over black if it lets light through."""
    if "A" not in picture.getbands() or picture.getchannel("A").getextrema() == (255, 255):
        return [picture.convert("RGB")]
    return [flatten(picture, (255, 255, 255)), flatten(picture, (0, 0, 0))]


def _strictest(verdicts: Sequence[Verdict]) -> Verdict:
    """One check's verdicts about several readings of a prompt, or several views of a picture, as one."""
    failed = next((verdict for verdict in verdicts if verdict.failure), None)
    if failed or len(verdicts) == 1:
        return failed or verdicts[0]
    findings = (finding for verdict in verdicts for finding in verdict.findings)
    scores: dict[Category, float] = {}
    for verdict in verdicts:
        for category, score in verdict.scores.items():
            scores[category] = max(score, scores.get(category, 0.0))
    return replace(
        verdicts[0],
        scores=scores,
        own_flags=frozenset().union(*(verdict.own_flags for verdict in verdicts)),
        findings=tuple(sorted(dict.fromkeys(findings), key=lambda finding: -finding.score)[:_MOST_FINDINGS]),
        hints=tuple(dict.fromkeys(hint for verdict in verdicts for hint in verdict.hints)),
    )
