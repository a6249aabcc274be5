"""A small batch that stands for a large one: pictures of every maker, shape and style, from every time."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

_STYLES = (
    "photo", "watercolo", "oil painting", "pencil", "sketch", "line art", "3d", "render", "anime", "cartoon", "comic",
    "pixel", "vector", "flat", "logo", "icon", "poster", "woodcut", "collage", "isometric", "minimalis", "surreal",
    "portrait", "landscape", "diagram",
)  # fmt: skip
_STYLE = re.compile("|".join(map(re.escape, _STYLES)))


@dataclass(frozen=True)
class Candidate:
    """One item as far as its kind goes."""

    id: str
    maker: str
    width: int  # px
    height: int  # px
    words: str  # the beginning of its prompt

    @property
    def kind(self) -> tuple[str, int, str]:
        """Maker, shape (-1 portrait, 0 square, 1 landscape), the first style that the words name."""
        style = _STYLE.search(self.words.lower())
        return self.maker, (self.width > self.height) - (self.width < self.height), style[0] if style else ""


def spread(candidates: Sequence[Candidate], count: int) -> list[str]:
    """The ids of `count` of them, or of all: kinds take turns, the frequent ones first; of each kind first and last.

    Args:
        candidates: in the order of time.
    """
    kinds = defaultdict(list)
    for one in candidates:
        kinds[one.kind].append(one.id)
    turns = [_evenly(ids, count) for _, ids in sorted(kinds.items(), key=lambda kind: -len(kind[1]))]
    chosen: list[str] = []
    while len(chosen) < count and any(turns):
        for ids in turns:
            if ids and len(chosen) < count:
                chosen.append(ids.pop(0))
    return chosen


def _evenly(ids: list[str], count: int) -> list[str]:
    """At most `count`, the first and the last first, then what lies in the middle between those chosen."""
    if len(ids) <= 2:
        return list(ids)
    picked = dict.fromkeys([0, len(ids) - 1])
    step = len(ids) - 1
    while len(picked) < min(count, len(ids)):
        step = max(1, step // 2)
        picked.update(dict.fromkeys(range(0, len(ids), step)))
    return [ids[place] for place in picked][:count]
