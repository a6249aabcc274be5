"""What an export says about a picture, and which picture it says it about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class Maker(str, Enum):
    """Who made a picture."""

    DALLE3 = "dall-e-3"
    DALLE2 = "dall-e-2"
    GPT_IMAGE = "gpt-image"  # GPT-4o's pictures in ChatGPT, and the GPT image models of the API
    UPLOAD = "upload"  # a person, who sent it to ChatGPT
    CODE = "code"  # a program that ChatGPT wrote and ran, such as a diagram
    COMFYUI = "comfyui"
    UNKNOWN = "unknown"

    @property
    def is_model(self) -> bool:
        """A picture was drawn from words."""
        return self not in (Maker.UPLOAD, Maker.CODE, Maker.UNKNOWN)


class Match(str, Enum):
    """How it is known that a text belongs to a picture."""

    ID = "id"  # the file is named by the id that the text names
    GEN_ID = "gen_id"  # … by the generation's id
    SIZE = "size"  # only this file has as many bytes as the text says
    FILE = "file"  # the text names the file, or lies beside it under its name
    INLINE = "inline"  # the picture stood in the same record as the text
    EMBEDDED = "embedded"  # the text stood in the picture
    NONE = "none"


@dataclass(frozen=True, kw_only=True)
class Mention:
    """One picture as a text speaks of it. It is found by `asset` or `file`, else by `gen_ids` or its size."""

    maker: Maker = Maker.UNKNOWN
    asset: str = ""  # the id that its file's name begins with
    file: str = ""  # its path in the source, with "/"
    gen_ids: tuple[str, ...] = ()
    size_bytes: int | None = None
    width: int | None = None  # px
    height: int | None = None  # px
    prompt: str = ""  # as a person typed it
    revised_prompt: str = ""  # as it was sent to the model
    conversation: str = ""  # its title
    created: float | None = None  # seconds since 1970, UTC
    name: str = ""  # what its file was called before the export
    facts: Mapping[str, Any] = field(default_factory=dict)  # whatever else the source says, as JSON

    @property
    def key(self) -> str:
        """The same for two mentions of one picture."""
        return self.asset or self.file


_LONGEST = 100_000  # characters of a text that is kept


def text(value: object, longest: int = _LONGEST) -> str:
    """A text as it can be stored and searched; an empty one for anything else."""
    return value[:longest].replace("\0", "") if isinstance(value, str) else ""


def whole(value: object) -> int | None:
    """A whole number above 0 that a database can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 < value < 2**53 else None


def moment(value: object) -> float | None:
    """A time in seconds since 1970 between 1971 and 2200; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 31_536_000 < value < 7_258_118_400 else None
