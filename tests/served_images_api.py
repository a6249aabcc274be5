"""What tests of the served Images API share: graphs to publish, clients, pictures."""

from __future__ import annotations

import base64
import io
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
from comfyui.server import ComfyUI
from PIL import Image

V1 = "/dalle-flux/v1"
CANVAS = "/dalle_flux/endpoint"
_REQUEST = {"class_type": "DalleFluxImagesRequest", "inputs": {"prompt": "", "size": "64x64", "quality": "standard",
                                                             "style": "vivid", "n": 1, "seed": 0}}  # fmt: skip
# Plain red, at once; the size and number asked for.
SOLID = {
    "1": _REQUEST,
    "2": {"class_type": "EmptyImage", "inputs": {"width": ["1", 4], "height": ["1", 5], "batch_size": ["1", 8],
                                                 "color": 0xFF0000}},
    "3": {"class_type": "DalleFluxImagesResponse", "inputs": {"images": ["2", 0]}},
}  # fmt: skip
# What came, with the mask painted in white.
ECHO = {
    "1": _REQUEST,
    "2": {"class_type": "MaskToImage", "inputs": {"mask": ["1", 2]}},
    "3": {"class_type": "ImageBlend", "inputs": {"image1": ["1", 1], "image2": ["2", 0], "blend_factor": 1.0,
                                                 "blend_mode": "screen"}},
    "4": {"class_type": "DalleFluxImagesResponse", "inputs": {"images": ["3", 0], "revised_prompt": ["1", 0]}},
}  # fmt: skip
# What came.
SAME = {"1": _REQUEST, "2": {"class_type": "DalleFluxImagesResponse", "inputs": {"images": ["1", 1]}}}
# Something keeps the response from running.
BLOCKED = {
    "1": _REQUEST,
    "2": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 0}},
    "3": {"class_type": "DalleFluxModeratePrompt", "inputs": {"prompt": "porn", "on_flag": "block", "replacement": ""}},
    "4": {"class_type": "DalleFluxImagesResponse", "inputs": {"images": ["2", 0], "revised_prompt": ["3", 0]}},
}


def with_lora(steps: int) -> dict[str, Any]:
    """FLUX.1-dev with a LoRA, sampled at 64x64 px by the host's own nodes: quick for few steps, endless for many."""
    loras = {"lora_name": "my-brand-style.safetensors", "strength_model": 1.0, "model": ["2", 0]}
    sampling = {"steps": steps, "cfg": 1.0, "sampler_name": "euler", "scheduler": "simple", "denoise": 1.0}
    nodes = {
        "UNETLoader": {"unet_name": "flux1-dev.safetensors", "weight_dtype": "default"},
        "LoraLoaderModelOnly": loras,
        "DualCLIPLoader": {"clip_name1": "clip_l.safetensors", "clip_name2": "t5xxl_fp16.safetensors", "type": "flux"},
        "CLIPTextEncodeFlux": {"clip": ["4", 0], "clip_l": ["1", 0], "t5xxl": ["1", 0], "guidance": 3.5},
        "VAELoader": {"vae_name": "ae.safetensors"},
        "EmptySD3LatentImage": {"width": 64, "height": 64, "batch_size": ["1", 8]},
        "KSampler": {"model": ["3", 0], "seed": ["1", 9], "positive": ["5", 0], "negative": ["5", 0],
                     "latent_image": ["7", 0], **sampling},
        "VAEDecode": {"samples": ["8", 0], "vae": ["6", 0]},
        "DalleFluxImagesResponse": {"images": ["9", 0]},
    }  # fmt: skip
    graph = {
        str(place): {"class_type": kind, "inputs": inputs} for place, (kind, inputs) in enumerate(nodes.items(), 2)
    }
    return {"1": _REQUEST, **graph}


def client(comfyui: ComfyUI, key: str = "none", **options: Any) -> openai.OpenAI:
    """The official client, without its own retries."""
    return openai.OpenAI(base_url=comfyui.url + V1, api_key=key, **{"max_retries": 0, "timeout": 300, **options})


def call(
    comfyui: ComfyUI, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
) -> tuple[int, Any, Any]:
    """(status, JSON, headers) of a raw request; a `bytes` body goes as it is."""
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    request = urllib.request.Request(comfyui.url + path, data, method=method)
    for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
        request.add_header(name, value)
    try:
        with urllib.request.urlopen(request, timeout=300) as reply:
            return reply.status, json.loads(reply.read() or b"null"), reply.headers
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"null"), error.headers


def publish(comfyui: ComfyUI, name: str, graph: object, **fields: object) -> None:
    status, body, _ = call(comfyui, "POST", f"{CANVAS}/models", {"name": name, "graph": graph, **fields})
    assert status == 200, body


def state_of(comfyui: ComfyUI) -> Path:
    return comfyui.installation.base / "user" / "dalle_flux"


def until(true: Callable[[], Any], limit_s: float = 120.0) -> Any:
    """Wait for something to be so."""
    deadline = time.monotonic() + limit_s
    while not (found := true()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)
    return found


def status(comfyui: ComfyUI) -> dict[str, Any]:
    return dict(comfyui.get(f"{CANVAS}/status"))


def opened(data: bytes | str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(data) if isinstance(data, str) else data))


def png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
