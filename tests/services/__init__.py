"""A strict stand-in for paid services, on loopback: OpenAI's images, moderations and models, Azure's URLs too.

What OpenAI would refuse, it refuses, with OpenAI's own words; what OpenAI would bill, it writes into a
ledger; and it can be told to misbehave:

    with Services() as services:
        client = openai.OpenAI(base_url=services.base_url, api_key=services.key)
        services.plan(Fault.RATE_LIMIT, seconds=2)      # the next image request gets 429, Retry-After: 2
        client.images.generate(model="dall-e-3", prompt="a red cube")
        assert services.billed_usd == 0.04

By hand: `python -m tests.services` prints the address and waits.

Source of the protocol: the types and docstrings of the PyPI packages openai 1.109.1, 2.54.0 and 3.52.0 and
OpenAI's public guides; error bodies as users reported them.
"""

from .billing import Bill, Seen
from .faults import Fault
from .server import Services

__all__ = ["Bill", "Fault", "Seen", "Services"]
