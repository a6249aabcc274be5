"""What a row says about a model at a hosted service: what it can do, how it is asked, its price.

The rows themselves stand in `kinds/NAME.py`. DALL·E's knobs come to a model's own by the rules in `hosted_plan`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from ..prompts.targets import Target
from ..sizes import Size


class Work(Enum):
    """What is asked of a model; the value ends the sentence "a model that …"."""

    DRAW = "draws from a text alone"
    EDIT = "edits by words, without a mask"
    FILL = "redraws what a mask covers"
    VARY = "makes variations"


@dataclass(frozen=True)
class Chosen:
    """How a size is asked for."""

    parameters: Mapping[str, Any]
    size: Size  # that is expected to come, in px


@dataclass(frozen=True)
class Pixels:
    """Width and height in px, on a grid and within limits."""

    step: int
    least: int  # px of an edge
    most: int
    most_pixels: int = 2**31  # of the whole picture
    width: str = "width"  # names of the parameters; equal: one parameter that holds both
    height: str = "height"
    more: Mapping[str, Any] = field(default_factory=dict)  # that goes with them

    def choose(self, asked: Size) -> Chosen:
        """The smallest size of the same shape that is not below `asked`; where that is too large, the largest."""
        scale = min(1.0, self.most / max(asked), math.sqrt(self.most_pixels / (asked.width * asked.height)))
        scale = max(scale, self.least / min(asked)) if scale == 1.0 else scale
        size = Size(*(self._on_grid(edge * scale) for edge in asked))
        while size.width * size.height > self.most_pixels:
            size = Size(*(max(self.least, edge - self.step) for edge in size))
        sent = {self.width: size.width, self.height: size.height}
        if self.width == self.height:
            sent = {self.width: {"width": size.width, "height": size.height}}  # type: ignore[dict-item]
        return Chosen({**sent, **self.more}, size)

    def _on_grid(self, edge: float) -> int:
        low, high = math.ceil(self.least / self.step), self.most // self.step
        return min(max(math.ceil(edge / self.step - 1e-9), low), high) * self.step


@dataclass(frozen=True)
class Aspects:
    """One of some shapes; the service says how many pixels that is."""

    ratios: Mapping[str, Size]  # by the service's name, in px as far as they are known
    name: str = "aspect_ratio"
    more: Mapping[str, Any] = field(default_factory=dict)

    def choose(self, asked: Size) -> Chosen:
        """The nearest shape."""
        wanted = math.log(asked.width / asked.height)
        ratio = min(
            self.ratios, key=lambda one: abs(math.log(self.ratios[one].width / self.ratios[one].height) - wanted)
        )
        return Chosen({self.name: ratio, **self.more}, self.ratios[ratio])


@dataclass(frozen=True)
class AsInput:
    """As large as the picture that is sent; nothing is asked for."""

    more: Mapping[str, Any] = field(default_factory=dict)


SizeRule = Pixels | Aspects | AsInput


def megapixel_ratios(*ratios: str, pixels: int = 2**20) -> dict[str, Size]:
    """Shapes by name ("16:9") with about so many pixels each."""
    found = {}
    for ratio in ratios:
        width, height = map(int, ratio.split(":"))
        edge = math.sqrt(pixels / (width * height))
        found[ratio] = Size(round(width * edge), round(height * edge))
    return found


@dataclass(frozen=True)
class Use:
    """One thing that a model can do, and the request for it."""

    path: str  # of the address, below base_url
    size: SizeRule
    image: str = ""  # field of the picture; "image[]": a list; further ones of a plain name are numbered from _2 on
    mask: str = ""  # field of the mask: white is redrawn
    most: int = 0  # pictures
    prompt: str = "prompt"  # field of the text; empty: it takes none
    more: Mapping[str, Any] = field(default_factory=dict)  # fields that go with it

    def field_of(self, picture: int) -> str:
        """Where picture number `picture` (from 0) goes."""
        return self.image if picture == 0 or self.image.endswith("[]") else f"{self.image}_{picture + 1}"


@dataclass(frozen=True)
class Price:
    """USD; all parts are added."""

    picture: float = 0.0
    first_mp: float = 0.0  # for the first megapixel that comes out, in place of `mp`
    mp: float = 0.0  # for each megapixel that comes out, begun ones count whole
    input_mp: float = 0.0  # for each megapixel that goes in
    unit: int = 2**20  # px of a megapixel

    def of(self, size: Size, inputs: list[Size]) -> float:
        """For one picture."""
        out = math.ceil(size.width * size.height / self.unit)
        taken = sum(math.ceil(one.width * one.height / self.unit) for one in inputs)
        first = self.first_mp or self.mp
        return self.picture + first + (out - 1) * self.mp + taken * self.input_mp


@dataclass(frozen=True)
class HostedModel:
    """One row."""

    name: str
    uses: Mapping[Work, Use]
    price: Price | None  # None: nobody knows
    steps: tuple[str, int, int] | None = None  # field, steps for standard, steps for hd
    guidance: tuple[str, float, float] | None = None  # field, for vivid, for natural
    styles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # what else says "vivid" or "natural"
    seed: str = "seed"  # field; empty: it takes none
    most_seed: int = 2**32 - 1
    safety: tuple[str, Any, Any] | None = None  # field, for auto, for low
    target: Target | None = None  # for which its prompts are converted; None: it reads them as they are
    negative: str = ""  # field of what is not wanted, for a target that has it said apart
    more: Mapping[str, Any] = field(default_factory=dict)  # fields that every request has
    max_prompt: int | None = None  # characters
