"""New pictures after one that is there, by whichever way a family has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from . import graphs
from .families import Varies, traits
from .settings import SamplingSettings, redux_weight

if TYPE_CHECKING:
    import torch

# What a model that is shown the picture is told: strength from which on → text. This pack's own wording.
_TOLD = (
    (0.7, "The same picture drawn anew: same subject, composition, colours and style, small differences in detail."),
    (0.35, "A variation of this picture: same subject and style, another pose, arrangement and viewpoint."),
    (0.0, "A new picture loosely inspired by this one: similar mood and style, another scene."),
)


def instruction(settings: SamplingSettings, strength: float) -> str | None:
    """What the model is told; None if it is told nothing.

    Raises:
        BadSetting: `strength` is outside 0 … 1.
    """
    redux_weight(strength)
    if traits(settings.family).varies is not Varies.REFERENCES:
        return None
    return next(text for least, text in _TOLD if strength >= least)


def varied(
    graph: graphs.Builder,
    models: graphs.Models,
    settings: SamplingSettings,
    batches: Sequence[Sequence[int]],
    picture: torch.Tensor,
    strength: float,
) -> graphs.Link:
    """IMAGE at the size asked for, one picture a seed.

    Args:
        picture: IMAGE `[1,H,W,3]`.
        strength: 0, loosely inspired, to 1, near-copy.
    """
    if told := instruction(settings, strength):
        return graphs.by_reference(graph, models, settings, graphs.Texts(told, told), batches, picture)
    return graphs.redux(graph, models, settings, batches, picture, redux_weight(strength))
