"""Texts that make a backtracking pattern suffer, made from the pattern itself and from what prompts are made of.

A pattern takes more than linear time where it can begin, or divide a text, in many places and fails in the end. So
each repetition in a pattern is pumped: what leads up to it once and what it repeats many times, both together many
times, with an end that fits nothing. What the generator does not think of, the fillers hold.
"""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Iterator
from functools import cache

if sys.version_info >= (3, 11):
    import re._constants as constants
    import re._parser as parser
else:
    import sre_constants as constants
    import sre_parse as parser

# Blanks, brackets, quotes, repeats, combining marks (Mn, Mc), ligatures, lines, nesting, almost-matches.
FILLERS = (
    " ", "\n", "\t", " \n", "\u3000", "(", ")", "((", "()", "[", "]", "{", "{a|", "<", "a<", '"', '"a', "'", "'a ", "“",
    "‘a’a", "«", "a", "A", "A.", "a.", "ab ", "1", "1,", "1x", "1 x ", "1:", ",", ", ", ", a", ",a", ".", ". ", ".. ",
    "-", "--", "—", " - ", "_", "*", "**a", "`", "#", "#f", "\\(", "|", "=", "/", ":", "::", "e\u0301", "\u0301",
    "\u0903", "ﬁ", "一", "\u200d", "\ue002", "\ue002\ue010\ue003 ", "no ", "no any ", "no cars, ", "without ",
    "of ", "and ", "or ", "```", "<think>", "{", "S1 ", "http://a", "very ", "8k ", "8k, ", "masterpiece ", "red ",
    "red #", "the image ", "f*", "n u d e ", "n\u0336\u0301", "\u302e\u0327", "\u0316\u200d\ufe0f",
    "\U0001d165\U0001d16d", "\uff9e\u0301", "\u3164\u302a", "\u115f\u1160", "\ufdfa", "\ud800", "א(a", "نص ",
    "👩\u200d👧", "&amp;", "&#0", "%25", "\\u00", "((a:1", "[a:b:0.5]", "{2$$", "{a|b}", "__a", "embedding:a ",
    "shooting a the ", ";=", "\r",
)  # fmt: skip
MISFIT = "\x01\uffff"  # no pattern is looking for this
_CHARACTERS = {
    constants.CATEGORY_SPACE: " \n\t",
    constants.CATEGORY_NOT_SPACE: "a-",
    constants.CATEGORY_WORD: "ab1_",
    constants.CATEGORY_NOT_WORD: " ,(",
    constants.CATEGORY_DIGIT: "12",
    constants.CATEGORY_NOT_DIGIT: "a ,",
}


class _Sampler:
    """Writes texts that fit a parsed pattern, and remembers where it repeated something."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._groups: dict[int, str] = {}
        self.pumps: list[tuple[str, str]] = []  # (what leads up to a repetition, what is repeated)

    def write(self, nodes: parser.SubPattern, before: str = "") -> str:
        text = ""
        for name, value in nodes:
            text += self._one(name, value, before + text)
        return text

    def _one(self, name: object, value: object, before: str) -> str:
        if name is constants.LITERAL:
            return chr(value)
        if name is constants.NOT_LITERAL:
            return "a" if value != ord("a") else "b"
        if name is constants.ANY:
            return "a"
        if name is constants.IN:
            return self._of_set(value)
        if name is constants.BRANCH:
            return self.write(self._random.choice(value[1]), before)
        if name is constants.SUBPATTERN:
            text = self.write(value[-1], before)
            self._groups[value[0]] = text
            return text
        if name is constants.GROUPREF:
            return self._groups.get(value, "")
        if name in (constants.MAX_REPEAT, constants.MIN_REPEAT, getattr(constants, "POSSESSIVE_REPEAT", None)):
            least, most, body = value
            text = self.write(body, before)
            if most > 1:
                self.pumps.append((before, text))
            return text * max(least, self._random.choice((0, 1)) if most else 0)
        if name is getattr(constants, "ATOMIC_GROUP", None):
            return self.write(value, before)
        return ""  # places and assertions

    def _of_set(self, items: list) -> str:
        fits: list[str] = []
        taken = items[0][0] is constants.NEGATE
        excluded: set[str] = set()
        for name, value in items:
            if name is constants.LITERAL:
                found = chr(value)
            elif name is constants.RANGE:
                found = chr(value[0]) + chr(value[1])
            elif name is constants.CATEGORY:
                found = _CHARACTERS.get(value, "a")
            else:
                continue
            fits.append(found)
            excluded.update(found)
        if taken:
            return self._random.choice([c for c in 'a ,(1."\n—é' if c not in excluded] or ["ø"])
        return self._random.choice("".join(fits))


@cache
def pumps(pattern: re.Pattern[str], seeds: int = 6) -> tuple[tuple[str, str], ...]:
    """(lead, repeated) of a pattern; `lead + repeated * many + MISFIT` is what it has to survive."""
    found: dict[tuple[str, str], None] = {}
    for seed in range(seeds):
        sampler = _Sampler(seed)
        whole = sampler.write(parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG))
        for lead, repeated in sampler.pumps:
            if repeated:
                found[lead, repeated] = None
                found["", lead + repeated] = None
                found["", repeated] = None
                found[lead, repeated + " "] = None
        if whole:
            found["", whole] = None
            found["", whole + " "] = None
            for filler in (" ", "a ", ",", "\n"):
                found[whole, filler] = None
                found["", whole + filler * 40] = None
    return tuple(found)


def of_pattern(pattern: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    """Every (lead, repeated) that a pattern is tried with."""
    yield from pumps(pattern)
    for filler in FILLERS:
        yield "", filler


def text_of(lead: str, repeated: str, length: int) -> str:
    """`length` characters of it, more or less."""
    return lead + repeated * max(1, length // len(repeated)) + MISFIT
