"""What goes back: the reply of an image operation, the events of a stream, model cards, moderation results.

Source: openai-3.52.0 `types/images_response.py`, `image_gen_*_event.py`, `image_edit_*_event.py`,
`moderation_create_response.py`. `dalle_flux` in a reply is this server's own and may be ignored.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...info import Info
from ...pictures import encode_png, flatten
from .rules import Operation
from .submissions import Order

if TYPE_CHECKING:
    from PIL import Image

# FLUX counts no tokens; the GPT shape wants the numbers.
NO_USAGE = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0,
            "input_tokens_details": {"image_tokens": 0, "text_tokens": 0}}  # fmt: skip
MIME = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
EXTENSIONS = {"png": "png", "jpeg": "jpg", "webp": "webp"}


@dataclass(frozen=True)
class Finished:
    """Pictures as they leave, encoded."""

    files: tuple[bytes, ...]
    size: str  # "WIDTHxHEIGHT" of the first
    transparent: bool
    revised_prompt: str  # the text that was really drawn
    seed: int  # of the first picture
    info: Info | None  # the generator's account; None where the graph gives none
    seconds: float  # from the moment the run began


def encode(picture: Image.Image, order: Order) -> bytes:
    """One picture in the format asked for; slow, for a thread."""
    if order.output_format == "png":
        # As the host's own previews: somebody waits.
        return encode_png(picture if order.background != "opaque" else flatten(picture), level=1)
    buffer = io.BytesIO()
    if order.output_format == "webp":
        kept = picture if order.background != "opaque" else flatten(picture)
        kept.save(buffer, "WEBP", quality=order.compression, method=3)
    else:
        flatten(picture).save(buffer, "JPEG", quality=order.compression, subsampling=0)
    return buffer.getvalue()


def reply(order: Order, done: Finished, created: int, urls: Sequence[str], info_url: str | None) -> dict[str, Any]:
    """The body of a 200.

    Args:
        created: Unix time in seconds.
        urls: where the pictures are served, in their order; empty if the order wants none.
    """
    data = []
    for index, file in enumerate(done.files):
        item: dict[str, Any] = {}
        if "url" in order.gives:
            item["url"] = urls[index]
        if "b64_json" in order.gives:
            item["b64_json"] = base64.b64encode(file).decode()
        item["revised_prompt"] = done.revised_prompt
        data.append(item)
    body: dict[str, Any] = {"created": created, "data": data}
    if order.gpt:
        body |= _look(order, done) | {"usage": NO_USAGE}
    return body | {"dalle_flux": own(order, done, info_url)}


def own(order: Order, done: Finished, info_url: str | None) -> dict[str, Any]:
    """The extension: how to draw the same again, and what was mapped."""
    notes = [*order.notes, *(done.info.notes if done.info else ())]
    if order.background == "transparent" and not done.transparent:
        notes.append("The workflow drew no transparency.")
    return {
        "seed": done.seed,
        "size": done.size,
        "quality": order.quality,
        "style": order.style if order.operation is Operation.GENERATE else None,
        "model": done.info.model if done.info else None,
        "steps": done.info.steps if done.info else None,
        "seconds": round(done.seconds, 3),
        "notes": notes,
        "info": info_url,
    }


def completed(order: Order, done: Finished, created: int, info_url: str | None) -> dict[str, Any]:
    """The last event of a stream."""
    return {
        "type": f"{_event(order)}.completed",
        "b64_json": base64.b64encode(done.files[0]).decode(),
        "created_at": created,
        "revised_prompt": done.revised_prompt,
        **_look(order, done),
        "usage": NO_USAGE,
        "dalle_flux": own(order, done, info_url),
    }


def partial(order: Order, file: bytes, index: int, created: int) -> dict[str, Any]:
    """A preview on the way, counted from 0."""
    return {
        "type": f"{_event(order)}.partial_image",
        "b64_json": base64.b64encode(file).decode(),
        "partial_image_index": index,
        "created_at": created,
        "size": order.size,
        "quality": _gpt_quality(order),
        "background": "opaque",
        "output_format": order.output_format,
    }


def event(body: Mapping[str, Any], name: str | None = None) -> bytes:
    """One server-sent event."""
    return f"event: {name or body['type']}\ndata: {json.dumps(body)}\n\n".encode()


def card(name: str, created: int, owner: str) -> dict[str, Any]:
    """One model."""
    return {"id": name, "object": "model", "created": created, "owned_by": owner}


def cards(models: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """`GET models`."""
    return {"object": "list", "data": list(models)}


def _look(order: Order, done: Finished) -> dict[str, Any]:
    return {
        "size": done.size,
        "quality": _gpt_quality(order),
        "background": "transparent" if done.transparent else "opaque",
        "output_format": order.output_format,
    }


def _gpt_quality(order: Order) -> str:
    """What was drawn, in the words of the GPT image models."""
    if order.asked_quality in ("low", "medium", "high", "xhigh", "max"):
        return order.asked_quality
    return "high" if order.quality == "hd" else "medium"


def _event(order: Order) -> str:
    return "image_edit" if order.operation is Operation.EDIT else "image_generation"
