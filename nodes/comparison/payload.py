"""What a comparison says: the `metrics` JSON, and what the widget on the canvas needs to show it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .. import pictures
from .align import RULES
from .compare import CompareRequest, Comparison
from .lettering import MAX_CHARACTERS, lacking
from .metrics import CAUTION, MEANINGS
from .report import Figure

if TYPE_CHECKING:
    import torch

VERSION = 1
REPAIRED = "{} held values outside 0…1, infinities or NaN; they were clipped, NaN became 0."
BOXES = "The sheet has no letters for {}; boxes stand there, the texts themselves are kept whole."
_NAMED = 12  # characters that the sentence lists at the most


def metrics_json(
    request: CompareRequest,
    done: Comparison,
    *,
    adherence: Mapping[str, Sequence[float]] | None = None,
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """The `metrics` output; keys are stable.

    Args:
        adherence: slot → CLIP prompt adherence of each of its pictures, where it was measured.
        notes: further sentences for people.
    """
    followed = adherence or {}
    measured = {name for match in done.matches for name in match.numbers}
    measured |= {"clip_adherence"} if followed else set()
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
                **({"clip_adherence": list(followed[side.slot])} if side.slot in followed else {}),
            }
            for side in request.sides
        ],
        "notes": [
            *notes,
            *(REPAIRED.format(side.slot.upper()) for side in request.sides if side.repaired),
            *_boxes(request),
        ],
        "meaning": {name: text for name, text in MEANINGS.items() if name in measured},
        "caution": CAUTION,
        "pairs": [
            {
                "pair": match.row + 1, "a": labels["a"], "b": labels[match.slot], "slot": match.slot,
                "aligned": match.aligned.note, "scaled": match.aligned.scaled, **match.numbers,
                **_followed(followed, match.slot, done.pairing.rows[match.row]),
            }
            for match in done.matches
        ],
    }  # fmt: skip


def _boxes(request: CompareRequest) -> list[str]:
    """What is said when the sheet's fonts lack letters of its labels and captions."""
    captions = [caption for side in request.sides for caption in side.captions] if request.captions else []
    texts = [
        request.title,
        request.notes,
        *(side.label for side in request.sides),
        *(f"{one.line} {one.prompt}" for one in captions),
    ]
    missing = lacking(" ".join(text[:MAX_CHARACTERS] for text in dict.fromkeys(texts)))
    more = " …" if len(missing) > _NAMED else ""
    return [BOXES.format(" ".join(missing[:_NAMED]) + more)] if missing else []


def _followed(adherence: Mapping[str, Sequence[float]], slot: str, row: Sequence[int | None]) -> dict[str, float]:
    """The prompt adherence of a match's two pictures."""
    slots = list(adherence)
    if slot not in slots or "a" not in slots:
        return {}
    first, other = row[0], row[slots.index(slot)]
    if first is None or other is None:
        return {}
    return {"clip_adherence_a": adherence["a"][first], "clip_adherence": adherence[slot][other]}


def report_rows(request: CompareRequest, done: Comparison) -> list[list[Figure]]:
    """The pictures and difference maps of each row, for the HTML report."""
    rows = []
    for number, indices in enumerate(done.pairing.rows):
        figures = []
        for side, index in zip(request.sides, indices, strict=True):
            title = f"{side.slot.upper()} · {side.label}"
            if index is None:
                figures.append(Figure(title, (), None))
                continue
            caption = side.captions[index]
            (picture,) = pictures.to_pil(side.images[index])
            lines = ("{}×{}".format(*side.size), caption.line, caption.prompt)
            figures.append(Figure(title, tuple(line for line in lines if line), picture))
        for at, match in enumerate(done.matches):
            if match.row == number:
                (picture,) = pictures.to_pil(done.difference[at])
                figures.append(Figure(f"Difference A ↔ {match.slot.upper()}", (match.aligned.note,), picture))
        rows.append(figures)
    return rows


def payload(
    request: CompareRequest,
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
