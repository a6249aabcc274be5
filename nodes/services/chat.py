"""Chat completions: an LLM behind a named endpoint, within the user's budget and never without a cap on its answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..endpoints import Endpoint
from .asking import ask
from .client import Client
from .failures import Meaning, ServiceFailed
from .spending import Account, paying

_CAPS = ("max_tokens", "max_completion_tokens")  # the second is what reasoning models want


def chat(
    endpoint: Endpoint,
    model: str,
    messages: Sequence[Mapping[str, str]],
    *,
    max_tokens: int,
    account: Callable[[], Account],
    seconds: float,
    optional: Mapping[str, Any] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    check_cancelled: Callable[[], None] = lambda: None,
) -> Any:
    """Ask for one completion and return the reply's JSON.

    Args:
        max_tokens: of the answer, thinking included; the cap is never left out.
        account: asked for where the endpoint is not free.
        seconds: for all of it.
        optional: parameters that are left out one by one if the endpoint refuses them.
        extra_body: parameters that OpenAI does not know.

    Raises:
        ServiceFailed, MissingKey, MissingPackage; UnknownModel, BudgetReached: nothing was sent.
    """
    # No text has more tokens than bytes, and few have a third; the usual is a quarter.
    tokens_in = sum(len(text.encode("utf-8", "replace")) for one in messages for text in one.values()) // 3 + 10
    with paying(endpoint, model, account, "chat call", tokens_in, max_tokens) as paid:
        reply = _asked(
            endpoint, model, messages, max_tokens, seconds, dict(optional or {}), extra_body, check_cancelled
        )
        paid(reply)
    return reply


def _asked(
    endpoint: Endpoint,
    model: str,
    messages: Sequence[Mapping[str, str]],
    max_tokens: int,
    seconds: float,
    optional: dict[str, Any],
    extra_body: Mapping[str, Any] | None,
    check_cancelled: Callable[[], None],
) -> Any:
    caps = list(_CAPS)
    deadline = time.monotonic() + seconds
    while True:
        request = {**optional, caps[0]: max_tokens}

        def question(client: Client, request: dict[str, Any] = request) -> Any:
            return client.sdk.chat.completions.with_streaming_response.create(
                model=model, messages=messages, extra_headers=client.headers, extra_body=extra_body, **request
            )

        try:
            left = max(0.0, deadline - time.monotonic())
            return ask(endpoint, model, question, seconds=left, check_cancelled=check_cancelled)
        except ServiceFailed as failure:
            refused = _refused_parameter(failure, request)
            if refused is None or (refused == caps[0] and len(caps) == 1):
                raise
            if refused == caps[0]:
                caps.pop(0)
            else:
                del optional[refused]


def _refused_parameter(failure: ServiceFailed, request: Mapping[str, Any]) -> str | None:
    """The parameter that a refusal complains about."""
    if failure.meaning is not Meaning.REFUSED:
        return None
    if failure.param in request:
        return failure.param
    said = failure.said.lower()
    for name in request:
        if name in said or (name == "response_format" and "json_schema" in said):
            return name
    return None
