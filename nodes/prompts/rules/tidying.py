"""Punctuation and repetition, after the other rules have taken things out."""

from __future__ import annotations

import re
from collections.abc import Callable

from ..rule import RewriteRule, RuleContext

_WHITE = r" \t\n\xa0\u2000-\u200a\u202f\u205f\u3000"
_SPACES = re.compile(rf" [{_WHITE}]+|[{_WHITE[1:]}][{_WHITE}]*")  # the other patterns stand behind this one
_EMPTY_BRACKETS = re.compile(r"\( ?[,.;:]? ?\)|\[ ?\]")
_LONE_OPENING = re.compile(r"\[ ?")
_LONE_CLOSING = re.compile(r" ?\] ?")
_SPACE_BEFORE = re.compile(r"(?<=\S) (?=[,;.!?:](?: |\Z))")
_COMMAS = re.compile(r",(?: ?,)+ ?")
_COMMA_STOP = re.compile(r"[,;:] ?(?=[.!?](?: |\Z))")
_STOP_COMMA = re.compile(r"(?<=[a-z]{3}[.!?])(?<!etc\.) ?, ?(?=\S)")
_TWO_STOPS = re.compile(r"\.(?<!\.\.) ?\.(?!\.)")
_STOPS_APART = re.compile(r"(?<=[.!?]) \.(?= |\Z)")
# What the patterns above begin with, in one: most prompts are tidy, and this finds it in a fifth of the time.
_UNTIDY = re.compile(
    rf"[{_WHITE}][{_WHITE},.;:!?]|[{_WHITE[1:]}]|[,;:(\[.!?] ?[,;:.!?)\]]|\A[-–—|,;:.!? ]|[-–—|,;: ]\Z"
)
_LEADING = " ,;:.!?-–—|\t\n"
_TRAILING = " ,;:-–—|\t\n"
_LOWER_START = re.compile(r"[.!?] [a-z](?=[a-z]*(?:[ ,.;:!?'’-]|\Z))")
_ABBREVIATION = re.compile(
    r"(?:\b(?:mr|mrs|ms|dr|st|no|vs|etc|e\.g|i\.e|approx|ca|ft|vol|fig|jr|sr|inc|co|al|cf)\. )\Z", re.I
)


def _punctuation(text: str, context: RuleContext) -> str:
    tidy = text
    for _ in range(3):
        if not _UNTIDY.search(tidy) and ("[" in tidy) == ("]" in tidy):
            break
        before = tidy
        tidy = _EMPTY_BRACKETS.sub("", _SPACES.sub(" ", tidy))
        if ("[" in tidy) != ("]" in tidy):
            tidy = _LONE_OPENING.sub("", _LONE_CLOSING.sub(". ", tidy))
        tidy = _COMMAS.sub(", ", _SPACE_BEFORE.sub("", tidy))
        tidy = _STOP_COMMA.sub(" ", _COMMA_STOP.sub("", tidy))
        tidy = _STOPS_APART.sub("", _TWO_STOPS.sub(".", tidy))
        tidy = (tidy.lstrip(_LEADING) or tidy).rstrip(_TRAILING)
        if tidy == before:
            break
    if context.language == "en":
        tidy = _LOWER_START.sub(_capital, tidy)
    if tidy != text and len(text) < 20_000:
        _note_difference(text, tidy, context)
    return tidy


def _note_difference(before: str, after: str, context: RuleContext) -> None:
    """Write down the one stretch from the first difference to the last, whole words."""
    if _words(before) == _words(after):
        return  # spaces and capitals alone
    start = _shared(lambda length: before.startswith(after[:length]), min(len(before), len(after)))
    start = before.rfind(" ", 0, start) + 1
    room = min(len(before), len(after)) - start
    end = _shared(lambda length: before.endswith(after[len(after) - length :]), room)
    context.note(start, before[start : len(before) - end], after[start : len(after) - end])


def _shared(fits: Callable[[int], bool], most: int) -> int:
    """The largest length up to `most` that fits, where every shorter one does, too."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


def _capital(match: re.Match[str]) -> str:
    at, text = match.start(), match.string
    before = text[max(0, at - 2) : at]
    if len(before) < 2 or "." in before or " " in before or _ABBREVIATION.search(text[max(0, at - 6) : at + 2]):
        return match[0]  # "e.g. a fox", "vs. a wolf", or how the prompt begins, which is the writer's choice
    return match[0][:-1] + match[0][-1].upper()


def _words(text: str) -> str:
    return "".join(text.split()).lower()


PUNCTUATION = RewriteRule(
    "punctuation",
    "Doubled commas, stops and spaces that were left over, a bracket without its partner, and sentences that begin "
    "small.",
    _punctuation,
    rewords=False,
)

_SENTENCE_END = re.compile(r"(?<=[.!?]) ")


def _repetition(text: str, context: RuleContext) -> str:
    seen: set[str] = set()
    kept: list[str] = []
    for sentence in _SENTENCE_END.split(text):
        key = sentence.lower().strip(" .!?")
        if key in seen and key.count(" ") >= 2:
            context.note(0, sentence, "")
            continue
        seen.add(key)
        kept.append(sentence)
    return " ".join(kept)


REPETITION = RewriteRule(
    "repetition",
    "The same sentence twice says nothing more.",
    _repetition,
)
