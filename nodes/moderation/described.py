"""A small trained model beside the term lists: what is told without any listed word.

A word is the mean of its letter groups' vectors (so that forms of a word it was trained with are alike), five words in
a row say something together, and what is said within some thirty words is judged as a whole. All weights are small
integers and no sum reaches 2²⁴, so float32 holds every number exactly: all machines give the same answer.

`tests/moderation_data/train.py` writes the weights and says what they were trained with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from .categories import Category
from .reading import CHARACTERWISE, MOST_REMEMBERED

WEIGHTS = Path(__file__).parent / "terms" / "described.npz"
LABELS = (
    Category.SEXUAL, Category.VIOLENCE, Category.VIOLENCE_GRAPHIC, Category.SELF_HARM, Category.HARASSMENT,
    Category.HARASSMENT_THREATENING, Category.HATE, Category.HATE_THREATENING, Category.ILLICIT,
    Category.ILLICIT_VIOLENT,
)  # fmt: skip
AROUND = 2  # words on either side that are read with a word
BLOCK = 16  # words; two blocks in a row are judged together
MOST = 127  # of every weight and of everything between the layers
GROUPS = (3, 4, 5)  # letters
_LONGEST = 24  # letters of a word that are read
_NO_WORDS = [0] * AROUND


@dataclass(frozen=True)
class Told:
    """Words `start` to `end` (exclusive) say something of a category."""

    category: Category
    start: int
    end: int


@dataclass(frozen=True)
class Weights:
    """Whole numbers from -127 to 127, but for the biases.

    Shapes: B buckets, D numbers a word, H what five words say, K what all say together, 1 + labels.
    """

    groups: NDArray[np.int8]  # [B, D]
    near: NDArray[np.float32]  # [(2 · AROUND + 1) · D, H]
    near_bias: NDArray[np.float32]  # [H]
    whole: NDArray[np.float32]  # [H, K]
    whole_bias: NDArray[np.float32]  # [K]
    labels: NDArray[np.float32]  # [K, 1 + len(LABELS)]; the first is harm of whatever kind
    labels_bias: NDArray[np.float32]
    divisor: NDArray[np.float32]  # a power of two: brings the sums of the first two layers below 127


def groups_of(word: str, buckets: int) -> list[int]:
    """The buckets of a word's letter groups and of the word itself."""
    marked = f"<{word[:_LONGEST]}>".encode("utf-32-le")
    parts = {marked[at : at + 4 * size] for size in GROUPS for at in range(0, len(marked) - 4 * size + 1, 4)}
    return sorted({crc32(part) % buckets for part in (*parts, marked)})


def tokens(words: Sequence[str]) -> list[str]:
    """`words`, with characters of scripts without blanks as groups of up to three in a row."""
    if all(word.isascii() for word in words):
        return list(words)
    single = [bool(CHARACTERWISE.match(word)) for word in words] + [False, False]
    found = []
    for place, word in enumerate(words):
        if single[place] and single[place + 1]:
            word += words[place + 1]
            if single[place + 2]:
                word += words[place + 2]
        found.append(word)
    return found


class Model:
    """Judges words; linear in their number."""

    def __init__(self, weights: Weights):
        w, self._groups = weights, weights.groups
        # Divided beforehand: by a power of two that changes no digit.
        self._near, self._near_bias = w.near / w.divisor, w.near_bias / w.divisor
        self._whole, self._whole_bias = w.whole / w.divisor, w.whole_bias / w.divisor
        self._labels, self._labels_bias = w.labels, w.labels_bias
        self._buckets, self._size = w.groups.shape
        self._lock = Lock()  # of the two below
        self._rows: dict[str, int] = {}  # token → its row in `_vectors`
        self._vectors = np.zeros((1024, self._size), np.float32)  # the first is of no word at all

    def told(self, words: Sequence[str]) -> list[Told]:
        """What the words tell, one entry a stretch of two blocks."""
        if not words:
            return []
        count = len(words)
        vectors = self._look_up(tokens(words))
        # [count, (2 · AROUND + 1) · D]: each word's row with its neighbours', which lie beside it.
        five = np.ndarray((count, len(self._near)), np.float32, vectors, 0, vectors.strides)
        sums = five.copy() @ self._near  # as it is, no BLAS would multiply it
        if count <= BLOCK:
            blocks = sums.max(0, keepdims=True)
        else:
            blocks = np.maximum.reduceat(sums, np.arange(0, count, BLOCK))
            blocks = np.maximum(blocks[:-1], blocks[1:])
        near = _brought_down(blocks + self._near_bias)
        whole = _brought_down(near @ self._whole + self._whole_bias)
        scores = whole @ self._labels + self._labels_bias
        return [
            Told(LABELS[int(scores[at, 1:].argmax())], at * BLOCK, min((at + 2) * BLOCK, count))
            for at, harm in enumerate(scores[:, 0].tolist())
            if harm > 0
        ]

    def _look_up(self, parts: list[str]) -> NDArray[np.float32]:
        """[len(parts) + 2 · AROUND, D], with no words at both ends; what was read before is remembered."""
        rows = self._rows
        with self._lock:
            try:
                places = [rows[part] for part in parts]
            except KeyError:
                self._remember(parts)
                places = [rows[part] for part in parts]
            return self._vectors[[*_NO_WORDS, *places, *_NO_WORDS]]

    def _remember(self, parts: list[str]) -> None:
        rows = self._rows
        if len(rows) + len(parts) > MOST_REMEMBERED:
            rows.clear()
        new = [part for part in dict.fromkeys(parts) if part not in rows]
        while len(rows) + len(new) >= len(self._vectors):
            self._vectors = np.concatenate((self._vectors, np.zeros_like(self._vectors)))
        for part in new:
            rows[part] = row = len(rows) + 1
            self._vectors[row] = self._vector(part)

    def _vector(self, part: str) -> NDArray[np.int32]:
        found = self._groups[groups_of(part, self._buckets)]
        return np.asarray(found.sum(0, dtype=np.int32) * 4 // len(found)).clip(-MOST, MOST)


def _brought_down(sums: NDArray[np.float32]) -> NDArray[np.float32]:
    """From 0 to 127, whole numbers."""
    return np.minimum(np.maximum(np.floor(sums), 0), MOST)


@cache
def model(file: Path = WEIGHTS) -> Model:
    """The shipped model."""
    with np.load(file) as kept:
        return Model(Weights(*(kept[name] for name in Weights.__dataclass_fields__)))
