"""How n pictures are drawn: in one batch when memory allows, split when not."""

from __future__ import annotations

from collections.abc import Sequence

from .settings import Canvas

# The host reckons about 1 GiB of activations for one 1024x1024 picture of FLUX.1 in 16 bits (source: ComfyUI
# `supported_models.Flux.memory_usage_factor` 3.1). A quarter of the device's memory leaves the rest to weights.
_BYTES_PER_PIXEL = 1024
_SHARE = 0.25


def batches_for(
    seeds: Sequence[int], canvas: Canvas, device_memory: int, memory: float = 1.0
) -> tuple[tuple[int, ...], ...]:
    """Seeds grouped into batches of as equal size as can be.

    Args:
        device_memory: bytes of the GPU, or of the machine where there is none.
        memory: what one picture takes, FLUX.1 = 1.
    """
    picture = canvas.render.width * canvas.render.height * _BYTES_PER_PIXEL * memory
    most = max(1, int(device_memory * _SHARE / picture))
    count = -(-len(seeds) // most)
    length = -(-len(seeds) // count)
    return tuple(tuple(seeds[start : start + length]) for start in range(0, len(seeds), length))
