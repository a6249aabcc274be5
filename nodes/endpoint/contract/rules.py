"""What each image model takes, as OpenAI wrote it down for its own.

Sources: openai-1.109.1 and 3.52.0 `image_generate_params.py`, `image_edit_params.py`. Beyond them: every model takes
what came to the API later and this server can do for all (`output_format`, `stream`, …), and whatever draws is FLUX,
so `edits` and `variations` work for `dall-e-3` too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum

from ...sizes import DALLE2_SIZES, DALLE3_SIZES, BadSize, Size, parse_size
from .errors import ApiError, invalid

AUTO = "auto"
DEFAULT_SIZE = "1024x1024"
GPT_SIZES = ("1024x1024", "1536x1024", "1024x1536", AUTO)
QUALITIES = ("standard", "hd", "low", "medium", "high", "xhigh", "max", AUTO)
STYLES = ("vivid", "natural")
# What DALL·E's two qualities are for the names that came later.
DRAWN_AS = {"standard": "standard", "hd": "hd", "low": "standard", "medium": "standard", AUTO: "standard",
            "high": "hd", "xhigh": "hd", "max": "hd"}  # fmt: skip
MAX_PICTURES = 10  # n
MAX_INPUTS = 16  # pictures that come with an edit
MAX_PIXELS = 8_294_400  # of a picture asked for, gpt-image-2's own limit
MIN_EDGE = 64  # px
MAX_RATIO = 4  # long edge to short edge; FLUX draws longer strips as repetitions
_GPT = re.compile(r"(chat)?gpt-image")


class Operation(str, Enum):
    """What is asked for, by its place in the API."""

    GENERATE = "generations"
    EDIT = "edits"
    VARIATION = "variations"


@dataclass(frozen=True)
class ModelRules:
    """One model's own limits."""

    max_prompt: int = 32_000  # characters
    max_n: int = MAX_PICTURES
    sizes: tuple[str, ...] = ()  # none: any that `parse_free_size` takes
    qualities: tuple[str, ...] = QUALITIES
    style: str = "vivid"  # where none is asked for
    gpt: bool = False  # answers as the GPT image models do: b64_json, no style
    operations: frozenset[Operation] = field(default_factory=lambda: frozenset(Operation))
    max_inputs: int = MAX_INPUTS
    keeps_alpha: bool = False  # may return pictures with transparency

    def size(self, asked: str | None) -> str:
        """The size to draw, "WIDTHxHEIGHT" or "auto".

        Raises:
            ApiError: not one of the model's.
        """
        size = asked or (AUTO if self.gpt else DEFAULT_SIZE)
        if not self.sizes:
            return size if size == AUTO else parse_free_size(size)
        if size not in self.sizes:
            raise invalid("size", f"Invalid value: '{size[:40]}'. Supported values are: {listed(self.sizes)}.")
        return size


DALLE2 = ModelRules(1000, sizes=DALLE2_SIZES, qualities=("standard", AUTO), style="natural", max_inputs=1)
DALLE3 = ModelRules(4000, max_n=1, sizes=DALLE3_SIZES, qualities=("standard", "hd", AUTO), max_inputs=1)
_OLD_GPT = ModelRules(
    sizes=GPT_SIZES, qualities=("low", "medium", "high", AUTO), style="natural", gpt=True, max_inputs=1
)
_NEW_GPT = ModelRules(
    qualities=("low", "medium", "high", "xhigh", "max", AUTO), style="natural", gpt=True, max_inputs=1
)
WORKFLOW = ModelRules(keeps_alpha=True)  # a published graph: whatever the API can say


def rules_for(name: str) -> ModelRules:
    """The rules of a name that OpenAI gave, else those of a published workflow."""
    if name in ("dall-e-2", "dall-e-3"):
        return DALLE2 if name == "dall-e-2" else DALLE3
    if not _GPT.match(name):
        return WORKFLOW
    is_old = name.startswith(("gpt-image-1", "chatgpt-image"))
    return _OLD_GPT if is_old else _NEW_GPT


def parse_free_size(text: str) -> str:
    """Any size that FLUX can draw.

    Raises:
        ApiError: no size, too small, too large or too narrow.
    """
    try:
        size = parse_size(text)
    except BadSize as error:
        raise invalid("size", str(error)) from None
    if complaint := _complaint(size):
        raise invalid("size", f"Invalid size '{size}'. {complaint}")
    return str(size)


def listed(values: tuple[str, ...]) -> str:
    """'a', 'b', and 'c', as OpenAI lists them."""
    *first, last = (f"'{value}'" for value in values)
    if not first:
        return last
    return f"{', '.join(first)}{',' if len(first) > 1 else ''} and {last}"


def wrong_operation(model: str, operation: Operation) -> ApiError:
    return invalid("model", f"The model '{model[:100]}' does not support images/{operation.value}.")


def _complaint(size: Size) -> str:
    if min(size) < MIN_EDGE:
        return f"The shortest edge must be at least {MIN_EDGE}."
    if max(size) > MAX_RATIO * min(size):
        return f"The aspect ratio must be between 1:{MAX_RATIO} and {MAX_RATIO}:1."
    if size.width * size.height > MAX_PIXELS:
        return f"At most {MAX_PIXELS:,} pixels can be asked for."
    return ""
