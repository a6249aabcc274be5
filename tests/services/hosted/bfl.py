"""Black Forest Labs. Source: docs.bfl.ai and ComfyUI's request classes (`comfy_api_nodes/apis/bfl_api.py`)."""

from __future__ import annotations

import math
from typing import Any

from aiohttp import web

from ..faults import Fault
from . import fields as f
from .service import HostedService, Refused, Task

_COMMON = {
    "prompt": f.text(), "prompt_upsampling": f.truth(), "seed": f.whole(0, 2**32 - 1),
    "output_format": f.choice("png", "jpeg"), "webhook_url": f.text(), "webhook_secret": f.text(),
}  # fmt: skip
_RATIOS = ("21:9", "16:9", "3:2", "4:3", "5:4", "1:1", "4:5", "3:4", "2:3", "9:16", "9:21")
_SIZE = {"width": f.whole(256, 1440, 32), "height": f.whole(256, 1440, 32), "image_prompt": f.base64_picture}
_SIX = {"safety_tolerance": f.whole(0, 6)}
_DEV = {"steps": f.whole(1, 50), "guidance": f.number(1.5, 5.0)}
_ULTRA = {
    "aspect_ratio": f.choice(*_RATIOS), "raw": f.truth(), "image_prompt": f.base64_picture,
    "image_prompt_strength": f.number(0, 1),
}  # fmt: skip
_KONTEXT = {
    "aspect_ratio": f.choice(*_RATIOS), "input_image": f.base64_picture, "safety_tolerance": f.whole(0, 2),
}  # fmt: skip
_FILL = {
    "image": f.base64_picture, "mask": f.base64_picture, "steps": f.whole(15, 50), "guidance": f.number(1.5, 100),
}  # fmt: skip


def _flux2(pictures: int) -> dict[str, f.Check]:
    names = ["input_image", *(f"input_image_{number}" for number in range(2, pictures + 1))]
    return {
        "width": f.whole(64, 8192, 16), "height": f.whole(64, 8192, 16), "safety_tolerance": f.whole(0, 5),
        **dict.fromkeys(names, f.base64_picture),
    }  # fmt: skip


_KLEIN = {name: one for name, one in _COMMON.items() if name != "prompt_upsampling"}
MODELS: dict[str, dict[str, f.Check]] = {
    "flux-dev": _COMMON | _SIZE | _SIX | _DEV,
    "flux-pro-1.1": _COMMON | _SIZE | _SIX,
    "flux-pro-1.1-ultra": _COMMON | _ULTRA | _SIX,
    "flux-kontext-pro": _COMMON | _KONTEXT,
    "flux-kontext-max": _COMMON | _KONTEXT,
    "flux-pro-1.0-fill": _COMMON | _FILL | _SIX,
    "flux-2-pro": _COMMON | _flux2(8),
    "flux-2-max": _COMMON | _flux2(8),
    "flux-2-flex": _COMMON | _flux2(8) | {"steps": f.whole(1, 50), "guidance": f.number(1.5, 10)},
    "flux-2-klein-4b": _KLEIN | _flux2(4),
    "flux-2-klein-9b": _KLEIN | _flux2(4),
}
FLAT = {  # cents
    "flux-dev": 2.5, "flux-pro-1.1": 4, "flux-pro-1.1-ultra": 6, "flux-kontext-pro": 4, "flux-kontext-max": 8,
    "flux-pro-1.0-fill": 5,
}  # fmt: skip
BY_MEGAPIXEL = {  # cents: the first that comes out, each further one, each that goes in
    "flux-2-pro": (3, 1.5, 1.5), "flux-2-max": (7, 3, 3), "flux-2-flex": (5, 5, 5), "flux-2-klein-4b": (1.4, 0.1, 0.1),
    "flux-2-klein-9b": (1.5, 0.2, 0.2),
}  # fmt: skip


class BflService(HostedService):
    kind = "bfl"
    cheapest = "flux-2-klein-4b"
    key_header = "x-key"
    key_prefix = ""

    def add_doors(self, router: web.UrlDispatcher) -> None:
        router.add_post("/v1/{model}", self._submit)
        router.add_get("/v1/get_result", self._result)

    def error(self, status: int, message: str, **more: Any) -> Refused:
        return Refused(status, {"detail": message})

    def invalid(self, wrong: f.Wrong) -> Refused:
        return Refused(422, {"detail": [{"loc": ["body", wrong.field], "msg": wrong.message, "type": wrong.type}]})

    async def _submit(self, request: web.Request) -> web.StreamResponse:
        model = self.names.get(request.match_info["model"], request.match_info["model"])
        body = await self.read(request)
        if model not in MODELS or model in self.gone:
            raise self.error(404, "Not Found")
        planned = self.before_work()
        f.check(body, MODELS[model], ("image", "prompt") if "fill" in model else ("prompt",))
        if body.get("width", 64) * body.get("height", 64) > 4 * 2**20:
            raise f.Wrong("width", "Output is more than 4 megapixels")
        inputs = [f.picture_of(value) for name, value in body.items() if "image" in name and isinstance(value, str)]
        if "fill" in model and "mask" in body and f.picture_of(body["mask"]).size != inputs[0].size:
            raise f.Wrong("mask", "The mask must have the size of the image")
        size = self._size(body, inputs)
        cents = self._cents(model, size, inputs)
        task = self.take_task(f"/{model}", body, size, cents / 100, planned)
        return await self.accepted(
            request,
            task,
            {"id": task.id, "polling_url": f"{self.host_for(request, task)}/v1/get_result?id={task.id}", "cost": cents},
        )

    def _size(self, body: dict[str, Any], inputs: list[Any]) -> tuple[int, int]:
        if "width" in body:
            return body["width"], body["height"]
        if "aspect_ratio" in body:
            wide, high = map(int, body["aspect_ratio"].split(":"))
            edge = math.sqrt(2**20 / (wide * high))
            return int(wide * edge) // 16 * 16, int(high * edge) // 16 * 16
        return inputs[0].size if inputs else (1024, 768)

    def _cents(self, model: str, size: tuple[int, int], inputs: list[Any]) -> float:
        if model in FLAT:
            return FLAT[model]
        first, further, taken = BY_MEGAPIXEL[model]
        out = math.ceil(size[0] * size[1] / 2**20)
        return first + (out - 1) * further + sum(math.ceil(one.width * one.height / 2**20) for one in inputs) * taken

    async def _result(self, request: web.Request) -> web.StreamResponse:
        task = self.seen(request.query.get("id", ""))
        if task is None:
            return web.json_response({"id": request.query.get("id"), "status": "Task not found", "result": None})
        return web.json_response({"id": task.id, "progress": None, **self._state(request, task)})

    def _state(self, request: web.Request, task: Task) -> dict[str, Any]:
        match task.fault:
            case Fault.REFUSED_INPUT:
                return {"status": "Request Moderated", "result": None, "details": {"Moderation Reasons": ["Violence"]}}
            case Fault.REFUSED_OUTPUT:
                return {"status": "Content Moderated", "result": None, "details": {"Moderation Reasons": ["Violence"]}}
            case Fault.FAILED:
                return {"status": "Error", "result": None, "details": {"error": "CUDA out of memory"}}
        if not self.is_ready(task):
            return {"status": "Pending", "result": None, "progress": 0.5 if task.looks > 1 else None}
        result = {"sample": self.url_of(request, task), "prompt": task.prompt, "seed": task.seed, "duration": 1.5}
        return {"status": "Ready", "result": result}
