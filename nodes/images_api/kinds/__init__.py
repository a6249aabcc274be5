"""What each kind of image service speaks: one file a kind, found by an endpoint's `kind`.

To add one: write `kinds/NAME.py` with a class that keeps to `Kind` (`HostedKind` if it is no relative of OpenAI's), add
it to `kind_of` and its address to `endpoints.HOSTED`. Everything else (who may be asked, what it may cost, the ledger,
waiting for a job, cancel, retries, errors by meaning) is the same for all kinds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Protocol

from ...endpoints import HOSTED, Endpoint
from ...services.failures import ServiceFailed
from ..arrival import Arrived
from ..inputs import Sent
from ..plan import Plan

if TYPE_CHECKING:
    from ..hosted import HostedModel


@dataclass(frozen=True)
class Reply:
    """A whole reply, as it is kept on disk before anybody looks into it."""

    body: bytes
    request_id: str | None


@dataclass(frozen=True)
class Ticket:
    """A job at the service: all it takes to find it again, from any later run of ComfyUI. No secret is in it."""

    id: str
    status_url: str  # as the service gave it; checked again whenever it is used
    result_url: str = ""  # where the result is another address
    cancel_url: str = ""  # empty: the service cannot stop a job
    told: Mapping[str, Any] = field(default_factory=dict)  # what else the service said when it took the job

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Ticket:
        return cls(**json.loads(text))


@dataclass(frozen=True)
class Standing:
    """How far a job is, for the node to show."""

    text: str  # "2 before it in the queue"
    fraction: float = 0.0  # 0…1


class JobEnded(Exception):
    """A job came to its end at the service without a picture; there is nothing to be picked up any more."""

    def __init__(self, failure: ServiceFailed, *, cancelled: bool = False):
        self.failure = failure
        self.cancelled = cancelled  # because we asked for that
        super().__init__(str(failure))


class Kind(Protocol):
    """From a plan to a request, and from its reply to a picture."""

    async def send(
        self, plan: Plan, sent: Sent, picture: int, idempotency_key: str, on_partial: Callable[[str], None]
    ) -> Reply | Ticket:
        """Ask for one picture; read the whole reply, or get the ticket of the job that will draw it.

        Args:
            sent: the pictures that travel with it.
            picture: 0 … n-1, which of the plan's pictures.
            idempotency_key: the same for attempts of which at most one may be billed.
            on_partial: gets the base64 of each preview, if the service sends any.

        Raises:
            ServiceFailed: by meaning; `services.failures.told_apart` makes them.
        """

    async def unpack(self, body: bytes, endpoint: Endpoint, ticket: Ticket | None) -> Arrived:
        """The picture in a reply that `send` or `look` brought, perhaps in an earlier run of ComfyUI.

        Raises:
            BadReply, NetworkFailure, RefusedByPolicy: see `arrival`.
        """

    async def shutdown_date(self, plan: Plan) -> date | None:
        """The day the service says it will shut, or has shut, the model down; None if it does not say. Never raises."""

    async def look(self, endpoint: Endpoint, ticket: Ticket) -> Reply | Standing:
        """Look once after a job. Asked again for a job that is done, it gives a reply with fresh addresses.

        Raises:
            JobEnded: there will be no picture.
            ServiceFailed: just now nobody knows.
        """

    async def cancel(self, endpoint: Endpoint, ticket: Ticket) -> bool:
        """Ask the service to stop a job; True if it says that it is stopped and was never begun."""


class AtOnce:
    """What a `Kind` has whose replies hold the picture: no jobs."""

    async def look(self, endpoint: Endpoint, ticket: Ticket) -> Reply | Standing:
        raise AssertionError("there are no jobs here")

    async def cancel(self, endpoint: Endpoint, ticket: Ticket) -> bool:
        raise AssertionError("there are no jobs here")


class HostedKind(Kind, Protocol):
    """A service with a protocol and a list of models of its own."""

    models: Mapping[str, HostedModel]
    like: str  # the model in whose way those are asked that only the user's file names


def kind_of(endpoint: Endpoint) -> Kind:
    """What `endpoint` speaks; `endpoints.KINDS` are the names."""
    if endpoint.kind in HOSTED:
        return hosted_kind(endpoint.kind)
    from .openai import OpenAI

    return OpenAI()  # also Azure: other addresses and headers, which `services.client` knows


def hosted_kind(name: str) -> HostedKind:
    """The service with this name, one of `endpoints.HOSTED`."""
    from .bfl import Bfl
    from .fal import Fal
    from .replicate import Replicate
    from .stability import Stability
    from .together import Together

    kinds: dict[str, type[HostedKind]] = {
        "bfl": Bfl,
        "fal": Fal,
        "replicate": Replicate,
        "together": Together,
        "stability": Stability,
    }
    return kinds[name]()
