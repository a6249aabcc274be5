"""This ComfyUI's one Images API."""

from __future__ import annotations

from functools import cache

from ..host import folders, queue
from .office import Office


@cache
def office() -> Office:
    """Made on first use, on the server's event loop or in a node."""
    return Office(folders.state, folders.endpoints, queue)
