"""Where a picture comes from, in the picture: a record in the PNG's text and in a JSON file beside it.

The record names the row of the ledger it was paid with. It holds no key and no address: the endpoint is named
as in the user's own file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from .. import pictures
from ..info import Info
from ..state import write_file

PNG_KEYWORD = "dalle_flux"


def records(info: Info) -> list[dict[str, Any]]:
    """One record for each picture of a node's `info`."""
    shared = {name: getattr(info, name) for name in ("endpoint", "model", "operation", "seed", "prompt")}
    shared["parameters"] = {name: value for name, value in (info.sent or {}).items() if name != "prompt"}
    own = ("ledger_row", "request_id", "revised_prompt", "sha256", "sent_at")
    return [{**shared, **{name: getattr(picture, name) for name in own}} for picture in info.pictures]


def save(picture: Image.Image, record: Mapping[str, Any], path: Path, more_text: Mapping[str, str]) -> None:
    """Write `path` (PNG) and, with the same name, `.json`.

    Args:
        more_text: further PNG text, such as ComfyUI's own `prompt` and `workflow`.
    """
    text = json.dumps(dict(record), ensure_ascii=False)
    write_file(path, pictures.encode_png(picture, {**more_text, PNG_KEYWORD: text}))
    write_file(path.with_suffix(".json"), json.dumps(dict(record), ensure_ascii=False, indent=2).encode())


def read(path: Path) -> dict[str, Any] | None:
    """The record in a PNG's text; None if it has none."""
    with Image.open(path) as picture:
        text = getattr(picture, "text", {}).get(PNG_KEYWORD)
    record = json.loads(text) if text else None
    return record if isinstance(record, dict) else None
