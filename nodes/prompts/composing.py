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

from .clauses import CONJUNCTIONS, clauses_of, sentences
from .quoting import MARK, is_ended
from .rules.cues import is_style_cue, short_form, split_cues

Count = Callable[[str], int]

# T5's longest piece has 16 characters and runs of unknown ones collapse into one; a text much longer than this is not
# worth measuring whole. Keeps a prompt of a megabyte in linear and small time.
_WINDOW = 24_000
_STANDS_ALONE = 71  # importance from which a clause is taken without the one before it
_JOINT = re.compile(
    r" (?=(?:while|as|with|against|surrounded|beside|behind|under|beneath|above|near|next|in|on|at) )", re.I
)
_WORDS = re.compile("(?:\ue002[\ue010-\ue019]{1,9}\ue003|[^\\s\ue002])+")
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
    clauses = list(_clauses(" ".join(body[:4000].split())))
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
            words = rest if first.lower() in CONJUNCTIONS and rest else words
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
        first = next((word for word in words if word not in CONJUNCTIONS), "")
        if first.endswith("ing") and not first.startswith(_STYLE_WORDS):
            return False
    return "deco" in words or any(word.startswith(_STYLE_WORDS) for word in words)


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
    ends = [match.end() for match in _WORDS.finditer(text[: limit * 64])]
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
