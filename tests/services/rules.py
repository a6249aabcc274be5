"""What OpenAI accepts for which image model. Written apart from the pack's own table, so that a mistake shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

GPT_QUALITIES = ("low", "medium", "high", "auto")
GPT_PARAMETERS = frozenset(
    {"prompt", "model", "n", "size", "quality", "background", "output_format", "output_compression", "moderation"}
    | {"stream", "partial_images", "user", "safety_identifier"}
)


def one_of(*sizes: str) -> Callable[[str], str | None]:
    """A rule for sizes: None if `size` is fine, else OpenAI's words about it."""

    def check(size: str) -> str | None:
        if size in sizes:
            return None
        *first, last = (f"'{one}'" for one in sizes)
        return f"Invalid value: '{size}'. Supported values are: {', '.join(first)}, and {last}."

    return check


def free_size(size: str) -> str | None:
    """gpt-image-2 and newer: edges in multiples of 16, 1:3 … 3:1, at most 3840, 655,360 … 8,294,400 pixels."""
    if size == "auto":
        return None
    edges = size.split("x")
    if len(edges) != 2 or not all(edge.isdecimal() and int(edge) for edge in edges):
        return f"Invalid size '{size}'. Sizes must be given as WIDTHxHEIGHT."
    width, height = map(int, edges)
    if width % 16 or height % 16:
        return f"Invalid size '{size}'. Width and height must both be divisible by 16."
    if max(width, height) > 3840:
        return f"Invalid size '{size}'. The longest edge must not exceed 3840."
    if max(width, height) > 3 * min(width, height):
        return f"Invalid size '{size}'. The aspect ratio must be between 1:3 and 3:1."
    if not 655_360 <= width * height <= 8_294_400:
        return f"Invalid size '{size}'. Requested resolution is outside the current pixel budget."
    return None


@dataclass(frozen=True)
class ImageModel:
    """One model's contract."""

    name: str
    max_prompt: int  # characters
    max_n: int
    size: Callable[[str], str | None]
    qualities: tuple[str, ...]
    parameters: frozenset[str]  # of /images/generations
    edits: bool
    variations: bool = False
    revised_prompt: bool = False
    shutdown: date | None = None  # the day after which it answers as if it had never existed
    family: str = "gpt"  # "gpt", or "dalle", which also serves URLs
    transparent: bool = True

    def price(self, size: str, quality: str) -> float:
        """USD a picture of a DALL·E model (source: the price badges of ComfyUI's former DALL·E nodes)."""
        if self.name == "dall-e-2":
            return {"256x256": 0.016, "512x512": 0.018}.get(size, 0.02)
        wide = size != "1024x1024"
        return {(False, False): 0.04, (False, True): 0.08, (True, False): 0.08, (True, True): 0.12}[
            quality == "hd", wide
        ]


_OLD_SIZES = one_of("1024x1024", "1024x1536", "1536x1024", "auto")
_NEW_QUALITIES = (*GPT_QUALITIES, "xhigh", "max")


def _gpt(name: str, *, shutdown: date | None = None, old: bool = False, newest: bool = False) -> ImageModel:
    return ImageModel(
        name,
        max_prompt=32_000,
        max_n=10,
        size=_OLD_SIZES if old else free_size,
        qualities=_NEW_QUALITIES if newest else GPT_QUALITIES,
        parameters=GPT_PARAMETERS | ({"complexity", "frame_count", "frame_duration_ms"} if newest else set()),
        edits=True,
        shutdown=shutdown,
        transparent=name != "gpt-image-2",
    )


IMAGE_MODELS = {
    model.name: model
    for model in (
        ImageModel(
            "dall-e-2", 1000, 10, one_of("256x256", "512x512", "1024x1024"), ("standard",),
            frozenset({"prompt", "model", "n", "size", "quality", "response_format", "user"}),
            edits=True, variations=True, shutdown=date(2026, 5, 12), family="dalle",
        ),
        ImageModel(
            "dall-e-3", 4000, 1, one_of("1024x1024", "1792x1024", "1024x1792"), ("standard", "hd"),
            frozenset({"prompt", "model", "n", "size", "quality", "style", "response_format", "user"}),
            edits=False, revised_prompt=True, shutdown=date(2026, 5, 12), family="dalle",
        ),
        _gpt("gpt-image-1", old=True, shutdown=date(2026, 10, 23)),
        _gpt("gpt-image-1-mini", old=True, shutdown=date(2026, 12, 1)),
        _gpt("gpt-image-1.5", old=True, shutdown=date(2026, 12, 1)),
        _gpt("gpt-image-2"),
        _gpt("gpt-image-2.5-sunburst", newest=True),
        _gpt("gpt-image-2.5-flare", newest=True),
        _gpt("gpt-image-2.6-sunburst", newest=True),
        _gpt("gpt-image-2.6-flare", newest=True),
    )
}  # fmt: skip

# /images/edits: what is not a file. No `moderation` here (openai 3.52.0 `image_edit_params.py`).
EDIT_FIELDS = (GPT_PARAMETERS - {"moderation"}) | {"input_fidelity"}
DALLE2_EDIT_FIELDS = frozenset({"prompt", "model", "n", "size", "response_format", "user"})
VARIATION_FIELDS = frozenset({"model", "n", "size", "response_format", "user"})

# Output tokens of gpt-image models (OpenAI's image guide); other sizes in proportion to their pixels.
_TOKENS = {"low": 272, "medium": 1056, "high": 4160, "auto": 4160, "xhigh": 8320, "max": 16640}
PARTIAL_TOKENS = 100  # each partial picture of a stream
USD_PER_TOKEN = {"text_in": 5e-6, "image_in": 8e-6, "image_out": 30e-6}


def output_tokens(width: int, height: int, quality: str) -> int:
    return round(_TOKENS[quality] * width * height / 2**20)
