"""Punctuation and repetition, after the other rules have taken things out."""

from __future__ import annotations

import re

from ..rule import Desk, Rule

_SPACES = re.compile(r"[ \t\n\xa0\u2000-\u200a\u202f\u205f\u3000]+")
_EMPTY_BRACKETS = re.compile(r"\(\s*[,.;:]?\s*\)|\[\s*\]")
_SPACE_BEFORE = re.compile(r"(?<=\S)\s+(?=[,;.!?:](?:\s|\Z))")
_COMMAS = re.compile(r",\s*(?:,\s*)+")
_COMMA_STOP = re.compile(r"[,;:]\s*(?=[.!?](?:\s|\Z))")
_STOP_COMMA = re.compile(r"(?<=[a-z]{3}[.!?])(?<!etc\.)\s*,\s*(?=\S)")
_TWO_STOPS = re.compile(r"(?<![.])\.(?:\s?\.)(?![.])")
_STOPS_APART = re.compile(r"(?<=[.!?])(?:\s+\.)+(?=\s|\Z)")
_LEADING = re.compile(r"\A[\s,;:.!?\-–—|]+(?=[^\s,;:.!?\-–—|])")
_TRAILING = re.compile(r"[\s,;:\-–—|]+\Z")
_LOWER_START = re.compile(r"((?:\A|[^\s.]{2}[.!?]\s))([a-z])(?=[a-z]*[\s,.'’-])")
_ABBREVIATION = re.compile(
    r"(?:\b(?:mr|mrs|ms|dr|st|no|vs|etc|e\.g|i\.e|approx|ca|ft|vol|fig|jr|sr|inc|co|al|cf)\.\s)\Z", re.I
)
_ODD_SPACES = re.compile("[\xa0\u2000-\u200a\u202f\u205f\u3000]")
_EDGES = " ,;:-–—|.!?"
_SIGNS = (
    "  ", "\t", "\n", " ,", " .", " ;", " !", " ?", " :", ",,", ",.", ",!", ",?", ";.", ";!", ";?", ":.", ":!", ":?",
    ", .", ".,", "!,", "?,", "..", ". .", "()", "( )", "(,", "(.", "(;", "(:", "[]", "[ ]",
)  # fmt: skip


def _needs(text: str) -> bool:
    """False if there is surely nothing to do; much faster than looking with the patterns."""
    if not text.isascii() and _ODD_SPACES.search(text):
        return True
    return any(sign in text for sign in _SIGNS) or (bool(text) and (text[0] in _EDGES or text[-1] in _EDGES[:-3]))


def _punctuation(text: str, desk: Desk) -> str:
    tidy = text
    for _ in range(3):
        if not _needs(tidy):
            break
        before = tidy
        tidy = _SPACES.sub(" ", tidy)
        tidy = _EMPTY_BRACKETS.sub("", tidy)
        tidy = _SPACE_BEFORE.sub("", tidy)
        tidy = _COMMAS.sub(", ", tidy)
        tidy = _COMMA_STOP.sub("", tidy)
        tidy = _STOP_COMMA.sub(" ", tidy)
        tidy = _TWO_STOPS.sub(".", tidy)
        tidy = _STOPS_APART.sub("", tidy)
        tidy = _LEADING.sub("", tidy)
        tidy = _TRAILING.sub("", tidy).strip()
        if tidy == before:
            break
    if desk.language == "en":
        tidy = _LOWER_START.sub(lambda match: _capital(match, tidy), tidy)
    if tidy != text and len(text) < 20_000:
        _note_difference(text, tidy, desk)
    return tidy


def _note_difference(before: str, after: str, desk: Desk) -> None:
    """Write down the one stretch from the first difference to the last, whole words."""
    if _words(before) == _words(after):
        return  # spaces and capitals alone
    start = next(
        (at for at, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), min(len(before), len(after))
    )
    start = before.rfind(" ", 0, start) + 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    desk.note(start, before[start : len(before) - end], after[start : len(after) - end])


def _capital(match: re.Match[str], text: str) -> str:
    if match.start() == 0 and not match[1]:
        return match[0]  # how the prompt begins is the writer's choice
    if _ABBREVIATION.search(text[max(0, match.start() - 8) : match.end(1)]):
        return match[0]
    return match[1] + match[2].upper()


def _words(text: str) -> str:
    return "".join(text.split()).lower()


PUNCTUATION = Rule(
    "punctuation",
    "Doubled commas, stops and spaces that were left over, and sentences that begin small.",
    _punctuation,
)

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def _repetition(text: str, desk: Desk) -> str:
    if ". " not in text:
        return text
    seen: set[str] = set()
    kept: list[str] = []
    for sentence in _SENTENCE_END.split(text):
        key = sentence.lower().strip(" .!?")
        if key in seen and key.count(" ") >= 2:
            desk.note(0, sentence, "")
            continue
        seen.add(key)
        kept.append(sentence)
    return " ".join(kept)


REPETITION = Rule(
    "repetition",
    "The same sentence twice says nothing more.",
    _repetition,
)
