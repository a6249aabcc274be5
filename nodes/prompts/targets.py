"""The models a prompt can be written for, and what differs between them as far as text goes.

The token limits are what Black Forest Labs' own code trained and runs with (`max_length` 512, schnell 256);
ComfyUI does not cut T5's text, so longer text is not lost there but out of what the model learned from.
Hex colours are a FLUX.2 feature (source: Black Forest Labs' prompting guide). Steps and guidance: `recipes`.
"""

from __future__ import annotations

from enum import Enum

from ..recipes import RECIPES

CLIP_LIMIT = 75  # tokens of CLIP-L's first chunk of 77, less its two marks; FLUX uses nothing after it


class Style(Enum):
    """DALL·E 3's style knob, and leaving the text's own style alone."""

    VIVID = "vivid"
    NATURAL = "natural"
    NONE = "none"


class PromptMode(Enum):
    """What to do with the text."""

    CONVERT = "convert"
    AS_IS = "as is"


class Target(Enum):
    """The FLUX model that will read the text."""

    DEV = "FLUX.1-dev"
    SCHNELL = "FLUX.1-schnell"
    KREA = "FLUX.1-Krea-dev"
    FILL = "FLUX.1-Fill-dev"
    KONTEXT = "FLUX.1-Kontext-dev"
    FLUX2_DEV = "FLUX.2-dev"
    FLUX2_KLEIN = "FLUX.2-klein"
    FLUX2_KLEIN_BASE = "FLUX.2-klein-base"
    SD35 = "SD3.5"
    SDXL = "SDXL"

    @property
    def reads_hex(self) -> bool:
        """True if the model knows #RRGGBB."""
        return self in (Target.FLUX2_DEV, Target.FLUX2_KLEIN, Target.FLUX2_KLEIN_BASE)

    @property
    def reads_with_t5(self) -> bool:
        """True if T5's alphabet is the limit; FLUX.2 reads with language models, SDXL with CLIP alone."""
        return not (self.reads_hex or self is Target.SDXL)

    @property
    def has_negative_prompt(self) -> bool:
        """True if what is not wanted can be said apart; else it is said as what is wanted instead."""
        return self in (Target.SD35, Target.SDXL)

    @property
    def text_limit(self) -> int:
        """Most tokens of the long text, its end mark included; of T5, for SDXL of CLIP. SD 3.5 learned from T5's 256.

        SDXL learned from 75, and ComfyUI gives it as many chunks of 75 as there are; beyond two little is followed.
        """
        return {Target.SCHNELL: 256, Target.SD35: 256, Target.SDXL: 2 * CLIP_LIMIT}.get(self, 512)

    @property
    def steps(self) -> int:
        """Sampling steps to suggest, for standard quality."""
        return RECIPES[self.value].standard

    def guidance(self, style: Style) -> float | None:
        """Guidance to suggest; None if the model takes none."""
        return RECIPES[self.value].guidance(style.value)
