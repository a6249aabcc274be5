"""One question with a short JSON answer, for rooms that work in threads and may wait."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from ..endpoints import Endpoint
from .client import Client, open_client
from .failures import Meaning, ServiceFailed, told_apart
from .loop import wait_for
from .reading import id_of, parse, whole

MAX_ANSWER = 4 * 2**20  # bytes
_BACKOFF_S = (0.5, 1.0)
_LONGEST_WAIT_S = 20.0  # before another attempt; more is the user's to decide

Question = Callable[[Client], AbstractAsyncContextManager[Any]]


def ask(
    endpoint: Endpoint,
    model: str,
    question: Question,
    *,
    seconds: float,
    check_cancelled: Callable[[], None] = lambda: None,
) -> Any:
    """Ask `endpoint` and return the JSON it answers. What was surely not billed is asked again, in the time there is.

    Args:
        question: makes the request with the client it is given, by `with_streaming_response` and with its headers.
        seconds: for all of it, however the bytes come in.
        check_cancelled: called several times a second; what it raises ends the question.

    Raises:
        ServiceFailed, MissingKey, MissingPackage.
    """
    client = open_client(endpoint, model)  # the first one loads a large package, which is not the endpoint's time
    try:
        return wait_for(patiently(lambda: _once(client, endpoint, question)), seconds, check_cancelled)
    except TimeoutError:
        raise ServiceFailed(Meaning.TIMED_OUT, endpoint, maybe_billed=True) from None


async def patiently(once: Callable[[], Awaitable[Any]]) -> Any:
    """What `once` gives; what was surely not billed is asked again.

    Raises:
        ServiceFailed: of the last attempt.
    """
    for pause in (*_BACKOFF_S, None):
        try:
            return await once()
        except ServiceFailed as failure:
            wait = failure.wait_s if failure.wait_s is not None else pause
            if pause is None or wait is None or wait > _LONGEST_WAIT_S or not failure.may_be_sent_again:
                raise
        await asyncio.sleep(wait)
    raise AssertionError("the last attempt returns or raises")


async def _once(client: Client, endpoint: Endpoint, question: Question) -> Any:
    with told_apart(endpoint):
        async with question(client) as reply:
            body, request_id = await whole(reply, MAX_ANSWER, endpoint), id_of(reply)
    try:
        return parse(body)
    except ValueError:
        raise ServiceFailed(
            Meaning.BAD_REPLY, endpoint, said="is not JSON", request_id=request_id, maybe_billed=True
        ) from None
