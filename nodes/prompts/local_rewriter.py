"""A rewriter that runs in ComfyUI itself, on a generative text encoder such as Qwen3 or Gemma."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .rewriting import Message

MAX_TOKENS = 700


@dataclass(frozen=True)
class LocalRewriter:
    """See `rewriting.Rewriter`. `generate(text, seed, temperature, max_tokens)` is the host's own generation."""

    generate: Callable[[str, int, float, int], str]
    temperature: float
    seed: int
    name: str = "the text encoder loaded in ComfyUI"

    prose_allowed = True  # the host has no way to hold a text encoder to JSON
    key = None  # the same seed gives the same text by itself, and the encoder has no name to keep answers under

    def ask(self, messages: tuple[Message, ...]) -> str:
        """See `rewriting.Rewriter.ask`."""
        text = "\n\n".join(message.content for message in messages)
        return self.generate(text, self.seed, self.temperature, MAX_TOKENS)


def text_generator(clip: Any, leave_device: Callable[[Any], None]) -> Callable[[str, int, float, int], str] | None:
    """ComfyUI's own text generation with a CLIP, as `generate(text, seed, temperature, max_tokens)`.

    None where the host is older than that (0.3.75) or the encoder cannot generate, as T5 and CLIP-L cannot.

    Args:
        leave_device: called with the CLIP after each text, so that FLUX finds the GPU empty.
    """
    if not hasattr(clip, "generate") or not hasattr(clip, "decode") or not _generates(clip):
        return None

    def generate(text: str, seed: int, temperature: float, max_tokens: int) -> str:
        tokens = clip.tokenize(text, skip_template=False, min_length=1, thinking=False)
        sampling = {"do_sample": temperature > 0, "temperature": max(temperature, 0.01), "seed": seed}
        try:
            ids = clip.generate(tokens, max_length=max_tokens, top_k=64, top_p=0.95, min_p=0.05,
                                repetition_penalty=1.05, **sampling)  # fmt: skip
            return str(clip.decode(ids))
        finally:
            leave_device(clip)

    return generate


def _generates(clip: Any) -> bool:
    """True if one of the encoders in a CLIP has a language model's head to generate with."""
    model = clip.cond_stage_model
    inner = getattr(model, str(getattr(model, "clip", "")), model)
    return hasattr(getattr(inner, "transformer", inner), "generate")
