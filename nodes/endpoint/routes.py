"""The Images API's addresses in this ComfyUI.

For apps, below `/dalle-flux/v1` (errors in OpenAI's envelope; `GET …/v1/openapi.json` describes all of it):

    POST images/generations             JSON → {created, data: [{url | b64_json, revised_prompt}], dalle_flux}
    POST images/edits                   form with image (or image[]), mask → the same
    POST images/variations              form with image → the same
    POST moderations                    JSON {input} → OpenAI's moderation results
    GET  models, models/{id}
    POST jobs                           any of the three bodies with `operation` and perhaps `webhook` → 202, a job
    GET  jobs?limit=20, jobs/{id}       {id, status, position, progress, status_code, response, error}
    DELETE jobs/{id}                    cancels
    GET  files/{name}                   a served picture, 60 minutes
    GET  health, openapi.json

For the canvas, below `/dalle_flux/endpoint`, from this machine only (errors as {error, code}):

    GET    status                       {base_url, enabled, policy, alive, keys: [{name, limits}], throughput,
                                         live: [{id, client, model, prompt, status, progress, position}], jobs,
                                         deliveries}
    GET    models                       {models: [{name, draws_with, operations, published, versions}],
                                         spoilt: [{name, version, complaint}]}, those whose file cannot be read
    POST   models                       {name, graph, workflow?, description?, operations?} → the new version
    GET    models/{name}?version=       {name, version, graph, workflow, …}
    DELETE models/{name}?version=
    POST   models/{name}/test           {prompt, size, …, operation?, image? in base64} → as images/generations
    POST   keys                         {name, requests_per_minute?, pictures_per_day?, max_waiting?, models?}
                                        → {name, key}, the only time the key is shown
    DELETE keys/{name}
    DELETE jobs/{id}                    cancels any live job
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..host import folders, queue, serving
from .admin import Admin
from .api import Api, refuse
from .instance import service
from .models import RESPONSE, node_of


def register(*, alone: bool) -> None:
    """Add the addresses to this host's server; called once, when the pack is loaded.

    Args:
        alone: False in a fleet, whose ingress takes up what a restart left, and sweeps.
    """
    bodies = ("application/json", "multipart/form-data")
    serving.serve(Api(service).routes(), accepts=bodies, refuse=refuse)
    serving.serve(Admin(service, folders.endpoints, _check).routes())
    if alone:
        serving.at_start(_start)


async def _start() -> None:
    await service().start()


async def _check(graph: Mapping[str, Any]) -> None:
    await queue.check(graph, node_of(graph, RESPONSE))
