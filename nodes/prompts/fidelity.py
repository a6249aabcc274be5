"""What must survive a conversion: quoted texts, numbers, counts, named colours, proper names, where things are."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from .quoting import MARK, clean, protect, unescape
from .rules.colours import BASIC


@dataclass(frozen=True)
class Item:
    """One thing that was said."""

    kind: str  # "quoted", "number", "colour", "name", "place"
    text: str  # as it was written


_NUMBERS = {
    "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9",
    "ten": "10", "eleven": "11", "twelve": "12", "dozen": "12", "pair": "2", "single": "1", "both": "2", "couple": "2",
    "twin": "2", "trio": "3", "twenty": "20", "hundred": "100", "thousand": "1000",
}  # fmt: skip
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_NUMBER_WORD = re.compile(
    r"\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|pair|twenty|hundred|thousand)\b", re.I
)
_COLOUR = re.compile(rf"\b(?:{BASIC})\b", re.IGNORECASE)
# Words for where things are → the place they mean, so that "under" and "below" are the same.
_PLACES: dict[str, str] = {
    "left": "left", "right": "right", "above": "above", "overhead": "above", "over": "above", "below": "below",
    "under": "below", "underneath": "below", "beneath": "below", "on top": "on top", "atop": "on top",
    "behind": "behind", "in front": "in front", "between": "between", "inside": "inside", "within": "inside",
    "next to": "next to", "beside": "next to", "alongside": "next to", "side by side": "next to",
    "adjacent": "next to", "nearby": "next to", "upside down": "upside down", "upside-down": "upside down",
}  # fmt: skip
_PLACE = re.compile(rf"\b(?:{'|'.join(sorted(_PLACES, key=len, reverse=True))})\b", re.IGNORECASE)
_LETTER = re.compile(r"\w")
_NAME = re.compile(r"(?<=[a-z,;\d] )[A-Z][\w’'-]+(?: [A-Z][\w’'-]+)*")
_NOT_A_NAME = frozenset(["I", "I'm", "I’m", "A", "An", "The", "It", "In", "On", "And", "With", "DALL"])
_PLURAL = {"grey": "gray", "golden": "gold"}


def items(text: str, *, words: bool = True) -> list[Item]:
    """What `text` says that must not get lost, once each.

    Args:
        text: as people read it, or escaped as the host wants it.
        words: False leaves out what is bound to English: number words, colours, names, places.
    """
    marked, quotes = protect(clean(unescape(text)))
    found = [Item("quoted", body) for body in quotes.bodies()]
    if quotes.texts:
        marked = MARK.sub(" ", marked)
    found += [Item("number", number) for number in _NUMBER.findall(marked)]
    if words:
        found += [Item("number", word) for word in _NUMBER_WORD.findall(marked)]
        found += [Item("colour", colour) for colour in _COLOUR.findall(marked)]
        found += [Item("place", match[0]) for match in _PLACE.finditer(marked)]
        found += [Item("name", name) for name in _NAME.findall(marked) if name not in _NOT_A_NAME]
    return list(dict.fromkeys(found))


def missing(wanted: Iterable[Item], text: str) -> list[Item]:
    """Those of `wanted` that `text` does not say: "3" and "three" are the same, so are "under" and "below"."""
    plain = clean(unescape(text))
    lower = plain.lower()
    has: dict[str, set[str]] = {}

    def said(kind: str) -> set[str]:
        if kind not in has:
            has[kind] = {_key(item) for item in items(plain) if item.kind == kind}
        return has[kind]

    lost = []
    for item in wanted:
        if item.kind == "quoted":
            kept = item.text in plain
        elif item.kind == "name":
            kept = item.text.lower() in lower
        elif item.kind == "number":
            kept = _key(item) in said("number") or _word_in(item.text, lower) or _count_in(_key(item), lower)
        else:
            kept = _key(item) in said(item.kind) or _word_in(item.text, lower)
        if not kept:
            lost.append(item)
    return lost


def _key(item: Item) -> str:
    word = item.text.lower()
    if item.kind == "number":
        return _NUMBERS.get(word, word)
    if item.kind == "colour":
        return _PLURAL.get(word, word)
    if item.kind == "place":
        return _PLACES.get(word, word)
    return word


def _word_in(word: str, lower: str) -> bool:
    """True if it stands there by itself, and not inside of a longer one."""
    word, at = word.lower(), -1
    while (at := lower.find(word, at + 1)) >= 0:
        before, after = lower[at - 1 : at], lower[at + len(word) : at + len(word) + 1]
        if not (_LETTER.match(before) or _LETTER.match(after)):
            return True
    return False


def _count_in(number: str, lower: str) -> bool:
    return any(value == number and _word_in(word, lower) for word, value in _NUMBERS.items())
