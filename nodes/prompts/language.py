"""Which language a prompt is in: enough to know whether English rules apply and whether FLUX's encoders can read it.

CLIP-L was trained on English. T5 v1.1's vocabulary holds English, German, French and Romanian; of Chinese,
Japanese, Korean, Arabic or Hebrew it has no character at all, so that a prompt in them reaches FLUX.1 as
nothing but "unknown" (measured with the tokenizer that ComfyUI ships).
"""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W\d_]+")
_LOOKED_AT = 500  # characters


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_STOPWORDS: dict[str, frozenset[str]] = {
    "en": _words(
        "the a an of and in on with is are to at by for from its his her their this that into over under image photo "
        "picture style no without do not any or as it he she they there two three one has have be wearing holding "
        "sitting standing red blue green white black old man woman dog cat"
    ),
    "es": _words("el la los las un una unos unas de del y en con que sobre por para su sus al está son es muy "
           "sin como bajo junto"),
    "de": _words("der die das ein eine einen einem einer und mit auf im in von zu den dem ist sind unter über "
           "neben ohne vor hinter am bei aus"),
    "fr": _words("le la les un une des du de et dans avec sur est sont au aux sous sans pour par qui en d l"),
    "it": _words("il lo la gli le un una uno di del della e con su nel nella è sono sotto senza per che in dei"),
    "pt": _words("o a os as um uma de do da dos das e em no na com sobre por para que é são sob sem ao"),
    "nl": _words("de het een en in op met van is zijn onder naast zonder voor achter aan bij uit naar"),
    "ro": _words("un o și în cu pe de la este sunt sub fără pentru din lângă care"),
    "pl": _words("w na z i o pod nad obok bez dla przez się jest są do przy"),
}  # fmt: skip
_LANGUAGES_OF: dict[str, tuple[str, ...]] = {
    word: tuple(code for code, stopwords in _STOPWORDS.items() if word in stopwords)
    for word in frozenset().union(*_STOPWORDS.values())
}
_SCRIPTS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("ja", re.compile("[\u3040-\u30ff]")),
    ("zh", re.compile("[\u3400-\u9fff\U00020000-\U0003ffff]")),
    ("ko", re.compile("[\uac00-\ud7af\u1100-\u11ff]")),
    ("ar", re.compile("[\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff]")),
    ("he", re.compile("[\u0590-\u05ff]")),
    ("ru", re.compile("[\u0400-\u052f]")),
    ("el", re.compile("[\u0370-\u03ff]")),
    ("hi", re.compile("[\u0900-\u097f]")),
    ("th", re.compile("[\u0e00-\u0e7f]")),
)
READABLE_BY_T5 = frozenset(("en", "de", "fr", "ro", "und"))


def language_of(text: str) -> str:
    """A BCP 47 code; "en" where nothing speaks against it, "und" for a script this file does not know."""
    text = text[:_LOOKED_AT]
    if not text.isascii():
        letters = sum(character.isalpha() for character in text)
        foreign = sum(character.isalpha() and ord(character) > 0x24F for character in text)
        if letters and foreign * 2 > letters:
            return next((code for code, script in _SCRIPTS if script.search(text)), "und")
    words = text.lower().split() if text.isascii() else _WORD.findall(text.lower())
    if len(words) < 3:
        return "en"
    scores = dict.fromkeys(_STOPWORDS, 0)
    for word in words:
        for code in _LANGUAGES_OF.get(word, ()):
            scores[code] += 1
    best = max(scores, key=lambda code: (scores[code], code == "en"))
    return best if scores[best] >= 2 and scores[best] > scores["en"] else "en"
