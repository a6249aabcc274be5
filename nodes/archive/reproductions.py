"""New pictures beside the old ones that they reproduce, with how they were made."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from ..comparison.votes import as_json, votes
from ..pictures import encode_png, to_pil
from ..state import State
from .items import NoSuchItem, get, iso
from .tables import MIGRATIONS, ROOM

if TYPE_CHECKING:
    import torch

_LONGEST = 4_000_000  # characters of an info or metrics


def store(
    state: State, item_id: str, images: torch.Tensor, prompt: str, info: str, metrics: str, run: str = ""
) -> list[str]:
    """Store an IMAGE batch beside an item; what is there already is not stored again.

    Args:
        run: the id of the host's prompt. If a migration had it run, the item is done in the same transaction, so it
            cannot be drawn twice, whenever the power goes.

    Returns:
        The SHA-256 of each picture's PNG, under which the state folder keeps it.

    Raises:
        NoSuchItem: there is no such original.
    """
    item = get(state, item_id)
    files = [encode_png(picture) for picture in to_pil(images)]
    kept = [state.keep(file) for file in files]
    with state.database(ROOM, MIGRATIONS) as database:
        if not database.execute("SELECT 1 FROM archive_items WHERE id = ?", (item.id,)).fetchone():
            raise NoSuchItem(item.id)  # deleted just now
        for sha256, file in zip(kept, files, strict=True):
            state.keep(file)  # again: the same picture beside an item that was deleted just now is gone
            database.execute(
                "INSERT INTO archive_reproductions (item, picture, made, prompt, info, metrics) "
                "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (item, picture) DO UPDATE SET prompt = excluded.prompt, "
                "info = excluded.info, metrics = excluded.metrics",
                (item.id, sha256, time.time(), *(_storable(text) for text in (prompt, info, metrics))),
            )
        database.execute(
            "UPDATE archive_migration_items SET state = 'done', pictures = ?, error = '', ended = ? "
            "WHERE prompt = ? AND item = ? AND state = 'drawing'",
            (json.dumps(kept), time.time(), run, item.id),
        )
    return kept


def of_item(state: State, item_id: str) -> list[dict[str, Any]]:
    """The reproductions of one item, oldest first; keys are stable."""
    with state.database(ROOM, MIGRATIONS) as database:
        rows = database.execute(
            "SELECT * FROM archive_reproductions WHERE item = ? ORDER BY number", (item_id,)
        ).fetchall()
    return [
        {
            "picture": row["picture"], "made": iso(row["made"]), "prompt": row["prompt"], "info": _read(row["info"]),
            "metrics": _read(row["metrics"]),
            "votes": _votes(state, _read(row["metrics"])),
        }
        for row in rows
    ]  # fmt: skip


def _votes(state: State, metrics: object) -> list[dict[str, Any]]:
    """How people judged the comparison whose metrics these are."""
    comparison = metrics.get("comparison") if isinstance(metrics, dict) else None
    return [as_json(vote) for vote in votes(state, comparison)] if isinstance(comparison, str) else []


def _read(text: str) -> Any:
    """JSON as it was meant, any other text as it is, None for none."""
    try:
        return json.loads(text) if text else None
    except (ValueError, RecursionError):
        return text


def _storable(text: str) -> str:
    return text[:_LONGEST].replace("\0", "").encode("utf-8", "replace").decode()
