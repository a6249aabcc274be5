"""What DALL·E's four knobs mean on FLUX.

quality: steps; style: guidance, and the wording of the prompt (see the room `prompts`); both by the table in
`recipes`. size: see `canvas_for`. n: picture number i (from 0) is drawn from seed + i, so each can be had alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import DalleFluxError
from ..recipes import RECIPES
from ..sizes import BadSize, Size, parse_size
from .families import Family, traits

QUALITIES = ("standard", "hd")
STYLES = ("vivid", "natural")
# DALL·E 3's, then DALL·E 2's, then those of GPT image models.
SIZES = ("1024x1024", "1792x1024", "1024x1792", "512x512", "256x256", "1536x1024", "1024x1536")
AUTO = "auto"  # as a size: that of the picture to be edited; as draw_with: the first family that is installed
MAX_N = 10  # the Images API's own limit

EDGE_STEP = 16  # px; 8 of the autoencoder times 2 of FLUX's patches
MAX_RATIO = 4.0  # long edge to short edge
MAX_REFERENCES = 10  # pictures that FLUX.2 is shown at once
MAX_SEED = 2**64 - 1  # the host's samplers take 64 bits


class BadSetting(DalleFluxError):
    """A quality, style or n that the Images API does not know."""

    code = "bad_setting"


@dataclass(frozen=True)
class Canvas:
    """The size asked for and the size FLUX draws."""

    asked: Size
    render: Size  # multiples of 16; covers `asked` after scaling by `scale`
    scale: float  # asked ÷ drawn; 1.0 means: cropped at most, never resampled

    @property
    def is_exact(self) -> bool:
        """True if the picture is drawn at the size asked for."""
        return self.render == self.asked


@dataclass(frozen=True)
class SamplingSettings:
    """One request's knobs, in FLUX's terms."""

    family: Family
    canvas: Canvas
    n: int
    steps: int
    guidance: float | None  # None: the model takes no guidance
    scheduler: str
    sampler: str
    shift: tuple[float, float] | None  # (max_shift, base_shift)

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence for each thing that was mapped by rule."""
        notes = []
        if not self.canvas.is_exact:
            brand = traits(self.family).brand
            notes.append(f"{brand} drew {self.canvas.render} and the picture was brought to {self.canvas.asked}.")
        recipe = RECIPES[traits(self.family).recipe]
        if recipe.standard == recipe.hd:
            notes.append(f"This model is distilled to {self.steps} steps, so quality changed nothing.")
        if self.guidance is None:
            notes.append("This model takes no guidance, so style changed the wording only.")
        return tuple(notes)


def settings_for(size: str, quality: str, style: str, n: int, family: Family = Family.DEV) -> SamplingSettings:
    """Translate DALL·E's knobs.

    Raises:
        BadSize: `size` is no size, or too narrow.
        BadSetting: `quality`, `style` or `n` is not one of the Images API's.
    """
    recipe = RECIPES[traits(family).recipe]
    return SamplingSettings(
        family=family,
        canvas=canvas_for(parse_size(size), family),
        n=checked_n(n),
        steps=recipe.steps(checked(quality, QUALITIES, "quality")),
        guidance=recipe.guidance(checked(style, STYLES, "style")),
        scheduler=recipe.scheduler,
        sampler=recipe.sampler,
        shift=recipe.shift,
    )


def canvas_for(asked: Size, family: Family = Family.DEV, picture: Size | None = None) -> Canvas:
    """The size at which a family draws a picture of the size asked for.

    One that knows certain sizes draws the one nearest in shape, and the picture is scaled. Else edges are rounded up to
    multiples of 16 and the surplus, below 16 px, is cropped evenly; a picture outside the family's range (FLUX.1:
    0.26 … 2.1 megapixels) is drawn at the nearest size inside and scaled.

    Args:
        picture: whose shape counts, where one is changed as a whole; None: that of `asked`.

    Raises:
        BadSize: one edge is more than four times the other; FLUX draws such strips as repetitions.
    """
    if picture is None and max(asked) > MAX_RATIO * min(asked):
        raise BadSize(
            f"Size {asked} is too narrow for FLUX; ask for a picture whose long edge is at most "
            f"{MAX_RATIO:.0f} times its short edge."
        )
    known = traits(family)
    if known.trained:
        shape = picture or asked
        wanted = math.log(shape.width / shape.height)
        render = min(known.trained, key=lambda size: abs(wanted - math.log(size.width / size.height)))
        return Canvas(asked, render, max(asked.width / render.width, asked.height / render.height))
    pixels = asked.width * asked.height
    least, most = known.pixels
    scale = math.sqrt(pixels / min(max(pixels, least), most))
    render = Size(_round_up(asked.width / scale), _round_up(asked.height / scale))
    return Canvas(asked, render, scale)


def redux_weight(strength: float) -> float:
    """DALL·E variations have no such knob; ours runs from 0, loosely inspired, to 1, near-copy.

    Returns:
        Redux's share in the conditioning, 0.1 … 1.0 (source: ComfyUI StyleModelApply, strength_type multiply).

    Raises:
        BadSetting: `strength` is outside 0 … 1.
    """
    if not 0.0 <= strength <= 1.0:
        raise BadSetting(f"strength is {strength:g}; use 0 (loosely inspired) to 1 (near-copy).")
    return round(0.1 + 0.9 * strength, 4)


def seeds_for(seed: int, n: int) -> tuple[int, ...]:
    """The seed of each of n pictures: seed, seed + 1, …, wrapping round at 64 bits."""
    return tuple((seed + index) % (MAX_SEED + 1) for index in range(n))


def checked(value: str, known: tuple[str, ...], knob: str) -> str:
    """`value` if it is known, else a BadSetting that lists what is."""
    if value not in known:
        raise BadSetting(f"{knob} {value[:40]!r} is not known; use one of: {', '.join(known)}.")
    return value


def checked_n(n: int) -> int:
    """`n` if the Images API would take it."""
    if not 1 <= n <= MAX_N:
        raise BadSetting(f"n is {n}; ask for 1 to {MAX_N} pictures at once.")
    return n


def _round_up(edge: float) -> int:
    return max(EDGE_STEP, math.ceil(round(edge, 3) / EDGE_STEP) * EDGE_STEP)
