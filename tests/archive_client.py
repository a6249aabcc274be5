"""The archive's addresses as a program uses them."""

from __future__ import annotations

import time
from typing import Any

from chatgpt_exports import Export
from comfyui.server import ComfyUI

ROOT = "/dalle-flux/archive"


def take_in(comfyui: ComfyUI, export: Export, name: str = "export.zip", *, limit_s: float = 120.0) -> dict[str, Any]:
    """Put an export into the input folder, import it and wait for the end."""
    export.as_zip(comfyui.installation.base / "input" / name)
    begun = comfyui.post(f"{ROOT}/imports", {"path": name})
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        told: dict[str, Any] = comfyui.get(f"{ROOT}/imports/{begun['id']}")
        if told["state"] != "running":
            return told
        time.sleep(0.1)
    raise TimeoutError(f"the import had not ended after {limit_s:.0f} s")
