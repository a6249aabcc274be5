"""Waiting for a job at a service: look, tell how far it is, look again a little later."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable

from ..endpoints import Endpoint
from ..services.failures import Meaning, ServiceFailed
from .kinds import Kind, Reply, Standing, Ticket

# Seconds before each look; the last one stays. A picture takes 2 to 30 s, a queue minutes.
_LOOKS_S = (0.5, 0.7, 1.0, 1.0, 1.5, 2.0, 3.0, 5.0)
_MOST_SILENT_S = 60.0  # how long a service may be unreachable; its job is picked up by the next run
_LONGEST_WAIT_S = 30.0  # that a service may ask for between two looks
# A look costs nothing, so whatever may pass is tried again; the job does not notice.
_PASSING = (
    Meaning.RATE_LIMIT, Meaning.OVERLOADED, Meaning.UNREACHABLE, Meaning.BROKEN, Meaning.TIMED_OUT, Meaning.FAILED,
    Meaning.BAD_REPLY,
)  # fmt: skip


async def wait_for(kind: Kind, endpoint: Endpoint, ticket: Ticket, tell: Callable[[Standing], None]) -> Reply:
    """The reply of a job, however long it takes.

    Args:
        tell: gets how far it is, at every look.

    Raises:
        JobEnded: there will be no picture.
        ServiceFailed: nobody could look for a while, or may not.
    """
    looks, heard_at = 0, time.monotonic()
    while True:
        pause = _LOOKS_S[min(looks, len(_LOOKS_S) - 1)] * random.uniform(0.9, 1.1)  # side by side, not all at once
        try:
            seen = await kind.look(endpoint, ticket)
        except ServiceFailed as failure:
            if failure.meaning not in _PASSING or time.monotonic() - heard_at > _MOST_SILENT_S:
                raise
            pause = max(pause, min(failure.wait_s or 0.0, _LONGEST_WAIT_S))
        else:
            if isinstance(seen, Reply):
                return seen
            heard_at = time.monotonic()
            tell(seen)
        looks += 1
        await asyncio.sleep(pause)
