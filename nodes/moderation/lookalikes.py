"""Characters that look like a letter, and which: by their Unicode name, by Unicode's own table of confusables, by the
alphabets that "fancy text" is drawn with, and by the digits and signs that people put for letters.

All is one look-up a character. Whether a word is meant that way, `reading` decides.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_TERMS = Path(__file__).parent / "terms"
TABLE = _TERMS / "lookalikes.txt"  # Unicode's; its head says how it is made
DRAWN = _TERMS / "drawn_letters.txt"  # by hand

_SHAPES = "SMALL CAPITAL|TURNED|REVERSED|OPEN|BARRED|DOTLESS|SCRIPT|SIDEWAYS|INSULAR|CLOSED|LONG|INVERTED"
_NAMED = re.compile(
    r"(?:(?:COMBINING |MODIFIER )?LATIN (?:SUBSCRIPT )?(?:SMALL |CAPITAL )?LETTER |REGIONAL INDICATOR SYMBOL LETTER "
    r"|(?:NEGATIVE )?(?:SQUARED|CIRCLED|PARENTHESIZED) LATIN (?:SMALL|CAPITAL) LETTER )"
    rf"(?:(?:{_SHAPES}) ){{0,2}}([A-Z])(?: WITH [A-Z ]{{1,60}})?"
)
_STROKES = {
    r"|\/|": "m", r"\/\/": "w", r"|\|": "n", r"/\/": "n", "(_)": "u", "|_|": "u", "|-|": "h", "}{": "h", "|)": "d",
    "|]": "d", "|>": "d", "()": "o", "[]": "o", "|2": "r", "|3": "b", "|<": "k", "|{": "k", "|=": "f", "|_": "l",
    r"\/": "v", "/\\": "a", "><": "x",
}  # fmt: skip
_STROKE = re.compile("|".join(map(re.escape, sorted(_STROKES, key=len, reverse=True))))

# 1, ! and | are read as i and as l.
_SIGNS = str.maketrans("03456789@$+€£¥§¢₽", "oeasgtbgastelyscp")
_AS_I, _AS_L = str.maketrans("1!|", "iii"), str.maketrans("1!|", "lll")
# Between Cyrillic letters: by shape and by sound.
_CYRILLIC_SIGNS = (str.maketrans("0346891@€!|$", "озчбвялаеллс"), str.maketrans("0346891@€!|$", "оеабвяиаеиис"))
_LATIN_AS_CYRILLIC = str.maketrans("abcdehiklmnoprstuvwxy", "авсденіклмпоргстившху")
_CYRILLIC = re.compile("[\u0400-\u052f]")
# Scripts that nobody writes prompts in here, and money: their letters are drawn for their shape.
_EXOTIC = re.compile("[\u1200-\u167f\u20a0-\u20bf\u2c80-\u2dff\ua000-\ua6ff\U00010280-\U00010fff]")
_NO_LETTERS = re.compile("[^a-z]+")
MASK = "*"


@cache
def lookalikes() -> dict[int, str]:
    """Character → the Latin letter it looks like."""
    table: dict[int, str] = {}
    for file in (TABLE, DRAWN):
        for line in file.read_text("utf-8").splitlines():
            if line and not line.startswith("#"):
                letter, characters = line.split(" ", 1)
                table |= {ord(character): letter for character in characters}
    return table


def letter_named(character: str) -> str:
    """The plain letter in a character's Unicode name: small capitals, hooks, strokes, boxes, flags; or nothing."""
    named = _NAMED.fullmatch(unicodedata.name(character, ""))
    return named[1].lower() if named else ""


def emoji_named(character: str) -> str:
    """An emoji as one word of its own (`emojiaubergine`), so that terms can name it; or nothing."""
    if not ("\u2600" <= character <= "\u27bf" or "\U0001f300" <= character <= "\U0001faff"):
        return ""
    return f" emoji{_NO_LETTERS.sub('', unicodedata.name(character, '').lower())} "


def is_mixed(word: str) -> bool:
    """True if Latin letters stand beside others that look like Latin ones, or all stand in for their shape."""
    return any("a" <= c <= "z" for c in word) or _EXOTIC.search(word) is not None


def as_latin(word: str) -> str:
    """Lookalikes as Latin letters; the others stay."""
    return word.translate(lookalikes())


def as_letters(chunk: str) -> Iterator[str]:
    """Readings of a folded chunk with digits, signs and strokes as letters; some may be no word."""
    drawn = _STROKE.sub(lambda sign: _STROKES[sign[0]], chunk)
    for whole in dict.fromkeys((chunk, drawn)):
        letters = as_latin(whole.translate(_SIGNS))
        yield letters.translate(_AS_I)
        yield letters.translate(_AS_L)
    if _CYRILLIC.search(chunk):
        for table in _CYRILLIC_SIGNS:
            yield as_cyrillic(drawn.translate(table))


def as_cyrillic(word: str) -> str:
    """Lookalikes and Latin letters as the Cyrillic letters that share their shape; Cyrillic ones stay."""
    return "".join(c if _CYRILLIC.match(c) else lookalikes().get(ord(c), c) for c in word).translate(_LATIN_AS_CYRILLIC)
