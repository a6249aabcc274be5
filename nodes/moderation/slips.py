"""Listed words with a slip of the pen in them: one letter swapped, missing, too much, doubled or another.

Only words that mean something by themselves are looked for, and the shorter a word, the fewer slips count. What is a
word of its own, one slip away from a listed one, stands in `terms/ordinary.txt`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

LONG = 7  # letters from which any one slip counts; below, swapped and doubled letters
_SHORT = 5  # letters from which swapped letters count; below, doubled ones
_SHORTEST = 4
_STEM = 8  # letters of a beginning from which a slip in it counts
_START = 3  # letters of it that must stand as they are
_LONGEST = 24  # letters of a word that is looked at


class Slips:
    """Finds the listed word that a misspelt one means.

    Args:
        words: folded, without spaces.
        stems: beginnings of words.
        ordinary: words that are never taken for another.
    """

    def __init__(self, words: Iterable[str], stems: Iterable[str], ordinary: Collection[str] = ()):
        self._ordinary = ordinary
        self._shortened: dict[str, list[str]] = defaultdict(list)  # a word less one letter → the words
        for word in sorted({word for word in words if len(word) >= _SHORTEST}):
            for short in {word, *_less_one(word)}:
                self._shortened[short].append(word)
        self._stems: dict[str, list[str]] = defaultdict(list)
        for stem in sorted({stem for stem in stems if len(stem) >= _STEM}):
            self._stems[stem[:_START]].append(stem)

    def meant(self, word: str) -> str | None:
        """The listed word or beginning that `word` is one slip away from."""
        if word in self._ordinary or not _SHORTEST < len(word) <= _LONGEST:
            return None
        for short in (word, *_less_one(word)):
            for listed in self._shortened.get(short, ()):
                if is_slip(listed, word):
                    return listed
        for stem in self._stems.get(word[:_START], ()):
            for length in (len(stem), len(stem) + 1, len(stem) - 1):
                if len(word) >= length and is_slip(stem, word[:length]):
                    return stem
        return None


def is_slip(listed: str, written: str) -> bool:
    """True if `written` differs from `listed` by one slip that counts for a word of that length."""
    if abs(len(listed) - len(written)) > 1 or listed[0] != written[0] or listed == written:
        return False
    start, most = 0, min(len(listed), len(written))
    while start < most and listed[start] == written[start]:
        start += 1
    end = 0
    while end < most - start and listed[-1 - end] == written[-1 - end]:
        end += 1
    was, came = listed[start : len(listed) - end], written[start : len(written) - end]
    if len(listed) >= LONG:
        return max(len(was), len(came)) == 1 or (len(was) == 2 and was == came[::-1])
    if len(listed) >= _SHORT and len(was) == 2:
        return was == came[::-1]
    return not was and len(came) == 1 and came == written[start - 1]


def _less_one(word: str) -> list[str]:
    return [word[:place] + word[place + 1 :] for place in range(len(word))]
