"""How the time that something takes grows with its text. A time alone decides nothing here: only its growth does."""

from __future__ import annotations

import time
from collections.abc import Callable

from growth.shapes import text_of

MOST = 2.5  # times the time for twice the text; linear is 2, quadratic 4
SURE = 3.2  # times; no linear work comes near it, however busy the machine
TOO_QUICK = 0.002  # seconds; not worth comparing. What takes n² steps takes many times that for the longest text below
LENGTHS = (250, 1_000, 4_000)
_SURE_FROM = 8_000  # characters; csv.Sniffer takes n² steps of a sample of that many, and no more
_LONGEST = 64_000
_TRIES = 5


def seconds(work: Callable[[str], object], text: str) -> float:
    """Processor time of this thread for one go."""
    started = time.thread_time()
    work(text)
    return time.thread_time() - started


def grows_too_fast(work: Callable[[str], object], lead: str, repeated: str) -> str:
    """Says how, or nothing where twice the text takes no more than `MOST` times the time.

    A bounded repetition costs more and more until its bound is reached, so what grows too fast is asked again with
    longer texts while that is bearable.
    """
    for length in LENGTHS:
        if seconds(work, text_of(lead, repeated, length)) > TOO_QUICK:
            break
    else:
        return ""
    while True:
        short, long = text_of(lead, repeated, length), text_of(lead, repeated, 2 * length)
        ratio = took = 0.0
        is_settled = False
        for runs in range(1, _TRIES):  # the best of several, in turns: whatever else the machine does hits both
            once = min(seconds(work, short) for _ in range(runs))
            took = min(seconds(work, long) for _ in range(runs))
            ratio = took / once
            if ratio <= MOST:
                return ""
            is_sure = ratio > SURE and length >= _SURE_FROM
            if is_settled := took > (0.2 if is_sure else 1.0):
                break
        if is_settled or length >= _LONGEST:
            return f"{length} characters → {2 * length}: {ratio:.1f} times the time, {took:.2f} s"
        length *= 2
