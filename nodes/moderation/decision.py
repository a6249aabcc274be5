"""What a check says, what the gate decides from it, and the report of both.

A `Verdict` is one check's answer. A `Decision` is the gate's: the strictest verdict under a policy. Both
are plain data; nothing here asks anybody or writes anything.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal

from .categories import ALL, Category, names

REPORT_VERSION = 1
NOT_JUDGED = "not_judged"  # kind of the hint that a check could not look, and how to make it look
Kind = Literal["prompt", "image"]


class Outcome(str, Enum):
    """What becomes of the content."""

    ALLOW = "allow"
    REVIEW = "review"  # let through, marked for a person to look at
    BLOCK = "block"


@dataclass(frozen=True)
class Finding:
    """One reason for a score."""

    category: Category
    score: float  # 0…1
    rule: str  # the rule's or the detector class's name; never the content itself
    matched: str = ""  # the words that matched, for the author of the prompt; never recorded or logged


@dataclass(frozen=True)
class Hint:
    """Something a person may want to look at that belongs to none of the categories."""

    kind: str  # "real_person", "brand", NOT_JUDGED, or a guard model's own category name
    rule: str
    matched: str = ""


@dataclass(frozen=True)
class Failure:
    """Why a check gave no answer."""

    code: str
    message: str  # one sentence, without the content
    final: bool = False  # holds the content back whatever the policy's on_error says


@dataclass(frozen=True)
class Verdict:
    """One check's answer about one prompt or picture."""

    check: str  # "local", "openai", "llm guard", "google"
    version: str  # of the rules, the model or the package
    judges: frozenset[Category]  # what it can judge at all; about the rest it says nothing
    scores: Mapping[Category, float] = field(default_factory=dict)  # 0…1; a judged category left out scores 0
    own_flags: frozenset[Category] = frozenset()  # flagged by the service's own thresholds
    findings: tuple[Finding, ...] = ()
    hints: tuple[Hint, ...] = ()
    failure: Failure | None = None

    def as_report(self) -> dict[str, Any]:
        """The verdict as JSON data, keys stable."""
        judged = self.judges if self.failure is None else frozenset()
        return {
            "check": self.check,
            "version": self.version,
            "judges": names(judged),
            "cannot_judge": names(ALL - judged),
            "scores": {c.value: round(self.scores[c], 4) for c in Category if c in self.scores},
            "own_flags": names(self.own_flags),
            "findings": [
                {"category": f.category.value, "score": round(f.score, 4), "rule": f.rule, "matched": f.matched}
                for f in self.findings
            ],
            "hints": [{"kind": h.kind, "rule": h.rule, "matched": h.matched} for h in self.hints],
            "error": None if self.failure is None else {"code": self.failure.code, "message": self.failure.message},
        }


@dataclass(frozen=True)
class Decision:
    """The gate's answer about one prompt or one picture."""

    kind: Kind
    sha256: str  # of the UTF-8 text, or of the picture's size and RGB(A) bytes
    outcome: Outcome
    blocked: tuple[Category, ...]  # the categories that block, most severe rule first in the enum's order
    review: tuple[Category, ...]  # the categories that ask for a person
    verdicts: tuple[Verdict, ...]
    policy: Mapping[str, Any]  # as JSON data

    @property
    def allowed(self) -> bool:
        return self.outcome is not Outcome.BLOCK

    @property
    def failures(self) -> tuple[tuple[str, Failure], ...]:
        """(check, why) of the checks that gave no answer."""
        return tuple((v.check, v.failure) for v in self.verdicts if v.failure is not None)

    @property
    def scores(self) -> dict[Category, float]:
        """The highest score of each category over all checks."""
        best: dict[Category, float] = {}
        for verdict in self.verdicts:
            for category, score in verdict.scores.items():
                best[category] = max(score, best.get(category, 0.0))
        return best

    def checks_for(self, category: Category) -> list[str]:
        """The checks that gave this category its highest score or flagged it themselves."""
        best = self.scores.get(category, 0.0)
        return [
            v.check
            for v in self.verdicts
            if category in v.own_flags or (category in v.scores and v.scores[category] == best)
        ]

    def reason(self) -> str:
        """Why it is held back, as part of a sentence: categories with their checks, or the checks that failed."""
        if self.blocked:
            return "; ".join(f"{c.value} (check: {', '.join(self.checks_for(c))})" for c in self.blocked)
        return "; ".join(f"check '{check}' could not answer: {f.message.rstrip('.')}" for check, f in self.failures)

    def as_report(self) -> dict[str, Any]:
        """The decision as JSON data, keys stable."""
        judged = {c for v in self.verdicts if v.failure is None for c in v.judges}
        return {
            "sha256": self.sha256,
            "allowed": self.allowed,
            "outcome": self.outcome.value,
            "blocked": [c.value for c in self.blocked],
            "review": [c.value for c in self.review],
            "hints": [{"kind": h.kind, "matched": h.matched} for v in self.verdicts for h in v.hints],
            "scores": {c.value: round(self.scores[c], 4) for c in Category if c in self.scores},
            "cannot_judge": names(ALL - judged),
            "errors": [{"check": check, "code": f.code, "message": f.message} for check, f in self.failures],
            "checks": [verdict.as_report() for verdict in self.verdicts],
        }


def report(decisions: Sequence[Decision], action: str, policy: Mapping[str, Any]) -> str:
    """The gate's `report` output: JSON.

    A prompt's decision stands at the top level; pictures stand one each under `images`, with the batch's
    summary at the top.

    Args:
        decisions: one prompt's, or one a picture.
        action: what the gate did: "pass", "block", "replace" or "drop".
    """
    kind = decisions[0].kind
    head: dict[str, Any] = {"version": REPORT_VERSION, "kind": kind, "action": action, "policy": dict(policy)}
    if kind == "prompt":
        (decision,) = decisions
        return json.dumps(head | decision.as_report(), ensure_ascii=False)
    outcomes = {decision.outcome for decision in decisions}
    worst = next((o for o in (Outcome.BLOCK, Outcome.REVIEW) if o in outcomes), Outcome.ALLOW)
    summary = {
        "allowed": all(decision.allowed for decision in decisions),
        "outcome": worst.value,
        "blocked": names({c for d in decisions for c in d.blocked}),
        "review": names({c for d in decisions for c in d.review}),
        "images": [{"index": index, **decision.as_report()} for index, decision in enumerate(decisions)],
    }
    return json.dumps(head | summary, ensure_ascii=False)
