"""Where a picture comes from, in the picture: a record in the PNG's text and in a JSON file beside it.

The record names the row of the ledger it was paid with. It holds no key and no address: the endpoint is named
as in the user's own file.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from .. import pictures
from ..info import Info
from ..state import write_file

if TYPE_CHECKING:
    import torch

PNG_KEYWORD = "dalle_flux"


def records(info: Info) -> list[dict[str, Any]]:
    """One record for each picture of a node's `info`."""
    shared = {name: getattr(info, name) for name in ("endpoint", "model", "operation", "seed", "prompt")}
    shared["parameters"] = {name: value for name, value in (info.sent or {}).items() if name != "prompt"}
    own = ("ledger_row", "request_id", "revised_prompt", "sha256", "sent_at")
    return [{**shared, **{name: getattr(picture, name) for name in own}} for picture in info.pictures]


@dataclass(frozen=True)
class Traces:
    """A run as the host knows it: the node, the graph, and what goes into every PNG that SaveImage writes for it."""

    node_id: str
    graph: Any  # as the host got it
    pnginfo: dict[str, Any]  # shared with SaveImage; what is added here stands in its files

    async def leave(
        self,
        images: torch.Tensor,
        info: Info,
        filename_prefix: str,
        place: Callable[[str, int, int], tuple[str, str, int]],
        keep: bool,
    ) -> None:
        """Say where the pictures come from: in what SaveImage writes for this run, and in files of our own if asked.

        Args:
            images: IMAGE `[B,H,W,3]`.
            filename_prefix: of the files of our own; empty: none.
            place: from a prefix, width and height to a folder, a name and the first free number.
            keep: False: the host keeps no metadata; the files get pictures and nothing else.
        """
        found = records(info)
        if keep:
            if not isinstance(self.pnginfo.get(PNG_KEYWORD), dict):
                self.pnginfo[PNG_KEYWORD] = {}
            self.pnginfo[PNG_KEYWORD][str(self.node_id)] = found
        if not filename_prefix.strip():
            return
        graph = {"prompt": self.graph, **self.pnginfo}
        text = {key: json.dumps(value) for key, value in graph.items() if key != PNG_KEYWORD}
        await asyncio.to_thread(_save_all, images, found if keep else None, filename_prefix, place, text)


_saving = threading.Lock()  # a number is free only until it is taken


def _save_all(
    images: torch.Tensor,
    found: list[dict[str, Any]] | None,
    filename_prefix: str,
    place: Callable[[str, int, int], tuple[str, str, int]],
    text: dict[str, str],
) -> None:
    """`found` None: pictures and nothing else."""
    opened = pictures.to_pil(images)
    with _saving:
        folder, name, counter = place(filename_prefix, *opened[0].size)
        for offset, picture in enumerate(opened):
            file = Path(folder) / f"{name}_{counter + offset:05}_.png"
            if found is None:
                write_file(file, pictures.encode_png(picture))
            else:
                save(picture, found[offset], file, text)


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
