"""The small visual world: flat shapes and a few well-known things, in colours, at places, on plain backgrounds.

A scene says what is where in shares of the picture, so it can be drawn at any size and proportion.
"""

from __future__ import annotations

import hashlib
import math
import random
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy
from PIL import Image, ImageDraw

COLORS = {
    "red": (220, 38, 38), "orange": (245, 135, 25), "yellow": (250, 215, 45), "green": (45, 160, 70),
    "blue": (40, 90, 215), "purple": (135, 60, 190), "pink": (248, 150, 195), "brown": (125, 78, 42),
    "black": (22, 22, 22), "white": (252, 252, 252),
}  # fmt: skip
SHAPES = ("circle", "square", "triangle", "star", "heart", "diamond")
ICONS = ("fox", "panda", "frog", "pig", "apple", "sunflower", "cactus", "house")  # Fluent Emoji Flat, MIT
KINDS = SHAPES + ICONS
ALIKE = {  # backgrounds on which an icon would be lost
    "fox": ("orange",), "panda": ("white",), "frog": ("green",), "pig": ("pink",), "apple": ("red",),
    "sunflower": ("yellow", "green"), "cactus": ("green",), "house": (),
}  # fmt: skip
NEAR, FAR = 0.27, 0.73
PLACES = {
    "left": (NEAR, 0.5), "right": (FAR, 0.5), "top": (0.5, NEAR), "bottom": (0.5, FAR), "top left": (NEAR, NEAR),
    "top right": (FAR, NEAR), "bottom left": (NEAR, FAR), "bottom right": (FAR, FAR),
}  # fmt: skip
RELATIONS = {"left": (NEAR, 0.5), "right": (FAR, 0.5), "above": (0.5, NEAR), "below": (0.5, FAR)}
OPPOSITE = {"left": "right", "right": "left", "above": "below", "below": "above"}
COUNTS = {
    2: ((NEAR, 0.5), (FAR, 0.5)),
    3: ((0.18, 0.5), (0.5, 0.5), (0.82, 0.5)),
    4: ((NEAR, NEAR), (FAR, NEAR), (NEAR, FAR), (FAR, FAR)),
}
# Half a thing's edge, as a share of the picture's unit (see `unit`).
RADIUS, SMALL, BIG, PLACED, PAIRED = 0.34, 0.16, 0.44, 0.23, 0.2
COUNTED = {2: 0.2, 3: 0.14, 4: 0.19}
JITTER = 0.02  # of the place; of the size it is four times that
HELD_OUT = 12  # one of so many combinations is never trained on


@dataclass(frozen=True)
class Thing:
    """What is drawn; an icon has its own colours."""

    kind: str
    color: str | None = None


@dataclass(frozen=True)
class Spot:
    """Where one thing is: its middle in shares of width and height, half its edge in shares of `unit`."""

    thing: Thing
    x: float
    y: float
    radius: float


@dataclass(frozen=True)
class Scene:
    """What a caption speaks of."""

    things: tuple[Thing, ...]  # as named: none, one, or two that stand in a relation
    background: str
    says_background: bool = True  # white goes without saying
    number: int = 1  # how many of the one thing
    place: str | None = None
    size: str | None = None  # "small", "big"
    relation: str | None = None  # where the first of two stands
    spots: tuple[Spot, ...] = ()


def scene(rng: random.Random, *, singles: float = 0.4, held_out: bool = False) -> Scene:
    """A random scene: one thing with probability `singles`, else pairs and more of a kind.

    Training scenes never have a combination that `held_out` ones have.
    """
    while True:
        one = _asked(rng, singles)
        if len(set(one.things)) == len(one.things) and _is_held_out(one) == held_out:
            return _laid_out(rng, one)


def _asked(rng: random.Random, singles: float) -> Scene:
    says = rng.random() < 0.85
    background = rng.choice(("white", *COLORS)) if says else "white"

    def thing() -> Thing:
        kind = rng.choice([kind for kind in KINDS if background not in ALIKE.get(kind, ())])
        return Thing(kind, rng.choice([c for c in COLORS if c != background]) if kind in SHAPES else None)

    chance = rng.random()
    if chance < 0.02:
        return Scene((), background)
    if chance < 0.02 + singles:
        place = rng.choice((None, None, None, *PLACES))
        size = rng.choice((None, None, "small", "big")) if place is None else None
        return Scene((thing(),), background, says, place=place, size=size)
    if chance < 0.02 + singles + 0.4 * (0.98 - singles):
        return Scene((thing(),), background, says, number=rng.choice(tuple(COUNTS)))
    return Scene((thing(), thing()), background, says, relation=rng.choice(tuple(RELATIONS)))


def _is_held_out(one: Scene) -> bool:
    asked = repr((one.things, one.background, one.number, one.place, one.size, one.relation))
    return int(hashlib.md5(asked.encode()).hexdigest(), 16) % HELD_OUT == 0


def _laid_out(rng: random.Random, one: Scene) -> Scene:
    def jitter() -> float:
        return rng.uniform(-JITTER, JITTER)

    grown = 1 + 4 * jitter()
    if one.relation:
        places = (RELATIONS[one.relation], RELATIONS[OPPOSITE[one.relation]])
        radius = PAIRED
    elif one.number > 1:
        places, radius = COUNTS[one.number], COUNTED[one.number]
    else:
        places = (PLACES[one.place] if one.place else (0.5, 0.5),) * len(one.things)
        radius = PLACED if one.place else {None: RADIUS, "small": SMALL, "big": BIG}[one.size]
    things = one.things * one.number
    spots = [Spot(t, x + jitter(), y + jitter(), radius * grown) for t, (x, y) in zip(things, places, strict=True)]
    return Scene(**{**vars(one), "spots": tuple(spots)})


def unit(width: int, height: int) -> float:
    """What sizes are shares of: the edge of a square of the same area, at most a tenth over the short edge."""
    return min(math.sqrt(width * height), 1.1 * min(width, height))


def box(spot: Spot, one: Scene, width: int, height: int) -> tuple[float, float, float]:
    """Middle and half edge in pixels; neighbours never touch, however narrow the picture."""
    radius = spot.radius * unit(width, height)
    for other in one.spots:
        apart = max(abs(other.x - spot.x) * width, abs(other.y - spot.y) * height)
        if other is not spot:
            radius = min(radius, 0.46 * apart)
    return spot.x * width, spot.y * height, radius


def draw(one: Scene, width: int, height: int) -> Image.Image:
    """The scene as an RGB picture, edges not smoothed."""
    picture = Image.new("RGB", (width, height), COLORS[one.background])
    pen = ImageDraw.Draw(picture)
    for spot in one.spots:
        x, y, radius = box(spot, one, width, height)
        if spot.thing.color is None:
            icon = _icon(spot.thing.kind, max(4, round(2 * radius)))
            picture.paste(icon, (round(x - radius), round(y - radius)), icon)
        elif spot.thing.kind == "circle":
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=COLORS[spot.thing.color])
        else:
            corners = [(x + radius * a, y + radius * b) for a, b in _outline(spot.thing.kind)]
            pen.polygon(corners, fill=COLORS[spot.thing.color])
    return picture


def smooth(one: Scene, width: int, height: int, finer: int = 4) -> Image.Image:
    """The scene with smoothed edges."""
    return draw(one, finer * width, finer * height).reduce(finer)


def telling(one: Scene, width: int, height: int) -> numpy.ndarray:
    """Where kinds of things differ, 0 … 1, [height, width]: what the loss looks at most.

    It depends on where things are and how large, never on what they are; so a model that cannot tell yet is not
    drawn towards the outline of what it shall draw.
    """
    picture = Image.new("L", (width, height))
    for spot in one.spots:
        x, y, radius = box(spot, one, width, height)
        edge = max(2, round(2 * radius))
        picture.paste(_differences().resize((edge, edge), Image.Resampling.BOX), (round(x - radius), round(y - radius)))
    return numpy.asarray(picture, numpy.float32) / 255


@lru_cache(None)
def _differences() -> Image.Image:
    drawn = [
        smooth(
            Scene((), "white", spots=(Spot(Thing(kind, "black" if kind in SHAPES else None), 0.5, 0.5, 0.5),)), 64, 64
        )
        for kind in KINDS
    ]
    spread = numpy.std(numpy.stack([numpy.asarray(one, numpy.float32) for one in drawn]), 0).mean(-1)
    return Image.fromarray((255 * spread / spread.max()).astype("uint8"))


@lru_cache(256)
def _icon(kind: str, edge: int) -> Image.Image:
    return _source(kind).resize((edge, edge), Image.Resampling.BOX if edge < 192 else Image.Resampling.BICUBIC)


@lru_cache(None)
def _source(kind: str) -> Image.Image:
    return Image.open(Path(__file__).parent / "icons" / f"{kind}.png").convert("RGBA")


@lru_cache(None)
def _outline(shape: str) -> tuple[tuple[float, float], ...]:
    """Corners around (0, 0), half the edge being 1."""
    if shape == "square":
        return ((-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85))
    if shape == "diamond":
        return ((0, -1), (0.72, 0), (0, 1), (-0.72, 0))
    if shape == "triangle":
        return ((0, -0.92), (1, 0.82), (-1, 0.82))
    if shape == "star":
        points = [(1 if i % 2 == 0 else 0.42, i * math.pi / 5) for i in range(10)]
        return tuple((r * math.sin(angle), -r * math.cos(angle)) for r, angle in points)
    turns = [i * math.tau / 60 for i in range(60)]  # a heart
    return tuple(
        (math.sin(t) ** 3, -(13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)) / 16)
        for t in turns
    )
