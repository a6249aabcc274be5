"""What stands in a picture's own file: the graph that ComfyUI writes into a PNG, and this pack's record.

DALL·E's own files hold neither prompt nor seed.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from .. import json_text
from .mentions import Maker, Mention, moment, text
from .records import maker_of

_LONGEST = 4_000_000  # characters of a text chunk
_RECORD = "dalle_flux"  # `images_api.provenance` writes it
# ComfyUI's nodes that ask a service, and who draws there; others carry a `model`.
_SERVICES = {"OpenAIDalle3": Maker.DALLE3, "OpenAIDalle2": Maker.DALLE2, "OpenAIGPTImage1": Maker.GPT_IMAGE}


def read(data: bytes) -> Mention | None:
    """None: nothing is in it that speaks of a prompt."""
    if not data.startswith(b"\x89PNG"):
        return None
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
            texts = dict(getattr(picture, "text", {}))
    except Exception:  # Pillow raises all sorts of broken text
        return None
    return _from_record(_object(texts.get(_RECORD))) or _from_graph(_object(texts.get("prompt")))


def _from_record(record: Mapping[str, Any]) -> Mention | None:
    prompt, revised = text(record.get("prompt")), text(record.get("revised_prompt"))
    if not (prompt or revised):
        return None
    facts = ("endpoint", "model", "operation", "ledger_row", "request_id")
    return Mention(
        maker=maker_of(text(record.get("model"))),
        prompt=prompt,
        revised_prompt=revised,
        created=moment(record.get("sent_at")),
        facts={name: record[name] for name in facts if isinstance(record.get(name), str | int)},
    )


def _from_graph(graph: Mapping[str, Any]) -> Mention | None:
    """The node that asks a service for pictures; else the longest text that the graph's encoders read."""
    longest, model = "", ""
    for node in graph.values():
        if not isinstance(node, dict) or not isinstance(node.get("inputs"), dict):
            continue
        kind, inputs = text(node.get("class_type")), node["inputs"]
        prompt = text(inputs.get("prompt")).strip()
        if kind in _SERVICES and prompt:
            return Mention(maker=_SERVICES[kind], prompt=prompt, facts={"node": kind})
        maker = maker_of(text(inputs.get("model")))
        if maker is not Maker.UNKNOWN and prompt:
            return Mention(maker=maker, prompt=prompt, facts={"node": kind, "model": text(inputs["model"], 200)})
        named = next((inputs[name] for name in ("unet_name", "ckpt_name") if isinstance(inputs.get(name), str)), "")
        model = model or text(named, 200)
        for name in ("prompt", "text", "t5xxl", "value"):
            if len(one := text(inputs.get(name)).strip()) > len(longest):
                longest = one
    if not longest:
        return None
    return Mention(maker=Maker.COMFYUI, prompt=longest, facts={"model": model} if model else {})


def _object(written: object) -> Mapping[str, Any]:
    try:
        found = json_text.read(text(written, _LONGEST).encode("utf-8", "replace")) if written else None
    except json_text.BadJson:
        found = None
    return found if isinstance(found, dict) else {}
