"""How the local check reads a text: as words, with disguises undone where they hide a word it knows.

Everything is linear in the length of the text. A disguise is undone only if the result is a word of the
vocabulary that the reader was given, so that "3D", "f/1.8", "C#" and "A B C" stay what they are.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator

from .lookalikes import MASK, as_cyrillic, as_latin, as_letters, emoji_named, is_mixed, letter_named
from .slips import Slips

_MASKS = "*#"
_EDGES = ".,;:!?\"'“”„«»‘’()[]{}<>…—–-_~*#/\\`^=|&%"
_SEPARATORS = re.compile(r"[._\-–—·•~*/\\|,]+")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
# Written without spaces between words: every character is a word of its own.
CHARACTERWISE = re.compile(
    "([\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff])"
)
_RUN = re.compile(r"(.)\1{2,}")
_REPEAT = re.compile(r"(.)\1+")
_LONGEST_WORD = 40  # characters; longer chunks are no words in disguise
_LONGEST_RUN = 400  # spelled-out characters looked at together
_LINE_ENDS = "\t\n\r\f\x85"
_INVISIBLE = ("Mn", "Me", "Cf", "Cn", "Co", "Cs")
_FILLERS = "\u115f\u1160\u3164\uffa0\u2800"  # letters by category, blank by Default_Ignorable_Code_Point, or to the eye
MOST_REMEMBERED = 50_000  # characters that a table keeps; some texts hold all of Unicode
_SIMPLE = str.maketrans({"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ı": "i", "’": "'"})


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
        after, before = letter_named(chr(code)) or emoji_named(chr(code)) or chr(code), ""
        while after != before:
            before = after
            split = unicodedata.normalize("NFKD", "".join(c for c in before if not is_invisible(c)))
            bare = "".join(c for c in split if not is_invisible(c))
            low = unicodedata.normalize("NFC", bare).casefold().translate(_SIMPLE)
            after = low if low.isascii() else "".join(letter_named(c) or c for c in low)
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
            found.extend(part for part in CHARACTERWISE.split(word) if part)
    return found


class Reader:
    """Reads texts with a vocabulary in mind.

    Args:
        vocabulary: words that a disguise may hide, folded.
        stems: beginnings of such words.
        telling: those of both that mean something by themselves; only they are looked for behind masks ("f**k"), in
            words written together, cut in two ("na ked") and misspelt.
        ordinary: words, and words with blanks between, that are no such word although they look like one; `word *`
            begins no word that is cut in two.
    """

    def __init__(
        self, vocabulary: Iterable[str], telling: Iterable[str], stems: Iterable[str] = (), ordinary: Iterable[str] = ()
    ):
        self._vocabulary = {word for word in vocabulary if len(word) >= 3 and _is_word(word)}
        self._telling = {word for word in telling if len(word) >= 3 and _is_word(word)}
        self._stems = {stem for stem in stems if len(stem) >= 5 and _is_word(stem)}
        self.cut_stems = self._stems & self._telling
        self._stem_starts = {stem[:5] for stem in self.cut_stems}
        self._ordinary = frozenset(ordinary)
        self._slips = Slips(self._telling - self._stems, self.cut_stems, self._ordinary | self._vocabulary)
        self.cut_words = {word for word in self._telling - self._stems if len(word) >= 4}
        self._by_bare: dict[str, str] = {}
        for word in sorted(self._vocabulary):
            self._by_bare.setdefault(_REPEAT.sub(r"\1", word), word)
        self._by_start: dict[tuple[str, int], list[str]] = defaultdict(list)
        for word in sorted(self._telling):
            self._by_start[word[0], len(word)].append(word)
        self._lengths = sorted({min(len(word), _LONGEST_WORD) for word in self._vocabulary | self._stems}, reverse=True)
        self._chunks: dict[tuple[str, bool], list[str]] = {}  # what was read before; texts repeat their words

    def is_taken_for_a_slip(self, word: str) -> bool:
        """True if a folded word is read as a listed one that is spelled otherwise."""
        return word not in self._vocabulary and not self._has_stem(word) and self._slips.meant(word) is not None

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
        return self._rejoined(found)

    def _chunk(self, chunk: str, mostly_latin: bool) -> list[str]:
        if (known := self._chunks.get((chunk, mostly_latin))) is not None:
            return known
        read = list(self._read_chunk(chunk, mostly_latin))
        if len(chunk) <= _LONGEST_WORD and len(self._chunks) < MOST_REMEMBERED:
            self._chunks[chunk, mostly_latin] = read
        return read

    def _read_chunk(self, chunk: str, mostly_latin: bool) -> Iterator[str]:
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
            for candidate in _in_one_script(inner, mostly_latin):
                if candidate.isalpha() and (found := self._known(candidate) or self._misspelt(candidate)):
                    return found
                if MASK in candidate and (word := self._unmask(candidate)):
                    return [word]
        bare = chunk.strip("\"'“”„«»‘’<>.,;:?")
        if not inner.isalpha() or any(sign in bare for sign in "|/\\"):
            if any(mask in inner for mask in _MASKS) and (word := self._unmask(inner)):
                return [word]
            for candidate in _decodings(bare, inner):
                if found := self._known(candidate):
                    return found
        return self._known(inner) or self._misspelt(inner) if inner.isalpha() else []

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

    def _misspelt(self, word: str) -> list[str]:
        return [meant] if (meant := self._slips.meant(word)) else []

    def _has_stem(self, word: str) -> bool:
        return any(word[:length] in self._stems for length in range(5, min(len(word), 24) + 1))

    def _rejoined(self, found: list[str]) -> list[str]:
        """Words cut in two or three by blanks as one again, where the parts are no words of their own."""
        whole: list[str] = []
        place, end = 0, len(found)
        while place < end:
            word = found[place]
            taken = 1
            if place + 1 < end and word not in self.cut_words:
                for parts in (2, 3):
                    pieces = found[place : place + parts]
                    if len(pieces) == parts and (parts == 2 or min(map(len, pieces)) > 1) and self._is_cut(pieces):
                        word, taken = "".join(pieces), parts
                        break
            whole.append(word)
            place += taken
        return whole

    def _is_cut(self, pieces: list[str]) -> bool:
        joined = "".join(pieces)
        if all(piece in self._vocabulary for piece in pieces):
            return False  # they mean something side by side
        if joined in self.cut_words:
            return " ".join(pieces) not in self._ordinary
        if len(pieces) > 2 or joined[:5] not in self._stem_starts or f"{pieces[0]} *" in self._ordinary:
            return False
        lengths = range(max(5, len(pieces[0]) + 1), min(len(joined), 24) + 1)
        return any(joined[:length] in self.cut_stems for length in lengths)

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
            drawn = is_mixed(joined) or mostly_latin
            letters = "".join(next(as_letters(one)) if drawn else one for one in part)
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
                    yield from words(letters[position])
                    position += 1


def _is_word(text: str) -> bool:
    return text.isalpha() and not CHARACTERWISE.search(text)


def _is_single(chunk: str) -> bool:
    bare = chunk.strip(_EDGES) or chunk
    return len(bare) == 1 and not CHARACTERWISE.match(bare)


def _mostly_latin(folded: str) -> bool:
    letters = [c for c in folded if c.isalpha()]
    return sum(c < "\u0250" for c in letters) * 2 >= len(letters)


def _in_one_script(word: str, mostly_latin: bool) -> Iterator[str]:
    """A word that mixes scripts, or that stands in an otherwise Latin text, in Latin or in Cyrillic letters.

    A letter of a mixed word that is like no Latin one becomes a mask.
    """
    if is_mixed(word) or mostly_latin:
        latin = as_latin(word)
        yield latin
        if not latin.isascii():
            yield "".join(c if c.isascii() else MASK for c in latin)
        yield as_cyrillic(word)


def _decodings(chunk: str, inner: str) -> Iterator[str]:
    """Readings of a chunk as one word: separators removed, digits, signs and strokes as letters."""
    joined = _SEPARATORS.sub("", inner)
    if joined.isalpha() and any(len(part) <= 3 for part in _SEPARATORS.split(inner)):
        yield joined
    for whole in dict.fromkeys((joined, inner, chunk)):
        if any(c.isalpha() for c in whole):
            for candidate in as_letters(whole):
                if candidate.isalpha() and candidate != whole:
                    yield candidate
