"""Which picture of one batch is compared with which of another, and what is said when the batches differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import DalleFluxError


class EmptyBatch(DalleFluxError):
    """A socket that delivers no picture."""

    code = "empty_batch"


@dataclass(frozen=True)
class Pairing:
    """Rows of pictures that belong together."""

    rows: tuple[tuple[int | None, ...], ...]  # for each row: the picture's index in each batch, None where it ran out
    note: str  # one sentence; empty when every batch has the same length


def pair(lengths: Sequence[int], names: Sequence[str] = "ABCD") -> Pairing:
    """Pair batches picture by picture, in order.

    One picture alone is compared with every picture of a longer batch. Any other batch that is too short
    runs out: its place stays empty in the remaining rows, nothing is repeated silently.

    Args:
        lengths: number of pictures in each connected batch.
        names: what the sentence calls each batch.

    Raises:
        EmptyBatch: a batch has no pictures.
    """
    if not lengths or min(lengths) < 1:
        empty = next((name for name, length in zip(names, lengths, strict=False) if length < 1), names[0])
        raise EmptyBatch(f"Picture {empty} is an empty batch, so there is nothing to compare; check what makes it.")
    count = max(lengths)
    rows = tuple(
        tuple(0 if length == 1 else (row if row < length else None) for length in lengths) for row in range(count)
    )
    if len(set(lengths)) == 1:
        return Pairing(rows, "")
    parts = []
    for name, length in zip(names, lengths, strict=False):
        if length == 1:
            parts.append(f"the one picture of {name} goes with all {count}")
        elif length < count:
            parts.append(f"{name} has {length} of {count} pictures, the rest stays unpaired")
    return Pairing(rows, "Batches differ in length: " + "; ".join(parts) + ".")
