"""What was done on this machine, as `info`."""

from __future__ import annotations

from collections.abc import Sequence

from ..info import Info, PictureInfo
from .installed import Loading
from .licences import Licence
from .loading import Connected, files_used
from .settings import SamplingSettings
from .texts import PromptUsed


def local_info(
    operation: str,
    loading: Loading,
    licence: Licence,
    connected: Connected,
    settings: SamplingSettings,
    seeds: Sequence[int],
    prompt: PromptUsed | None,
    *,
    quality: str | None = None,
    style: str | None = None,
    prompt_mode: str | None = None,
    strength: float | None = None,
    notes: Sequence[str] = (),
) -> Info:
    """One run's `info`.

    Args:
        operation: "generate", "edit" or "variation".
        prompt: None for a variation.
        notes: one sentence for each knob that was mapped by rule; what was done to the prompt is added.
    """
    revised = prompt.revised_prompt if prompt else None
    size = str(settings.canvas.asked)
    return Info(
        provider="local",
        operation=operation,
        model=loading.family.value,
        files=files_used(loading, connected),
        licence=licence.as_info(),
        prompt=prompt.written if prompt else None,
        revised_prompt=revised,
        size=size,
        drawn_at=str(settings.canvas.render),
        quality=quality,
        style=style,
        n=len(seeds),
        seed=seeds[0],
        prompt_mode=prompt_mode,
        strength=strength,
        steps=settings.steps,
        guidance=settings.guidance,
        sampler=settings.sampler,
        scheduler=settings.scheduler,
        notes=(*notes, *(prompt.notes if prompt else ())),
        pictures=tuple(PictureInfo(seed=seed, size=size, revised_prompt=revised) for seed in seeds),
    )
