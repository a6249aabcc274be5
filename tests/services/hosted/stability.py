"""Stability, v2beta. Source: ComfyUI `comfy_api_nodes/apis/stability_api.py`, the REST reference as others quote it."""

from __future__ import annotations

import base64
import math
from typing import Any

from aiohttp import web

from ..faults import Fault
from . import fields as f
from .service import HostedService, Refused

_RATIOS = ("16:9", "1:1", "21:9", "2:3", "3:2", "4:5", "5:4", "9:16", "9:21")
_PRESETS = (
    "3d-model", "analog-film", "anime", "cinematic", "comic-book", "digital-art", "enhance", "fantasy-art", "isometric",
    "line-art", "low-poly", "modeling-compound", "neon-punk", "origami", "photographic", "pixel-art", "tile-texture",
)  # fmt: skip
_COMMON = {
    "prompt": f.text(10_000), "negative_prompt": f.text(10_000), "seed": f.digits(0, 4_294_967_294),
    "output_format": f.choice("png", "jpeg", "webp"),
}  # fmt: skip
_DRAWN = _COMMON | {"aspect_ratio": f.choice(*_RATIOS), "style_preset": f.choice(*_PRESETS)}
_SD3 = _DRAWN | {
    "model": f.text(), "mode": f.choice("text-to-image", "image-to-image"), "cfg_scale": f.decimal(1, 10),
    "strength": f.decimal(0, 1),
}  # fmt: skip
USD = {
    "sd3.5-large": 0.065,
    "sd3.5-large-turbo": 0.04,
    "sd3.5-medium": 0.035,
    "core": 0.03,
    "ultra": 0.08,
    "inpaint": 0.05,
}


class StabilityService(HostedService):
    kind = "stability"
    cheapest = "core"
    prefix = "/v2beta"

    def add_doors(self, router: web.UrlDispatcher) -> None:
        router.add_post("/v2beta/stable-image/{group}/{door}", self._draw)

    def error(self, status: int, message: str, **more: Any) -> Refused:
        names = {401: "unauthorized", 402: "payment_required", 404: "not_found", 429: "rate_limit_exceeded"}
        return Refused(status, {"id": "a1", "name": names.get(status, "bad_request"), "errors": [message], **more})

    def invalid(self, wrong: f.Wrong) -> Refused:
        return self.error(400, f"{wrong.field}: {wrong.message}")

    async def _draw(self, request: web.Request) -> web.StreamResponse:
        door = request.match_info["door"]
        if request.content_type != "multipart/form-data":
            raise self.error(400, "content-type: must be multipart/form-data")
        if request.headers.get("Accept") != "application/json":
            raise self.error(400, "accept: must be image/* or application/json")
        form = await request.post()
        files = {name: part.file.read() for name, part in form.items() if isinstance(part, web.FileField)}
        fields = {name: str(value) for name, value in form.items() if name not in files}
        self.remember(request, fields, files)
        model = self.names.get(fields.get("model", ""), fields.get("model", "")) if door == "sd3" else door
        if model not in USD or model in self.gone:
            raise self.error(404, "The model was not found.")
        planned = self.before_work()
        f.check(fields, {"sd3": _SD3, "inpaint": _COMMON}.get(door, _DRAWN), ("prompt",))
        pictures = {name: f.opened(data) for name, data in files.items()}
        self._check_pictures(door, fields, set(pictures))
        if planned and planned.fault is Fault.REFUSED_INPUT:
            errors = ["Your request was flagged by our content moderation system, as a result your request was denied."]
            raise Refused(403, {"id": "a2", "name": "content_moderation", "errors": errors})
        size = pictures["image"].size if pictures else _size(fields.get("aspect_ratio", "1:1"))
        task = self.take_task(f"/{model}", {**fields, "seed": int(fields.get("seed", 0))}, size, USD[model], planned)
        await self.at_work_on(task)
        filtered = task.fault is Fault.REFUSED_OUTPUT
        said = {"image": base64.b64encode(self.picture(task)).decode(), "seed": task.seed,
                "finish_reason": "CONTENT_FILTERED" if filtered else "SUCCESS"}  # fmt: skip
        return await self.accepted(request, task, said)

    def _check_pictures(self, door: str, fields: dict[str, str], pictures: set[str]) -> None:
        from_picture = fields.get("mode") == "image-to-image"
        if door == "inpaint" and "image" not in pictures:
            raise f.Wrong("image", "required")
        if door == "sd3" and from_picture != ("image" in pictures):
            raise f.Wrong("image", "required for image-to-image and for nothing else")
        if from_picture and ("strength" not in fields or "aspect_ratio" in fields):
            raise f.Wrong("strength", "image-to-image takes a strength and no aspect_ratio")


def _size(ratio: str) -> tuple[int, int]:
    wide, high = map(int, ratio.split(":"))
    edge = math.sqrt(2**20 / (wide * high))
    return int(wide * edge) // 64 * 64, int(high * edge) // 64 * 64
