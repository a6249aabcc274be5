"""Numbers that need a network: LPIPS, when its package is installed, and CLIP prompt adherence."""

from __future__ import annotations

import functools
import importlib
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DalleFluxError

if TYPE_CHECKING:
    import torch

Lpips = Callable[["torch.Tensor", "torch.Tensor"], float]


class ClipMismatch(DalleFluxError):
    """The connected text and vision models are not two halves of one CLIP."""

    code = "clip_mismatch"


def lpips() -> tuple[Lpips | None, str]:
    """A function that measures LPIPS (AlexNet) of two aligned `[H,W,3]` pictures, or None and why there is none.

    Nothing is downloaded: the package's AlexNet must lie in torch's own cache already.
    """
    if importlib.util.find_spec("lpips") is None:
        return None, ""
    import torch

    if not any((Path(torch.hub.get_dir()) / "checkpoints").glob("alexnet-owt-*.pth")):
        return None, (
            "LPIPS is installed but its AlexNet weights are not; fetch them once with "
            "`python -c \"import lpips; lpips.LPIPS(net='alex')\"` in ComfyUI's Python."
        )
    network = _alexnet()

    def measure(a: torch.Tensor, b: torch.Tensor) -> float:
        with torch.inference_mode():
            planes = [picture.movedim(-1, 0).unsqueeze(0) * 2 - 1 for picture in (a, b)]
            return float(network(*planes))

    return measure, ""


@functools.cache
def _alexnet() -> Any:
    """The network, made once and kept: its convolutions are 10 MB, but making it reads a file of 240 MB."""
    return importlib.import_module("lpips").LPIPS(net="alex", verbose=False).eval()


def adherence(prompt: torch.Tensor, pictures: torch.Tensor) -> list[float]:
    """Cosine of CLIP's prompt vector `[1,D]` with each picture's vector `[B,D]`.

    Raises:
        ClipMismatch: the vectors have different lengths.
    """
    from torch.nn.functional import cosine_similarity

    if prompt.shape[-1] != pictures.shape[-1]:
        raise ClipMismatch(
            f"`clip` gives vectors of {prompt.shape[-1]} numbers and `clip_vision` of {pictures.shape[-1]}, so they "
            "are not halves of one model; load clip_l.safetensors and the vision part of CLIP ViT-L/14."
        )
    return [float(value) for value in cosine_similarity(pictures.float(), prompt.float(), dim=-1)]


def clip_prompt_vector(clip: Any, prompt: str) -> torch.Tensor | None:
    """CLIP-L's projected vector of the first 77 tokens of a prompt, `[1,768]`; None without a CLIP-L in ComfyUI's CLIP.

    Asked of the encoder itself: a FLUX text encoder would also run T5, and leaves the projection out.
    """
    encoder = getattr(clip.cond_stage_model, "clip_l", None)
    tokens = clip.tokenize(prompt)
    if encoder is None or "l" not in tokens:
        return None
    clip.load_model()
    encoder.reset_clip_options()
    encoder.set_clip_options({"projected_pooled": True})
    try:
        vector: torch.Tensor = encoder.encode_token_weights(tokens["l"][:1])[1].cpu()
    finally:
        encoder.reset_clip_options()
    return vector


def clip_picture_vectors(clip_vision: Any, images: torch.Tensor) -> torch.Tensor:
    """The projected vector that ComfyUI's CLIP_VISION gives each picture of an IMAGE batch, `[B,D]`."""
    vectors: torch.Tensor = clip_vision.encode_image(images)["image_embeds"].cpu()
    return vectors
