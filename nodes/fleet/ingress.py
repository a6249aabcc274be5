"""The ingress: `nodes/endpoint` with a fleet to draw on, as an aiohttp server on the loopback. Knows nothing of Ray."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from ..endpoint.admin import Admin
from ..endpoint.api import Api, refuse
from ..endpoint.keeping import Keeper
from ..endpoint.service import ImagesService
from ..endpoints import Endpoints
from ..guard import Names, guarded
from ..state import State
from .bridge import true_client
from .drawer import Fleet, FleetDrawer
from .seen import Watch, to_stdout

_LOOPBACK = "127.0.0.1"


class Ingress:
    """One Images API on a fleet.

    Args:
        folder: the state folder.
        fleet: what draws.
        room: how many jobs that have not begun a fleet of so many takes.
        keeper: what several ingresses share; None: the state folder keeps it all.
    """

    def __init__(self, folder: Path, fleet: Fleet, room: Callable[[int], int], keeper: Keeper | None = None):
        self._state, self._fleet = State(folder), fleet
        self.service = ImagesService(lambda: self._state, self._endpoints, lambda _: FleetDrawer(fleet, room), keeper)
        self._runner: web.AppRunner | None = None

    async def start(self) -> str:
        """Listen on a free port; returns the URL."""
        bodies = ("application/json", "multipart/form-data")
        names = Names(_own_names, self._allowed_hosts)
        to_stdout()
        watch = Watch(self.service, self._fleet.replicas)
        self.service.scheduler.on_end = watch.ended
        app = web.Application(middlewares=[true_client, watch.requests], client_max_size=2**40)
        app.add_routes(guarded(watch.routes(), names))
        app.add_routes(guarded(Api(lambda: self.service).routes(), names, accepts=bodies, refuse=refuse))
        app.add_routes(guarded(Admin(lambda: self.service, self._endpoints, self._fleet.check).routes(), names))
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, _LOOPBACK, 0)
        await site.start()
        await self.service.start()
        return f"http://{_LOOPBACK}:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()

    def _endpoints(self) -> Endpoints:
        return Endpoints.read(self._state.endpoints_file)

    def _allowed_hosts(self) -> list[str]:
        named = self._endpoints().settings.get("allowed_hosts", [])
        return [name for name in named if isinstance(name, str)] if isinstance(named, list) else [str(named)]


def _own_names() -> list[str]:
    whole = socket.gethostname().lower()
    return [whole, whole.split(".")[0]]
