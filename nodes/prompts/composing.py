"""From one converted prompt to the two texts: a long one for T5, a short one for CLIP-L.

ComfyUI cuts neither: T5 gets everything (FLUX learned from 512 tokens, schnell from 256), and of CLIP-L's
chunks FLUX uses the first alone (source: ComfyUI `comfy/text_encoders/flux.py`). So the long text is
shortened at sentence ends, and the short one is put together from the clauses that say what is seen and how.
Texts come in and go out with quoted texts marked (see `quoting`), so nothing is ever cut inside of one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .quoting import MARK, is_ended
from .rules.cues import is_style_cue, short_form, split_cues

Count = Callable[[str], int]

# T5's longest piece has 16 characters and runs of unknown ones collapse into one; a text much longer than this is not
# worth measuring whole. Keeps a prompt of a megabyte in linear and small time.
_WINDOW = 24_000
_SENTENCE = re.compile(r"[^.!?…。！？]*(?:[.!?…](?![\s\ue002])[^.!?…。！？]*)*(?:[.!?…。！？]+[)\"'”’\]]*|\Z)\s*")
_ABBREVIATED = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Dr|St|No|vs|etc|e\.g|i\.e|approx|ca|ft|Jr|Sr|[A-Z])\.)\s*\Z")
_CLAUSE = re.compile(r"(\s*[,;:，；、]\s+|\s*[，；、]\s*|\s+[–—-]\s+)")
_STANDS_ALONE = 71  # importance from which a clause is taken without the one before it
_JOINT = re.compile(
    r"\s+(?=(?:while|as|with|against|surrounded|beside|behind|under|beneath|above|near|next|in|on|at)\s)", re.I
)
_LAST_ADJECTIVES = re.compile(r"(?:, [\w-]+)+\Z")
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
_CONJUNCTIONS = _words("and but while so as")
_BEFORE_ADJECTIVES = _DETERMINERS | _words("of with by against in on into very under over behind near from to")
_NO_ADJECTIVE = _DETERMINERS | _PLACES | _words("and or but while of where which who each one to up down into")
# Words, or their beginnings, that say how the picture is made.
_STYLE_WORDS = (
    "photo", "portrait", "painting", "watercolo", "oil", "acrylic", "gouache", "sketch", "drawing", "illustrat",
    "render", "3d", "cgi", "anime", "manga", "cartoon", "comic", "pixel", "vector", "logo", "poster", "collage",
    "sculpture",
    "mosaic", "engraving", "woodcut", "ukiyo-e", "style", "aesthetic", "artwork", "cinematic", "film", "polaroid",
    "macro", "close-up", "closeup", "bokeh", "lens", "isometric", "minimalis", "surreal", "realis", "impressionis",
    "cubis",
    "baroque", "gothic", "nouveau", "retro", "vintage", "noir", "monochrom", "pastel", "lighting", "mood",
)  # fmt: skip


@dataclass(frozen=True)
class Long:
    """The text for T5 and what had to go."""

    text: str
    left_out: tuple[str, ...] = ()  # whole sentences or, where one alone was too long, its end
    tokens: int = 0


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


def compose_long(text: str, limit: int, count: Count) -> Long:
    """At most `limit` tokens of `text`; the first sentence, quoted texts and cues go last."""
    if len(text) <= _WINDOW:
        tokens = count(text)
        if tokens <= limit:
            return Long(text, tokens=tokens)
    body, cues = split_cues(text)
    ending = (" " + " ".join(cues)) if cues else ""
    room = limit - (count(ending) if ending else 1)
    parts = sentences(body[:_WINDOW])
    beyond = [body[_WINDOW:]] if len(body) > _WINDOW else []
    costs = [count(part) for part in parts]  # each counts its own end mark: rather too many than too few
    keep: set[int] = set()
    left = room
    for index in sorted(range(len(parts)), key=lambda i: (not (i == 0 or MARK.search(parts[i])), i)):
        important = index == 0 or bool(MARK.search(parts[index]))
        if costs[index] <= left:
            keep.add(index)
            left -= costs[index]
        elif not important:
            break  # what follows would stand without what it follows from
    kept = [parts[index] for index in sorted(keep)]
    out = [parts[index] for index in range(len(parts)) if index not in keep]
    if parts and 0 not in keep:
        head = _longest_start(parts[0], left, count)
        kept.insert(0, head)
        out[0] = parts[0][len(head) :].strip()
    while True:
        result = " ".join(part for part in kept if part) + ending
        tokens = count(result)
        if tokens <= limit or len(kept) <= 1:
            break
        out.append(kept.pop())
    if tokens > limit:
        result = _longest_start(result, limit, count)
        tokens = count(result)
    return Long(result.strip(), tuple(part for part in (*out, *beyond) if part), tokens)


@dataclass(frozen=True)
class _Clause:
    text: str
    joint: str  # what stands between it and the clause before it; "" where a sentence begins
    weight: int  # the heavier, the sooner taken


def compose_short(text: str, limit: int, count: Count, read: Callable[[str], str] = str) -> str:
    """The clauses of `text` that matter most, in their order, within `limit` tokens.

    Args:
        read: a part of `text` as people read it, with its quoted texts.
    """
    if len(text) <= 1200 and count(text) <= limit:
        return text
    body, cues = split_cues(text)
    clauses = list(_clauses(body[:4000]))
    if not clauses:
        return _longest_start(text, limit, count)
    # The cue of the style matters as much as style in the prompt, that of the format less than what is in the picture.
    for number, cue in enumerate(cues):
        words = short_form(cue)
        clauses.append(
            _Clause(words if number else words.capitalize(), ", " if number else "", 85 if is_style_cue(cue) else 27)
        )
    chosen: dict[int, str] = {}
    left = limit
    for index in sorted(range(len(clauses)), key=lambda i: (-clauses[i].weight, i)):
        clause = clauses[index]
        if clause.joint and clause.weight < _STANDS_ALONE and index - 1 not in chosen:
            continue  # the rest of something that is not there
        words = clause.text
        cost = count(words) + (1 if chosen else 0)
        if cost > left and not chosen:
            words = _first_joint(words, left, count)
            cost = count(words)
        if words and cost <= left:
            chosen[index] = words
            left -= cost
    order = sorted(chosen)
    result = _joined(clauses, chosen, order, read)
    while (tokens := count(result)) > limit and len(order) > 1:
        order.remove(min(order, key=lambda i: (clauses[i].weight, -i)))
        result = _joined(clauses, chosen, order, read)
    return result if tokens <= limit else _longest_start(result, limit, count)


def _joined(clauses: list[_Clause], chosen: dict[int, str], order: list[int], read: Callable[[str], str]) -> str:
    """Clauses as prose: neighbours as they stood, the others after a comma, each sentence after a full stop."""
    text, last = "", -2
    for index in order:
        words = chosen[index]
        if not clauses[index].joint:
            joint = "" if not text else " " if is_ended(read(chosen[last])) else ". "
        elif last == index - 1:
            joint = clauses[index].joint
        else:
            joint = ", " if text else ""
            first, _, rest = words.partition(" ")
            words = rest if first.lower() in _CONJUNCTIONS and rest else words
        text, last = text + joint + words, index
    return text


def _clauses(body: str) -> Iterator[_Clause]:
    """The clauses of the text in order, with their importance."""
    has_quotes = MARK.search(body) is not None
    for number, sentence in enumerate(sentences(body)[:40]):
        parts = clauses_of(sentence)
        quotes_later = has_quotes and any(MARK.search(part) for _, part in parts[1:])
        for position, (joint, part) in enumerate(parts):
            clause = part.strip(" .;,")
            if not any(character.isalnum() for character in clause) and not MARK.search(clause):
                continue
            if number == 0 and position == 0:
                weight = 100
            elif has_quotes and MARK.search(clause):
                weight = 90
            elif position == 0 and quotes_later:
                weight = 89  # whose text it is
            elif _is_style(clause.lower().split(), alone=position > 0):
                weight = _STANDS_ALONE + 9 - min(number, 9)
            elif number == 0:
                weight = 70 - min(position, 20)
            elif position == 0:
                weight = 50 - min(number, 20)
            else:
                weight = 28 - min(number, 20)
            yield _Clause(clause, joint, weight)


def _is_style(words: list[str], *, alone: bool) -> bool:
    """True for "in watercolor", but not for "admiring it and taking photos": that goes on with something."""
    if alone:
        first = next((word for word in words if word not in _CONJUNCTIONS), "")
        if first.endswith("ing") and not first.startswith(_STYLE_WORDS):
            return False
    return "deco" in words or any(word.startswith(_STYLE_WORDS) for word in words)


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
        words = _LAST_ADJECTIVES.sub("", part.lower()).split()
    comes = len(words) > 1 and (words[-2] in _BEFORE_ADJECTIVES or words[-2].endswith(("'s", "’s")))
    return comes and _may_be_adjective(following.lower().split())


def _may_be_adjective(words: list[str]) -> bool:
    """False for "and more", "with snow", "gazing up at it": they go on with something else."""
    first, second = [*[word for word in words[:3] if not word.endswith("ly")], "", ""][:2]
    return first not in _NO_ADJECTIVE and not (first.endswith(("ing", "ed")) and second in _NO_ADJECTIVE)


def _first_joint(clause: str, limit: int, count: Count) -> str:
    """As much of one long clause as fits, ending where a phrase ends; else where a word ends."""
    best = ""
    for joint in _JOINT.finditer(clause):
        if count(clause[: joint.start()]) > limit:
            break
        best = clause[: joint.start()]
    return best if len(best) > 10 else _longest_start(clause, limit, count)


def _longest_start(text: str, limit: int, count: Count) -> str:
    """The longest start of `text` within `limit` tokens that ends at a word and outside of quoted text."""
    ends = [match.end() for match in re.finditer(r"(?:\ue002[\ue010-\ue019]+\ue003|[^\s\ue002])+", text[: limit * 64])]
    low, high = 0, len(ends)
    while low < high:
        middle = (low + high + 1) // 2
        if count(text[: ends[middle - 1]]) <= limit:
            low = middle
        else:
            high = middle - 1
    if low:
        return text[: ends[low - 1]].rstrip(" ,;:-–—")
    if MARK.match(text):
        return ""
    # One word longer than all the room, or a script that writes without spaces.
    plain = MARK.split(text)[0]
    low, high = 0, min(len(plain), limit * 64)
    while low < high:
        middle = (low + high + 1) // 2
        if count(plain[:middle]) <= limit:
            low = middle
        else:
            high = middle - 1
    return plain[:low]
