"""What an endpoint says, made fit for messages, logs, files and terminals. Everything it says goes through here."""

from __future__ import annotations

import re

from ..errors import on_one_line

_MAX_QUOTE = 240  # characters
_MAX_READ = 4000
_MAX_ID = 200
_LEAST_HALF = 8  # letters; less stands in ordinary words
_NO_ID = re.compile(r"[^A-Za-z0-9_.:-]")
_KEY = re.compile(r"\b(sk|key)-[A-Za-z0-9_-]{8,}")


def scrub(text: str, secret: str | None = None) -> str:
    """The text on one line, short, without keys and without what steers a terminal."""
    for part in (secret, *secret.split(":")) if secret else ():  # fal's key has two halves, "id:secret"
        if part == secret or len(part) >= _LEAST_HALF:
            text = text.replace(part, "•••")
    text = " ".join(_KEY.sub("•••", on_one_line(text[:_MAX_READ])).split())
    return text if len(text) <= _MAX_QUOTE else text[: _MAX_QUOTE - 1] + "…"


def request_id(text: object) -> str | None:
    """An endpoint's own name for a request, as letters, digits and the signs that such names have; None if empty."""
    return _NO_ID.sub("", str(text or "")[:_MAX_ID]) or None
