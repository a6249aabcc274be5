"""How people ask DALL·E for a scene: many ways to say the same, plain and through this pack's converter."""

from __future__ import annotations

import random

from nodes.prompts.convert import ConversionRequest, convert
from nodes.prompts.targets import Style

from .world import KINDS, OPPOSITE, Scene, Thing

OPENINGS = (
    "", "", "", "", "", "", "a picture of ", "an illustration of ", "a simple drawing of ", "an image of ",
    "create an image of ", "draw ", "I want a picture of ", "please draw ", "a minimalist poster with ",
    "flat vector art of ", "a cartoon of ", "show me ", "generate ",
)  # fmt: skip
ENDINGS = (
    "flat design", "minimalist", "simple", "clean lines", "vector art", "no text", "high quality", "cartoon style",
    "centered composition", "bright colors",
)  # fmt: skip
SAME = {
    "circle": ("circle", "circle", "circle", "disc", "dot"),
    "diamond": ("diamond", "diamond", "diamond", "rhombus"),
    "pig": ("pig", "pig", "pig face"),
    "apple": ("apple", "apple", "red apple"),
    "frog": ("frog", "frog", "green frog"),
}
SIZES = {"small": ("small", "tiny", "little"), "big": ("big", "large", "huge", "giant")}
NUMBERS = {2: ("two", "2", "a pair of"), 3: ("three", "3"), 4: ("four", "4")}
SIDES = {
    "left": ("on the left", "on the left side", "at the left", "to the left", "in the left half"),
    "right": ("on the right", "on the right side", "at the right", "to the right", "in the right half"),
    "top": ("at the top", "near the top", "in the upper part", "at the top of the picture", "up at the top"),
    "bottom": (
        "at the bottom", "near the bottom", "in the lower part", "at the bottom of the picture", "down at the bottom",
    ),
}  # fmt: skip
WHERE = {
    "left": ("to the left of", "left of", "on the left of", "on the left side of", "beside", "next to", "and"),
    "right": ("to the right of", "right of", "on the right of", "on the right side of"),
    "above": ("above", "over", "on top of", "higher than"),
    "below": ("below", "under", "beneath", "underneath"),
}
ENDS = {"left": "left", "right": "right", "above": "top", "below": "bottom"}


def caption(rng: random.Random, one: Scene, size: str = "1024x1024", *, bare: float = 0.1) -> str:
    """A caption of the scene; some went through the converter for a picture of this DALL·E size.

    Args:
        bare: share of captions that say what is there and no more.
    """
    if rng.random() < bare:
        return _with_background(rng, one, _subject(rng, one))
    text = _sentence(rng, one)
    if rng.random() < 0.3:
        style = Style.VIVID if rng.random() < 0.6 else Style.NATURAL
        return convert(ConversionRequest(text, style=style, size=size)).t5xxl
    return text


def _sentence(rng: random.Random, one: Scene) -> str:
    text = rng.choice(OPENINGS) + _with_background(rng, one, _subject(rng, one))
    if rng.random() < 0.12:
        text += f", {rng.choice(ENDINGS)}"
    if rng.random() < 0.04:
        text += f", no {rng.choice([kind for kind in KINDS if kind not in [t.kind for t in one.things]])}"
    if rng.random() < 0.55:
        text = text[0].upper() + text[1:]
    return text + "." if rng.random() < 0.4 and not text.endswith(".") else text


def _subject(rng: random.Random, one: Scene) -> str:
    if not one.things:
        return rng.choice(("nothing at all", "an empty picture", "a plain empty scene"))
    if one.relation:
        return _pair(rng, one.things[0], one.things[1], one.relation)
    (thing,) = one.things
    if one.number > 1:
        row = ("", "", "", " in a row", " side by side") if one.number < 4 else ("", "", " in a grid")
        return f"{rng.choice(NUMBERS[one.number])} {_name(rng, thing, plural=True)}{rng.choice(row)}"
    what = _a(_name(rng, thing, rng.choice(SIZES[one.size]) if one.size else ""))
    if not one.size and rng.random() < 0.1:
        what = "one " + what.split(" ", 1)[1]
    if one.place is None:
        return what + rng.choice(("", "", "", "", " in the center", " in the middle"))
    place = _place(rng, one.place)
    return f"{place}, {what}" if rng.random() < 0.1 else f"{what} {place}"


def _place(rng: random.Random, place: str) -> str:
    if place in SIDES:
        return rng.choice(SIDES[place])
    other = place.replace("top", "upper").replace("bottom", "lower")
    name = rng.choice((place, place, other))
    return rng.choice(
        (f"in the {name} corner", f"in the {name}", f"at the {name}", f"in the {name} corner of the picture")
    )


def _pair(rng: random.Random, first: Thing, second: Thing, relation: str) -> str:
    one, two = (_a(_name(rng, thing)) for thing in (first, second))
    back = OPPOSITE[relation]
    here, there = rng.choice(SIDES[ENDS[relation]]), rng.choice(SIDES[ENDS[back]])
    return rng.choice(
        (
            f"{one} {rng.choice(WHERE[relation])} {two}",
            f"{one} {rng.choice(WHERE[relation])} {two}",
            f"{two} {rng.choice(WHERE[back])} {one}",
            f"{two} {rng.choice(WHERE[back])} {one}",
            f"{one} {here} and {two} {there}",
            f"{two} {there}, {one} {here}",
        )
    )


def _with_background(rng: random.Random, one: Scene, subject: str) -> str:
    if one.things and not one.says_background:
        return subject
    ground = one.background
    return rng.choice(
        (
            f"{subject} on {_a(ground)} background", f"{subject} on {_a(ground)} background",
            f"{subject} on {_a(ground)} background", f"{subject} against {_a(ground)} background",
            f"{subject} with {_a(ground)} background", f"{subject}, {ground} background",
            f"{subject}, {ground} background", f"{subject} on a plain {ground} background",
            f"{subject} on {ground}", f"{subject}. The background is {ground}.",
            f"{subject}. Plain {ground} background.", f"on {_a(ground)} background, {subject}",
        )
    )  # fmt: skip


def _name(rng: random.Random, thing: Thing, extra: str = "", *, plural: bool = False) -> str:
    kind = rng.choice(SAME.get(thing.kind, (thing.kind,)))
    if plural:
        kind += "es" if kind.endswith(("x", "s")) else "s"
        kind = "cacti" if kind == "cactuses" and rng.random() < 0.5 else kind
    return " ".join(word for word in (extra, thing.color, kind) if word)


def _a(words: str) -> str:
    return ("an " if words[0] in "aeiou" else "a ") + words
