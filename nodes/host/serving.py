"""The pack's addresses on this host's server, all behind one guard."""

from __future__ import annotations

import socket

from aiohttp import web

from ..errors import DalleFluxError
from ..guard import Names, guarded
from . import folders

_PRIVATE = ("local", "lan", "home.arpa", "internal")  # nobody can register a name under these
_FROM_A_CONTAINER = ("host.docker.internal", "host.containers.internal")


def serve(*tables: web.RouteTableDef) -> None:
    """Add the addresses of these tables to the host's server; called once, when the pack is loaded."""
    from server import PromptServer

    ours: web.RouteTableDef = PromptServer.instance.routes  # type: ignore[attr-defined]
    for table in tables:
        for route in guarded(table, Names(own_names, allowed_hosts)):
            ours.route(route.method, route.path, **route.kwargs)(route.handler)


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
