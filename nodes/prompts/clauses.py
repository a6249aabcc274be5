"""Where English prose can be cut: at the ends of sentences, and between clauses that can stand alone.

Texts come in with quoted texts marked (see `quoting`) and blanks single.
"""

from __future__ import annotations

import re

_SENTENCE = re.compile(r"[^.!?…。！？]*(?:[.!?…](?![\s\ue002])[^.!?…。！？]*)*(?:[.!?…。！？]+[)\"'”’\]]*|\Z)\s*")
_ABBREVIATED = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Dr|St|No|vs|etc|e\.g|i\.e|approx|ca|ft|Jr|Sr|[A-Z])\.)\s*\Z")
_CLAUSE = re.compile(r"( ?[,;:，；、] | ?[，；、] ?| [–—-] )")
_ONE_WORD = re.compile(r"[\w-]+")
_ITEM = 4  # words; what is shorter may be an item of a list, or a subject whose verb is still to come


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_DETERMINERS = _words("a an the its his her their some two three four five six")
_PLACES = _words(
    "in on at by from to under above below behind beside beneath outside inside around near nearby next with along "
    "over across through between amidst among as meanwhile here there overhead"
)
_BEFORE_A_SUBJECT = _words("as while when where")
_INVERTED = _words("is are sit sits lie lies lay lays rest rests stand stands hang hangs")
CONJUNCTIONS = _words("and but while so as")
_BEFORE_ADJECTIVES = _DETERMINERS | _words("of with by against in on into very under over behind near from to")
_NO_ADJECTIVE = _DETERMINERS | _PLACES | _words("and or but while of where which who each one to up down into")
# Words, or their beginnings, that say how the picture is made.


def sentences(text: str) -> list[str]:
    """Sentences with their ends, without the space between them."""
    found: list[str] = []
    for match in _SENTENCE.finditer(text):
        part = match[0]
        if not part:
            continue
        if found and _ABBREVIATED.search(found[-1][-12:]):
            found[-1] += part
        else:
            found.append(part)
    return [sentence.strip() for sentence in found if sentence.strip()]


def clauses_of(sentence: str) -> list[tuple[str, str]]:
    """(joint before it, clause): cut at commas, but not inside of lists, nor where one half cannot stand alone."""
    parts = _CLAUSE.split(sentence)
    found = [("", parts[0])]
    for joint, part in zip(parts[1::2], parts[2::2], strict=True):
        if part.lower().startswith(("and ", "or ")):  # the end of a list
            while len(found) > 1 and _is_item(found[-1][1]):
                own_joint, item = found.pop()
                found[-1] = (found[-1][0], found[-1][1] + own_joint + item)
        before, last = found[-1]
        belongs = part.lower().startswith(("such as ", "including ")) or _ends_a_list(last, part)
        if belongs or _dangles(last, part, at_start=len(found) == 1):
            found[-1] = (before, last + joint + part)
        else:
            found.append((joint, part))
    return found


def _is_item(part: str) -> bool:
    return len(part.split()) <= _ITEM


def _ends_a_list(part: str, following: str) -> bool:
    """True for "red, green" before "and blue"."""
    _, comma, item = part.rpartition(", ")
    return bool(comma) and _is_item(item) and following.lower().startswith(("and ", "or "))


def _dangles(part: str, following: str, *, at_start: bool) -> bool:
    """True for what cannot stand alone: "a white" before "sleek car", "in the background" before what is there."""
    words = part.lower().split()
    if at_start and words:
        opens = words[0] in _PLACES or words[0].endswith(("ing", "ed")) or words[0] in ("seen", "set", "built", "shot")
        if len(words) <= _ITEM or (opens and len(words) <= 3 * _ITEM and _INVERTED.isdisjoint(words)):
            return True
    if not _BEFORE_A_SUBJECT.isdisjoint(words[-4:-1]) or (words and len(words) <= 2 and words[-1] in _PLACES):
        return True
    if ", " in part:
        words = _without_last_adjectives(part.lower()).split()
    comes = len(words) > 1 and (words[-2] in _BEFORE_ADJECTIVES or words[-2].endswith(("'s", "’s")))
    return comes and _may_be_adjective(following.lower().split())


def _without_last_adjectives(part: str) -> str:
    """ "a large, pointed" → "a large"."""
    words = part.split(", ")
    while len(words) > 1 and _ONE_WORD.fullmatch(words[-1]):
        words.pop()
    return ", ".join(words)


def _may_be_adjective(words: list[str]) -> bool:
    """False for "and more", "with snow", "gazing up at it": they go on with something else."""
    first, second = [*[word for word in words[:3] if not word.endswith("ly")], "", ""][:2]
    return first not in _NO_ADJECTIVE and not (first.endswith(("ing", "ed")) and second in _NO_ADJECTIVE)
