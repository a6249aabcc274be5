"""Work on large pictures in small pieces that stay in a core's cache, on all cores.

Most time of a picture metric goes into moving whole pictures through memory, once an operation. numpy lets other
threads run while it computes, so plain threads will do.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Piece = TypeVar("Piece")
Result = TypeVar("Result")

PIXELS = 12_000  # of a piece
MOST_THREADS = 16


def each(pieces: Iterable[Piece], work: Callable[[Piece], Result]) -> list[Result]:
    """`work` on every piece, in order, in as many threads as there are cores."""
    listed = list(pieces)
    threads = min(os.cpu_count() or 1, MOST_THREADS, len(listed))
    if threads < 2:
        return [work(piece) for piece in listed]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, listed))
