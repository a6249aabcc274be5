"""One comparison: pictures with labels in, a sheet, heat maps and numbers out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from .. import pictures
from .align import Align, Aligned, align
from .captions import Caption
from .difference import heat_map
from .pairs import Pairing, pair
from .sheet import THEMES, Cell, SheetRow, draw_sheet

if TYPE_CHECKING:
    import torch

SLOTS = "abcd"


@dataclass(frozen=True)
class Side:
    """One connected socket."""

    slot: str  # "a" … "d"
    label: str
    images: torch.Tensor  # [B,H,W,3] float32 0…1, from `clean`
    captions: Sequence[Caption]  # one a picture
    repaired: bool = False  # held NaN, infinities or values outside 0…1

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return int(self.images.shape[2]), int(self.images.shape[1])


@dataclass(frozen=True)
class CompareRequest:
    """What to compare and how to show it."""

    sides: Sequence[Side]  # two to four, A first
    rule: Align
    theme: Literal["dark", "light"] = "dark"
    captions: bool = True
    cell: int = 768  # px; width of a picture on the sheet
    measure: bool = True
    title: str = ""  # of the sheet and the report
    notes: str = ""


@dataclass(frozen=True)
class ComparedPair:
    """Picture A of one row against another picture of the same row."""

    row: int
    slot: str  # the other picture's
    aligned: Aligned
    numbers: dict[str, Any] = field(default_factory=dict)  # metric → value; empty when not measured


@dataclass(frozen=True)
class Comparison:
    """Everything that came out."""

    id: str  # the same pictures under the same labels have the same id
    pairing: Pairing
    matches: tuple[ComparedPair, ...]
    sheet: torch.Tensor  # [pages,H,W,3]
    difference: torch.Tensor  # [matches,H,W,3], A's size
    fingerprints: dict[str, list[str]]  # slot → SHA-256 of each picture's 8-bit pixels


def clean(images: torch.Tensor) -> tuple[torch.Tensor, bool]:
    """IMAGE of 1, 3 or 4 channels → `[B,H,W,3]` float32 in 0…1, alpha laid over white.

    Returns:
        The pictures, and whether anything but the channels had to be changed (NaN, infinities, range).
    """
    import torch

    batch = images.detach().cpu().float()
    batch = batch.unsqueeze(0) if batch.ndim == 3 else batch
    fine = bool(((batch >= 0.0) & (batch <= 1.0)).all())  # False for NaN too
    if not fine:
        batch = torch.nan_to_num(batch, nan=0.0, posinf=1.0, neginf=0.0).clamp(0.0, 1.0)
    if batch.shape[-1] == 4:
        alpha = batch[..., 3:]
        batch = batch[..., :3] * alpha + (1.0 - alpha)
    elif batch.shape[-1] == 1:
        batch = batch.expand(*batch.shape[:-1], 3)
    return batch.contiguous(), not fine


def compare(
    request: CompareRequest,
    numbers: Callable[[Aligned], dict[str, Any]],
    tick: Callable[[int, int], None] = lambda done, total: None,
) -> Comparison:
    """Compare every row's A with every other picture of the row.

    Args:
        numbers: measures one aligned pair.
        tick: called with the matches done and their total; may raise to stop.
    """
    import torch

    first, *others = request.sides
    pairing = pair([len(side.images) for side in request.sides], [side.slot.upper() for side in request.sides])
    wanted = [
        (row, indices[0], indices[at], side)
        for row, indices in enumerate(pairing.rows)
        for at, side in enumerate(others, start=1)
        if indices[0] is not None and indices[at] is not None
    ]
    matches: list[ComparedPair] = []
    maps: list[torch.Tensor] = []
    for row, index_a, index_b, side in wanted:
        tick(len(matches), len(wanted))
        aligned = align(first.images[index_a], side.images[index_b], request.rule)
        matches.append(ComparedPair(row, side.slot, aligned, numbers(aligned) if request.measure else {}))
        maps.append(heat_map(aligned, *first.size))
    prints = {side.slot: [_fingerprint(array) for array in pictures.to_bytes_arrays(side.images)]
              for side in request.sides}  # fmt: skip
    return Comparison(
        id=_id(request.sides, prints),
        pairing=pairing,
        matches=tuple(matches),
        sheet=_sheet(request, pairing, matches),
        difference=torch.stack(maps),
        fingerprints=prints,
    )


def _sheet(request: CompareRequest, pairing: Pairing, matches: Sequence[ComparedPair]) -> torch.Tensor:
    sizes = {side.slot: side.size for side in request.sides}
    first = request.sides[0]
    rows = []
    for row, indices in enumerate(pairing.rows):
        cells = []
        for side, index in zip(request.sides, indices, strict=True):
            if index is None:
                cells.append(Cell(None))
                continue
            caption = side.captions[index]
            lines = (caption.line, caption.prompt) if request.captions else ()
            differs = sizes[side.slot] != first.size
            size = "{}×{}".format(*side.size)
            warning = f"{size}, A is {first.size[0]}×{first.size[1]}" if differs else ""
            (picture,) = pictures.to_pil(side.images[index])
            cells.append(Cell(picture, tuple(line for line in lines if line), warning))
        rows.append(SheetRow(tuple(cells), _row_note(row, len(pairing.rows), matches)))
    labels = [side.label for side in request.sides]
    pages = draw_sheet(labels, rows, THEMES[request.theme], request.cell, request.title, request.notes)
    return pictures.to_tensor(pages)


def _row_note(row: int, rows: int, matches: Sequence[ComparedPair]) -> str:
    parts = [f"Pair {row + 1} of {rows}"] if rows > 1 else []
    for match in matches:
        if match.row == row and match.numbers:
            parts.append(f"A↔{match.slot.upper()}: {short(match.numbers)}")
    return "    ".join(parts)


def short(numbers: dict[str, Any]) -> str:
    """The numbers that fit on one line."""
    if numbers.get("identical"):
        return "identical"
    shown = [("SSIM {:.3f}", "ssim"), ("ΔE00 {:.1f}", "ciede2000"), ("PSNR {:.1f} dB", "psnr_db")]
    return " · ".join(form.format(numbers[name]) for form, name in shown if numbers.get(name) is not None)


def _fingerprint(array: Any) -> str:
    return hashlib.sha256(repr(array.shape).encode() + array.tobytes()).hexdigest()


def _id(sides: Sequence[Side], prints: dict[str, list[str]]) -> str:
    text = "\n".join(f"{side.slot} {side.label} {' '.join(prints[side.slot])}" for side in sides)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
