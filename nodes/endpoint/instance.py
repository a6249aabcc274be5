"""This ComfyUI's one Images API."""

from __future__ import annotations

from functools import cache

from .service import ImagesService


@cache
def service() -> ImagesService:
    """Made on first use, on the server's event loop or in a node."""
    from ..host import folders, queue

    return ImagesService(folders.state, folders.endpoints, queue)
