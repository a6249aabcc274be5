"""Asking a named endpoint for a judgement, and telling its failures apart.

Messages never quote what was sent or what came back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from ..endpoints import Endpoint
from ..errors import DalleFluxError
from ..services.asking import MAX_ANSWER, Question
from ..services.asking import ask as services_ask
from ..services.failures import Meaning, ServiceFailed

T = TypeVar("T")

TIMEOUT_S = 60.0  # for a whole answer


class CheckFailed(DalleFluxError):
    """A check could not get an answer."""

    code: ClassVar[str] = "check_failed"


class CheckUnreachable(CheckFailed):
    """No connection, or it broke."""

    code = "check_unreachable"


class CheckTimedOut(CheckFailed):
    """No whole answer in time."""

    code = "check_timed_out"


class CheckKeyRefused(CheckFailed):
    """The endpoint does not take this key."""

    code = "check_key_refused"


class CheckRateLimited(CheckFailed):
    """Too many requests, or the quota is spent."""

    code = "check_rate_limited"


class CheckRefused(CheckFailed):
    """The endpoint refused the request itself."""

    code = "check_refused"


class CheckNonsense(CheckFailed):
    """An answer that is none: not JSON, fields missing, scores that are no numbers."""

    code = "check_bad_answer"


def time_for(endpoint: Endpoint) -> float:
    """Seconds for a whole answer of this endpoint."""
    return min(endpoint.timeout_s, TIMEOUT_S)


def ask(endpoint: Endpoint, model: str, question: Question) -> Any:
    """Ask `endpoint` and return the answer's JSON.

    Raises:
        CheckFailed: as the class says; MissingKey and MissingPackage come as they are.
    """
    return asked(endpoint, lambda: services_ask(endpoint, model, question, seconds=time_for(endpoint)))


def asked(endpoint: Endpoint, question: Callable[[], T]) -> T:
    """What `question` returns; how it fails is said in this room's words.

    Raises:
        CheckFailed: as the class says; what the user's own file forbids comes as it is.
    """
    try:
        return question()
    except ServiceFailed as failure:
        raise _worded(failure, endpoint) from None


def _worded(failure: ServiceFailed, endpoint: Endpoint) -> CheckFailed:
    where, about = f"endpoint '{endpoint.name}'", f"(HTTP {failure.status})"
    match failure.meaning:
        case Meaning.TIMED_OUT:
            return CheckTimedOut(f"{where} gave no whole answer within {time_for(endpoint):.0f} s; try again later.")
        case Meaning.UNREACHABLE | Meaning.BROKEN:
            return CheckUnreachable(f"{where} could not be reached; check that it runs and the network works.")
        case Meaning.BAD_REPLY if "larger" in failure.said:
            return CheckNonsense(f"{where} sent more than {MAX_ANSWER >> 20} MB; check what is running there.")
        case Meaning.BAD_REPLY:
            return CheckNonsense(f"{where} answered with something that {failure.said}; check its base_url.")
        case Meaning.KEY | Meaning.ACCESS:
            return CheckKeyRefused(f"{where} refused the key {about}; check the key that endpoints.toml names.")
        case Meaning.QUOTA:
            return CheckRateLimited(f"{where} says that the quota is spent; check the account's plan and billing.")
        case Meaning.RATE_LIMIT:
            return CheckRateLimited(f"{where} says there were too many requests {about}; wait a moment and run again.")
        case Meaning.REDIRECTED:
            return CheckRefused(f"{where} redirects elsewhere {about}, which is not followed; correct its base_url.")
        case Meaning.NO_MODEL | Meaning.NOT_FOUND:
            return CheckRefused(
                f"{where} does not know this model or has no such API {about}; correct the policy's model."
            )
        case Meaning.REFUSED | Meaning.TOO_LARGE | Meaning.POLICY:
            return CheckRefused(f"{where} refused the request {about}; check the policy's model and this endpoint.")
    return CheckUnreachable(f"{where} has trouble of its own {about}; try again later.")
