"""From the client's exceptions to ours, by meaning, and the one decision of what may be sent again.

An error is classified by its `code` first, then its `type`, then the HTTP status (source: OpenAI's guide on
error codes; bodies as users reported them). Works on the exceptions of openai 1.x, 2.x and 3.x without
importing it: an HTTP error has `status_code`, a connection error has not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from .errors import (
    BadKey,
    BadReply,
    EndpointFailed,
    ImagesApiError,
    NetworkFailure,
    NoAccess,
    NotFound,
    Overloaded,
    QuotaSpent,
    RateLimited,
    RefusedByPolicy,
    RequestRefused,
    RetiredModel,
    TooLarge,
)
from .models import SUCCESSOR, Family
from .plan import Operation, Plan, provider, retirement

_POLICY = {"content_policy_violation", "moderation_blocked", "contentfilter", "content_filter"}
_QUOTA = {
    "insufficient_quota", "credit_balance_exhausted", "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded", "organization_usage_limit_exceeded", "billing_hard_limit_reached",
    "billing_not_active",
}  # fmt: skip
_OVERLOAD = {"slow_down", "server_is_overloaded"}
_NO_MODEL = re.compile(r"\bmodels?\b.*(does not exist|not found|deprecated|retired)", re.IGNORECASE | re.DOTALL)
# Raised before a single byte of the request has left (names, as httpx and httpx2 share them).
_NEVER_CONNECTED = {"ConnectError", "ConnectTimeout", "PoolTimeout", "UnsupportedProtocol", "ProxyError"}
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")
_MAX_QUOTE = 240
_MAX_READ = 4000
_KNOWN_MODEL = (
    ", or say which known model it behaves like in endpoints.toml under [settings.images_api.models], for example "
    '"your-model" = "gpt-image-2".'
)


@dataclass(frozen=True)
class Verdict:
    """What to make of a failed attempt."""

    error: ImagesApiError
    retry: bool = False  # surely not billed, and worth another try
    wait_s: float | None = None  # as the endpoint wants it; None: up to us


@dataclass(frozen=True)
class Reported:
    """An error reply, read leniently: OpenAI's envelope, Azure's, or none."""

    status: int
    message: str
    code: str
    type: str
    details: Mapping[str, Any]
    has_envelope: bool


def of_exception(error: Exception, plan: Plan, *, shutdown: date | None, secret: str | None) -> Verdict:
    """Classify what the official client raised.

    Args:
        shutdown: the day the endpoint says the model is or was shut down, if it says so.
        secret: the key, to be struck out of whatever the endpoint echoes.
    """
    status = getattr(error, "status_code", None)
    if not isinstance(status, int):
        return _of_connection(error, plan)
    response = getattr(error, "response", None)
    headers: Mapping[str, str] = getattr(response, "headers", {}) or {}
    request_id = str(getattr(error, "request_id", None) or "")[:200] or None
    if 300 <= status < 400:
        target = re.sub(r"[?#].*", "", str(headers.get("location", "another address")))[:120]
        return Verdict(
            EndpointFailed(
                f"Endpoint '{plan.endpoint.name}' redirects to {scrub(target, secret)}, and neither key nor prompt is "
                "sent where you did not name; if you trust it, write that address as base_url in endpoints.toml.",
                request_id=request_id,
            )
        )
    return of_reply(status, getattr(error, "body", None), headers, plan, request_id, shutdown=shutdown, secret=secret)


def of_reply(
    status: int,
    body: object,
    headers: Mapping[str, str],
    plan: Plan,
    request_id: str | None,
    *,
    shutdown: date | None = None,
    secret: str | None = None,
) -> Verdict:
    """Classify an error reply (or an error event of a stream) by code, type and status."""
    said = _read(status, body, secret)
    name, model = plan.endpoint.name, plan.model_name
    quote = f'"{said.message}"' if said.message else f"HTTP {status}"
    wait = _seconds_to_wait(headers)

    def verdict(kind: type[ImagesApiError], text: str, **more: Any) -> Verdict:
        return Verdict(kind(text, request_id=request_id, **more))

    if said.code in _POLICY or "safety system" in said.message.lower():
        return Verdict(_refusal(said, name, request_id))
    if said.code in _QUOTA or said.type == "insufficient_quota":
        return verdict(
            QuotaSpent,
            f"The account behind endpoint '{name}' has no money or has reached its own limit ({said.code or status}); "
            "raise it on the provider's billing page, waiting does not help.",
        )
    if status == 401 or said.code == "invalid_api_key":
        where = plan.endpoint.api_key_env or "api_key in endpoints.toml"
        return verdict(BadKey, f"Endpoint '{name}' does not accept the key from {where}; put a valid key there.")
    if said.code in ("model_not_found", "deploymentnotfound") or _NO_MODEL.search(said.message):
        return Verdict(_no_model(plan, request_id, shutdown))
    if status == 403:
        return verdict(
            NoAccess,
            f"Endpoint '{name}' does not let this account use '{model}': {quote}; follow what it says, or choose "
            "another model.",
        )
    if status == 404 and plan.operation is Operation.VARIATION:
        return verdict(
            NotFound,
            f'Endpoint \'{name}\' has no variations; use "DALL·E Edit" with a prompt, or "DALL·E Variation on FLUX".',
        )
    if status == 404:
        return verdict(NotFound, f"Endpoint '{name}' answers {quote}; check its base_url in endpoints.toml.")
    if status == 429:
        seconds = f" in {wait:.0f} s" if wait is not None else " later"
        limited = RateLimited(
            f"Endpoint '{name}' takes no more requests for now; try again{seconds}, or lower max_parallel for it in "
            "endpoints.toml.",
            seconds=wait,
            request_id=request_id,
        )
        return Verdict(limited, retry=True, wait_s=wait)
    if status == 503 and (said.has_envelope or said.code in _OVERLOAD):
        busy = Overloaded(
            f"Endpoint '{name}' is overloaded; try again in a few minutes.", seconds=wait, request_id=request_id
        )
        return Verdict(busy, retry=True, wait_s=wait)
    if status == 413:
        return verdict(TooLarge, f"The request is too large for endpoint '{name}'; send smaller or fewer pictures.")
    if status >= 500 or status == 408:
        return verdict(
            EndpointFailed,
            f"Endpoint '{name}' failed (HTTP {status}){_after(said.message)}; it may have billed the picture, so "
            "nothing was sent again: run the node again to retry.",
            maybe_billed=True,
        )
    return verdict(
        RequestRefused,
        f"Endpoint '{name}' does not accept the request for '{model}': {quote}; change that input"
        + (_KNOWN_MODEL if plan.model.family is Family.UNKNOWN else "."),
    )


def of_bad_reply(error: BadReply, plan: Plan, secret: str | None) -> ImagesApiError:
    """What a refusal inside an answer that says all went well means; any other bad reply stays what it is.

    Azure sends `contentFilter` together with `created` (source: azure-ai-docs).
    """
    if error.said is None:
        return error
    told = of_reply(200, error.said, {}, plan, error.request_id, secret=secret).error
    return told if isinstance(told, RefusedByPolicy | QuotaSpent) else error


def scrub(text: str, secret: str | None) -> str:
    """The text on one line, short, without the key and without what steers a terminal."""
    if secret:
        text = text.replace(secret, "•••")
    text = "".join(character if character.isprintable() else " " for character in text[:_MAX_READ])
    text = re.sub(r"\b(sk|key)-[A-Za-z0-9_-]{8,}", "•••", text)
    text = " ".join(text.split())
    return text if len(text) <= _MAX_QUOTE else text[: _MAX_QUOTE - 1] + "…"


def duration(text: str) -> float | None:
    """Seconds of a Go-style duration, as in `x-ratelimit-reset-requests`: "1m26.4s" is 86.4."""
    match = _DURATION.fullmatch(text.strip())
    if not match or not any(match.groups()):
        return None
    hours, minutes, seconds, milliseconds = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds + milliseconds / 1000


def _of_connection(error: Exception, plan: Plan) -> Verdict:
    """The client could not say the whole request or hear the whole reply."""
    names: set[str] = set()
    cause: BaseException | None = error
    while cause is not None and len(names) < 10:
        names.add(type(cause).__name__)
        cause = cause.__cause__ or cause.__context__
    name = plan.endpoint.name
    if names & _NEVER_CONNECTED:
        hint = "is it running?" if plan.endpoint.is_local else "check the network, the address and any proxy"
        return Verdict(
            NetworkFailure(f"Endpoint '{name}' at {plan.endpoint.base_url} cannot be reached; {hint}."), retry=True
        )
    return Verdict(
        NetworkFailure(
            f"The connection to endpoint '{name}' broke after the request was sent; it may have been billed, so "
            "nothing was sent again: run the node again to retry.",
            maybe_billed=True,
        )
    )


def _refusal(said: Reported, name: str, request_id: str | None) -> RefusedByPolicy:
    details = said.details.get("moderation_details")
    details = details if isinstance(details, Mapping) else {}
    listed = details.get("categories")
    categories = tuple(scrub(str(one), None)[:40] for one in listed[:20]) if isinstance(listed, list) else ()
    if not categories and (match := re.search(r"safety_violations=\[([^\]]*)\]", said.message)):
        categories = tuple(part.strip() for part in match[1].split(",") if part.strip())
    stage = str(details.get("moderation_stage") or "unknown")
    what = {"input": "the prompt or an input picture", "output": "the picture it drew"}.get(stage, "this request")
    named = f" for {', '.join(categories)}" if categories else ""
    return RefusedByPolicy(
        f"Endpoint '{name}' refused {what} by its content policy{named}; change the prompt, sending it again "
        "unchanged does not help.",
        categories=categories,
        stage=stage,
        request_id=request_id,
    )


def _no_model(plan: Plan, request_id: str | None, shutdown: date | None) -> ImagesApiError:
    where = provider(plan.endpoint)
    if shutdown:
        return RetiredModel(
            f"Endpoint '{plan.endpoint.name}' says that '{plan.model_name}' was shut down on {shutdown.day} "
            f"{shutdown:%B %Y}; switch `model` to a living one, for example {SUCCESSOR}.",
            request_id=request_id,
        )
    day = plan.model.shutdown.get(where) or plan.model.shutdown.get("openai")
    if day:
        error: ImagesApiError = retirement(plan.model, plan.model_name, day, where)
        if where == "other":
            error = RetiredModel(
                f"Endpoint '{plan.endpoint.name}' has no '{plan.model_name}', which OpenAI retired on {day.day} "
                f'{day:%B %Y}; switch `model` to {SUCCESSOR}, or use the node "DALL·E 3 on FLUX", which has the same '
                "sockets."
            )
        error.request_id = request_id
        return error
    return NotFound(
        f"Endpoint '{plan.endpoint.name}' has no model '{plan.model_name}'; choose one it has, for example "
        f"{SUCCESSOR} at OpenAI.",
        request_id=request_id,
    )


def _read(status: int, body: object, secret: str | None) -> Reported:
    """The client hands over either the inner error object or, for other servers, whatever came."""
    inner: Mapping[str, Any] = {}
    if isinstance(body, Mapping):
        nested = body.get("error")
        inner = nested if isinstance(nested, Mapping) else body
    message = inner.get("message") or inner.get("detail") or (body if isinstance(body, str) else "")
    if isinstance(message, str) and message.lstrip().startswith("<"):
        message = ""  # a gateway's web page says nothing a person wants to read
    return Reported(
        status,
        scrub(str(message), secret),
        scrub(str(inner.get("code") or ""), secret).lower(),
        scrub(str(inner.get("type") or ""), secret).lower(),
        inner,
        has_envelope=bool(inner.get("message")),
    )


def _seconds_to_wait(headers: Mapping[str, str]) -> float | None:
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = headers.get(name)
        if not text:
            continue
        try:
            return max(0.0, float(text) * scale)
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


def _after(message: str) -> str:
    return f': "{message}"' if message else ""
