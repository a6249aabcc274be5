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

from .quoting import MARK
from .rules.cues import is_style_cue, short_form, split_cues

Count = Callable[[str], int]

# T5's longest piece has 16 characters and runs of unknown ones collapse into one; a text much longer than this is not
# worth measuring whole. Keeps a prompt of a megabyte in linear and small time.
_WINDOW = 24_000
_SENTENCE = re.compile(r"[^.!?…。！？]*(?:[.!?…](?![\s\ue002])[^.!?…。！？]*)*(?:[.!?…。！？]+[)\"'”’\]]*|\Z)\s*")
_ABBREVIATED = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Dr|St|No|vs|etc|e\.g|i\.e|approx|ca|ft|Jr|Sr|[A-Z])\.)\s*\Z")
_CLAUSE = re.compile(r"\s*[,;:，；、]\s+|\s*[，；、]\s*|\s+[–—-]\s+")
_CONJUNCTION = re.compile(r"\A(?:and|but|while|so)\s+", re.IGNORECASE)
_STANDS_ALONE = 71  # importance from which a clause is taken without the one before it
_JOINT = re.compile(
    r"\s+(?=(?:while|as|with|against|surrounded|beside|behind|under|beneath|above|near|next|in|on|at)\s)", re.I
)
_ARTICLES = {"a", "an", "the", "its", "his", "her", "their"}
_DETERMINERS = {"a", "an", "the", "some", "two", "three", "four", "five", "six"}
_PLACES = {
    "in", "on", "at", "by", "from", "to", "under", "above", "below", "behind", "beside", "beneath", "outside", "inside",
    "around", "near", "nearby", "next", "with", "along", "over", "across", "through", "between", "amidst", "among",
    "as",
    "meanwhile", "here", "there", "overhead",
}  # fmt: skip
# Words, or their beginnings, that say how the picture is made.
_STYLE_WORDS = (
    "photo", "portrait", "painting", "watercolo", "oil", "acrylic", "gouache", "sketch", "drawing", "illustrat",
    "render", "3d", "cgi", "anime", "manga", "cartoon", "comic", "pixel", "vector", "logo", "poster", "collage",
    "sculpture",
    "mosaic", "engraving", "woodcut", "ukiyo-e", "style", "aesthetic", "artwork", "cinematic", "film", "polaroid",
    "macro", "close-up", "closeup", "bokeh", "lens", "isometric", "minimalis", "surreal", "realis", "impressionis",
    "cubis",
    "baroque", "gothic", "deco", "nouveau", "retro", "vintage", "noir", "monochrom", "pastel", "lighting", "mood",
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


def compose_short(text: str, limit: int, count: Count) -> str:
    """The clauses of `text` that matter most, in their order, within `limit` tokens."""
    if len(text) <= 1200 and count(text) <= limit:
        return text
    body, cues = split_cues(text)
    clauses = list(_clauses(body[:4000]))
    if not clauses:
        return _longest_start(text, limit, count)
    # The cue of the style matters as much as style in the prompt, that of the format less than what is in the picture.
    clauses.extend((85 if is_style_cue(cue) else 27, short_form(cue), False) for cue in cues)
    chosen: dict[int, str] = {}
    left = limit
    for index in sorted(range(len(clauses)), key=lambda i: (-clauses[i][0], i)):
        weight, clause, follows = clauses[index]
        if follows and weight < _STANDS_ALONE and index - 1 not in chosen:
            continue  # the rest of something that is not there
        cost = count(clause) + (1 if chosen else 0)
        if cost > left and not chosen:
            clause = _first_joint(clause, left, count)
            cost = count(clause)
        if clause and cost <= left:
            chosen[index] = clause
            left -= cost
    order = sorted(chosen)
    result = _joined(chosen, order)
    while (tokens := count(result)) > limit and len(order) > 1:
        order.remove(min(order, key=lambda i: (clauses[i][0], -i)))
        result = _joined(chosen, order)
    return result if tokens <= limit else _longest_start(result, limit, count)


def _joined(chosen: dict[int, str], order: list[int]) -> str:
    return ", ".join(chosen[index] for index in order)


def _clauses(body: str) -> Iterator[tuple[int, str, bool]]:
    """(importance, clause, whether it goes on with the one before it) in the order of the text."""
    first = True
    for number, sentence in enumerate(sentences(body)[:40]):
        for position, part in enumerate(_split(sentence)):
            clause = _CONJUNCTION.sub("", part.strip(" .;,"), 1)
            if not any(character.isalnum() for character in clause) and not MARK.search(clause):
                continue
            if number == 0 and position == 0:
                weight = 100
            elif MARK.search(clause):
                weight = 90
            elif any(word.startswith(_STYLE_WORDS) for word in clause.lower().split()):
                weight = _STANDS_ALONE + 9 - min(number, 9)
            elif number == 0:
                weight = 70 - min(position, 20)
            elif position == 0:
                weight = 50 - min(number, 20)
            else:
                weight = 28 - min(number, 20)
            yield weight, clause, position > 0 and not first
            first = False


def _split(sentence: str) -> list[str]:
    """A sentence at its commas, but not between the adjectives of one thing: "a white, sleek sports car"."""
    parts = _CLAUSE.split(sentence)
    joined: list[str] = []
    for part in parts:
        if joined and _dangles(joined[-1]):
            joined[-1] = f"{joined[-1]}, {part}"
        else:
            joined.append(part)
    return joined


def _dangles(part: str) -> bool:
    """True for what cannot stand alone: "a white" before "sleek car", "in the background" before what is there."""
    words = part.lower().split()
    if len(words) < 2 or words[-2] in _ARTICLES:
        return bool(words)
    if len(words) <= 6 and words[0] in _PLACES:
        return True
    return len(words) <= 4 and any(word in _DETERMINERS for word in words[: len(words) - 2 or 1])


def _first_joint(clause: str, limit: int, count: Count) -> str:
    """As much of one long clause as fits, ending where a phrase ends; else where a word ends."""
    best = ""
    for joint in _JOINT.finditer(clause):
        if MARK.search(clause[joint.start() :]) or count(clause[: joint.start()]) <= limit:
            start = clause[: joint.start()]
            if count(start) > limit:
                break
            best = start
        else:
            break
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
