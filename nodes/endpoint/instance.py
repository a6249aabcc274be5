"""This ComfyUI's one Images API."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .contract.submissions import Order
    from .drawing import HostDrawer
    from .service import ImagesService


@cache
def service() -> ImagesService:
    """Made on first use, on the server's event loop or in a node."""
    from ..host import folders, queue
    from .drawing import HostDrawer  # here: pydantic and the gate are not needed while the pack is loaded
    from .service import ImagesService

    return ImagesService(folders.state, folders.endpoints, lambda gate: HostDrawer(queue, gate, _at_once))


def _at_once(order: Order) -> int:
    """Pictures of this size, of several requests, that the user's file and the memory allow in one batch."""
    merge = service().settings().merge
    if merge == 1:
        return 1
    from ..flux.batches import most_at_once
    from ..host import models
    from ..sizes import parse_size

    width, height = parse_size(order.size)
    return min(merge, most_at_once(width * height, models.device_memory()))


def drawer() -> HostDrawer:
    """What draws for it."""
    from .drawing import HostDrawer

    found = service().scheduler.drawer
    assert isinstance(found, HostDrawer)
    return found
