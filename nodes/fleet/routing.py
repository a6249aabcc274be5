"""Which ComfyUI draws what: one that holds the weights or will soon be free, else one whose weights nobody waits for.

Loading FLUX takes as long as drawing with it, so for `patience_s` a request waits for weights that are there, and
leaves alone what others wait for. Numbers: `tests/bench/bench_fleet.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from ..endpoint.contract.submissions import Order
from ..endpoint.models import Model

_WEIGHTS = {".safetensors", ".sft", ".gguf", ".ckpt", ".pt", ".pth", ".bin"}


@dataclass(frozen=True)
class Seen:
    """A replica as the router sees it."""

    id: str
    held: str | None  # the weights it was last asked to draw with
    since: float  # when that was, in any unit that grows
    ongoing: int  # requests that it has
    slots: int  # that it may have


known: Callable[[], list[Seen]] = list  # the replicas that the router of this process knows


def weights_of(model: Model, order: Order) -> str:
    """What has to be in the GPU's memory for this order; equal for equal weights.

    A published graph is known by the weight files it names, one without any by its own name; built-in models by what
    they do, since FLUX draws, edits and varies with different files.
    """
    if model.published is None:
        return f"{model.draws_with} {order.operation.value}"
    values = [value for node in model.published.graph.values() for value in node["inputs"].values()]
    named = {value for value in values if isinstance(value, str) and PurePosixPath(value).suffix.lower() in _WEIGHTS}
    return " ".join(sorted(named)) or f"{model.draws_with} {model.published.version}"


def ranked(weights: str, replicas: Sequence[Seen], wanted: Collection[str], *, patient: bool) -> list[list[str]]:
    """Ids of the replicas that may take a request now, best rank first; none: it waits.

    Args:
        wanted: weights that other requests which wait were made for.
        patient: the request has not waited long yet.
    """
    idle = [one for one in replicas if not one.ongoing]
    holders = [one.id for one in sorted(idle, key=lambda one: one.since) if one.held == weights]
    is_held = any(one.held == weights for one in replicas)  # then somebody may be free soon

    def may_load(one: Seen) -> bool:
        return one.held is None or not patient or not (is_held or one.held in wanted)

    cold = [one for one in idle if one.held != weights and may_load(one)]
    count = {one.held: sum(other.held == one.held for other in replicas) for one in replicas}
    # First what holds nothing, then what another one holds as well, then what was asked for longest ago.
    cold.sort(key=lambda one: (one.held is not None, one.held in wanted, count[one.held] < 2, one.since))
    soon = [one for one in replicas if 0 < one.ongoing < one.slots and one.held == weights]
    soon.sort(key=lambda one: (one.ongoing, one.since))
    return [rank for rank in (holders, [one.id for one in cold[:1]], [one.id for one in soon[:1]]) if rank]
