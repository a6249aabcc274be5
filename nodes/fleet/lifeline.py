"""Ends this process when the one that started it is gone, however that ended: nobody may keep a GPU for nobody.

The starter holds the other end of this process's standard input and never writes into it. When the starter dies, even
by a kill, the system closes that end. On Linux the system is asked for a kill as well, for a process that is stuck.
"""

from __future__ import annotations

import os
import sys
import threading

_PR_SET_PDEATHSIG, _SIGKILL = 1, 9  # linux/prctl.h


def hold() -> None:
    """Call once, in a process whose standard input is a pipe from its starter."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, _SIGKILL)
    threading.Thread(target=_wait, name="dalle_flux lifeline", daemon=True).start()


def _wait() -> None:
    try:
        while os.read(0, 4096):
            pass
    finally:
        os._exit(1)
