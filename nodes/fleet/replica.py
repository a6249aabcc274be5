"""The replica: one process of Ray's that owns one ComfyUI and passes tasks on to it. Knows nothing of Ray."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp

from .comfyui import ComfyUI
from .settings import SECRET_HEADER, FleetSettings
from .wire import Event, lines

DRAW, CHECK = "/dalle_flux/fleet/draw", "/dalle_flux/fleet/check"
_DYING_S = 5.0  # in which a dead ComfyUI has certainly been noticed
_log = logging.getLogger(__name__)


class Replica:
    """Starts its ComfyUI when it is made, and ends with it.

    Raises:
        ComfyUIFailed: it did not start.
    """

    def __init__(self, settings: FleetSettings):
        self._comfyui = ComfyUI(settings, self._end)
        self._session: aiohttp.ClientSession | None = None
        self._comfyui.start()
        _log.info("ComfyUI %s answers at %s", self._comfyui.pid, self._comfyui.url)

    async def draw(self, task: bytes) -> AsyncIterator[bytes]:
        """Draw a `wire.Task`; yields `wire.Event` lines, the last one with finished, failure or lost."""
        try:
            async with self._post(DRAW, task) as reply:
                if reply.status != 200:
                    raise aiohttp.ClientError(f"{reply.status}: {(await reply.text())[:300]}")
                async for line in lines(reply.content.iter_any()):
                    yield line
        except (aiohttp.ClientError, OSError, asyncio.TimeoutError) as error:
            # Most likely the ComfyUI has ended, and this process is about to; free at once, it would be given the
            # next task, and that one the same end.
            await asyncio.sleep(_DYING_S)
            yield Event(lost=f"{type(error).__name__}: {error}").line()

    async def check(self, graph: Mapping[str, Any]) -> str | None:
        """What this ComfyUI finds wrong with a graph in API format; None: nothing."""
        import json

        async with self._post(CHECK, json.dumps(graph).encode()) as reply:
            said = await reply.json()
            return None if reply.status == 200 else str(said["error"])

    async def check_health(self) -> None:
        """Called by Serve. The ComfyUI is watched beside it, and its end is this process's."""

    def facts(self) -> dict[str, Any]:
        """For the status page."""
        return {"pid": os.getpid(), "comfyui_pid": self._comfyui.pid, "url": self._comfyui.url}

    def __del__(self) -> None:
        self._comfyui.stop()

    def _post(self, path: str, body: bytes) -> Any:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None, sock_connect=10.0))
        headers = {SECRET_HEADER: self._comfyui.secret, "Content-Type": "application/json"}
        return self._session.post(self._comfyui.url + path, data=body, headers=headers)

    def _end(self, why: str) -> None:
        print(f"{why} This replica ends with it. It said last:\n{self._comfyui.last_lines()}", file=sys.stderr)
        sys.stderr.flush()
        self._comfyui.stop()
        os._exit(1)
