"""How a failure at an image endpoint is told: one error type a meaning, one sentence with the next step."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from ..endpoints import Endpoint
from ..services.failures import Meaning, ServiceFailed, of_reply
from ..services.scrub import scrub
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
    StillAtWork,
    TimedOut,
    TooLarge,
)
from .models import SUCCESSOR, ModelFamily
from .plan import Operation, Plan, provider, retirement

_VIOLATIONS = re.compile(r"safety_violations=\[([^\[\]]*)\]")

_KNOWN_MODEL = (
    ", or say which known model it behaves like in endpoints.toml under [settings.images_api.models], for example "
    '"your-model" = "gpt-image-2".'
)


def worded(failure: ServiceFailed, plan: Plan, shutdown: date | None = None) -> ImagesApiError:
    """The same failure as an error of this room.

    Args:
        shutdown: the day the endpoint says the model is or was shut down, if it says so.
    """
    error = _worded(failure, plan, shutdown)
    error.request_id = failure.request_id
    error.maybe_billed = failure.maybe_billed
    return error


def _worded(failure: ServiceFailed, plan: Plan, shutdown: date | None) -> ImagesApiError:
    endpoint, name, model = plan.endpoint, plan.endpoint.name, plan.model_name
    quote = f'"{failure.said}"' if failure.said else f"HTTP {failure.status}"
    match failure.meaning:
        case Meaning.POLICY:
            return _refusal(failure, name)
        case Meaning.QUOTA:
            return QuotaSpent(
                f"The account behind endpoint '{name}' has no money or has reached its own limit "
                f"({failure.named or failure.status}); raise it on the provider's billing page, waiting does not help."
            )
        case Meaning.KEY:
            where = endpoint.api_key_env or "api_key in endpoints.toml"
            return BadKey(f"Endpoint '{name}' does not accept the key from {where}; put a valid key there.")
        case Meaning.NO_MODEL:
            return _no_model(plan, shutdown)
        case Meaning.ACCESS:
            return NoAccess(
                f"Endpoint '{name}' does not let this account use '{model}': {quote}; follow what it says, or choose "
                "another model."
            )
        case Meaning.NOT_FOUND if plan.hosting:
            return _no_model(plan, shutdown)
        case Meaning.NOT_FOUND if plan.operation is Operation.VARIATION:
            return NotFound(
                f'Endpoint \'{name}\' has no variations; use "DALL·E Edit" with a prompt, or "DALL·E Variation on '
                'FLUX".'
            )
        case Meaning.NOT_FOUND:
            return NotFound(f"Endpoint '{name}' answers {quote}; check its base_url in endpoints.toml.")
        case Meaning.RATE_LIMIT:
            seconds = f" in {failure.wait_s:.0f} s" if failure.wait_s is not None else " later"
            return RateLimited(
                f"Endpoint '{name}' takes no more requests for now; try again{seconds}, or lower max_parallel for it "
                "in endpoints.toml.",
                seconds=failure.wait_s,
            )
        case Meaning.OVERLOADED:
            return Overloaded(f"Endpoint '{name}' is overloaded; try again in a few minutes.", seconds=failure.wait_s)
        case Meaning.TOO_LARGE:
            return TooLarge(f"The request is too large for endpoint '{name}'; send smaller or fewer pictures.")
        case Meaning.IN_PROGRESS:
            return StillAtWork(
                f"Endpoint '{name}' is still at work on this very request, sent before; wait a minute and run the node "
                "again without changing anything, then the picture is not paid for twice."
            )
        case Meaning.REFUSED:
            return RequestRefused(
                f"Endpoint '{name}' does not accept the request for '{model}': {quote}; change that input"
                + (_KNOWN_MODEL if plan.model.family is ModelFamily.UNKNOWN else ".")
            )
        case Meaning.REDIRECTED:
            return EndpointFailed(
                f"Endpoint '{name}' redirects to {failure.said}, and neither key nor prompt is sent where you did not "
                "name; if you trust it, write that address as base_url in endpoints.toml."
            )
        case Meaning.UNREACHABLE:
            hint = "is it running?" if endpoint.is_local else "check the network, the address and any proxy"
            return NetworkFailure(f"Endpoint '{name}' at {endpoint.base_url} cannot be reached; {hint}.")
        case Meaning.BROKEN:
            return NetworkFailure(
                f"The connection to endpoint '{name}' broke after the request was sent; it may have been billed, so "
                "nothing was sent again: run the node again to retry."
            )
        case Meaning.TIMED_OUT:
            return TimedOut(
                f"Endpoint '{name}' did not finish its reply and the picture may have been billed; run the node again."
            )
        case Meaning.BAD_REPLY:
            return BadReply(
                f"The reply of endpoint '{name}' {failure.said}; it may have been billed, ask for a smaller picture or "
                "another endpoint."
            )
    after = f': "{failure.said}"' if failure.said else ""
    status = f" (HTTP {failure.status})" if failure.status else ""
    if not failure.maybe_billed:
        return EndpointFailed(f"Endpoint '{name}' failed{status}{after}; nothing was billed, run the node again.")
    return EndpointFailed(
        f"Endpoint '{name}' failed{status}{after}; it may have billed the picture, so nothing was sent "
        "again: run the node again to retry."
    )


def of_bad_reply(error: BadReply, plan: Plan) -> ImagesApiError:
    """What a refusal inside an answer that says all went well means; any other bad reply stays what it is.

    Azure sends `contentFilter` together with `created` (source: azure-ai-docs).
    """
    if error.said is None:
        return error
    told = worded(of_reply(200, error.said, {}, plan.endpoint, started=True), plan)
    return told if isinstance(told, RefusedByPolicy | QuotaSpent) else error


def _refusal(failure: ServiceFailed, name: str) -> RefusedByPolicy:
    details = failure.details.get("moderation_details")
    details = details if isinstance(details, Mapping) else {}
    listed: Any = details.get("categories")
    categories = tuple(scrub(str(one))[:40] for one in listed[:20]) if isinstance(listed, list) else ()
    if not categories and (match := _VIOLATIONS.search(failure.said)):
        categories = tuple(part.strip() for part in match[1].split(",") if part.strip())
    stage = scrub(str(details.get("moderation_stage") or "unknown"))[:20]
    what = {"input": "the prompt or an input picture", "output": "the picture it drew"}.get(stage, "this request")
    named = f" for {', '.join(categories)}" if categories else ""
    return RefusedByPolicy(
        f"Endpoint '{name}' refused {what} by its content policy{named}; change the prompt, sending it again "
        "unchanged does not help.",
        categories=categories,
        stage=stage,
    )


def _no_model(plan: Plan, shutdown: date | None) -> ImagesApiError:
    """Gone only if its day has come; else the endpoint never had it, or not for this account."""
    endpoint, model, today = plan.endpoint, plan.model_name, date.today()
    if plan.hosting:
        others = ", ".join(name for name in plan.hosting.able if name != plan.model.name)
        return NotFound(
            f"Endpoint '{endpoint.name}' has no model '{model}', or not for this account; choose another one"
            + (f": {others}." if others else " or another endpoint.")
        )
    where = provider(endpoint)
    if shutdown and shutdown <= today:
        return RetiredModel(
            f"Endpoint '{endpoint.name}' says that '{model}' was shut down on {_day(shutdown)}; switch `model` to a "
            f"living one, for example {SUCCESSOR}."
        )
    if day := plan.model.retired_on(where, today):
        return retirement(plan.model, model, day, where)
    day = plan.model.retired_on("openai", today)
    if where == "other" and day:
        return RetiredModel(
            f"Endpoint '{endpoint.name}' has no '{model}', which OpenAI retired on {_day(day)}; switch `model` to "
            f'{SUCCESSOR}, or use the node "DALL·E 3 on FLUX", which has the same sockets.'
        )
    if where == "azure":
        return NotFound(
            f"The Azure resource of endpoint '{endpoint.name}' has no deployment '{model}'; write the name of your "
            "deployment, as Azure's portal shows it, into `model`."
        )
    ends = shutdown or plan.model.shutdown.get(where)
    return NotFound(
        f"Endpoint '{endpoint.name}' has no model '{model}' for this account"
        + (f" (it is to be shut down on {_day(ends)})" if ends else "")
        + f"; choose one it has, for example {SUCCESSOR} at OpenAI."
    )


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def timed_out(endpoint: Endpoint) -> TimedOut:
    """Nobody waits any longer, but the reply is still welcome."""
    return TimedOut(
        f"Endpoint '{endpoint.name}' did not answer within {endpoint.timeout_s:g} s and the picture may have been "
        "billed; the reply is still waited for, so run the node again in a while to get it without paying twice.",
        maybe_billed=True,
    )
