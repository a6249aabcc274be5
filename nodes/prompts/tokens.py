"""How long a text is for FLUX: in tokens of T5 and of CLIP-L.

Real counts come from the tokenizers that ComfyUI itself uses, handed in from the host adapter. Where no host
is around, `ESTIMATE` counts by a rule of thumb that was fitted to them on the 400 texts of the tests: it
rather says too many than too few (see `tests/host/test_prompts.py`, which holds it to that).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any

# CLIP's tokenizer takes the square of a word's length in time. Longer ones are counted in parts: rather too many.
_WORD = re.compile(r"\S{1,100}")


@dataclass(frozen=True)
class Tokenizers:
    """Counts of a text as the encoders get it: without escapes, without padding."""

    t5: Callable[[str], int]  # tokens, end mark included
    clip: Callable[[str], int]  # tokens, start and end mark not included
    t5_unknown: Callable[[str], int]  # how many of T5's tokens stand for something it cannot read
    measured: bool = True  # False: an estimate


def measured(t5: Callable[..., Any], clip: Callable[..., Any], t5_unknown_id: int) -> Tokenizers:
    """From the two tokenizers that ComfyUI uses, as the `transformers` package makes them.

    Args:
        t5, clip: called with a text, they answer {"input_ids": […]}, marks of start and end included.
        t5_unknown_id: the token that stands for what T5 cannot read.
    """
    lock = Lock()  # fast tokenizers must not be used from two threads at once

    def ids(tokenizer: Callable[..., Any], text: str) -> list[int]:
        with lock:
            found: list[int] = tokenizer(text, verbose=False)["input_ids"]
        return found

    # CLIP's tokens never reach over a space, its tokenizer is slow, and prompts are made of the same words: counted
    # word by word, a conversion takes a quarter of the time.
    @lru_cache(maxsize=20_000)
    def clip_of_word(word: str) -> int:
        return len(ids(clip, word)) - 2

    def clip_tokens(text: str) -> int:
        return sum(map(clip_of_word, _WORD.findall(text)))

    return Tokenizers(
        t5=lambda text: len(ids(t5, text)),
        clip=clip_tokens,
        t5_unknown=lambda text: ids(t5, text).count(t5_unknown_id),
    )


_PIECE = re.compile(r"[A-Za-z]{1,40}|\d|[^\sA-Za-z\d]")
# Nothing of these is in T5's vocabulary (measured).
_UNREADABLE = re.compile(
    "[{}~^`<\\\\\u0590-\u1fff\u2e80-\ud7ff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U0001f000-\U0003ffff]+"
)
# Tokens of a piece, by its length.
_T5 = (0, *(1 if length <= 4 else 2 if length <= 8 else 3 + (length - 9) // 3 for length in range(1, 41)))
_CLIP = (0, *(1 if length <= 7 else 2 if length <= 11 else 3 + (length - 12) // 2 for length in range(1, 41)))


# Prompts are made of the same words: word by word, each is counted once.
@lru_cache(maxsize=20_000)
def _t5_of_word(word: str) -> int:
    return sum(map(_T5.__getitem__, map(len, _PIECE.findall(word))))


@lru_cache(maxsize=20_000)
def _clip_of_word(word: str) -> int:
    pieces = _PIECE.findall(word)
    tokens = sum(map(_CLIP.__getitem__, map(len, pieces)))
    if not word.isascii():  # at worst one token a byte
        tokens += sum(len(piece.encode("utf-8", "replace")) - 1 for piece in pieces if not piece.isascii())
    return tokens


def _t5(text: str) -> int:
    return 1 + sum(map(_t5_of_word, _WORD.findall(text)))


def _clip(text: str) -> int:
    return sum(map(_clip_of_word, _WORD.findall(text)))


ESTIMATE = Tokenizers(t5=_t5, clip=_clip, t5_unknown=lambda text: len(_UNREADABLE.findall(text)), measured=False)
