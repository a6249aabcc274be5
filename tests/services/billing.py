"""What the service saw and what it would have billed.

Billing is the worst case for the customer: a request counts from the moment its work begins, whether or
not anybody waits for the reply.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

# The service's own name for the request at hand, as sent in `x-request-id`.
REQUEST_ID: ContextVar[str] = ContextVar("REQUEST_ID")


@dataclass
class Bill:
    """One accepted image request."""

    model: str
    operation: str  # "generations", "edits", "variations"
    prompt: str
    pictures: int
    usd: float
    request_id: str
    idempotency_key: str | None
    serial: int  # counts the bills of a service
    delivered: bool = False  # the whole reply was handed to the network


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]  # names in lower case
    fields: Mapping[str, Any]  # JSON body, or the multipart text fields
    files: Mapping[str, bytes] = field(default_factory=dict)
