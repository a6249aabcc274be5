"""This ComfyUI's one Images API."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .service import ImagesService


@cache
def service() -> ImagesService:
    """Made on first use, on the server's event loop or in a node."""
    from ..host import folders, queue
    from .service import ImagesService  # here: pydantic and the gate are not needed while the pack is loaded

    return ImagesService(folders.state, folders.endpoints, queue)
