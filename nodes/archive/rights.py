"""What is said about the rights in a picture: by whom it was made, and what its maker's terms say. No legal advice.

OpenAI's terms of use (https://openai.com/policies/terms-of-use/, in the versions since March 2023): as between the user
and OpenAI, and to the extent permitted by applicable law, the user owns the output. Not checked for each date.
"""

from __future__ import annotations

from dataclasses import dataclass

from .items import Item
from .mentions import Maker

TERMS = "https://openai.com/policies/terms-of-use/"
TERMS_SINCE = "2023-03-14"  # earlier ones said it in other words
_LAW = "In some countries a picture that a machine made from words alone is nobody's work."


@dataclass(frozen=True)
class Rights:
    """One picture's statement."""

    maker: str
    made: str  # UTC, ISO 8601, or "unknown"
    terms: str  # an address, or an empty text
    statement: str


def rights(item: Item) -> Rights:
    """What can be said from what the archive knows."""
    return Rights(item.maker, item.created or "unknown", *_said(Maker(item.maker), item.created))


def _said(maker: Maker, made: str | None) -> tuple[str, str]:
    match maker:
        case Maker.DALLE3 | Maker.DALLE2 | Maker.GPT_IMAGE:
            if made is None or made < TERMS_SINCE:
                return TERMS, (
                    "Made with a model of OpenAI, at a time that is unknown or before the terms of March 2023: look up "
                    f"the terms of that day. {_LAW}"
                )
            return TERMS, (
                "Made with a model of OpenAI. Its terms of use say that, as between the user and OpenAI and as far as "
                f"the law permits, the user owns the output. {_LAW} Signs, faces and works of others in it keep their "
                "own rights."
            )
        case Maker.UPLOAD:
            return "", "Sent to ChatGPT by a person: whose picture it is, the archive does not know."
        case Maker.CODE:
            return TERMS, "Drawn by a program that ChatGPT wrote and ran."
        case Maker.COMFYUI:
            return "", "Drawn in ComfyUI: the licence of the weights says what may be done with it."
    return "", "Nothing is known of its maker."
