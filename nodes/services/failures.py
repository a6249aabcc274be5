"""What went wrong at an endpoint, by meaning; whether it may have cost money; whether to ask again.

Told by the error's `code` first, then its `type`, then the HTTP status (source: OpenAI's guide on error codes; bodies
as users reported them). Its words count only where OpenAI gives nothing better, and never for a status of 500 and
above: such a reply may come after the work was done and paid for. Works on the exceptions of openai 1.x, 2.x and 3.x
without importing it: an HTTP error has `status_code`, a connection error has not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any, ClassVar

from ..endpoints import Endpoint, MissingKey
from ..errors import DalleFluxError
from .scrub import request_id, scrub


class Meaning(Enum):
    """What a failure means; the value ends the sentence "Endpoint 'x' …"."""

    POLICY = "refused this by its content policy"
    QUOTA = "says that its account has no money or has reached a limit"
    KEY = "does not accept the key"
    ACCESS = "does not let this account do that"
    NO_MODEL = "does not have this model"
    NOT_FOUND = "has no such address"
    RATE_LIMIT = "takes no more requests for now"
    OVERLOADED = "is overloaded"
    TOO_LARGE = "does not take so large a request"
    IN_PROGRESS = "is still at work on the same request"
    REFUSED = "does not accept the request"
    REDIRECTED = "redirects elsewhere, which is not followed"
    UNREACHABLE = "cannot be reached"
    BROKEN = "broke the connection after the request was sent"
    TIMED_OUT = "gave no whole answer in time"
    FAILED = "failed"
    BAD_REPLY = "answered with something that cannot be read"


class ServiceFailed(DalleFluxError):
    """An endpoint gave no answer, or none to be used. Rooms catch it and say it in their own words."""

    code: ClassVar[str] = "service_failed"

    def __init__(
        self,
        meaning: Meaning,
        endpoint: Endpoint,
        *,
        status: int | None = None,
        said: str = "",
        named: str = "",
        param: str = "",
        details: Mapping[str, Any] | None = None,
        request_id: str | None = None,
        wait_s: float | None = None,
        maybe_billed: bool = False,
    ):
        self.meaning = meaning
        self.status = status  # HTTP
        self.said = said  # the endpoint's own words, scrubbed; of a redirect: where to; of a bad reply: what is wrong
        self.named = named  # the endpoint's own code for it, lower case
        self.param = param  # the parameter it complains about
        self.details = details or {}  # the whole error object, as it came
        self.request_id = request_id
        self.wait_s = wait_s  # until it takes requests again; None: it did not say
        self.maybe_billed = maybe_billed
        about = f" (HTTP {status})" if status else ""
        super().__init__(f"Endpoint '{endpoint.name}' {meaning.value}{about}.")

    @property
    def may_be_sent_again(self) -> bool:
        """Surely not billed, and worth another try."""
        return not self.maybe_billed and self.meaning in (Meaning.RATE_LIMIT, Meaning.OVERLOADED, Meaning.UNREACHABLE)


_BY_CODE = {
    **dict.fromkeys(
        ("content_policy_violation", "moderation_blocked", "contentfilter", "content_filter"), Meaning.POLICY
    ),
    **dict.fromkeys(
        ("insufficient_quota", "credit_balance_exhausted", "organization_spend_limit_exceeded",
         "project_spend_limit_exceeded", "organization_usage_limit_exceeded", "billing_hard_limit_reached",
         "billing_not_active"),
        Meaning.QUOTA,
    ),
    "invalid_api_key": Meaning.KEY,
    "model_not_found": Meaning.NO_MODEL,
    "deploymentnotfound": Meaning.NO_MODEL,
    "rate_limit_exceeded": Meaning.RATE_LIMIT,
    "slow_down": Meaning.OVERLOADED,
    "server_is_overloaded": Meaning.OVERLOADED,
}  # fmt: skip
_BY_TYPE = {
    "insufficient_quota": Meaning.QUOTA,
    "authentication_error": Meaning.KEY,
    "permission_error": Meaning.ACCESS,
    "rate_limit_error": Meaning.RATE_LIMIT,
    "overloaded_error": Meaning.OVERLOADED,
}
_BY_STATUS = {
    400: Meaning.REFUSED, 401: Meaning.KEY, 402: Meaning.QUOTA, 403: Meaning.ACCESS, 404: Meaning.NOT_FOUND,
    405: Meaning.NOT_FOUND, 409: Meaning.IN_PROGRESS, 411: Meaning.REFUSED, 413: Meaning.TOO_LARGE,
    414: Meaning.TOO_LARGE, 415: Meaning.REFUSED, 422: Meaning.REFUSED, 429: Meaning.RATE_LIMIT,
    431: Meaning.TOO_LARGE, 451: Meaning.ACCESS,
}  # fmt: skip
# Also where the reply may come late: these say what happened, though not whether it was billed.
_AT_ANY_STATUS = (Meaning.POLICY, Meaning.QUOTA)
_BUSY = (503, 529)
_NO_MODEL = re.compile(r"\bmodels?\b.{0,300}(does not exist|not found|deprecated|retired)", re.IGNORECASE | re.DOTALL)
# Raised before a single byte of the request has left (names, as httpx and httpx2 share them).
_NEVER_CONNECTED = {"ConnectError", "ConnectTimeout", "PoolTimeout", "UnsupportedProtocol", "ProxyError"}
_QUERY = re.compile(r"[?#]")
_DURATION = re.compile(
    r"(?:(\d{1,9})h)?(?:(\d{1,9})m(?!s))?(?:(\d{1,9}(?:\.\d{1,9})?)s)?(?:(\d{1,9}(?:\.\d{1,9})?)ms)?"
)


@contextmanager
def told_apart(endpoint: Endpoint) -> Iterator[None]:
    """Whatever the client or the network raises inside comes out as `ServiceFailed`; mistakes of ours stay."""
    try:
        yield
    except Exception as error:
        if isinstance(error, DalleFluxError) or not _is_the_clients(error):
            raise
        raise of_exception(error, endpoint) from None


def of_exception(error: Exception, endpoint: Endpoint) -> ServiceFailed:
    """Classify what the official client raised."""
    status = getattr(error, "status_code", None)
    if not isinstance(status, int):
        return _of_connection(error, endpoint)
    headers: Mapping[str, str] = getattr(getattr(error, "response", None), "headers", None) or {}
    return of_reply(status, getattr(error, "body", None), headers, endpoint)


def of_reply(
    status: int, body: object, headers: Mapping[str, str], endpoint: Endpoint, *, started: bool = False
) -> ServiceFailed:
    """Classify an error reply by code, type and status.

    Args:
        body: the client hands over either the inner error object or, for other servers, whatever came.
        started: it came in a reply that began as a success, so work was done.
    """
    own = headers.get("x-request-id") or headers.get("apim-request-id")
    secret = secret_of(endpoint)
    if 300 <= status < 400 and not started:
        target = _QUERY.split(str(headers.get("location", "another address")), 1)[0][:120]
        return ServiceFailed(
            Meaning.REDIRECTED, endpoint, status=status, said=scrub(target, secret), request_id=request_id(own)
        )
    inner: Mapping[str, Any] = {}
    if isinstance(body, Mapping):
        nested = body.get("error")
        inner = nested if isinstance(nested, Mapping) else body
    message = inner.get("message") or inner.get("detail") or (body if isinstance(body, str) else "")
    if isinstance(message, str) and message.lstrip().startswith("<"):
        message = ""  # a gateway's web page says nothing a person wants to read
    said = scrub(str(message), secret)
    code, kind, param = (scrub(str(inner.get(name) or ""), secret).lower() for name in ("code", "type", "param"))
    meaning, is_known = _meaning(status, code, kind, param, said, started)
    return ServiceFailed(
        meaning,
        endpoint,
        status=status,
        said=said,
        named=code,
        param=param,
        details=inner,
        request_id=request_id(own),
        wait_s=seconds_to_wait(headers),
        maybe_billed=not is_known,
    )


def _meaning(status: int, code: str, kind: str, param: str, said: str, started: bool) -> tuple[Meaning, bool]:
    """The meaning, and whether it is sure that nothing was done and billed."""
    by_name = _BY_CODE.get(code) or _BY_TYPE.get(kind)
    if started or not 400 <= status < 500:
        if by_name is Meaning.OVERLOADED and status in _BUSY and not started:
            return by_name, True
        return (by_name if by_name in _AT_ANY_STATUS else Meaning.FAILED), False
    if by_name:
        return by_name, True
    if status in (400, 403) and "safety system" in said.lower():
        return Meaning.POLICY, True
    if status in (400, 404) and param in ("", "model") and _NO_MODEL.search(said):
        return Meaning.NO_MODEL, True
    meaning = _BY_STATUS.get(status, Meaning.FAILED)
    return meaning, meaning not in (Meaning.FAILED, Meaning.IN_PROGRESS)


def _of_connection(error: Exception, endpoint: Endpoint) -> ServiceFailed:
    """The client could not say the whole request or hear the whole reply."""
    names: set[str] = set()
    cause: BaseException | None = error
    while cause is not None and len(names) < 10:
        names.add(type(cause).__name__)
        cause = cause.__cause__ or cause.__context__
    if names & _NEVER_CONNECTED:
        return ServiceFailed(Meaning.UNREACHABLE, endpoint)
    timed_out = bool(names & {"APITimeoutError", "ReadTimeout", "WriteTimeout"})
    return ServiceFailed(Meaning.TIMED_OUT if timed_out else Meaning.BROKEN, endpoint, maybe_billed=True)


def secret_of(endpoint: Endpoint) -> str | None:
    """The key, to be struck out of whatever the endpoint echoes."""
    try:
        return endpoint.api_key()
    except MissingKey:
        return None


def _is_the_clients(error: Exception) -> bool:
    """Whether the network or the endpoint caused it, and not a mistake of ours."""
    packages = {kind.__module__.partition(".")[0] for kind in type(error).__mro__}
    return bool(packages & {"openai", "httpx", "httpx2", "httpcore", "httpcore2", "anyio", "h11", "ssl"}) or isinstance(
        error, OSError | EOFError
    )


def seconds_to_wait(headers: Mapping[str, str]) -> float | None:
    """What the reply says about when to come back; None: nothing."""
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = headers.get(name)
        if not text:
            continue
        try:
            seconds = float(text) * scale
            if seconds == seconds:  # "nan" is a float too
                return max(0.0, seconds)
        except ValueError:
            pass
        try:
            moment = parsedate_to_datetime(text)
        except (TypeError, ValueError, OverflowError):
            continue
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone.utc)
        return max(0.0, (moment - datetime.now(timezone.utc)).total_seconds())
    if headers.get("x-ratelimit-remaining-requests") == "0":
        return duration(headers.get("x-ratelimit-reset-requests", ""))
    return None


def duration(text: str) -> float | None:
    """Seconds of a Go-style duration, as in `x-ratelimit-reset-requests`: "1m26.4s" is 86.4."""
    match = _DURATION.fullmatch(text.strip()[:40])
    if not match or not any(match.groups()):
        return None
    hours, minutes, seconds, milliseconds = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds + milliseconds / 1000
