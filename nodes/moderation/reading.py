"""How the local check reads a text: as words, with disguises undone where they hide a word it knows.

Everything is linear in the length of the text. A disguise is undone only if the result is a word of the
vocabulary that the reader was given, so that "3D", "f/1.8", "C#" and "A B C" stay what they are.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

LOOKALIKES = Path(__file__).parent / "terms" / "lookalikes.txt"

# Digits and signs that stand for letters; 1, ! and | are read as i and as l.
_LEET = str.maketrans("0345678@$+€£¥", "oeasgtbastely")
_LEET_AS_I = str.maketrans("1!|", "iii")
_LEET_AS_L = str.maketrans("1!|", "lll")
_MASKS = "*#"
_EDGES = ".,;:!?\"'“”„«»‘’()[]{}<>…—–-_~*#/\\`^=|&%"
_SEPARATORS = re.compile(r"[._\-–—·•~*/\\|,]+")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
# Written without spaces between words: every character is a word of its own.
_CHARACTERWISE = re.compile(
    "([\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff])"
)
_RUN = re.compile(r"(.)\1{2,}")
_REPEAT = re.compile(r"(.)\1+")
_LONGEST_WORD = 40  # characters; longer chunks are no words in disguise
_LONGEST_RUN = 400  # spelled-out characters looked at together
_LINE_ENDS = "\t\n\r\f\x85"
_INVISIBLE = ("Mn", "Me", "Cf", "Cn", "Co", "Cs")
_FILLERS = "\u115f\u1160\u3164\uffa0"  # letters by category, blank by Default_Ignorable_Code_Point
MOST_REMEMBERED = 50_000  # characters that a table keeps; some texts hold all of Unicode
_SIMPLE = str.maketrans({"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ı": "i", "’": "'"})


@cache
def lookalikes() -> dict[int, str]:
    """Character → the Latin letter it looks like (source: the file's head)."""
    table: dict[int, str] = {}
    for line in LOOKALIKES.read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            letter, characters = line.split(" ", 1)
            table |= {ord(character): letter for character in characters}
    return table


@cache
def _latin_forms() -> dict[int, str]:
    """Those lookalikes that are Latin letters themselves: small capitals, turned, squared, flags' letters."""
    kinds = ("LATIN", "SQUARED", "NEGATIVE", "REGIONAL")
    return {code: letter for code, letter in lookalikes().items() if unicodedata.name(chr(code), "").startswith(kinds)}


def is_invisible(character: str) -> bool:
    """True for what shows nothing and parts no words: marks, controls, joiners, fillers, unassigned and private codes.

    Line ends and blanks are no such characters.
    """
    kind = unicodedata.category(character)
    if kind == "Cc":
        return character not in _LINE_ENDS
    # Spacing marks (Mc) are letters of Indian scripts; those of them that combine would reorder one another.
    return kind in _INVISIBLE or unicodedata.combining(character) != 0 or character in _FILLERS


def fold(text: str) -> str:
    """Lower case, without accents, invisible characters and typographic forms: ｎｕｄｅ, 𝓷𝓾𝓭𝓮 and N​Ü​D​E read alike."""
    if text.isascii() and text.isprintable():
        return text.lower()
    # Character by character, which is linear: normalising a whole text sorts long runs of marks.
    return unicodedata.normalize("NFC", text.translate(_folded))


class _Folded(dict[int, str]):
    """Character → what `fold` makes of it; the table fills itself."""

    def __missing__(self, code: int) -> str:
        after, before = chr(code), ""
        while after != before:
            before = after
            split = unicodedata.normalize("NFKD", "".join(c for c in before if not is_invisible(c)))
            bare = "".join(c for c in split if not is_invisible(c))
            after = unicodedata.normalize("NFC", bare).casefold().translate(_SIMPLE).translate(_latin_forms())
        if len(self) < MOST_REMEMBERED:
            self[code] = after
        return after


_folded = _Folded()


def words(folded: str) -> list[str]:
    """The words of a folded text as they stand."""
    found: list[str] = []
    for word in _WORD.findall(folded):
        if word.isascii():
            found.append(word)
        else:
            found.extend(part for part in _CHARACTERWISE.split(word) if part)
    return found


class Reader:
    """Reads texts with a vocabulary in mind.

    Args:
        vocabulary: words that a disguise may hide, folded.
        stems: beginnings of such words.
        telling: those of them that mean something by themselves; only they are looked for behind masks
            ("f**k") and in words written together.
    """

    def __init__(self, vocabulary: Iterable[str], telling: Iterable[str], stems: Iterable[str] = ()):
        self._vocabulary = {word for word in vocabulary if len(word) >= 3 and _is_word(word)}
        self._telling = {word for word in telling if len(word) >= 3 and _is_word(word)}
        self._stems = {stem for stem in stems if len(stem) >= 5 and _is_word(stem)}
        self._by_bare: dict[str, str] = {}
        for word in sorted(self._vocabulary):
            self._by_bare.setdefault(_REPEAT.sub(r"\1", word), word)
        self._by_start: dict[tuple[str, int], list[str]] = defaultdict(list)
        for word in sorted(self._telling):
            self._by_start[word[0], len(word)].append(word)
        self._lengths = sorted({min(len(word), _LONGEST_WORD) for word in self._vocabulary | self._stems}, reverse=True)

    def read(self, text: str) -> list[str]:
        """The words of `text`, disguises undone."""
        folded = fold(text)
        mostly_latin = _mostly_latin(folded)
        found: list[str] = []
        spelled: list[str] = []
        for chunk in folded.split():
            if _is_single(chunk):
                spelled.append(chunk.strip(_EDGES) or chunk)
                continue
            if spelled:
                found.extend(self._spelled_out(spelled, mostly_latin))
                spelled = []
            found.extend(self._chunk(chunk, mostly_latin))
        found.extend(self._spelled_out(spelled, mostly_latin))
        return found

    def _chunk(self, chunk: str, mostly_latin: bool) -> Iterator[str]:
        plain = words(chunk)
        if len(plain) == 1 and (plain[0] in self._vocabulary or (chunk.isalpha() and len(chunk) < 4)):
            yield from plain
            return
        if len(chunk) <= _LONGEST_WORD and (whole := self._undisguise(chunk, mostly_latin)):
            yield from whole
            return
        for word in plain:
            yield from (len(word) <= _LONGEST_WORD and self._undisguise(word, mostly_latin)) or [word]

    def _undisguise(self, chunk: str, mostly_latin: bool) -> list[str]:
        """The known words that a chunk without spaces hides, or nothing."""
        inner = chunk.strip(_EDGES)
        if not inner.isascii():
            inner = _as_latin(inner, mostly_latin)
            if inner in self._vocabulary or self._has_stem(inner):
                return [inner]
        if not inner.isalpha():
            if any(mask in inner for mask in _MASKS) and (word := self._unmask(inner)):
                return [word]
            for candidate in _decodings(chunk.strip("\"'“”„«»‘’()[]{}<>.,;:?"), inner):
                if found := self._known(candidate):
                    return found
            return []
        return self._known(inner)

    def _known(self, candidate: str) -> list[str]:
        if candidate in self._vocabulary or self._has_stem(candidate):
            return [candidate]
        if _RUN.search(candidate) and (word := self._by_bare.get(_REPEAT.sub(r"\1", candidate))):
            return [word]
        if len(candidate) >= 8:
            for cut in range(4, len(candidate) - 3):
                first, second = candidate[:cut], candidate[cut:]
                both = first in self._vocabulary and second in self._vocabulary
                if both and (first in self._telling or second in self._telling):
                    return [first, second]
        return []

    def _has_stem(self, word: str) -> bool:
        return any(word[:length] in self._stems for length in range(5, min(len(word), 24) + 1))

    def _unmask(self, inner: str) -> str | None:
        known = sum(c not in _MASKS for c in inner)
        if known < 2 or known * 2 < len(inner):
            return None
        for word in self._by_start.get((inner[0], len(inner)), ()):
            if all(a == b or a in _MASKS for a, b in zip(inner, word, strict=True)):
                return word
        return None

    def _spelled_out(self, singles: list[str], mostly_latin: bool) -> Iterator[str]:
        """Words spelled with spaces between letters; the letters themselves where there is no such word."""
        if len(singles) < 3:
            yield from (word for single in singles for word in words(single))
            return
        for start in range(0, len(singles), _LONGEST_RUN):
            part = singles[start : start + _LONGEST_RUN]
            joined = "".join(part)
            if not joined.isascii():
                joined = _as_latin(joined, mostly_latin)
            letters = joined.translate(_LEET).translate(_LEET_AS_I)
            position = 0
            while position < len(letters):
                for length in self._lengths:
                    word = letters[position : position + length]
                    long_enough = length >= 4 or length == len(letters)
                    known = word in self._vocabulary or word in self._stems
                    if long_enough and len(word) == length and known:
                        yield word
                        position += length
                        break
                else:
                    yield from words(joined[position])
                    position += 1


def _is_word(text: str) -> bool:
    return text.isalpha() and not _CHARACTERWISE.search(text)


def _is_single(chunk: str) -> bool:
    bare = chunk.strip(_EDGES) or chunk
    return len(bare) == 1 and not _CHARACTERWISE.match(bare)


def _mostly_latin(folded: str) -> bool:
    letters = [c for c in folded if c.isalpha()]
    return sum(c < "\u0250" for c in letters) * 2 >= len(letters)


def _as_latin(word: str, mostly_latin: bool) -> str:
    """Lookalikes as Latin letters, in words that mix scripts, or whole ones inside an otherwise Latin text."""
    mixed = any("a" <= c <= "z" for c in word)
    if not (mixed or mostly_latin):
        return word
    return word.translate(lookalikes())


def _decodings(chunk: str, inner: str) -> Iterator[str]:
    """Readings of a chunk as one word: separators removed, digits and signs as letters."""
    joined = _SEPARATORS.sub("", inner)
    if joined.isalpha() and any(len(part) <= 3 for part in _SEPARATORS.split(inner)):
        yield joined
    for whole in dict.fromkeys((joined, inner, chunk)):
        if not any(c.isalpha() for c in whole):
            continue
        letters = whole.translate(_LEET)
        for table in (_LEET_AS_I, _LEET_AS_L):
            candidate = letters.translate(table)
            if candidate.isalpha() and candidate.isascii() and candidate != whole:
                yield candidate
