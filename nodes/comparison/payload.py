"""What a comparison says: the `metrics` JSON, and what the widget on the canvas needs to show it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .align import RULES
from .compare import Comparison, Request
from .metrics import CAUTION, MEANINGS

if TYPE_CHECKING:
    import torch

VERSION = 1


def metrics_json(request: Request, done: Comparison) -> dict[str, Any]:
    """The `metrics` output; keys are stable."""
    labels = {side.slot: side.label for side in request.sides}
    return {
        "version": VERSION,
        "comparison": done.id,
        "alignment": {"rule": request.rule.value, "meaning": RULES[request.rule]},
        "pairing": {"rows": len(done.pairing.rows), "note": done.pairing.note},
        "pictures": [
            {
                "slot": side.slot, "label": side.label, "count": len(side.images),
                "width": side.size[0], "height": side.size[1],
                "repaired": side.repaired, "sha256": done.fingerprints[side.slot],
            }
            for side in request.sides
        ],
        "meaning": {name: text for name, text in MEANINGS.items() if any(name in m.numbers for m in done.matches)},
        "caution": CAUTION,
        "pairs": [
            {
                "pair": match.row + 1, "a": labels["a"], "b": labels[match.slot], "slot": match.slot,
                "aligned": match.aligned.note, "scaled": match.aligned.scaled, **match.numbers,
            }
            for match in done.matches
        ],
    }  # fmt: skip


def payload(
    request: Request,
    done: Comparison,
    metrics: dict[str, Any],
    *,
    prompt: str,
    category: str,
    save: Callable[[torch.Tensor], list[dict[str, str]]],
) -> dict[str, Any]:
    """What the widget needs, as JSON.

    Args:
        save: stores an IMAGE batch for the browser and returns one `{filename, subfolder, type}` a picture.
    """
    return {
        "version": VERSION,
        "id": done.id,
        "prompt": prompt,
        "category": category,
        "sides": [
            {
                "slot": side.slot, "label": side.label, "width": side.size[0], "height": side.size[1],
                "files": save(side.images), "sha256": done.fingerprints[side.slot],
                "captions": [{"line": c.line, "prompt": c.prompt, "facts": c.facts} for c in side.captions],
            }
            for side in request.sides
        ],
        "rows": [list(row) for row in done.pairing.rows],
        "matches": [
            {
                "row": match.row, "slot": match.slot, "note": match.aligned.note,
                "place": [match.aligned.placement.x, match.aligned.placement.y,
                          match.aligned.placement.width, match.aligned.placement.height],
                "difference": file,
            }
            for match, file in zip(done.matches, save(done.difference), strict=True)
        ],
        "sheet": save(done.sheet),
        "metrics": metrics,
    }  # fmt: skip
