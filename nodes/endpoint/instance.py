"""This ComfyUI's one Images API."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .drawing import HostDrawer
    from .service import ImagesService


@cache
def service() -> ImagesService:
    """Made on first use, on the server's event loop or in a node."""
    from ..host import folders, queue
    from .drawing import HostDrawer  # here: pydantic and the gate are not needed while the pack is loaded
    from .service import ImagesService

    return ImagesService(folders.state, folders.endpoints, lambda gate: HostDrawer(queue, gate))


def drawer() -> HostDrawer:
    """What draws for it."""
    from .drawing import HostDrawer

    found = service().scheduler.drawer
    assert isinstance(found, HostDrawer)
    return found
