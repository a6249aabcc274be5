"""Votes as files for other programs: CSV for spreadsheets, JSONL for scripts."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence

from ..csv_cells import harmless
from .votes import SLOTS, Vote, as_json

_SIDE_COLUMNS = ("label", "width", "height", "model", "seed", "style", "quality", "seconds", "cost", "sha256")
COLUMNS = (
    "cast_at", "comparison", "pair", "choice", "chosen_label", "blind", "category", "prompt",
    *(f"{name}_{slot}" for slot in SLOTS for name in _SIDE_COLUMNS),
)  # fmt: skip


def to_jsonl(votes: Sequence[Vote]) -> str:
    """One JSON object a line."""
    return "".join(json.dumps(as_json(vote), ensure_ascii=False) + "\n" for vote in votes)


def to_csv(votes: Sequence[Vote]) -> str:
    """A table with a heading; opens in spreadsheets as UTF-8, and no cell is a formula."""
    buffer = io.StringIO()
    buffer.write("\ufeff")  # tells Excel that this is UTF-8
    writer = csv.DictWriter(buffer, COLUMNS, restval="")
    writer.writeheader()
    for vote in votes:
        row: dict[str, object] = {
            "cast_at": vote.cast_at, "comparison": vote.comparison, "pair": vote.pair, "choice": vote.choice,
            "chosen_label": next((side.label for side in vote.sides if side.slot == vote.choice), ""),
            "blind": int(vote.blind), "category": vote.category, "prompt": vote.prompt,
        }  # fmt: skip
        for side in vote.sides:
            values = {"label": side.label, "width": side.width, "height": side.height, "sha256": side.sha256}
            for name in _SIDE_COLUMNS:
                row[f"{name}_{side.slot}"] = values.get(name, side.facts.get(name, ""))
        writer.writerow({name: harmless(value) for name, value in row.items()})
    return buffer.getvalue()
