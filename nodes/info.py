"""The `info` output of the six generators: what was done, as JSON with the same keys whatever drew.

A key that does not apply is null. `js/docs/info.md` says the same for users; a test holds the two together.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

VERSION = 1
MAX_TEXT = 4_000_000  # characters; ten pictures with the longest prompts stay far below
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, kw_only=True)
class PictureInfo:
    """One picture of the batch. From `sha256` on, null for what was drawn on this machine."""

    seed: int | None = None  # it was drawn from; null: the service takes none
    size: str  # WIDTHxHEIGHT in px, as drawn or as it came from the service
    revised_prompt: str | None = None  # the text really used for it
    sha256: str | None = None  # hex, of the file that the service sent
    ledger_row: int | None = None  # its row in the state folder's table of requests
    cached: bool | None = None  # true: from disk, nothing was paid
    cost_usd: float | None = None  # US dollars of this run; null: nobody knows
    cost_is_estimate: bool | None = None
    first_cost_usd: float | None = None  # US dollars when it was made, which `cached` does not change
    request_id: str | None = None  # the service's own
    seconds: float | None = None  # from sending to the whole reply
    sent_at: float | None = None  # seconds since 1970, UTC
    attempts: int | None = None  # requests it took
    earlier_attempt_may_be_billed: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Info:
    """One run of a generator."""

    version: int = VERSION
    provider: str  # "local" or "service"
    endpoint: str | None = None  # its name in the user's file
    kind: str | None = None  # the endpoint's protocol: "openai", "azure", "bfl" …
    operation: str  # "generate", "edit" or "variation"
    model: str  # as the service knows it, or the FLUX model
    files: Mapping[str, str] | None = None  # part → folder/name, or "connected"; local only
    licence: Mapping[str, str | bool] | None = None  # of the weights: name, url, terms, commercial; local only
    prompt: str | None = None  # as asked; null for a variation
    revised_prompt: str | None = None  # the text really used for the first picture
    size: str  # asked: WIDTHxHEIGHT in px
    drawn_at: str  # WIDTHxHEIGHT in px that FLUX drew or the service was asked for
    quality: str | None = None  # as asked
    style: str | None = None  # as asked
    n: int  # pictures asked for
    seed: int  # as asked, of the first picture
    prompt_mode: str | None = None  # null where no prompt is converted
    strength: float | None = None  # 0 … 1, of a local variation
    steps: int | None = None  # sampling steps; this and the next three: local only
    guidance: float | None = None  # null also where the model takes none
    sampler: str | None = None
    scheduler: str | None = None
    sent: Mapping[str, Any] | None = None  # the request's parameters, without files; service only
    notes: tuple[str, ...] = ()  # one sentence for each thing that was mapped by rule or is worth knowing
    cost_usd: float | None = None  # US dollars of this run; null: nobody knows, or local
    cost_is_estimate: bool | None = None
    cached: bool | None = None  # true: every picture is from disk
    seconds: float | None = None  # of the whole run; null: local, where the host times it
    request_id: str | None = None  # of the first picture
    pictures: tuple[PictureInfo, ...]

    def to_json(self) -> str:
        """One JSON object; half a character (a lone surrogate) is escaped, so the text can be written anywhere."""
        text = json.dumps(dataclasses.asdict(self), ensure_ascii=False)
        return _LONE_SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", text)

    @classmethod
    def from_json(cls, text: str) -> Info | None:
        """What `to_json` wrote; None for any other text. Keys that this version does not know are left out."""
        try:
            entries = json.loads(text) if len(text) <= MAX_TEXT else None
            if not isinstance(entries, dict) or entries.get("version") != VERSION:
                return None
            pictures = tuple(PictureInfo(**_known(PictureInfo, entry)) for entry in entries["pictures"])
            return cls(**{**_known(cls, entries), "notes": tuple(entries["notes"]), "pictures": pictures})
        except (ValueError, TypeError, KeyError, RecursionError):
            return None


def _known(kind: type, entries: object) -> dict[str, Any]:
    """The entries that are fields of `kind`.

    Raises:
        TypeError: these are no entries, or a value is not of its field's type.
    """
    if not isinstance(entries, dict):
        raise TypeError("an entry is no object")
    hints = get_type_hints(kind)
    known = {name: value for name, value in entries.items() if name in hints}
    for name, value in known.items():
        if not _fits(value, hints[name]):
            raise TypeError(f"{name} is no {hints[name]}")
    return known


def _fits(value: object, hint: Any) -> bool:
    if isinstance(hint, UnionType):
        return any(_fits(value, one) for one in get_args(hint))
    if hint is float:
        return isinstance(value, (int, float))
    kind = get_origin(hint) or hint
    return isinstance(value, list if kind is tuple else kind)
