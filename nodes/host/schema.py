"""What a node declares to whichever host this is: its menu category, its fields, the extension itself."""

from __future__ import annotations

import dataclasses
from typing import Any

from comfy_api.latest import ComfyExtension, io

CATEGORY = "DALL·E to FLUX"

_SCHEMA_FIELDS = {field.name for field in dataclasses.fields(io.Schema)}


def extension(node_classes: list[type[io.ComfyNode]]) -> ComfyExtension:
    """The object ComfyUI's loader wants from `comfy_entrypoint`."""

    class DalleFluxExtension(ComfyExtension):
        async def get_node_list(self) -> list[type[io.ComfyNode]]:
            return node_classes

    return DalleFluxExtension()


def schema_extras(**fields: Any) -> dict[str, Any]:
    """Those schema fields that this host knows, to be passed as `io.Schema(…, **schema_extras(…))`.

    0.3.75 lacks `search_aliases`, `price_badge`, `essentials_category` and more.
    """
    return {name: value for name, value in fields.items() if name in _SCHEMA_FIELDS}


def advanced(widget: Any) -> Any:
    """Fold an input away behind the node's "advanced" button, where the frontend has one."""
    widget.extra_dict = {**(getattr(widget, "extra_dict", None) or {}), "advanced": True}
    return widget
