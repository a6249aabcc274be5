"""Replicate. Source: PyPI replicate 1.0.7, replicate.com/docs, replicate/cog-flux `predict.py`."""

from __future__ import annotations

import math
import secrets
from typing import Any

from aiohttp import web

from ..faults import Fault
from . import fields as f
from .service import HostedService, Refused, Task

_RATIOS = {
    "1:1": (1024, 1024), "16:9": (1344, 768), "21:9": (1536, 640), "3:2": (1216, 832), "2:3": (832, 1216),
    "4:5": (896, 1088), "5:4": (1088, 896), "3:4": (896, 1152), "4:3": (1152, 896), "9:16": (768, 1344),
    "9:21": (640, 1536),
}  # fmt: skip
_PNG = {
    "output_format": f.choice("webp", "jpg", "png"),
    "seed": f.whole(0, 2**32 - 1),
    "output_quality": f.whole(0, 100),
}
_SHAPED = {"aspect_ratio": f.choice(*_RATIOS)}
_CUSTOM = {"aspect_ratio": f.choice(*_RATIOS, "custom", "match_input_image")}
_OPEN = _PNG | _SHAPED | {
    "num_outputs": f.whole(1, 4), "megapixels": f.choice("1", "0.25"), "disable_safety_checker": f.truth(),
}  # fmt: skip
_DEV = _OPEN | {"num_inference_steps": f.whole(1, 50), "guidance": f.number(0, 10)}
_FAST = _OPEN | {"num_inference_steps": f.whole(1, 4)}
_SIX = {"safety_tolerance": f.whole(1, 6)}
_TEXT = {"prompt": f.text()}
FLUX = "black-forest-labs/"


def _file(value: Any) -> str:
    fits = isinstance(value, str) and value.startswith(("http://", "https://"))
    return "" if fits else "Does not match format 'uri'"


_KONTEXT = _TEXT | _PNG | _CUSTOM | {"input_image": _file, "safety_tolerance": f.whole(0, 2)}
MODELS: dict[str, tuple[dict[str, f.Check], tuple[str, ...], float]] = {
    "flux-dev": (_TEXT | _DEV | {"go_fast": f.truth()}, ("prompt",), 0.025),
    "flux-redux-dev": (_DEV | {"redux_image": _file}, ("redux_image",), 0.025),
    "flux-schnell": (_TEXT | _FAST | {"go_fast": f.truth()}, ("prompt",), 0.003),
    "flux-redux-schnell": (_FAST | {"redux_image": _file}, ("redux_image",), 0.003),
    "flux-1.1-pro": (
        _TEXT | _PNG | _CUSTOM | _SIX
        | {"width": f.whole(256, 1440, 32), "height": f.whole(256, 1440, 32), "image_prompt": _file},
        ("prompt",), 0.04,
    ),
    "flux-1.1-pro-ultra": (_TEXT | _PNG | _SHAPED | _SIX | {"raw": f.truth()}, ("prompt",), 0.06),
    "flux-kontext-pro": (_KONTEXT, ("prompt",), 0.04),
    "flux-kontext-max": (_KONTEXT, ("prompt",), 0.08),
    "flux-fill-pro": (
        _TEXT | _PNG | _SIX
        | {"image": _file, "mask": _file, "steps": f.whole(15, 50), "guidance": f.number(1.5, 100)},
        ("prompt", "image"), 0.05,
    ),
    "flux-2-pro": (
        _TEXT | _PNG | _CUSTOM
        | {"width": f.whole(256, 2048, 16), "height": f.whole(256, 2048, 16), "safety_tolerance": f.whole(1, 5),
           "input_images": f.list_of(_file, 8)},
        ("prompt",), 0.0,
    ),
}  # fmt: skip


class ReplicateService(HostedService):
    kind = "replicate"
    cheapest = "black-forest-labs/flux-schnell"
    own_model = "me/my-own"

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, bytes] = {}

    def add_doors(self, router: web.UrlDispatcher) -> None:
        router.add_post("/v1/models/{owner}/{name}/predictions", self._create)
        router.add_get("/v1/predictions/{id}", self._get)
        router.add_post("/v1/predictions/{id}/cancel", self._cancel)
        router.add_post("/v1/files", self._upload)

    def error(self, status: int, message: str, **more: Any) -> Refused:
        title = {402: "Insufficient credit", 404: "Not found", 401: "Unauthenticated"}.get(
            status, "Input validation failed"
        )
        return Refused(status, {"title": title, "detail": message, "status": status, **more})

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        part = form.get("content")
        if not isinstance(part, web.FileField):
            raise self.error(422, "content: is required")
        id_ = secrets.token_hex(8)
        self.files[id_] = part.file.read()
        return web.json_response({"id": id_, "urls": {"get": f"http://{request.host}/v1/files/{id_}"}}, status=201)

    async def _create(self, request: web.Request) -> web.StreamResponse:
        owner, name = request.match_info["owner"], request.match_info["name"]
        name = self.names.get(f"{owner}/{name}", name).removeprefix(FLUX)
        body = await self.read(request)
        if name not in MODELS or FLUX + name in self.gone:
            raise self.error(404, "The requested resource could not be found.")
        planned = self.before_work()
        if set(body) != {"input"} or not isinstance(body["input"], dict):
            raise f.Wrong("input", "is required")
        given = body["input"]
        checks, required, usd = MODELS[name]
        f.check(given, checks, required)
        if ("width" in given) != (given.get("aspect_ratio") == "custom"):
            raise f.Wrong("width", "Only used when aspect_ratio=custom")
        pictures = [self._picture(value) for value in _values(given) if "/v1/files/" in str(value)]
        size = self._size(given, pictures)
        if not usd:
            out = math.ceil(size[0] * size[1] / 2**20)
            usd = 0.015 + 0.015 * (out + len(pictures))
        task = self.take_task(f"/{name}", given, size, usd, planned)
        return await self.accepted(request, task, self._said(request, task), status=201)

    def _picture(self, url: str) -> Any:
        data = self.files.get(url.rpartition("/")[2])
        if data is None:
            raise f.Wrong("input", "A file could not be read")
        return f.opened(data)

    def _size(self, given: dict[str, Any], pictures: list[Any]) -> tuple[int, int]:
        if "width" in given:
            return given["width"], given["height"]
        if "mask" in given:
            return tuple(pictures[0].size)
        return _RATIOS[given.get("aspect_ratio", "1:1")]

    def _said(self, request: web.Request, task: Task) -> dict[str, Any]:
        there = f"{self.host_for(request, task)}/v1/predictions/{task.id}"
        said: dict[str, Any] = {
            "id": task.id, "model": FLUX + task.path.strip("/"), "version": "hidden", "input": {}, "output": None,
            "logs": "", "error": None, "metrics": {}, "created_at": "2026-11-21T12:00:00Z", "started_at": None,
            "completed_at": None, "urls": {"get": there, "cancel": f"{there}/cancel"}, "status": "starting",
        }  # fmt: skip
        if task.cancelled:
            return {**said, "status": "canceled"}
        if task.looks == 0:
            return said
        ended = {"started_at": "2026-11-21T12:00:01Z", "metrics": {"predict_time": 1.0}}
        match task.fault:
            case Fault.REFUSED_INPUT | Fault.REFUSED_OUTPUT:
                error = "NSFW content detected. Try running it again, or try a different prompt."
                return {**said, **ended, "status": "failed", "error": error}
            case Fault.FAILED:
                return {**said, **ended, "status": "failed", "error": "CUDA out of memory"}
            case Fault.CANCELLED:
                return {**said, "status": "aborted", "error": "The deadline was reached before it started"}
        if self.is_ready(task):
            return {**said, **ended, "status": "succeeded", "output": [self.url_of(request, task)]}
        return {**said, **ended, "status": "processing", "logs": "Using seed: 5\n 43%|####      | 12/28"}

    async def _get(self, request: web.Request) -> web.StreamResponse:
        task = self.seen(request.match_info["id"])
        if task is None:
            raise self.error(404, "The requested resource could not be found.")
        return web.json_response(self._said(request, task))

    async def _cancel(self, request: web.Request) -> web.StreamResponse:
        task = self.tasks.get(request.match_info["id"])
        if task is None:
            raise self.error(404, "The requested resource could not be found.")
        if not self.is_ready(task):
            self.cancel_task(task)
        return web.json_response(self._said(request, task))


def _values(given: dict[str, Any]) -> list[Any]:
    return [one for value in given.values() for one in (value if isinstance(value, list) else [value])]
