"""Which checks a policy asks, and where."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..endpoints import Endpoints
from ..services.spending import Account
from .decision import Verdict
from .gate import PictureCheck, TextCheck
from .policy import Policy

if TYPE_CHECKING:
    from PIL import Image


def text_checks(policy: Policy, endpoints: Callable[[], Endpoints]) -> list[TextCheck]:
    """The checks that judge prompts under `policy`, in its order.

    Args:
        endpoints: read when a check is asked, so that an endpoint that does not exist, or a file that cannot be
            read, is that check's failure and goes the way of every other one.
    """
    return [_text_check(name, policy, endpoints) for name in policy.text_checks]


def picture_checks(policy: Policy, endpoints: Callable[[], Endpoints]) -> list[PictureCheck]:
    """The checks that judge pictures under `policy`, in its order."""
    return [_picture_check(name, policy, endpoints) for name in policy.image_checks]


def _text_check(name: str, policy: Policy, endpoints: Callable[[], Endpoints]) -> TextCheck:
    from .llm_guard import LlmGuardCheck
    from .local_text import LocalTextCheck
    from .openai_check import OpenAICheck

    def account() -> Account:
        return Account.of(endpoints())

    match name:
        case "local":
            return _Late(name, lambda text: LocalTextCheck().check(text))
        case "openai":
            return _Late(
                name, lambda text: OpenAICheck(endpoints().get(policy.endpoint), policy.model, account).check(text)
            )
        case "llm guard":
            return _Late(
                name,
                lambda text: LlmGuardCheck(endpoints().get(policy.guard_endpoint), policy.guard_model, account).check(
                    text
                ),
            )
    raise ValueError(f"no text check {name!r}")


def _picture_check(name: str, policy: Policy, endpoints: Callable[[], Endpoints]) -> PictureCheck:
    from .local_picture import LocalPictureCheck
    from .openai_check import OpenAICheck

    def account() -> Account:
        return Account.of(endpoints())

    match name:
        case "local":
            return _LatePicture(name, lambda picture: LocalPictureCheck().check(picture))
        case "openai":
            return _LatePicture(
                name,
                lambda picture: OpenAICheck(endpoints().get(policy.endpoint), policy.model, account).check(picture),
            )
    raise ValueError(f"no picture check {name!r}")


class _Late:
    """A text check that is put together when it is asked."""

    def __init__(self, name: str, ask: Callable[[str], Verdict]):
        self.name = name
        self._ask = ask

    def check(self, text: str) -> Verdict:
        return self._ask(text)


class _LatePicture:
    """A picture check that is put together when it is asked."""

    def __init__(self, name: str, ask: Callable[[Image.Image], Verdict]):
        self.name = name
        self._ask = ask

    def check(self, picture: Image.Image) -> Verdict:
        return self._ask(picture)
