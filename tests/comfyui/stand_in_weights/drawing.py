"""Random tensors from a seed that is a name."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

Weights = dict[str, "torch.Tensor"]


class Draw:
    """Random tensors from a seed that is a name; half precision, as the real files are."""

    def __init__(self, name: str):
        import torch

        self.generator = torch.Generator().manual_seed(
            int.from_bytes(hashlib.sha256(name.encode()).digest()[:7], "big")
        )

    def tensor(self, *shape: int, scale: float = 0.02) -> torch.Tensor:
        import torch

        return torch.randn(*shape, generator=self.generator).mul_(scale).to(torch.bfloat16)

    def linear(self, name: str, out: int, into: int, *, bias: bool = True) -> Weights:
        weights = {f"{name}.weight": self.tensor(out, into, scale=1 / math.sqrt(into))}
        return weights | ({f"{name}.bias": self.tensor(out)} if bias else {})

    def norm(self, name: str, width: int, *, bias: bool = True) -> Weights:
        import torch

        weights = {f"{name}.weight": torch.ones(width, dtype=torch.bfloat16)}
        return weights | ({f"{name}.bias": torch.zeros(width, dtype=torch.bfloat16)} if bias else {})

    def conv(self, name: str, out: int, into: int, size: int = 3) -> Weights:
        weight = self.tensor(out, into, size, size, scale=1 / math.sqrt(size * size * into))
        return {f"{name}.weight": weight, f"{name}.bias": self.tensor(out)}


def joined(parts: dict[str, Weights]) -> Weights:
    """One file of several: prefix → its tensors."""
    return {prefix + key: tensor for prefix, part in parts.items() for key, tensor in part.items()}
