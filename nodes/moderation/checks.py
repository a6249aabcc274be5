"""Which checks a policy asks, and where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from PIL import Image

from ..endpoints import Endpoints
from ..errors import MissingPackage
from ..services.spending import Account
from .decision import NOT_JUDGED, Hint, Verdict
from .gate import LOCAL, MINORS_ALONE, Check
from .policy import IF_INSTALLED, Policy

Content = TypeVar("Content")


@dataclass(frozen=True)
class LateCheck(Generic[Content]):
    """A check that is put together when it is asked, so that what is missing for it is that check's failure."""

    name: str
    check: Callable[[Content], Verdict]


def text_checks(policy: Policy, endpoints: Callable[[], Endpoints]) -> list[Check[str]]:
    """The checks that judge prompts under `policy` and the user's minimum, each once.

    The local one is always among them: where neither policy asks it, it judges sexual/minors and nothing else.

    Args:
        endpoints: read when a check is asked.
    """
    asked: dict[tuple[str, ...], Check[str]] = {}
    for one in policy.both:
        for name in one.text_checks:
            where = {
                "openai": (one.endpoint, one.model),
                "llm guard": (one.guard_endpoint, one.guard_model),
                "google": (one.google_endpoint, ""),
            }
            asked.setdefault((name, *where.get(name, ("", ""))), _text_check(name, one, endpoints))
    if not any(name == LOCAL for name, *_ in asked):
        return [*asked.values(), LateCheck(LOCAL, _only_minors)]
    return list(asked.values())


def picture_checks(policy: Policy, endpoints: Callable[[], Endpoints]) -> list[Check[Image.Image]]:
    """The checks that judge pictures under `policy` and the user's minimum, each once."""
    wanted = {name for one in policy.both for name in one.image_checks}
    asked: dict[tuple[str, ...], Check[Image.Image]] = {}
    for one in policy.both:
        for name in one.image_checks:
            if name == IF_INSTALLED and LOCAL in wanted:
                continue  # asked for by name, too
            where = (one.endpoint, one.model) if name == "openai" else ("", "")
            asked.setdefault((name, *where), _picture_check(name, one, endpoints))
    return list(asked.values())


def _text_check(name: str, policy: Policy, endpoints: Callable[[], Endpoints]) -> LateCheck[str]:
    from .google_check import GoogleCheck
    from .llm_guard import LlmGuardCheck
    from .openai_check import OpenAICheck

    def openai(text: str) -> Verdict:
        return OpenAICheck(endpoints().get(policy.endpoint), policy.model, account).check(text)

    def llm_guard(text: str) -> Verdict:
        return LlmGuardCheck(endpoints().get(policy.guard_endpoint), policy.guard_model, account).check(text)

    def google(text: str) -> Verdict:
        return GoogleCheck(endpoints().get(policy.google_endpoint), account).check(text)

    def account() -> Account:
        return Account.of(endpoints())

    asks: dict[str, Callable[[str], Verdict]] = {
        LOCAL: _local, "openai": openai, "llm guard": llm_guard, "google": google,
    }  # fmt: skip
    return LateCheck(name, asks[name])


def _picture_check(name: str, policy: Policy, endpoints: Callable[[], Endpoints]) -> LateCheck[Image.Image]:
    from .local_picture import LocalPictureCheck
    from .openai_check import OpenAICheck

    def openai(picture: Image.Image) -> Verdict:
        return OpenAICheck(endpoints().get(policy.endpoint), policy.model, account).check(picture)

    def account() -> Account:
        return Account.of(endpoints())

    if name == IF_INSTALLED:
        return LateCheck(LOCAL, _if_installed)
    return LateCheck(name, {LOCAL: LocalPictureCheck().check, "openai": openai}[name])


def _local(text: str) -> Verdict:
    from .local_text import LocalTextCheck

    return LocalTextCheck().check(text)


def _only_minors(text: str) -> Verdict:
    verdict = _local(text)
    return replace(
        verdict,
        judges=MINORS_ALONE,
        scores={category: score for category, score in verdict.scores.items() if category in MINORS_ALONE},
        findings=tuple(finding for finding in verdict.findings if finding.category in MINORS_ALONE),
        hints=(),
    )


def _if_installed(picture: Image.Image) -> Verdict:
    from .local_picture import LocalPictureCheck

    try:
        return LocalPictureCheck().check(picture)
    except MissingPackage as missing:
        return Verdict(LOCAL, "", frozenset(), hints=(Hint(NOT_JUDGED, f"{LOCAL}/{missing.package}", str(missing)),))
