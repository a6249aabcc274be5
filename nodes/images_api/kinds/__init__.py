"""What each kind of image service speaks: one file a kind, found by an endpoint's `kind`.

To add one: write `kinds/NAME.py` with a class that keeps to `Kind`, add it to `kind_of` and its name to
`endpoints.KINDS`. Everything else (who may be asked, what it may cost, the ledger, cancel, retries, errors by meaning)
is the same for all kinds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from ...endpoints import Endpoint
from ..arrival import Arrived
from ..inputs import Sent
from ..plan import Plan


@dataclass(frozen=True)
class Reply:
    """A whole reply, as it is kept on disk before anybody looks into it."""

    body: bytes
    request_id: str | None


class Kind(Protocol):
    """From a plan to a request, and from its reply to a picture."""

    async def send(self, plan: Plan, sent: Sent, idempotency_key: str, on_partial: Callable[[str], None]) -> Reply:
        """Ask for one picture and read the whole reply.

        Args:
            sent: the pictures that travel with it.
            idempotency_key: the same for attempts of which at most one may be billed.
            on_partial: gets the base64 of each preview, if the service sends any.

        Raises:
            ServiceFailed: by meaning; `services.failures.told_apart` makes them.
        """

    async def unpack(self, body: bytes, endpoint: Endpoint) -> Arrived:
        """The picture in a reply that `send` brought, perhaps in an earlier run of ComfyUI.

        Raises:
            BadReply, NetworkFailure: see `arrival`.
        """

    async def shutdown_date(self, plan: Plan) -> date | None:
        """The day the service says it will shut, or has shut, the model down; None if it does not say. Never raises."""


def kind_of(endpoint: Endpoint) -> Kind:
    """What `endpoint` speaks; `endpoints.KINDS` are the names."""
    from .openai import OpenAI

    return OpenAI()  # also Azure: other addresses and headers, which `services.client` knows
