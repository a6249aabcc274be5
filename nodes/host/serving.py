"""The pack's addresses on this host's server, all behind one guard."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web

from ..errors import DalleFluxError
from ..guard import JSON_ONLY, Names, Refuse, guarded
from ..replies import refuse
from . import folders

_PRIVATE = ("local", "lan", "home.arpa", "internal")  # nobody can register a name under these
_FROM_A_CONTAINER = ("host.docker.internal", "host.containers.internal")


def serve(*tables: web.RouteTableDef, accepts: Sequence[str] = JSON_ONLY, refuse: Refuse = refuse) -> None:
    """Add the addresses of these tables to the host's server; called while the pack is loaded.

    Args:
        accepts, refuse: as in `guarded`.
    """
    from server import PromptServer

    ours: web.RouteTableDef = PromptServer.instance.routes  # type: ignore[attr-defined]
    for table in tables:
        for route in guarded(table, Names(own_names, allowed_hosts), accepts=accepts, refuse=refuse):
            ours.route(route.method, route.path, **route.kwargs)(route.handler)


def at_start(work: Callable[[], Awaitable[None]]) -> None:
    """Await this once, on the server's event loop, when the server starts."""
    from server import PromptServer

    async def start(_: web.Application) -> None:
        await work()

    PromptServer.instance.app.on_startup.append(start)  # type: ignore[attr-defined]


def own_names() -> list[str]:
    """The names of this machine, and those ComfyUI was told to listen on."""
    from comfy.cli_args import args

    whole = socket.gethostname().lower()
    machine = whole.split(".")[0]
    listening = str(args.listen or "").split(",")
    return [whole, machine, *(f"{machine}.{suffix}" for suffix in _PRIVATE), *_FROM_A_CONTAINER, *listening]


def allowed_hosts() -> list[str]:
    """`allowed_hosts = ["comfy.example.com"]` under [settings] in the user's file; none if that cannot be read."""
    try:
        named = folders.endpoints().settings.get("allowed_hosts", [])
    except DalleFluxError:
        return []
    return [name for name in named if isinstance(name, str)] if isinstance(named, list) else [str(named)]
