"""fal's queue. Source: PyPI fal_client 1.0.3 and fal.ai/docs (queue, model errors, request errors)."""

from __future__ import annotations

import math
from typing import Any

from aiohttp import web

from ..faults import Fault
from . import fields as f
from .service import HostedService, Refused

_PRESETS = ("square_hd", "square", "portrait_4_3", "portrait_16_9", "landscape_4_3", "landscape_16_9")
_RATIOS = ("21:9", "16:9", "4:3", "3:2", "1:1", "2:3", "3:4", "9:16", "9:21")


def _image_size(value: Any) -> str:
    if isinstance(value, dict) and set(value) == {"width", "height"}:
        return f.whole(64, 14142)(value["width"]) or f.whole(64, 14142)(value["height"])
    return "" if value in _PRESETS else "Input should be a preset or a width and a height"


_COMMON = {
    "prompt": f.text(), "seed": f.whole(0, 2**32 - 1), "num_images": f.whole(1, 4), "sync_mode": f.truth(),
    "output_format": f.choice("jpeg", "png"),
}  # fmt: skip
_SAFE = {"enable_safety_checker": f.truth()}
_TOLERANT = {"safety_tolerance": f.choice("1", "2", "3", "4", "5", "6")}
_SIZED = {"image_size": _image_size}
_STEPS = {"num_inference_steps": f.whole(1, 50), "guidance_scale": f.number(1, 20)}
_FAST = {"num_inference_steps": f.whole(1, 12)}
_SHAPED = {"aspect_ratio": f.choice(*_RATIOS)}
_ONE = {"image_url": f.data_uri}
_PRO2 = {**_COMMON, "safety_tolerance": f.choice("1", "2", "3", "4", "5")}
_PRO2.pop("num_images")

APPS: dict[str, tuple[dict[str, f.Check], tuple[str, ...]]] = {
    "fal-ai/flux/dev": (_COMMON | _SAFE | _SIZED | _STEPS, ("prompt",)),
    "fal-ai/flux/dev/redux": (_COMMON | _SAFE | _SIZED | _STEPS | _ONE, ("image_url",)),
    "fal-ai/flux/schnell": (_COMMON | _SAFE | _SIZED | _FAST, ("prompt",)),
    "fal-ai/flux/schnell/redux": (_COMMON | _SAFE | _SIZED | _FAST | _ONE, ("image_url",)),
    "fal-ai/flux-pro/v1.1": (_COMMON | _SIZED | _TOLERANT, ("prompt",)),
    "fal-ai/flux-pro/v1.1-ultra": (_COMMON | _SHAPED | _TOLERANT | {"raw": f.truth()}, ("prompt",)),
    "fal-ai/flux-pro/kontext": (_COMMON | _SHAPED | _TOLERANT | _ONE, ("prompt", "image_url")),
    "fal-ai/flux-pro/kontext/text-to-image": (_COMMON | _SHAPED | _TOLERANT, ("prompt",)),
    "fal-ai/flux-pro/kontext/max": (_COMMON | _SHAPED | _TOLERANT | _ONE, ("prompt", "image_url")),
    "fal-ai/flux-pro/kontext/max/text-to-image": (_COMMON | _SHAPED | _TOLERANT, ("prompt",)),
    "fal-ai/flux-pro/v1/fill": (
        _COMMON | _TOLERANT | _ONE | {"mask_url": f.data_uri},
        ("prompt", "image_url", "mask_url"),
    ),
    "fal-ai/flux-2": (_COMMON | _SAFE | _SIZED | _STEPS, ("prompt",)),
    "fal-ai/flux-2/edit": (
        _COMMON | _SAFE | _SIZED | _STEPS | {"image_urls": f.list_of(f.data_uri, 4)},
        ("prompt", "image_urls"),
    ),
    "fal-ai/flux-2-pro": (_PRO2 | _SIZED, ("prompt",)),
    "fal-ai/flux-2-pro/edit": (_PRO2 | _SIZED | {"image_urls": f.list_of(f.data_uri, 8)}, ("prompt", "image_urls")),
    "blackforestlabs/flux-3/text-to-image": ({"prompt": f.text(15_000)} | _SHAPED, ("prompt",)),
}
FLAT = {
    "fal-ai/flux-pro/v1.1-ultra": 0.06, "fal-ai/flux-pro/kontext": 0.04, "fal-ai/flux-pro/kontext/text-to-image": 0.04,
    "fal-ai/flux-pro/kontext/max": 0.08, "fal-ai/flux-pro/kontext/max/text-to-image": 0.08,
    "blackforestlabs/flux-3/text-to-image": 0.048,
}  # fmt: skip
BY_MEGAPIXEL = {
    "fal-ai/flux/dev": 0.025, "fal-ai/flux/dev/redux": 0.025, "fal-ai/flux/schnell": 0.003,
    "fal-ai/flux/schnell/redux": 0.003, "fal-ai/flux-pro/v1.1": 0.04, "fal-ai/flux-pro/v1/fill": 0.05,
    "fal-ai/flux-2": 0.012, "fal-ai/flux-2/edit": 0.012, "fal-ai/flux-2-pro": 0.015, "fal-ai/flux-2-pro/edit": 0.015,
}  # fmt: skip


class FalService(HostedService):
    kind = "fal"
    cheapest = "fal-ai/flux/schnell"
    key_prefix = "Key "
    prefix = ""
    charges_failures = False

    def add_doors(self, router: web.UrlDispatcher) -> None:
        router.add_get("/{owner}/{alias}/requests/{id}/status", self._status)
        router.add_get("/{owner}/{alias}/requests/{id}", self._result)
        router.add_put("/{owner}/{alias}/requests/{id}/cancel", self._cancel)
        router.add_post("/{app:.+}", self._submit)

    def error(self, status: int, message: str, **more: Any) -> Refused:
        return Refused(status, {"detail": message, **more})

    def invalid(self, wrong: f.Wrong) -> Refused:
        return Refused(422, {"detail": [{"loc": ["body", wrong.field], "msg": wrong.message, "type": wrong.type}]})

    async def _submit(self, request: web.Request) -> web.StreamResponse:
        app = request.match_info["app"]
        body = await self.read(request)
        app = self.names.get(app, app)
        if app not in APPS or app in self.gone:
            raise self.error(404, f"Application '{app}' not found")
        planned = self.before_work()
        f.check(body, *APPS[app])
        size = self._size(body)
        task = self.take_task(f"/{app}", body, size, self._usd(app, size, body), planned)
        owner, alias = app.split("/")[:2]  # the path below an app's name is no part of its requests' addresses
        there = f"{self.host_for(request, task)}/{owner}/{alias}/requests/{task.id}"
        said = {"request_id": task.id, "response_url": there, "status_url": f"{there}/status",
                "cancel_url": f"{there}/cancel", "queue_position": 2}  # fmt: skip
        return await self.accepted(request, task, said)

    def _size(self, body: dict[str, Any]) -> tuple[int, int]:
        wanted = body.get("image_size")
        if isinstance(wanted, dict):
            return wanted["width"], wanted["height"]
        if "aspect_ratio" in body:
            wide, high = map(int, body["aspect_ratio"].split(":"))
            edge = math.sqrt(2**20 / (wide * high))
            return int(wide * edge) // 16 * 16, int(high * edge) // 16 * 16
        return f.picture_of(body["image_url"]).size if "image_url" in body else (1024, 768)

    def _usd(self, app: str, size: tuple[int, int], body: dict[str, Any]) -> float:
        if app in FLAT:
            return FLAT[app]
        first = 0.015 if "flux-2-pro" in app else 0.0
        pictures = len(body.get("image_urls", [])) if "flux-2" in app else 0
        return first + BY_MEGAPIXEL[app] * (math.ceil(size[0] * size[1] / 1e6) + pictures)

    async def _status(self, request: web.Request) -> web.StreamResponse:
        task = self.seen(request.match_info["id"])
        if task is None:
            raise self.error(404, "Request not found")
        if task.cancelled or task.fault in _ENDED:
            return web.json_response({"status": "COMPLETED", "error": "see the response", "logs": []})
        if self.is_ready(task):
            return web.json_response({"status": "COMPLETED", "logs": [], "metrics": {"inference_time": 1.0}})
        if task.looks == 1 or self.queued:
            return web.json_response({"status": "IN_QUEUE", "queue_position": 2}, status=202)
        logs = [{"message": " 43%|####      | 12/28", "level": "INFO"}] if request.query.get("logs") == "1" else None
        return web.json_response({"status": "IN_PROGRESS", "logs": logs}, status=202)

    async def _result(self, request: web.Request) -> web.StreamResponse:
        task = self.tasks.get(request.match_info["id"])
        if task is None or task.fault is Fault.FORGOTTEN:
            raise self.error(404, "Request not found")
        if task.cancelled:
            raise self.error(499, "Request was cancelled", error_type="client_cancelled")
        match task.fault:
            case Fault.REFUSED_INPUT | Fault.REFUSED_OUTPUT:
                detail = {"loc": ["body", "prompt"], "msg": "The content could not be processed because it contained "
                          "material flagged by a content checker.", "type": "content_policy_violation"}  # fmt: skip
                return web.json_response({"detail": [detail]}, status=422)
            case Fault.FAILED:
                raise self.error(500, "Internal Server Error", error_type="runner_server_error")
        if not self.is_ready(task):
            raise self.error(400, "Request is still in progress")
        picture = {"url": self.url_of(request, task), "width": task.width, "height": task.height,
                   "content_type": "image/png"}  # fmt: skip
        said = {"images": [picture], "seed": task.seed, "prompt": task.prompt, "timings": {"inference": 1.0}}
        return web.json_response({**said, "has_nsfw_concepts": [task.fault is Fault.BLACK]})

    async def _cancel(self, request: web.Request) -> web.StreamResponse:
        task = self.tasks.get(request.match_info["id"])
        if task is None:
            raise self.error(404, "Request not found")
        if self.is_ready(task):
            return web.json_response({"status": "ALREADY_COMPLETED"}, status=400)
        self.cancel_task(task)
        return web.json_response({"status": "CANCELLATION_REQUESTED"}, status=202)


_ENDED = (Fault.REFUSED_INPUT, Fault.REFUSED_OUTPUT, Fault.FAILED)
