"""Whether an endpoint answers and takes its key, asked without drawing anything: for its list of models."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any

from ..endpoints import Endpoint
from ..services.asking import ask
from ..services.client import Client, WrongKind
from ..services.failures import Meaning, ServiceFailed

_LONGEST_S = 20.0


def try_endpoint(endpoint: Endpoint) -> str:
    """One sentence about an endpoint that works as far as can be told. Costs nothing; waits for the network.

    Raises:
        DalleFluxError: it does not; the sentence says what to do.
    """

    def models(client: Client) -> AbstractAsyncContextManager[Any]:
        listed: AbstractAsyncContextManager[Any] = client.sdk.models.with_streaming_response.list(
            extra_headers=client.headers
        )
        return listed

    try:
        answer = ask(endpoint, "models", models, seconds=_LONGEST_S)
    except WrongKind:
        return (
            f"'{endpoint.name}' is of the kind {endpoint.kind}, which has nothing to ask that costs nothing; the first "
            "picture will tell."
        )
    except ServiceFailed as failure:
        if failure.meaning is Meaning.NOT_FOUND:
            return f"'{endpoint.name}' answers and has no list of models, so the first picture will tell."
        raise
    listed = answer.get("data") if isinstance(answer, dict) else None
    found = f" and lists {len(listed)} models" if isinstance(listed, list) else ""
    return f"'{endpoint.name}' answers{', takes the key' if endpoint.api_key() else ''}{found}."
