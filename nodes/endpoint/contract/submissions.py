"""A request for pictures as it came, and what it comes to.

A `Submission` is plain enough to be kept on the disk and read again after a restart. An `Order` is what it comes to for
the model it names, see `orders`, which needs pydantic; nothing here does, since this is read while the pack is loaded.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ... import json_text
from .errors import unreadable_body
from .rules import DRAWN_AS, Operation
from .uploads import Upload

_MOST_VALUES = 10_000  # in a body; read on the event loop
FILE_PARTS = ("image", "image[]", "mask")


@dataclass(frozen=True)
class File:
    """One file part of a form."""

    name: str  # of the part
    data: bytes


@dataclass(frozen=True)
class Submission:
    """A request for pictures as it came."""

    operation: Operation
    fields: Mapping[str, Any]  # of the JSON body, or the text parts of a form
    files: tuple[File, ...] = ()
    is_form: bool = False

    def fingerprint(self) -> str:
        """Equal for equal requests: what an idempotency key is bound to."""
        digest = hashlib.sha256(f"{self.operation.value} {json.dumps(dict(self.fields), sort_keys=True)}".encode())
        for file in self.files:
            digest.update(f"{file.name} {len(file.data)} ".encode() + file.data)
        return digest.hexdigest()


@dataclass(frozen=True)
class Order:
    """A request that passed every check."""

    operation: Operation
    model: str  # as asked for
    prompt: str  # empty for a variation
    size: str  # "WIDTHxHEIGHT" of the pictures; an edit's "auto" is the picture's own
    asked_quality: str
    style: str  # "vivid" or "natural"
    n: int
    seed: int | None  # of the first picture; None: to be chosen
    gives: frozenset[str]  # "url", "b64_json" or both
    output_format: str  # "png", "jpeg" or "webp"
    compression: int  # 0 … 100, for jpeg and webp
    background: str  # "transparent", "opaque" or "auto"
    stream: bool
    partial_images: int
    gpt: bool  # answered in the shape of the GPT image models
    upload: Upload | None  # what came with it
    notes: tuple[str, ...] = field(default=())  # one sentence for each thing mapped by rule

    @property
    def quality(self) -> str:
        """ "standard" or "hd"."""
        return DRAWN_AS[self.asked_quality]


def json_object(body: bytes) -> dict[str, Any]:
    """The JSON object that a body is.

    Raises:
        ApiError: it is none, too deep or too full, or not UTF-8.
    """
    try:
        data = json_text.read(body, most_values=_MOST_VALUES)
    except json_text.BadJson:
        data = None
    if not isinstance(data, dict):
        raise unreadable_body()
    return data
