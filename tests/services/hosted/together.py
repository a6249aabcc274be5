"""Together. Source: PyPI together 3.1.1 `types/image_generate_params.py`, `image_file.py`."""

from __future__ import annotations

import base64
import math
from typing import Any

from aiohttp import web

from ..faults import Fault
from . import fields as f
from .service import HostedService, Refused

FLUX = "black-forest-labs/"
FIELDS: dict[str, f.Check] = {
    "model": f.text(), "prompt": f.text(), "width": f.whole(64, 2048, 16), "height": f.whole(64, 2048, 16),
    "steps": f.whole(1, 50), "seed": f.whole(0, 2**31 - 1), "n": f.whole(1, 4), "guidance_scale": f.number(1, 10),
    "negative_prompt": f.text(), "image_url": f.data_uri, "reference_images": f.list_of(f.data_uri, 8),
    "disable_safety_checker": f.truth(), "output_format": f.choice("jpeg", "png"),
    "response_format": f.choice("base64", "url"),
}  # fmt: skip
# USD: for the first megapixel, each further one, each that goes in
PRICES = {
    "FLUX.1-schnell": (0.0027, 0.0027, 0), "FLUX.1-schnell-Free": (0, 0, 0), "FLUX.1-dev": (0.025, 0.025, 0),
    "FLUX.1.1-pro": (0.04, 0.04, 0), "FLUX.1-kontext-pro": (0.04, 0, 0), "FLUX.1-kontext-max": (0.08, 0, 0),
    "FLUX.2-pro": (0.03, 0.015, 0.015), "FLUX.2-max": (0.07, 0.03, 0.03), "FLUX.2-flex": (0.05, 0.05, 0.05),
    "FLUX.2-dev": (0.025, 0.025, 0.025),
}  # fmt: skip
_STEPS = ("FLUX.1-schnell", "FLUX.1-schnell-Free", "FLUX.1-dev", "FLUX.2-flex")


class TogetherService(HostedService):
    kind = "together"
    cheapest = FLUX + "FLUX.1-schnell"

    def add_doors(self, router: web.UrlDispatcher) -> None:
        router.add_post("/v1/images/generations", self._generate)

    def error(self, status: int, message: str, **more: Any) -> Refused:
        kinds = {401: "authentication_error", 402: "insufficient_quota", 429: "rate_limit_error"}
        kind = kinds.get(status, "invalid_request_error")
        return Refused(
            status, {"id": "o1", "error": {"message": message, "type": kind, "param": None, "code": None, **more}}
        )

    async def _generate(self, request: web.Request) -> web.StreamResponse:
        body = await self.read(request)
        planned = self.before_work()
        f.check(body, FIELDS, ("model", "prompt"))
        model = self.names.get(body["model"], body["model"])
        name = model.removeprefix(FLUX)
        if name not in PRICES or model in self.gone:
            raise self.error(404, f"Unable to access model {model}. Please visit the docs.", code="model_not_available")
        if "steps" in body and name not in _STEPS:
            raise f.Wrong("steps", "is not supported by this model")
        if planned and planned.fault is Fault.REFUSED_INPUT:
            raise self.error(422, "The prompt may contain NSFW content and was not drawn.")
        size = body.get("width", 1024), body.get("height", 768)
        first, further, taken = PRICES[name]
        pictures = [*body.get("reference_images", []), *([body["image_url"]] if "image_url" in body else [])]
        usd = first + (math.ceil(size[0] * size[1] / 2**20) - 1) * further + len(pictures) * taken
        task = self.take_task(f"/{name}", body, size, usd, planned)
        await self.at_work_on(task)
        picture = f.black(*size) if task.fault is Fault.REFUSED_OUTPUT else self.picture(task)
        if body.get("response_format") == "base64":
            item = {"index": 0, "type": "b64_json", "b64_json": base64.b64encode(picture).decode()}
        else:
            item = {"index": 0, "type": "url", "url": self.url_of(request, task)}
        return await self.accepted(request, task, {"id": task.id, "model": model, "object": "list", "data": [item]})
