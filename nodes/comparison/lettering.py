"""Text on a picture, the same on every machine: the pack's own fonts, wrapping, and right-to-left scripts.

Pillow's own shaping (raqm) is in all of its wheels, but the FriBiDi that it loads is not, and Windows and macOS come
without one. So the letters are put in visual order here, by python-bidi and arabic-reshaper, and drawn with Pillow's
basic layout, which is everywhere.

Texts come from anywhere, so all work here grows with a text's length and no faster.
"""

from __future__ import annotations

import functools
import io
import lzma
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from pathlib import Path

from PIL import ImageDraw, ImageFont

from ..errors import MissingPackage

FONTS = Path(__file__).parent / "fonts"
_RTL_CLASSES = {"R", "AL"}
_INVISIBLE = {"Cc", "Cf", "Cs", "Co"}  # Unicode categories
_VARIANTS = {chr(point) for point in range(0xFE00, 0xFE10)}  # "draw the letter before as an emoji", and the like
MAX_CHARACTERS = 4000  # of a text that are looked at for drawing it; as many as a caption keeps
_MAX_MARKS = 8  # accents on one letter; Unicode's own limit for streams is 30, no language needs more than 4
_NO_CHARACTER = "\u0378"  # never assigned: every font draws for it what it draws for anything it lacks
# After which characters a line may end: spaces, and between ideographs, kana and Hangul syllables.
_PIECES = re.compile(r"\s+|[\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff00-\uffef]|[^\s\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff00-\uffef]+")  # fmt: skip # noqa: E501


class Script(Enum):
    """Which font file draws a character."""

    SANS = "NotoSans"
    HEBREW = "NotoSansHebrew"
    ARABIC = "NotoSansArabic"
    CJK = "NotoSansCJK"


@dataclass(frozen=True)
class Lettering:
    """One size and weight of text."""

    size: int  # px
    bold: bool = False

    @property
    def line_height(self) -> int:
        """Distance from baseline to baseline in px; the same for all scripts."""
        return round(self.size * 1.36)

    def width(self, text: str) -> float:
        """Width of one line in px."""
        return sum(self._font(script).getlength(run) for script, run in _runs(_visual(text)))

    def draw(self, canvas: ImageDraw.ImageDraw, at: tuple[float, float], text: str, fill: str) -> None:
        """Draw one line whose upper left corner is `at`."""
        x, y = at
        baseline = y + self.size * 1.05
        for script, run in _runs(_visual(text)):
            font = self._font(script)
            canvas.text((x, baseline), run, font=font, fill=fill, anchor="ls")
            x += font.getlength(run)

    def wrap(self, text: str, width: float, lines: int) -> list[str]:
        """Break text into at most `lines` lines of at most `width` px; a cut text ends in an ellipsis.

        Breaks at spaces and between CJK characters, and inside a word only when it alone is too wide.
        """
        shown = printable(text[:MAX_CHARACTERS])
        broken = (line for paragraph in shown.split("\n") for line in self._broken(paragraph, width))
        wrapped = list(islice(broken, lines + 1))
        if len(wrapped) <= lines and len(text) <= MAX_CHARACTERS:
            return wrapped
        *whole, last = wrapped[:lines]
        while last and self.width(last + "…") > width:
            last = last[:-1]
        return [*whole, last.rstrip() + "…"]

    def _broken(self, paragraph: str, width: float) -> Iterator[str]:
        """The lines of one paragraph, each made when it is asked for."""
        line = ""
        for piece in _PIECES.findall(paragraph):
            if self.width((line + piece).rstrip()) <= width:
                line += piece
                continue
            if line.strip():
                yield line.rstrip()
            line = piece.lstrip()
            while (fits := self._fitting(line, width)) < len(line):
                yield line[:fits]
                line = line[fits:]
        if line.strip() or not paragraph.strip():
            yield line.rstrip()

    def _fitting(self, text: str, width: float) -> int:
        """How many characters of `text` fit, at least one if it has one; looks little further than those."""
        low, high = 1, 2
        while high < len(text) and self.width(text[:high]) <= width:
            low, high = high, 2 * high
        high = min(high, len(text))
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.width(text[:middle]) <= width else (low, middle - 1)
        return high

    def _font(self, script: Script) -> ImageFont.FreeTypeFont:
        return _font(script, self.bold, self.size)


def is_rtl(text: str) -> bool:
    """Whether a line is read from the right: its first strong letter decides (Unicode UAX #9, rule P2)."""
    for letter in text:
        kind = unicodedata.bidirectional(letter)
        if kind in _RTL_CLASSES or kind == "L":
            return kind != "L"
    return False


def printable(text: str) -> str:
    """Text without control and invisible formatting characters; line breaks stay, tabs become spaces.

    Of a heap of accents on one letter only the first few stay: sorting and drawing a long one takes for ever.
    """
    flat = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", "    ")
    seen = (c for c in flat if c == "\n" or (unicodedata.category(c) not in _INVISIBLE and c not in _VARIANTS))
    kept: list[str] = []
    marks = 0
    for letter in seen:
        marks = marks + 1 if unicodedata.category(letter)[0] == "M" else 0
        if marks <= _MAX_MARKS:
            kept.append(letter)
    return unicodedata.normalize("NFC", "".join(kept))


def lacking(text: str) -> str:
    """The characters of `text` that the pack's fonts do not have, each once; a crossed box stands for them."""
    letters = dict.fromkeys(_visual(printable(text)))
    return "".join(letter for letter in letters if not letter.isspace() and not _has(letter))


def _visual(text: str) -> str:
    """One line in the order in which its letters stand on the page, Arabic letters in their joined forms."""
    if not any(unicodedata.bidirectional(letter) in _RTL_CLASSES for letter in text):
        return text
    try:
        import arabic_reshaper
        from bidi import get_display
    except ImportError as error:
        raise MissingPackage(
            "arabic-reshaper" if "reshaper" in str(error) else "python-bidi", "A caption in Arabic or Hebrew"
        ) from None
    return str(get_display(arabic_reshaper.reshape(text)))


def _script(letter: str) -> Script:
    point = ord(letter)
    if point < 0x590 or 0x1E00 <= point < 0x2070 or 0x20A0 <= point < 0x20C0 or 0x2100 <= point < 0x2150:
        return Script.SANS
    if point < 0x600 or 0xFB1D <= point < 0xFB50:
        return Script.HEBREW
    if point < 0x700 or 0xFB50 <= point < 0xFE00 or 0xFE70 <= point < 0xFF00:
        return Script.ARABIC
    return Script.CJK


def _runs(text: str) -> list[tuple[Script, str]]:
    runs: list[tuple[Script, str]] = []
    for letter in text:
        script = _script(letter)
        if runs and runs[-1][0] is script:
            runs[-1] = (script, runs[-1][1] + letter)
        else:
            runs.append((script, letter))
    return runs


@functools.lru_cache(maxsize=4096)
def _has(letter: str) -> bool:
    font = _font(_script(letter), False, 32)
    return bytes(font.getmask(letter)) != bytes(font.getmask(_NO_CHARACTER))


@functools.lru_cache(maxsize=8)
def _file(script: Script, bold: bool) -> bytes:
    if script is Script.CJK:
        return lzma.decompress((FONTS / "NotoSansCJK-Regular.otf.xz").read_bytes())
    return (FONTS / f"{script.value}-{'Bold' if bold else 'Regular'}.ttf").read_bytes()


@functools.lru_cache(maxsize=64)
def _font(script: Script, bold: bool, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(io.BytesIO(_file(script, bold)), size, layout_engine=ImageFont.Layout.BASIC)
