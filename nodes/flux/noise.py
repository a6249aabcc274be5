"""Starting noise of a batch whose pictures each have a seed of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import torch


class SeededNoise(NamedTuple):
    """The host's NOISE, as a plain value: picture i of the batch starts from seeds[i] as if it were alone.

    The host's RandomNoise draws a whole batch from one seed, so its second picture cannot be had alone.
    A tuple of numbers, so that the host can compare it and keep results between runs.
    """

    seeds: tuple[int, ...]

    @property
    def seed(self) -> int:
        """What samplers with noise of their own start from."""
        return self.seeds[0]

    def generate_noise(self, latent: dict[str, Any]) -> torch.Tensor:
        """Noise `[B,C,h,w]` on the CPU for LATENT `{"samples": [B,C,h,w]}` with B = len(seeds).

        Each picture's is what the host's `comfy.sample.prepare_noise` draws for it alone.
        """
        import torch

        samples = latent["samples"]
        return torch.cat(
            [
                torch.randn(
                    [1, *samples.shape[1:]], dtype=samples.dtype, generator=torch.manual_seed(seed), device="cpu"
                )
                for seed in self.seeds
            ]
        )
