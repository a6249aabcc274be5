"""Numbers about two aligned pictures."""

from __future__ import annotations

import math
from typing import Any

from .align import Aligned


def measure(aligned: Aligned) -> dict[str, Any]:
    """All numbers of one aligned pair, by name."""
    error = float((aligned.a.double() - aligned.b.double()).square().mean())
    return {"identical": error == 0.0, "psnr_db": -10.0 * math.log10(error) if error else None}
