"""Draw held-out captions and look at the pixels: is what was asked for there, in its colour, at its place?"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy
import torch
from PIL import Image
from scipy import ndimage

from . import world
from .text import Encoders
from .transformer import Flux, patch, unpatch
from .world import COLORS, KINDS, SHAPES, Scene, Spot, Thing

SHIFT = 1.15  # of ComfyUI's ModelSamplingFlux
_LEAST = 0.006  # of the picture; smaller blobs are none
_APART = 80  # sum of differences of red, green, blue from which a pixel is not background
_TEMPLATE = 24
_OFF = 0.13  # of the edge, that a thing may be off its place


def sample(
    net: Flux, encoders: Encoders, captions: list[str], rows: int, columns: int, *, steps: int = 20, seed: int = 0,
    guidance: float = 3.5, scale: float = 1.0,
) -> torch.Tensor:  # fmt: skip
    """Latents [captions, 16, 2 * rows, 2 * columns], drawn as the host's Euler sampler does.

    Args:
        scale: real classifier-free guidance; 1 for none.
    """
    times = torch.linspace(1, 0, steps + 1)
    sigmas = math.exp(SHIFT) / (math.exp(SHIFT) + (1 / times.clamp(min=1e-9) - 1))
    sigmas[-1] = 0
    noise = torch.randn(len(captions), 16, 2 * rows, 2 * columns, generator=torch.Generator().manual_seed(seed))
    x, many = patch(noise), torch.full((len(captions),), guidance)
    text = (*encoders.t5(captions), encoders.pooled(captions))
    nothing = (*encoders.t5([""] * len(captions)), encoders.pooled([""] * len(captions)))
    with torch.no_grad():
        for sigma, after in itertools.pairwise(sigmas):
            velocity = net(x, sigma.expand(len(x)), *text, many, rows, columns).float()
            if scale != 1:
                without = net(x, sigma.expand(len(x)), *nothing, many, rows, columns).float()
                velocity = torch.lerp(without, velocity, scale)
            x = x + (after - sigma) * velocity
    return unpatch(x, rows, columns)


@dataclass(frozen=True)
class Found:
    """A thing seen in a picture; places and sizes in shares of width and height."""

    thing: Thing
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Seen:
    """What is in a picture, left to right."""

    background: str
    things: tuple[Found, ...]


def look(picture: Image.Image) -> Seen:
    """Background, and every thing with its kind, colour and place."""
    small = picture.convert("RGB")
    small = small.resize(_bounded(small.size), Image.Resampling.BOX)
    pixels = numpy.asarray(small).astype(numpy.float32)
    height, width, _ = pixels.shape
    border = numpy.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    background = _nearest(numpy.median(border, 0))
    differs = numpy.abs(pixels - numpy.median(border, 0)).sum(-1) > _APART
    differs = ndimage.binary_fill_holes(ndimage.binary_closing(numpy.pad(differs, 1))[1:-1, 1:-1])
    labels, _ = ndimage.label(differs)
    found = []
    for index, (down, across) in enumerate(ndimage.find_objects(labels), 1):
        mask = labels[down, across] == index
        if mask.sum() < _LEAST * width * height:
            continue
        found.append(
            Found(
                _what(pixels[down, across], mask, background),
                (across.start + across.stop) / 2 / width,
                (down.start + down.stop) / 2 / height,
                (across.stop - across.start) / width,
                (down.stop - down.start) / height,
            )
        )
    return Seen(background, tuple(sorted(found, key=lambda one: one.x)))


def judge(seen: Seen, one: Scene, proportion: float = 1.0) -> dict[str, bool]:
    """What of the scene is right: of background, count, kind, color, place, size those that it speaks of.

    Args:
        proportion: the picture's width over its height.
    """
    right = {"background": seen.background == one.background, "count": len(seen.things) == len(one.spots)}
    if not one.spots:
        return right
    wanted = [spot.thing for spot in one.spots]
    right["kind"] = sorted(found.thing.kind for found in seen.things) == sorted(thing.kind for thing in wanted)
    colors = sorted(thing.color for thing in wanted if thing.color)
    if colors:
        has = [found.thing.color for found in seen.things if found.thing.color]
        right["color"] = all(has.count(color) >= colors.count(color) for color in colors)
    if one.relation:
        right["relation"] = _stands(seen, one)
    elif len(one.spots) == 1 and len(seen.things) == 1:
        (spot,), (found,) = one.spots, seen.things
        right["place"] = abs(found.x - spot.x) < _OFF and abs(found.y - spot.y) < _OFF
        *_, radius = world.box(spot, one, round(1000 * proportion), 1000)
        right["size"] = 0.6 < max(found.width * proportion, found.height) / (2 * radius / 1000) < 1.5
    return right


def _stands(seen: Seen, one: Scene) -> bool:
    """Whether the first of two things is where it should be, told by its kind, else by its colour."""
    if len(seen.things) != 2:
        return False
    horizontal = one.relation in ("left", "right")
    ordered = sorted(seen.things, key=lambda found: found.x if horizontal else found.y)
    near, far = ordered if one.relation in ("left", "above") else ordered[::-1]
    gap = abs(near.x - far.x) if horizontal else abs(near.y - far.y)
    first, second = one.things
    return gap > 0.2 and (_like(near, first) + _like(far, second) > _like(near, second) + _like(far, first))


def _like(found: Found, thing: Thing) -> int:
    return 2 * (found.thing.kind == thing.kind) + (thing.color is not None and found.thing.color == thing.color)


def held_out(count: int, seed: int = 7) -> list[Scene]:
    """Scenes of combinations that were never trained on."""
    rng = random.Random(seed)
    return [world.scene(rng, held_out=True) for _ in range(count)]


def shares(judged: Iterable[dict[str, bool]]) -> dict[str, tuple[float, int]]:
    """For each thing judged: the share that is right, and of how many; "all" for pictures without a fault."""
    lists: dict[str, list[bool]] = {}
    for one in judged:
        for name, right in {**one, "all": all(one.values())}.items():
            lists.setdefault(name, []).append(right)
    return {name: (sum(values) / len(values), len(values)) for name, values in lists.items()}


def _bounded(size: tuple[int, int], area: int = 192 * 192) -> tuple[int, int]:
    scale = min(1.0, math.sqrt(area / (size[0] * size[1])))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _nearest(color: numpy.ndarray) -> str:
    return min(COLORS, key=lambda name: float(numpy.abs(numpy.array(COLORS[name]) - color).sum()))


def _what(pixels: numpy.ndarray, mask: numpy.ndarray, background: str) -> Thing:
    """The kind that looks most alike: shapes by outline and one colour, icons by their own colours too."""
    height, width = mask.shape
    color = _nearest(numpy.median(pixels[mask], 0))
    plain = numpy.where(mask[..., None], pixels, COLORS[background]).astype("uint8")
    small = numpy.asarray(Image.fromarray(plain).resize((_TEMPLATE, _TEMPLATE), Image.Resampling.BOX), numpy.float32)

    def differs(kind: str) -> float:
        template, proportion = _template(kind, color if kind in SHAPES else None, background)
        return float(numpy.abs(template - small).mean()) + 40 * abs(math.log(proportion / (width / height)))

    kind = min(KINDS, key=differs)
    return Thing(kind, color if kind in SHAPES else None)


@lru_cache(None)
def _template(kind: str, color: str | None, background: str) -> tuple[numpy.ndarray, float]:
    """The thing cut out at its edges, and its width over its height."""
    one = Scene((), background, spots=(Spot(Thing(kind, color), 0.5, 0.5, 0.4),))
    picture = world.smooth(one, 96, 96)
    differs = numpy.abs(numpy.asarray(picture, numpy.float32) - numpy.array(COLORS[background])).sum(-1) > _APART
    rows, columns = numpy.where(differs)
    if not len(rows):
        return numpy.full((_TEMPLATE, _TEMPLATE, 3), 1e3, numpy.float32), 1.0
    top, bottom, left, right = rows.min(), rows.max() + 1, columns.min(), columns.max() + 1
    cut = picture.crop((left, top, right, bottom)).resize((_TEMPLATE, _TEMPLATE), Image.Resampling.BOX)
    return numpy.asarray(cut, numpy.float32), (right - left) / (bottom - top)
