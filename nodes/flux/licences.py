"""Under what terms weights may be used: shown with every picture, and refused where the user's file says so.

    [settings]
    only_commercial = true    # in endpoints.toml: draw only with weights whose licence allows commercial use

What counts is the licence of a family's official weights; a fine-tune of them may add terms of its own. No lawyer wrote
this: the licence's own text is what holds. Unresolved, also for lawyers (huggingface.co/black-forest-labs/
FLUX.2-klein-9B, discussion 24): FLUX.1-dev's licence lets people use what they drew for any purpose, and the weights
for none that earns money.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..endpoints import BadEndpointsFile
from ..errors import DalleFluxError

SETTING = "only_commercial"


@dataclass(frozen=True)
class Licence:
    """One licence of weights."""

    name: str
    url: str
    terms: str  # what it allows, in one line
    commercial: bool  # it allows commercial use of the weights

    def as_info(self) -> dict[str, str | bool]:
        """For `info`."""
        return {"name": self.name, "url": self.url, "terms": self.terms, "commercial": self.commercial}


FLUX1_DEV = Licence(
    "FLUX.1 [dev] Non-Commercial License",
    "https://github.com/black-forest-labs/flux/tree/main/model_licenses",
    "weights for non-commercial use only; what you draw may be used for any purpose",
    commercial=False,
)
FLUX_DEV = Licence(
    "FLUX [dev] Non-Commercial License v2.0",
    "https://huggingface.co/black-forest-labs/FLUX.2-dev",
    "weights for non-commercial use only; what you draw may be used for any purpose",
    commercial=False,
)
KLEIN_9B = Licence(
    "FLUX Non-Commercial License v2.1",
    "https://huggingface.co/black-forest-labs/FLUX.2-klein-9B",
    "weights for non-commercial use only; what you draw may be used for any purpose",
    commercial=False,
)
# Counts as not commercial: this pack cannot know anybody's revenue.
STABILITY = Licence(
    "Stability AI Community License",
    "https://stability.ai/license",
    "free to use, commercially only below US$ 1 million of yearly revenue; above it ask Stability AI for a licence",
    commercial=False,
)
RAIL = Licence(
    "CreativeML Open RAIL++-M",
    "https://huggingface.co/stabilityai/stable-diffusion-xl-base-1.0/blob/main/LICENSE.md",
    "free to use, commercially too, but not for what its list of uses forbids",
    commercial=True,
)
APACHE = Licence(
    "Apache-2.0", "https://www.apache.org/licenses/LICENSE-2.0", "free to use, commercially too", commercial=True
)
MIT = Licence("MIT", "https://opensource.org/license/mit", "free to use, commercially too", commercial=True)


class NotForWork(DalleFluxError):
    """The user wants weights for commercial use only, and these are none.

    Args:
        names: of the models.
        others: models that do the same and may be used.
    """

    code = "licence_not_commercial"

    def __init__(self, names: Sequence[str], licence: Licence, others: Sequence[str]):
        instead = f"choose {' or '.join(others)} in draw_with" if others else "no model known here does this and may"
        super().__init__(
            f"{' with '.join(names)} may not be used commercially ({licence.name}: {licence.terms}), and your "
            f"endpoints.toml says {SETTING} = true; {instead}, or take that line out if this is no commercial use."
        )


def wants_commercial(settings: Mapping[str, Any]) -> bool:
    """Whether `Endpoints.settings` asks for weights that may be used commercially.

    Raises:
        BadEndpointsFile: neither true nor false. A wish with a typing mistake must not be no wish.
    """
    wanted = settings.get(SETTING, False)
    if not isinstance(wanted, bool):
        raise BadEndpointsFile(f"endpoints.toml cannot be used: {SETTING} under [settings] must be true or false.")
    return wanted


def strictest(licences: Iterable[Licence]) -> Licence:
    """Of several that hold together, the one that allows least."""
    return min(licences, key=lambda licence: licence.commercial)
