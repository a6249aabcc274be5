"""How n pictures are drawn: in one batch when memory allows, split when not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from .settings import Canvas

# The host reckons about 1 GiB of activations for one 1024x1024 picture of FLUX.1 in 16 bits (source: ComfyUI
# `supported_models.Flux.memory_usage_factor` 3.1). A quarter of the device's memory leaves the rest to weights.
_BYTES_PER_PIXEL = 1024
_SHARE = 0.25


T = TypeVar("T")


@dataclass(frozen=True)
class Asked:
    """One of several requests that are drawn as one batch."""

    prompt: str
    seeds: tuple[int, ...]  # one a picture


def most_at_once(pixels: int, device_memory: int, memory: float = 1.0) -> int:
    """How many pictures one batch may have.

    Args:
        pixels: of one picture, as drawn.
        device_memory: bytes of the GPU, or of the machine where there is none.
        memory: what one picture takes, FLUX.1 = 1.
    """
    return max(1, int(device_memory * _SHARE / (pixels * _BYTES_PER_PIXEL * memory)))


def batches_for(
    pictures: Sequence[T], canvas: Canvas, device_memory: int, memory: float = 1.0
) -> tuple[tuple[T, ...], ...]:
    """Pictures, by their seeds, grouped into batches of as equal size as can be; else as `most_at_once`."""
    most = most_at_once(canvas.render.width * canvas.render.height, device_memory, memory)
    count = -(-len(pictures) // most)
    length = -(-len(pictures) // count)
    return tuple(tuple(pictures[start : start + length]) for start in range(0, len(pictures), length))
