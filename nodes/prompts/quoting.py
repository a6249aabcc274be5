"""Keeping quoted text, and parentheses that are meant, out of the rules' reach.

While rules work, a quoted text stands in the prompt as one mark, and a parenthesis that came escaped
(`\\(`, as ComfyUI wants it) as one private character. So no rule can change, cut or translate a text that
is to be drawn, and no literal parenthesis is read as a weight. `render` brings both back, with every
parenthesis escaped the way the host reads it (source: ComfyUI `comfy/sd1_clip.py`, `escape_important`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

OPEN, CLOSE = "\ue000", "\ue001"  # parentheses that came escaped
_MARK_START, _MARK_END = "\ue002", "\ue003"
_DIGITS = str.maketrans("0123456789", "".join(chr(0xE010 + digit) for digit in range(10)))
_BACK = {chr(0xE010 + digit): str(digit) for digit in range(10)}
MARK = re.compile("\ue002([\ue010-\ue019]+)\ue003")

# What is quoted at greater length than 400 characters is a passage, not a text to draw.
# Every alternative excludes its own opening mark from its body, so that the search stays linear.
_QUOTED = re.compile(
    r'(?<![A-Za-z0-9])"(?:[^"\n]|\n(?!\n)){1,400}"'
    r"|“(?:[^“”\n]|\n(?!\n)){1,400}”"
    r"|„[^„“”\n]{1,400}[“”]"
    r"|«[^«»\n]{1,400}»"
    r"|‹[^‹›\n]{1,400}›"
    r"|「[^「」\n]{1,400}」"
    r"|『[^『』\n]{1,400}』"
    r"|(?<!\w)‘[^‘’\n]{1,200}(?:’(?=\w)[^‘’\n]{1,200}){0,20}’"
    r"|(?<![\w'])'(?=[^\s'])(?:[^'\n]|(?<=\w)'(?=\w)){1,200}(?<=\S)'(?!\w)"
)
_HAS_QUOTE = re.compile("[\"“„«‹「『‘']")
# Characters no tokenizer can take or that are this module's own: controls, surrogates, private use,
# non-characters, the byte order mark and the zero-width space. Joiners and direction marks stay.
_UNUSABLE = re.compile(
    "[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ue000-\uf8ff\ufdd0-\ufdef"
    "\ufeff\u200b\ufff9-\ufffb\ufffe\uffff]"
)
_CONTENT = re.compile(rf"[^\W_]|[\u2001-\ud7ff\uf900-\U0010ffff]|{MARK.pattern}")
_STOPS = tuple(".!?…。！？")
_LINE_ENDS = re.compile("\r\n?|[\x0c\x85\u2028\u2029]")


@dataclass(frozen=True)
class Quotes:
    """The quoted texts of one prompt, with their marks of quotation, in the order of their numbers."""

    texts: tuple[str, ...] = ()

    def bodies(self) -> list[str]:
        """The texts to draw, without the marks of quotation."""
        return [text[1:-1] for text in self.texts]


def is_ended(text: str) -> bool:
    """True if `text`, as people read it, ends a sentence, be it inside of quotation marks."""
    return text.rstrip("\"'”’»)").endswith(_STOPS)


def says_something(text: str) -> bool:
    """True if there is something to draw in marked `text`: a letter, a digit, a sign of its own, a quoted text."""
    return _CONTENT.search(text) is not None


def clean(text: str) -> str:
    """Without characters that cannot be drawn or tokenized; line ends as `\\n`."""
    if text.isascii() and text.isprintable():
        return text
    return _UNUSABLE.sub("", _LINE_ENDS.sub("\n", text))


def unescape(text: str) -> str:
    """`\\(` → `(`: what the host gives to its tokenizers."""
    return text.replace("\\(", "(").replace("\\)", ")") if "\\" in text else text


def escape(text: str) -> str:
    """`(` → `\\(`: so that the host gives the parenthesis itself to its tokenizers."""
    return text.replace("(", "\\(").replace(")", "\\)") if "(" in text or ")" in text else text


def protect(text: str, quotes: Quotes | None = None) -> tuple[str, Quotes]:
    """Put a mark in place of every quoted text. `text` must be `clean`.

    Args:
        quotes: those already marked in `text`; new ones are numbered after them.
    """
    texts = list(quotes.texts) if quotes else []

    def mark(match: re.Match[str]) -> str:
        quoted = unescape(match[0]).replace(OPEN, "(").replace(CLOSE, ")")
        if not says_something(quoted[1:-1]):
            return match[0]
        if MARK.search(quoted):
            return match[0]
        texts.append(quoted)
        return _MARK_START + str(len(texts) - 1).translate(_DIGITS) + _MARK_END

    if _HAS_QUOTE.search(text):
        text = _QUOTED.sub(mark, text)
    if "\\" in text:
        text = text.replace("\\(", OPEN).replace("\\)", CLOSE)
    return text, Quotes(tuple(texts))


def restore(text: str, quotes: Quotes) -> str:
    """The text as people and tokenizers read it: quoted texts back, parentheses plain."""
    if quotes.texts and _MARK_START in text:
        text = MARK.sub(lambda match: quotes.texts[_number(match)], text)
    return text.replace(OPEN, "(").replace(CLOSE, ")")


def render(text: str, quotes: Quotes) -> str:
    """The text as the host wants it: quoted texts back, every parenthesis escaped."""
    return escape(restore(text, quotes))


def _number(match: re.Match[str]) -> int:
    return int("".join(_BACK[digit] for digit in match[1]))
