"""The check "google": Cloud Natural Language's text moderation, by a named endpoint of the kind "google".

Source: cloud.google.com/natural-language/docs/moderating-text (the sixteen attributes) and docs/reference/rest/v2,
`documents.moderateText` and `ClassificationCategory` (confidence and severity are 0…1). The key is an API key, sent in
the header X-Goog-Api-Key; tokens of a service account are not made here. Google bills by characters.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from ..endpoints import Endpoint
from ..services.asking import patiently
from ..services.exchange import exchange
from ..services.failures import Meaning, ServiceFailed, of_reply
from ..services.loop import wait_for
from ..services.spending import Account, no_account, paying
from .categories import Category
from .decision import Finding, Hint, Verdict
from .service import CheckNonsense, CheckRefused, asked, time_for

MODEL = "MODEL_VERSION_2"
BILLED_AS = "moderateText"  # its name in the user's file and in the ledger
PART = 8_000  # characters of a prompt judged at once; long texts would dilute a short passage
OVERLAP = 200
HINT_FROM = 0.5  # confidence

# What an attribute says in the common vocabulary: Toxic and Insult are about somebody, Derogatory is about groups.
CATEGORIES: Mapping[str, Category] = {
    "Toxic": Category.HARASSMENT,
    "Insult": Category.HARASSMENT,
    "Derogatory": Category.HATE,
    "Violent": Category.VIOLENCE,
    "Sexual": Category.SEXUAL,
}
# Subjects that may be harmless: a memorial, a hunter, a pharmacy. For review, never a reason to block.
SUBJECTS = ("Death, Harm & Tragedy", "Firearms & Weapons", "Illicit Drugs", "War & Conflict", "Profanity")
# Left alone: Public Safety, Health, Religion & Belief, Finance, Politics, Legal.
JUDGES = frozenset(CATEGORIES.values())


class GoogleCheck:
    """Judges prompts with Google's attributes."""

    name = "google"

    def __init__(self, endpoint: Endpoint, account: Callable[[], Account] = no_account):
        """`account` is asked for where the endpoint is not free."""
        self._endpoint = endpoint
        self._account = account

    def check(self, text: str) -> Verdict:
        """Judge a prompt.

        Raises:
            CheckFailed: no answer, or one in no known form; MissingKey: the endpoint's key is not set.
        """
        if self._endpoint.kind != "google":
            raise CheckRefused(
                f"endpoint '{self._endpoint.name}' is of the kind {self._endpoint.kind}; name one with "
                'kind = "google" in the policy.'
            )
        if not text.strip():
            return Verdict(self.name, MODEL, JUDGES)
        found: dict[str, float] = {}
        for start in range(0, max(len(text) - OVERLAP, 1), PART - OVERLAP):
            for name, confidence in self._judge(text[start : start + PART]).items():
                found[name] = max(confidence, found.get(name, 0.0))
        scores = {c: max(found[name] for name, meant in CATEGORIES.items() if meant is c) for c in JUDGES}
        findings = tuple(
            Finding(CATEGORIES[name], round(found[name], 4), f"google/{name.lower()}")
            for name in CATEGORIES
            if found[name] >= 0.1
        )
        hints = tuple(
            Hint(name.lower(), f"google/{name.lower()}") for name in SUBJECTS if found.get(name, 0.0) >= HINT_FROM
        )
        return Verdict(self.name, MODEL, JUDGES, scores, findings=findings, hints=hints)

    def _judge(self, text: str) -> dict[str, float]:
        endpoint, seconds = self._endpoint, time_for(self._endpoint)

        def question() -> Any:
            try:
                return wait_for(patiently(lambda: _ask(endpoint, text, seconds)), seconds)
            except TimeoutError:
                raise ServiceFailed(Meaning.TIMED_OUT, endpoint, maybe_billed=True) from None

        with paying(endpoint, BILLED_AS, self._account, "moderation call", len(text), 0):
            answer = asked(endpoint, question)
        try:
            return _confidences(answer)
        except (AttributeError, KeyError, TypeError, ValueError):
            raise CheckNonsense(
                f"endpoint '{endpoint.name}' answered in a form that is not Google's; check its base_url."
            ) from None


async def _ask(endpoint: Endpoint, text: str, seconds: float) -> Any:
    answer = await exchange(
        endpoint,
        "POST",
        f"{endpoint.base_url}/documents:moderateText",
        {"X-Goog-Api-Key": endpoint.api_key() or ""},
        seconds=seconds,
        json={"document": {"type": "PLAIN_TEXT", "content": text}, "modelVersion": MODEL},
    )
    if answer.is_success:
        return answer.json()
    body = answer.json()
    if _is_about_the_key(body):  # which Google answers with 400
        raise ServiceFailed(Meaning.KEY, endpoint, status=answer.status)
    raise of_reply(answer.status, body, answer.headers, endpoint)


def _is_about_the_key(body: Any) -> bool:
    details = body.get("error", {}).get("details", []) if isinstance(body, dict) else []
    return any(str(one.get("reason", "")).startswith("API_KEY_") for one in details if isinstance(one, dict))


def _confidences(answer: Any) -> dict[str, float]:
    """Attribute → confidence, strictly read: an attribute that we judge by must be there."""
    found: dict[str, float] = {}
    for one in answer["moderationCategories"]:
        confidence = one.get("confidence", 0.0)  # JSON made of protobuf leaves a zero out
        if isinstance(confidence, bool) or not isinstance(confidence, (int, float)):
            raise ValueError("no confidence")
        if not (math.isfinite(confidence) and 0.0 <= confidence <= 1.0):
            raise ValueError("a confidence outside of 0…1")
        found[str(one["name"])] = float(confidence)
    if missing := set(CATEGORIES) - set(found):
        raise ValueError(f"no {sorted(missing)[0]}")
    return found
