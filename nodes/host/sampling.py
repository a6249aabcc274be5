"""One batch whose pictures each have a prompt of their own.

Source: ComfyUI 0.3.75 and 0.33 `comfy/samplers.py` (CFGGuider, KSAMPLER), `comfy/conds.py`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..errors import DalleFluxError


class UnequalPrompts(DalleFluxError):
    """Prompts whose encodings have different shapes."""

    code = "unequal_prompts"

    def __init__(self) -> None:
        super().__init__("These prompts are of too different length to be drawn as one batch; draw each by itself.")


class PromptEach(NamedTuple):
    """The host's SAMPLER, as a plain value: picture i of the batch is drawn from the i-th of the combined prompts.

    The host itself would draw every picture from the average of what they say (ConditioningCombine).
    """

    name: str  # of the host's sampler

    def sample(self, guider: Any, *arguments: Any, **options: Any) -> Any:
        """As the host calls it: `guider.conds` is {"positive": one entry a picture, perhaps "negative"}.

        Raises:
            UnequalPrompts: they cannot be one batch.
        """
        from comfy.samplers import sampler_object

        guider.conds = {kind: [_as_one(prompts)] for kind, prompts in guider.conds.items()}
        return sampler_object(self.name).sample(guider, *arguments, **options)


def _as_one(prompts: list[dict[str, Any]]) -> dict[str, Any]:
    first, *others = prompts
    encoded = dict(first["model_conds"])
    for name, value in encoded.items():
        further = [one["model_conds"][name] for one in others]
        if not all(value.can_concat(one) for one in further):
            raise UnequalPrompts
        encoded[name] = type(value)(value.concat(further))
    return {**first, "model_conds": encoded}
