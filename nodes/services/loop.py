"""The one thread on which all requests are made, and a way for threads that may wait to wait for them.

ComfyUI runs a sampler on the same thread as its event loop; a reply that waits behind one would time out though it has
come. So requests live on a loop that nothing else blocks.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

THREAD = "dalle_flux requests"  # the thread's name
_LOOK_EVERY_S = 0.2  # how soon a cancel is noticed
_GRACE_S = 2.0  # for a request that was told to stop


@functools.lru_cache(maxsize=1)
def loop() -> asyncio.AbstractEventLoop:
    """The requests' event loop; its thread starts with the first call."""
    made = asyncio.new_event_loop()
    threading.Thread(target=made.run_forever, name=THREAD, daemon=True).start()
    return made


def wait_for(work: Coroutine[Any, Any, T], seconds: float, check_cancelled: Callable[[], None] = lambda: None) -> T:
    """Run `work` on the requests' loop and wait for it. Not to be called on an event loop's own thread.

    Args:
        seconds: for all of it, however the bytes come in.
        check_cancelled: called about five times a second; what it raises stops the work.

    Raises:
        TimeoutError: not done in time; the work was stopped.
    """
    future = asyncio.run_coroutine_threadsafe(asyncio.wait_for(work, seconds), loop())
    deadline = time.monotonic() + seconds + _GRACE_S
    try:
        while not concurrent.futures.wait([future], _LOOK_EVERY_S).done:
            check_cancelled()
            if time.monotonic() > deadline:
                raise TimeoutError
        return future.result()
    except (asyncio.TimeoutError, concurrent.futures.TimeoutError):  # three names before Python 3.11
        raise TimeoutError from None
    finally:
        future.cancel()
