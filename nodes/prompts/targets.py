"""The FLUX models a prompt can be written for, and what differs between them as far as text goes.

| target | long text (tokens) | guidance vivid / natural | hex colours |
|---|---|---|---|
| FLUX.1-dev | 512 | 3.5 / 2.5 | named |
| FLUX.1-Krea-dev | 512 | 3.5 / 2.5 | named |
| FLUX.1-schnell | 256 | none | named |
| FLUX.1-Fill-dev | 512 | 30 / 30 | named |
| FLUX.1-Kontext-dev | 512 | 2.5 / 2.5 | named |
| FLUX.2-dev | 512 | 4 / 4 | kept |
| FLUX.2-klein | 512 | 1 / 1 | kept |

The token limits are what Black Forest Labs' own code trained and runs with (`max_length` 512, schnell 256);
ComfyUI does not cut T5's text, so longer text is not lost there but out of what the model learned from.
Guidance 3.5 is the host's own default, 30, 2.5 and 4 those of the graphs that ship with it; natural's 2.5
on FLUX.1-dev is this pack's choice. klein is distilled: 1 is its CFG. Hex colours are a FLUX.2 feature
(source: Black Forest Labs' prompting guide).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

CLIP_LIMIT = 75  # tokens of CLIP-L's first chunk of 77, less its two marks; FLUX uses nothing after it
HOST_GUIDANCE = 3.5  # what the host assumes where a model takes none or none is given


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

    @property
    def reads_hex(self) -> bool:
        """True if the model knows #RRGGBB."""
        return self in (Target.FLUX2_DEV, Target.FLUX2_KLEIN)

    @property
    def text_limit(self) -> int:
        """Most tokens of the long text, its end mark included."""
        return 256 if self is Target.SCHNELL else 512

    @property
    def steps(self) -> int:
        """Sampling steps to suggest, for standard quality."""
        return 4 if self in (Target.SCHNELL, Target.FLUX2_KLEIN) else 20

    def guidance(self, style: Style) -> float | None:
        """Guidance to suggest; None if the model takes none."""
        pair = _GUIDANCE[self]
        if pair is None:
            return None
        return pair.natural if style is Style.NATURAL else pair.vivid


@dataclass(frozen=True)
class _Guidance:
    vivid: float
    natural: float


_GUIDANCE: dict[Target, _Guidance | None] = {
    Target.DEV: _Guidance(3.5, 2.5),
    Target.KREA: _Guidance(3.5, 2.5),
    Target.SCHNELL: None,
    Target.FILL: _Guidance(30.0, 30.0),
    Target.KONTEXT: _Guidance(2.5, 2.5),
    Target.FLUX2_DEV: _Guidance(4.0, 4.0),
    Target.FLUX2_KLEIN: _Guidance(1.0, 1.0),
}
