"""What stands below a picture: model, seed, seconds, cost, revised prompt, read from a node's `info` output."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..info import MAX_TEXT, Info

MAX_CHARACTERS = 4000  # of one field; DALL·E 3's own prompts end at 4000
# What a fact is called in this pack's `info`, then by others' nodes; the first that is there counts.
_NAMES: dict[str, tuple[str, ...]] = {
    "model": ("model", "model_name", "checkpoint"),
    "seed": ("seed", "noise_seed"),
    "seconds": ("seconds", "elapsed_s", "duration_s", "time_s"),
    "cost": ("cost_usd", "cost", "price_usd"),
    "first_cost": ("first_cost_usd",),  # when it was made, where it came from disk this time
    "size": ("size",),
    "quality": ("quality",),
    "style": ("style",),
    "steps": ("steps",),
    "guidance": ("guidance",),
    "prompt": ("prompt",),
    "revised_prompt": ("revised_prompt",),
    "licence": ("licence", "license"),
}
_PER_PICTURE = ("images", "pictures", "data", "results")  # lists in `info` with one object a picture

_LISTS = {"seeds": "seed", "revised_prompts": "revised_prompt"}  # lists in `info` with one value a picture


@dataclass(frozen=True)
class Caption:
    """One picture's caption."""

    facts: dict[str, str] = field(default_factory=dict)  # see _NAMES; only those known
    text: str = ""  # free text, when `info` was no JSON

    @property
    def line(self) -> str:
        """The short facts in one line: model · seed · seconds · cost · licence of the weights."""
        facts = self.facts
        parts = [facts.get("model", ""), facts.get("size", ""), facts.get("quality", ""), facts.get("style", "")]
        parts.append(f"{facts['steps']} steps" if "steps" in facts else "")
        parts.append(f"seed {facts['seed']}" if "seed" in facts else "")
        parts.append(f"{_number(facts['seconds'], 1)} s" if "seconds" in facts else "")
        parts.append(f"${_number(facts['cost'], 3)}" if "cost" in facts else "")
        parts.append(facts.get("licence", ""))
        return " · ".join(part for part in parts if part)

    @property
    def prompt(self) -> str:
        """The text that was really used, as far as known."""
        return self.facts.get("revised_prompt") or self.facts.get("prompt") or self.text


def captions(info: str, count: int) -> list[Caption]:
    """Read a node's `info` (JSON, or any text) as `count` captions, one a picture."""
    ours = Info.from_json(info)
    if ours:
        each = [_facts(vars(picture)) for picture in ours.pictures[:count]]
        return [Caption({**_facts(vars(ours)), **own}) for own in each + [{}] * (count - len(each))]
    text = info.strip()[:MAX_TEXT]
    try:
        parsed = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        parsed = None
    if isinstance(parsed, list) and parsed and all(isinstance(entry, Mapping) for entry in parsed):
        return [Caption(_facts(parsed[index] if index < len(parsed) else {})) for index in range(count)]
    if not isinstance(parsed, Mapping):
        return [Caption(text=text[:MAX_CHARACTERS])] * count
    shared = _facts(parsed)
    single: list[Any] = next((parsed[name] for name in _PER_PICTURE if isinstance(parsed.get(name), list)), [])
    listed = {fact: parsed[name] for name, fact in _LISTS.items() if isinstance(parsed.get(name), list)}
    own = [_facts(entry) if isinstance(entry, Mapping) else {} for entry in single]
    return [
        Caption(
            {
                **shared,
                **_facts({fact: values[index] for fact, values in listed.items() if index < len(values)}),
                **(own[index] if index < len(own) else {}),
            }
        )
        for index in range(count)
    ]


def _facts(entry: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for fact, names in _NAMES.items():
        value = next((entry[name] for name in names if entry.get(name) not in (None, "")), None)
        if isinstance(value, Mapping):
            value = next((value[name] for name in ("usd", "total", "amount", "name") if name in value), None)
        if isinstance(value, (str, int, float)) and not isinstance(value, bool):
            found[fact] = str(value)[:MAX_CHARACTERS]
    return found


def _number(text: str, digits: int) -> str:
    try:
        return f"{float(text):.{digits}f}"
    except ValueError:
        return text
