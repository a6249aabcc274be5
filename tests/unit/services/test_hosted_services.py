"""The stand-ins of hosted services refuse what the services refuse: else the tests that use them would prove little."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest
from services.hosted import HOSTED, HostedService

# kind: address below base_url of a model that draws, and a request that it takes
GOOD = {
    "bfl": ("/flux-dev", {"prompt": "a fox", "width": 256, "height": 256, "steps": 28}),
    "fal": ("/fal-ai/flux/dev", {"prompt": "a fox", "image_size": {"width": 256, "height": 256}, "num_images": 1}),
    "replicate": (
        "/models/black-forest-labs/flux-1.1-pro/predictions",
        {"prompt": "a fox", "aspect_ratio": "custom", "width": 256, "height": 256},
    ),
    "together": (
        "/images/generations",
        {"model": "black-forest-labs/FLUX.1-dev", "prompt": "a fox", "width": 256, "height": 256, "steps": 28},
    ),
    "stability": ("/stable-image/generate/sd3", {"prompt": "a fox", "model": "sd3.5-large", "aspect_ratio": "1:1"}),
}
BAD = [
    {"surprise": 1},  # a field that nobody knows
    {"seed": -1},
    {"seed": "many"},
    {"output_format": "tiff"},
    {"prompt": None},  # left out
]
BAD_BY_KIND = {
    "bfl": [
        {"width": 250},
        {"width": 2048},
        {"guidance": 9.0},
        {"image_prompt": "no picture"},
        {"safety_tolerance": 9},
    ],
    "fal": [{"num_images": 9}, {"image_size": "huge"}, {"guidance_scale": 99}, {"enable_safety_checker": "yes"}],
    "replicate": [{"width": 250}, {"aspect_ratio": "7:4"}, {"safety_tolerance": 0}, {"aspect_ratio": "1:1"}],
    "together": [{"width": 250}, {"response_format": "b64_json"}, {"n": 0}, {"steps": 0}],
    "stability": [{"aspect_ratio": "7:4"}, {"style_preset": "vivid"}, {"mode": "image-to-image"}, {"cfg_scale": 11}],
}


def ask(service: HostedService, changes: dict, *, key: str | None = None, plain: bool = False) -> int:
    """The HTTP status of a request with `changes`; None takes a field out."""
    path, fields = GOOD[service.kind]
    fields = {name: value for name, value in {**fields, **changes}.items() if value is not None}
    given = {"Accept": "application/json", service.key_header: service.key_prefix + (key or service.key)}
    if service.kind == "stability" and not plain:
        lines = [f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{fields[name]}\r\n' for name in fields]
        body, kind = ("".join(lines) + "--x--\r\n").encode(), "multipart/form-data; boundary=x"
    else:
        body = json.dumps({"input": fields} if service.kind == "replicate" else fields).encode()
        kind = "text/plain" if plain and service.kind != "stability" else "application/json"
    request = urllib.request.Request(service.base_url + path, body, {**given, "Content-Type": kind})
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:
            return reply.status
    except urllib.error.HTTPError as error:
        return error.code


@pytest.fixture(params=HOSTED)
def service(request):
    with HOSTED[request.param]() as running:
        yield running


def test_what_is_right_is_taken_and_billed_and_what_is_wrong_is_neither(service):
    assert ask(service, {}) in (200, 201)
    assert len(service.bills) == 1
    for changes in [*BAD, *BAD_BY_KIND[service.kind]]:
        assert ask(service, changes) in (400, 422), changes
    assert ask(service, {}, key="wrong") in (401, 403)
    assert ask(service, {}, plain=True) in (400, 415)
    assert len(service.bills) == 1
