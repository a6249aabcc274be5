"""How each FLUX model is sampled: the one table of steps and guidance. Nodes, tooltips and reports read it.

20 steps, guidance 3.5, 30, 2.5 and 4, euler, and the scheduler of each model are those of the graphs that ship
with ComfyUI; 50, 4 and 30 steps are the defaults of Black Forest Labs' own code for dev and Fill, schnell, and
Kontext. Natural's 2.5 on FLUX.1-dev is this pack's choice: less guidance, less of the glossy FLUX look.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

FLUX2_SCHEDULER = "flux2"  # not one of KSampler's: the node Flux2Scheduler
HOST_GUIDANCE = 3.5  # what the host assumes where a model takes none or none is given


@dataclass(frozen=True)
class Recipe:
    """How one model is sampled."""

    standard: int  # steps
    hd: int  # steps
    vivid: float | None  # guidance; None: distilled without
    natural: float | None
    scheduler: str = "simple"
    sampler: str = "euler"
    shift: tuple[float, float] | None = None  # (max_shift, base_shift) of ModelSamplingFlux
    memory: float = 1.0  # of activations for a picture, FLUX.1 = 1 (source: ComfyUI `supported_models`)

    def steps(self, quality: str) -> int:
        """Sampling steps for DALL·E's "standard" or "hd"."""
        return self.hd if quality == "hd" else self.standard

    def guidance(self, style: str) -> float | None:
        """Guidance for DALL·E's "natural", or for any other style; None if the model takes none."""
        return self.natural if style == "natural" else self.vivid


RECIPES: Mapping[str, Recipe] = {
    "FLUX.1-dev": Recipe(standard=20, hd=50, vivid=3.5, natural=2.5, shift=(1.15, 0.5)),
    "FLUX.1-Krea-dev": Recipe(standard=20, hd=50, vivid=3.5, natural=2.5, shift=(1.15, 0.5)),
    "FLUX.1-schnell": Recipe(standard=4, hd=8, vivid=None, natural=None),
    "FLUX.1-Fill-dev": Recipe(standard=20, hd=50, vivid=30.0, natural=30.0, scheduler="normal"),
    "FLUX.1-Kontext-dev": Recipe(standard=20, hd=30, vivid=2.5, natural=2.5),
    "FLUX.2-dev": Recipe(standard=20, hd=50, vivid=4.0, natural=4.0, scheduler=FLUX2_SCHEDULER, memory=2.36),
    # Source: `sdxl_simple_example.json` for steps and CFG; hd and natural by analogy with FLUX.1-dev.
    "SDXL": Recipe(standard=25, hd=40, vivid=8.0, natural=5.0, scheduler="normal", memory=0.26),
    # 4 and 20 steps, CFG 1 and 5: `image_flux2_klein_text_to_image.json`; 50 steps and CFG 4: Black Forest Labs' code.
    "FLUX.2-klein": Recipe(standard=4, hd=4, vivid=1.0, natural=1.0, scheduler=FLUX2_SCHEDULER, memory=1.57),
    "FLUX.2-klein-base": Recipe(standard=20, hd=50, vivid=5.0, natural=4.0, scheduler=FLUX2_SCHEDULER, memory=1.57),
    # 20 steps and CFG 4: `sd3.5_simple_example.json`; 40 steps and CFG 3.5: the model cards of medium and large.
    "SD3.5": Recipe(standard=20, hd=40, vivid=4.01, natural=3.5, scheduler="sgm_uniform", memory=0.39),
}
