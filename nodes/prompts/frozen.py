"""Texts that a person edited and froze: kept in the workflow, used as they are.

The node's face writes JSON `{"t5xxl": …, "clip_l": …, "prompt": "<sha-256 of the prompt>"}`; by hand, plain
text will do, and is the long text.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from ..errors import DalleFluxError
from .quoting import clean, escape, unescape
from .rule import Notice

_LONGEST = 200_000  # characters


class BadFrozenText(DalleFluxError):
    """The node's `frozen` text is neither plain text nor what the Freeze button writes."""

    code = "bad_frozen_text"


@dataclass(frozen=True)
class Frozen:
    """Two texts to be used as they are, escaped for the host."""

    t5xxl: str
    clip_l: str | None  # None: to be composed from the long one
    warnings: tuple[Notice, ...] = ()


def prompt_key(prompt: str) -> str:
    """What a frozen text remembers of the prompt that it was made from."""
    return hashlib.sha256(prompt.encode("utf-8", "replace")).hexdigest()


def thaw(frozen: str, prompt: str) -> Frozen | None:
    """Read the `frozen` input; None if it is empty.

    Raises:
        BadFrozenText: JSON without the texts, or far too long.
    """
    text = clean(frozen).strip()
    if not text:
        return None
    if len(text) > _LONGEST:
        raise BadFrozenText(f"The frozen text has {len(text)} characters, too many to be a prompt; clear the field.")
    if not text.startswith('{"'):
        return Frozen(_hosts(text), None)
    try:
        data = json.loads(text)
        long, short, key = data["t5xxl"], data.get("clip_l"), data.get("prompt")
        if not isinstance(long, str) or not (short is None or isinstance(short, str)) or not long.strip():
            raise TypeError("wrong types")
    except (ValueError, TypeError, KeyError, RecursionError):
        raise BadFrozenText(
            'The field `frozen` holds JSON without the texts; write {"t5xxl": "…", "clip_l": "…"}, plain text, '
            "or clear it to convert the prompt anew."
        ) from None
    warnings: tuple[Notice, ...] = ()
    if isinstance(key, str) and key != prompt_key(prompt):
        warnings = (Notice("frozen_stale", "The prompt has changed since these texts were frozen; they are used."),)
    return Frozen(_hosts(clean(long)), _hosts(clean(short)) if short and short.strip() else None, warnings)


def _hosts(text: str) -> str:
    """With every parenthesis escaped, whether or not the writer did."""
    return escape(unescape(text))
