"""Small copies of the archive's pictures, made when they are first asked for. They can be deleted at any time."""

from __future__ import annotations

import io
import threading
from pathlib import Path

from ..pictures import reduced
from ..state import State, write_file
from .items import get

EDGE = 320  # px, the longer one at most
_one_large_picture = threading.Lock()  # in memory at a time


def thumbnail(state: State, item_id: str) -> Path:
    """The file of the small copy, WebP.

    Raises:
        NoSuchItem: there is no such picture.
        BadPicture: it is damaged, gone, or too large to be opened.
    """
    try:
        kept = state.kept(item_id)
    except ValueError:
        kept = state.kept(get(state, item_id).id)
    file = place(state, kept.name)
    if not file.is_file():
        get(state, item_id)  # other rooms keep pictures, too
        with _one_large_picture:
            small = reduced(kept, EDGE)
        buffer = io.BytesIO()
        small.save(buffer, "WEBP", quality=80)
        write_file(file, buffer.getvalue(), private=True)
    return file


def place(state: State, item_id: str) -> Path:
    """Where an item's small copy lies once it is made."""
    return state.root / "thumbnails" / item_id[:2] / f"{item_id}.webp"
