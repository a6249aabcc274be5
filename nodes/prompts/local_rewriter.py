"""A rewriter that runs in ComfyUI itself, on a generative text encoder such as Qwen3 or Gemma."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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
