"""What hosted services answer, by meaning: the ways they share of saying that something went wrong."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..endpoints import Endpoint
from ..services.addresses import Unsafe, check_own_address
from ..services.exchange import Answer
from ..services.failures import Meaning, ServiceFailed, of_reply, secret_of
from ..services.scrub import request_id, scrub
from .kinds import Standing

_PERCENT = re.compile(r"(\d{1,3})%")
_MOST_WORDS = 3  # of several complaints, how many are quoted


def told(answer: Answer, endpoint: Endpoint) -> Mapping[str, Any]:
    """The JSON object of a success.

    Raises:
        ServiceFailed: the reply is an error, or no JSON object.
    """
    if not answer.is_success:
        raise failure(answer, endpoint)
    said = answer.json()
    if isinstance(said, Mapping):
        return said
    raise ServiceFailed(Meaning.BAD_REPLY, endpoint, said="is no JSON object", maybe_billed=True)


def failure(answer: Answer, endpoint: Endpoint) -> ServiceFailed:
    """An error reply: `{"detail": text or [{loc, msg, type}]}`, `{"errors": [text]}`, or OpenAI's."""
    body = answer.json()
    flat = dict(body) if isinstance(body, Mapping) else {}
    if not isinstance(flat.get("error"), Mapping):
        flat.pop("code", None)  # numbers, here
        flat["message"] = words(flat)
    return of_reply(answer.status, flat, answer.headers, endpoint)


def words(body: Mapping[str, Any]) -> str:
    """What an error says to people."""
    for name in ("detail", "errors", "error", "message", "title"):
        said = body.get(name)
        if isinstance(said, str) and said:
            return said
        if isinstance(said, list) and said:
            return "; ".join(_complaint(one) for one in said[:_MOST_WORDS])
        if isinstance(said, Mapping) and isinstance(said.get("message"), str):
            return str(said["message"])
    return ""


def bearer(endpoint: Endpoint, scheme: str = "Bearer") -> dict[str, str]:
    """The usual headers."""
    return {"Authorization": f"{scheme} {endpoint.api_key() or ''}", "Accept": "application/json"}


def data_uri(png: bytes) -> str:
    """A picture inside of JSON."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def with_pictures(parameters: dict[str, Any], values: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The parameters with pictures among them: a field that ends with "[]" is a list of all of its name."""
    body = dict(parameters)
    for name, value in values:
        if name.endswith("[]"):
            body.setdefault(name[:-2], []).append(value)
        else:
            body[name] = value
    return body


def drawing(log: object) -> Standing:
    """What a job that is being drawn says, by the newest percentage in its log."""
    found = _PERCENT.findall(log[-2000:]) if isinstance(log, str) else []
    fraction = min(int(found[-1]), 100) / 100 if found else 0.0
    return Standing(f"drawing, {fraction:.0%}" if fraction else "drawing", fraction)


def _complaint(one: object) -> str:
    if not isinstance(one, Mapping):
        return str(one)
    place = one.get("loc")
    where = ".".join(str(part) for part in place if part != "body") if isinstance(place, list) else ""
    return f"{where}: {one.get('msg', '')}" if where else str(one.get("msg", ""))


def job_id(said: object) -> str:
    """The service's name for a job, as letters and signs that such names have."""
    return request_id(said) or "nameless"


def own_address(url: object, endpoint: Endpoint, hosts: Sequence[str]) -> str:
    """An address that a service gave for its job, if the key may go there.

    Raises:
        ServiceFailed: it may not.
    """
    try:
        return check_own_address(url if isinstance(url, str) else "", endpoint, hosts)
    except Unsafe as what:
        said = f"sends the key to {what}, which was not done"
        raise ServiceFailed(Meaning.BAD_REPLY, endpoint, said=said, maybe_billed=True) from None


def refused(
    endpoint: Endpoint, stage: str, *, categories: Sequence[object] = (), request_id: str | None = None, said: str = ""
) -> ServiceFailed:
    """The content policy.

    Args:
        stage: "input": before any work; "output": the picture was drawn, and perhaps billed; "unknown": counts as that.
    """
    details = {"moderation_details": {"moderation_stage": stage, "categories": [str(one) for one in categories]}}
    return ServiceFailed(
        Meaning.POLICY,
        endpoint,
        said=scrub(said, secret_of(endpoint)),
        details=details,
        request_id=request_id,
        maybe_billed=stage != "input",
    )


def failed(endpoint: Endpoint, said: str, request_id: str | None, *, maybe_billed: bool = True) -> ServiceFailed:
    """The job failed by itself."""
    said = scrub(said, secret_of(endpoint))
    return ServiceFailed(Meaning.FAILED, endpoint, said=said, request_id=request_id, maybe_billed=maybe_billed)


def forgotten(endpoint: Endpoint, request_id: str | None) -> ServiceFailed:
    """The service no longer knows the job."""
    return failed(endpoint, "it no longer knows the job", request_id)
