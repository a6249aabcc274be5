"""The settings page's addresses, for the person at the machine that runs ComfyUI: others are refused.

    GET    /dalle_flux/settings                         {file, complaint, settings, presets, kinds, endpoints: [{name,
                                                        base_url, kind, models, api_key_env, is_built_in, is_local,
                                                        key: stored|set|unset|none}]}; never a key
    POST   /dalle_flux/settings                         {setting: value or null} → as GET
    POST   /dalle_flux/settings/endpoints               {name, base_url?, kind?, api_key?, api_key_env?, models? …}
                                                        → as GET
    DELETE /dalle_flux/settings/endpoints/{name}        → as GET
    POST   /dalle_flux/settings/endpoints/{name}/test   {} → {said}, a sentence; nothing is drawn
    GET    /dalle_flux/settings/costs?month=2026-11     {month, usd, days: [{day, endpoint, requests, usd, unknown,
                                                        estimates}], rows: [the ledger's newest 200]}

What goes wrong answers {error, code} with 400, 403 or 500; the file is then as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from ..endpoint.admission import is_from_here
from ..host import folders
from ..replies import answer, read_object, refuse

ROOT = "/dalle_flux/settings"
_LONGEST = 100_000  # bytes of a request
_STATUSES = dict.fromkeys(
    ("bad_request", "bad_endpoints_file", "bad_endpoint_settings", "bad_moderation_settings", "bad_archive_settings",
     "cannot_change_settings", "unknown_endpoint", "missing_key", "service_failed"),
    400,
)  # fmt: skip
routes = web.RouteTableDef()


@routes.get(ROOT)
async def settings(request: web.Request) -> web.Response:
    """What the file says, without its keys."""
    return await _answered(request, _shown)


@routes.post(ROOT)
async def set_settings(request: web.Request) -> web.Response:
    """Change settings."""
    from .page import change_settings

    wanted = await read_object(request, _LONGEST)
    return await _answered(request, _shown, lambda: change_settings(folders.state(), wanted))


@routes.post(f"{ROOT}/endpoints")
async def put_endpoint(request: web.Request) -> web.Response:
    """Add or change an endpoint."""
    from . import page

    fields = await read_object(request, _LONGEST)
    return await _answered(request, _shown, lambda: page.put_endpoint(folders.state(), fields))


@routes.delete(f"{ROOT}/endpoints/{{name}}")
async def remove_endpoint(request: web.Request) -> web.Response:
    """Remove an endpoint."""
    from . import page

    name = request.match_info["name"]
    return await _answered(request, _shown, lambda: page.remove_endpoint(folders.state(), name))


@routes.post(f"{ROOT}/endpoints/{{name}}/test")
async def test_endpoint(request: web.Request) -> web.Response:
    """Ask an endpoint for its models."""
    from .trial import try_endpoint

    name = request.match_info["name"]
    return await _answered(request, lambda: {"said": try_endpoint(folders.endpoints().get(name))})


@routes.get(f"{ROOT}/costs")
async def costs(request: web.Request) -> web.Response:
    """What a month has cost."""
    from .costs import month

    named = request.query.get("month", "")
    return await _answered(request, lambda: month(folders.state(), named))


def _shown() -> Mapping[str, Any]:
    from .page import shown

    return shown(folders.state())


async def _answered(
    request: web.Request, work: Callable[[], Mapping[str, Any]], first: Callable[[], None] = lambda: None
) -> web.Response:
    """What `work` returns after `first`, both beside the event loop, to the person at this machine."""
    if not is_from_here(request.headers, request.remote):
        return refuse(403, "not_from_here", "Settings are changed on the machine that runs ComfyUI.")

    def both() -> Mapping[str, Any]:
        first()
        return work()

    return await answer(both, "endpoints.toml", _STATUSES)
