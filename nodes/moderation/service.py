"""Asking a named endpoint through OpenAI's official client, and telling its failures apart.

What is sent goes to the endpoint that the user's file names and nowhere else: redirects are not followed.
Messages never quote what was sent or what came back.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from ..endpoints import Endpoint
from ..errors import DalleFluxError, MissingPackage

if TYPE_CHECKING:
    import openai

TIMEOUT_S = 60.0  # for a whole answer
MAX_ANSWER = 4 * 2**20  # bytes


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


def ask(endpoint: Endpoint, request: Callable[[openai.OpenAI], Any], timeout_s: float = TIMEOUT_S) -> Any:
    """Ask `endpoint` and return the answer's JSON.

    Args:
        request: makes the request with the client it is given, by `with_streaming_response`.

    Raises:
        CheckFailed: as the class says; MissingKey and MissingPackage come as they are.
    """
    try:
        import openai
    except ImportError:
        raise MissingPackage("openai", f"The moderation check by endpoint '{endpoint.name}'") from None
    where = f"endpoint '{endpoint.name}'"
    if endpoint.kind == "azure":
        raise CheckRefused(
            f"{where} is an Azure resource, which has no moderation API; name an OpenAI-compatible endpoint in "
            "the policy."
        )
    limit = min(endpoint.timeout_s, timeout_s)
    # At OpenAI itself the client takes them from the environment.
    elsewhere: Any = {"OpenAI-Organization": openai.Omit(), "OpenAI-Project": openai.Omit()}
    client = openai.OpenAI(
        api_key=endpoint.api_key() or "none",
        base_url=endpoint.base_url,
        timeout=limit,
        max_retries=2,
        http_client=_connections(endpoint.is_local),
        default_headers=None if endpoint.is_openai else elsewhere,
    )
    deadline = time.monotonic() + limit
    try:
        with request(client) as reply:
            data = b""
            for part in reply.iter_bytes():
                data += part
                if len(data) > MAX_ANSWER:
                    raise CheckNonsense(f"{where} sent more than {MAX_ANSWER >> 20} MB; check what is running there.")
                if time.monotonic() > deadline:
                    raise openai.APITimeoutError(reply.http_request)
    except openai.APITimeoutError:
        raise CheckTimedOut(f"{where} gave no whole answer within {limit:.0f} s; try again later.") from None
    except openai.APIConnectionError:
        raise CheckUnreachable(f"{where} could not be reached; check that it runs and the network works.") from None
    except openai.APIStatusError as error:
        raise _refusal(where, error.status_code, error.code, error.type) from None
    except openai.OpenAIError as error:
        raise CheckFailed(
            f"{where} could not be asked ({type(error).__name__}); check its lines in endpoints.toml."
        ) from None
    try:
        return json.loads(data)
    except ValueError:
        raise CheckNonsense(f"{where} answered with something that is not JSON; check its base_url.") from None


@cache
def _connections(is_local: bool) -> Any:
    """Kept open between questions; holds no key. Making one reads all certificates, 50 ms and more.

    What stays on this machine goes through no proxy.
    """
    import openai

    return openai.DefaultHttpxClient(follow_redirects=False, trust_env=not is_local)


def _refusal(where: str, status: int, *codes: str | None) -> CheckFailed:
    if status in (401, 403):
        return CheckKeyRefused(f"{where} refused the key (HTTP {status}); check the key that endpoints.toml names.")
    if status == 429:
        if "insufficient_quota" in codes:
            return CheckRateLimited(f"{where} says that the quota is spent; check the account's plan and billing.")
        return CheckRateLimited(f"{where} says there were too many requests (HTTP 429); wait a moment and run again.")
    if 300 <= status < 400:
        return CheckRefused(
            f"{where} redirects elsewhere (HTTP {status}), which is not followed; correct its base_url."
        )
    if status == 404:
        return CheckRefused(
            f"{where} does not know this model or has no such API (HTTP 404); correct the policy's model."
        )
    if status >= 500:
        return CheckUnreachable(f"{where} has trouble of its own (HTTP {status}); try again later.")
    return CheckRefused(f"{where} refused the request (HTTP {status}); check the policy's model and this endpoint.")
