"""What a text says once everything is undone that hides words from a check: the one place where that is done.

A converter, the host, a service or the drawing model itself reads through escapes, markup and weights, so a check
that saw only the letters as they stand would judge another text than the one that is drawn. `readings` gives the
text as it stands, and as it reads

- with escapes undone: JSON's (`\\u006e`), HTML's (`&#110;`), percent (`%6e`), inside of one another too;
- without what is no word: tags, weights, networks, embeddings, wildcards, comments, brackets, emphasis, symbols, line
  breaks inside of words. Once with the letters on both sides joined (`{nu}de`, `(nu:1.2)de`), once with them apart;
- with each of the alternatives of `{a|b}`, `[a|b]` and `[a:b:0.5]`.

Words that are spelled in a way of their own (digits for letters, look-alikes) are for `reading`.
Work is linear in the length of the text.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from itertools import islice, product
from urllib.parse import unquote

from .reading import MOST_REMEMBERED, is_invisible

MOST_CHOICES = 64  # readings of one text that differ only in its alternatives
_MOST_CHARACTERS = 400_000  # of those readings together
_NESTED = 3  # alternatives inside of one another
_ROUNDS = 8  # escapes inside of one another, of different kinds
# A text without one of these hides nothing: it is words, blanks, and the signs that stand between words.
_SUSPECT = re.compile(r"[^\w ,.;!?'’“”–—-]|_")
_WORDS = re.compile(r"\w+")

_PERCENT = re.compile(r"%(?:25)*(?=[0-9A-Fa-f]{2})")
_ENTITY = re.compile(r"&(?:amp;)*(?:#0*(\d{1,7});?|#[xX]0*([0-9A-Fa-f]{1,6});?|([A-Za-z][A-Za-z0-9]{1,31};?))")
_ESCAPE = re.compile(
    r"(?<!\\)\\+(?:u([0-9A-Fa-f]{4})|u\{0*([0-9A-Fa-f]{1,6})\}|U([0-9A-Fa-f]{8})|x([0-9A-Fa-f]{2})|([nrtbf/\"]))"
)
_LETTERS = {"n": "\n", "r": "\n", "t": "\t", "b": "", "f": "\n", "/": "/", '"': '"'}

_TAG = re.compile(r"<[^<>]*>")
_WILDCARD = re.compile(r"__[^_\s][^_\n]{0,60}__")
_EMBEDDING = re.compile(r"embedding:[^\s,()]*", re.IGNORECASE)
_LINK = re.compile(r"\]\([^()\s]{0,2000}\)")
_WEIGHT = re.compile(r":\s{0,3}[-+]?\d{0,9}(?:\.\d{0,9})?\s{0,3}(?=[)\]}])")
_SCHEDULE = re.compile(r"\[([^\[\]|:]{0,200}):([^\[\]|:]{0,200}):\s?\d{0,9}\.?\d{1,9}\s?\]")
_CHOICE = re.compile(r"[{\[]([^{}\[\]]*\|[^{}\[\]]*)[}\]]")
_HOW_MANY = re.compile(r"\A\s*[\d.-]{1,9}(?:::|\$\$)(?:[^$|]{0,20}\$\$)?")
_BREAK = re.compile(r"(?<=\w)[\n\r\f\v\x85\u2028\u2029]+(?=\w)")
# Anything that is no letter, digit, blank or sign between two words.
_SIGN = re.compile(r"[^\w\s,.;:!?'’–—/&…·-]|_")


class _Instead(dict[int, str]):
    """For `str.translate`: invisible characters → a text; the table fills itself."""

    def __init__(self, instead: str):
        super().__init__()
        self._instead = instead

    def __missing__(self, code: int) -> str:
        after = self._instead if is_invisible(chr(code)) else chr(code)
        if len(self) < MOST_REMEMBERED:
            self[code] = after
        return after


_SHOWN, _APART = _Instead(""), _Instead(" ")


def readings(text: str) -> list[str]:
    """Everything that `text` says, itself first; texts that say the same words in the same order are given once."""
    if not _SUSPECT.search(text):
        return [text]
    shown = text.translate(_SHOWN)
    found = {tuple(_WORDS.findall(shown)): text}
    for reading in _undone(shown, text.translate(_APART)):
        found.setdefault(tuple(_WORDS.findall(reading)), reading)
    return list(found.values())


def _undone(shown: str, apart: str) -> Iterator[str]:
    decoded = decode(shown)
    yield decoded
    for chosen in _choices(decoded):
        yield _BREAK.sub("", _SIGN.sub("", _without_syntax(chosen, "")))
    yield _SIGN.sub(" ", _without_syntax(decode(apart), " "))


def decode(text: str) -> str:
    """`text` with JSON's, HTML's and percent escapes undone until none is left."""
    for _ in range(_ROUNDS):
        before = text
        if "%" in text:
            text = unquote(_PERCENT.sub("%", text))
        if "&" in text:
            text = _ENTITY.sub(_entity, text)
        if "\\" in text:
            text = _ESCAPE.sub(_escape, text).encode("utf-16", "surrogatepass").decode("utf-16", "ignore")
        if text == before:
            break
    return text


def _entity(match: re.Match[str]) -> str:
    code = "#" + match[1] if match[1] else "#x" + match[2] if match[2] else match[3]
    return html.unescape(f"&{code};" if code[0] == "#" else f"&{code}")


def _escape(match: re.Match[str]) -> str:
    code = match[1] or match[2] or match[3] or match[4]
    if code is None:
        return _LETTERS[match[5]]
    return chr(int(code, 16)) if int(code, 16) < 0x110000 else ""


def _without_syntax(text: str, instead: str) -> str:
    """`text` with `instead` in place of what tools read as commands and nobody as words."""
    if "/*" in text:
        first, *others = text.split("/*")
        text = instead.join([first, *(part.partition("*/")[2] if "*/" in part else part for part in others)])
    if "<" in text:
        text = _TAG.sub(instead, text)
    if "__" in text:
        text = _WILDCARD.sub(instead, text)
    if "](" in text:
        text = _LINK.sub(instead, text)
    if ":" in text:
        text = _WEIGHT.sub(instead, _EMBEDDING.sub(instead, text))
    return text


def _choices(text: str) -> list[str]:
    """`text`, or, if it holds alternatives, `text` with them chosen."""
    texts = [_SCHEDULE.sub(r"[\1|\2]", text) if "[" in text else text]
    for _ in range(_NESTED):
        if not any("|" in one for one in texts):
            break
        most = max(1, min(MOST_CHOICES, _MOST_CHARACTERS // (len(text) + 1)) // len(texts))
        texts = [chosen for one in texts for chosen in islice(_chosen(one), most)]
    return texts


def _chosen(text: str) -> Iterator[str]:
    """The innermost alternatives chosen, in every combination; of too many, so that all neighbours meet."""
    parts = _CHOICE.split(text)  # between the groups, and the groups' insides at odd places
    groups = [[_HOW_MANY.sub("", choice) for choice in inside.split("|")] for inside in parts[1::2]]
    for picks in _picks([len(group) for group in groups]):
        chosen = parts.copy()
        chosen[1::2] = [group[pick] for group, pick in zip(groups, picks, strict=True)]
        yield "".join(chosen)


def _picks(counts: Sequence[int]) -> Iterator[Sequence[int]]:
    combinations = 1
    for count in counts:
        combinations *= count
        if combinations > MOST_CHOICES:
            break
    else:
        yield from product(*map(range, counts))
        return
    for step, first in product(range(max(counts)), repeat=2):
        yield [(first + step * place) % count for place, count in enumerate(counts)]
