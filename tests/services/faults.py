"""Ways in which a service fails. Plan one with `Services.plan(fault, times=1, **options)`.

Options: `seconds` (SLOW, HANG, RATE_LIMIT, OVERLOADED), `name` (REFUSE: a key of `refusals.REFUSALS`),
`to` (REDIRECT, URL: the address; STREAM_GARBAGE, BODY: what is sent), `size` (WRONG_SIZE), `billed` (False: nobody is
billed for this one).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Fault(Enum):
    """What goes wrong. Those marked (billed) go wrong after the work was done."""

    REFUSE = auto()  # any error body by name
    RATE_LIMIT = auto()  # 429 with Retry-After
    OVERLOADED = auto()  # 503 of OpenAI's own, with Retry-After if seconds are given
    GATEWAY = auto()  # 502 web page of some proxy (billed)
    NO_ANSWER = auto()  # connection closed without a word (billed)
    SLOW = auto()  # the reply comes later (billed)
    HANG = auto()  # the reply never comes (billed)
    HOLD = auto()  # the reply comes when `Services.release` is called (billed)
    CUT_SHORT = auto()  # half of the reply, then the connection ends (billed)
    STREAM_ERROR = auto()  # an error event in the middle of a stream
    STREAM_GARBAGE = auto()  # a stream whose first event is something else (billed)
    DRIP = auto()  # a reply that comes byte by byte and never ends (billed)
    ENDLESS_ERROR = auto()  # an error reply without end
    BODY = auto()  # any reply you like, as JSON (billed)
    BROKEN_JSON = auto()  # (billed)
    BROKEN_BASE64 = auto()  # (billed)
    EMPTY = auto()  # "data": [] (billed)
    WRONG_CONTENT_TYPE = auto()  # right body, called text/html (billed)
    HUGE_BODY = auto()  # a body without end (billed)
    REDIRECT = auto()  # 307 to another host
    URL = auto()  # a picture address of your choice: file://…, http://10.0.0.1/… (billed)
    EXPIRED_URL = auto()  # the picture address answers 403 (billed)
    IMAGE_BOMB = auto()  # small file, 30000x30000 pixels (billed)
    NOT_AN_IMAGE = auto()  # (billed)
    CUT_IMAGE = auto()  # half a PNG (billed)
    WRONG_SIZE = auto()  # (billed)
    JPEG = auto()  # no fault, only another format (billed)
    WEBP = auto()  # (billed)
    ALPHA = auto()  # a PNG with transparency (billed)
    SIXTEEN_BIT = auto()  # a grey PNG with 16 bits (billed)
    BLACK = auto()  # black all over, as from a safety checker (billed)

    # Of services that answer with a job (`hosted/`)
    REFUSED_INPUT = auto()  # the job ends by the content policy, before work
    REFUSED_OUTPUT = auto()  # the same after it (billed)
    FAILED = auto()  # the job ends by a mistake of the service (billed)
    CANCELLED = auto()  # the service gave the job up
    FORGOTTEN = auto()  # the service does not know the job any more (billed)
    LOOKS_FAIL = auto()  # the first looks after the job get 503 (billed)
    FOREIGN_URLS = auto()  # the job's addresses lie at another host (billed)


BEFORE_WORK = frozenset({Fault.REFUSE, Fault.RATE_LIMIT, Fault.OVERLOADED, Fault.REDIRECT})
IN_STREAMS = frozenset({Fault.SLOW, Fault.HOLD, Fault.STREAM_ERROR, Fault.CUT_SHORT, Fault.STREAM_GARBAGE})
PICTURE = frozenset(
    {Fault.IMAGE_BOMB, Fault.NOT_AN_IMAGE, Fault.CUT_IMAGE, Fault.WRONG_SIZE, Fault.JPEG, Fault.WEBP, Fault.ALPHA,
     Fault.SIXTEEN_BIT, Fault.BLACK}
)  # fmt: skip


@dataclass(frozen=True)
class Planned:
    """A fault waiting for its request."""

    fault: Fault
    seconds: float = 0.0
    name: str = ""
    to: str = ""
    size: str = "64x64"
    billed: bool = True
