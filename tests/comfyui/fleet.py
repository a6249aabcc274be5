"""One running fleet (nodes/fleet), asked as a ComfyUI is."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import environment as host_environment
from .environment import PACK, Environment
from .installation import Installation
from .server import HostFailed, Server, free_port

START_LIMIT_S = 300.0


class Fleet(Server):
    """A fleet of ComfyUIs. Use as a context manager; leaving it stops all of it."""

    def __init__(
        self,
        environment: Environment,
        installation: Installation,
        *,
        replicas: int = 2,
        ingresses: int = 1,
        database: str | None = None,
        arguments: Sequence[str] = ("--cpu", "--use-pytorch-cross-attention"),
        gpus: float = 0,
        port: int | None = None,
    ):
        self.installation = installation
        self.port = port or free_port()
        self.log_file = installation.base / f"fleet-{self.port}.log"
        self._command = [
            str(host_environment.fleet_python()), "-m", "nodes.fleet", "--comfyui", str(environment.comfyui),
            "--python", str(environment.python), "--state", str(installation.base / "user" / "dalle_flux"),
            "--replicas", str(replicas), "--gpus", str(gpus), "--port", str(self.port), "--until-stdin-ends",
            "--ingresses", str(ingresses), *(["--database", database] if database else []), "--",
            "--base-directory", str(installation.base),
            "--extra-model-paths-config", str(installation.model_paths_file), *arguments,
        ]  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Raises HostFailed: it did not start; with what it said."""
        with self.log_file.open("wb") as log:
            self._process = subprocess.Popen(
                self._command, cwd=PACK, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT,
                env={**os.environ, "DALLE_FLUX_FLEET_LOGS": "1", "PYTHONUTF8": "1"},
            )  # fmt: skip
        deadline = time.monotonic() + START_LIMIT_S
        while "Images API:" not in self.log:
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise HostFailed(f"The fleet did not start:\n{self.log[-5000:]}")
            time.sleep(0.2)

    def stop(self) -> None:
        """It ends with its standard input."""
        if self._process is None:
            return
        if not self.is_running():
            print(f"The fleet had ended by itself:\n{self.log[-8000:]}")
        try:
            self._process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """As if the one who started it was killed."""
        assert self._process
        self._process.kill()
        self._process.wait()

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=60) as reply:
            return json.load(reply)

    def processes(self, of: str) -> list[int]:
        """Process ids of this fleet's "ComfyUI", "replica" or "ingress"."""
        import psutil

        marks = {
            "ComfyUI": str(self.installation.model_paths_file), "replica": ":ComfyUIReplica", "ingress": ":ImagesAPI",
        }  # fmt: skip
        assert self._process
        found = psutil.Process(self._process.pid).children(recursive=True) if self.is_running() else []
        return [one.pid for one in found if marks[of] in " ".join(_command_line(one))]


def _command_line(process: Any) -> list[str]:
    import psutil

    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def comfyuis(base: Path) -> list[int]:
    """Every ComfyUI in this base directory, whoever its parent is."""
    import psutil

    return [one.pid for one in psutil.process_iter() if str(base) in (said := _command_line(one)) and "--port" in said]
