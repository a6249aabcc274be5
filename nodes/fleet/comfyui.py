"""One ComfyUI process of the fleet: started, waited for, watched, and never left behind."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from ..errors import DalleFluxError
from .settings import FleetSettings, child_variables

HEALTH = "/dalle-flux/v1/health"
_LOOK_S = 0.2  # between looks at the process
_ASK_S = 5.0  # between questions whether it is well
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy of the environment's
_PREFIX = "dalle-flux-fleet-"


class ComfyUIFailed(DalleFluxError):
    """A ComfyUI that did not start."""

    code = "comfyui_failed"


class ComfyUI:
    """A ComfyUI with folders of its own for what must not be shared: temp, user, database.

    Models, input, output and custom nodes are those of the ComfyUI folder, or what `arguments` say.

    Args:
        gone: called once, in a thread, with a sentence, when a ComfyUI that was well has ended or hangs. By then its
            process is dead.
    """

    def __init__(self, settings: FleetSettings, gone: Callable[[str], None]):
        self._settings, self._gone = settings, gone
        self.secret = secrets.token_urlsafe(32)
        self.port = free_port()
        sweep()
        self.folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
        self.log_file = self.folder / "comfyui.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._ready = threading.Event()
        self._stopped = threading.Event()
        self._failed = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            ComfyUIFailed: it ended before that, or took too long; with the last lines it printed.
        """
        # On Linux a child dies with the thread that started it, so that thread lives as long as the child.
        threading.Thread(target=self._live, name="dalle_flux ComfyUI", daemon=True).start()
        self._ready.wait()
        if self._failed:
            raise ComfyUIFailed(self._failed)

    def stop(self) -> None:
        """End it, and delete its folder."""
        self._stopped.set()
        if self._process is not None:
            _end(self._process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def is_well(self, limit_s: float = 10.0) -> bool:
        """Whether it answers, and the thread that runs prompts is alive."""
        try:
            with _DIRECT.open(self.url + HEALTH, timeout=limit_s) as reply:
                return json.load(reply).get("status") == "ok"
        except (OSError, ValueError):
            return False

    def last_lines(self) -> str:
        try:
            return self.log_file.read_text("utf-8", errors="replace")[-3000:]
        except OSError:
            return ""

    def _live(self) -> None:
        """The life of the process, from its start to its end."""
        try:
            why = self._begin() or self._watch()
        except Exception as error:
            why = f"ComfyUI could not be watched ({error})."
        if self._process is not None:
            _end(self._process)
        if self._stopped.is_set():
            self._ready.set()
        elif self._ready.is_set():
            self._gone(why)
        else:
            self._failed = f"{why} It said last:\n{self.last_lines()}"
            self._ready.set()

    def _begin(self) -> str:
        """Start the process; returns what went wrong, or nothing once it is well."""
        settings = self._settings
        for name in ("temp", "user"):
            (self.folder / name).mkdir(exist_ok=True)
        command = [
            str(settings.python), str(settings.comfyui / "main.py"), "--listen", "127.0.0.1", "--port", str(self.port),
            "--temp-directory", str(self.folder / "temp"), "--user-directory", str(self.folder / "user"),
            "--database-url", f"sqlite:///{(self.folder / 'comfyui.sqlite').as_posix()}", "--disable-auto-launch",
            *settings.arguments,
        ]  # fmt: skip
        with self.log_file.open("ab") as log:
            try:
                self._process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, cwd=self.folder,
                    env=child_variables(self.secret, settings.state),
                )  # fmt: skip
            except OSError as error:
                return f"ComfyUI could not be started: {error}; see `comfyui` and `python` of the fleet."
        deadline = time.monotonic() + settings.start_limit_s
        while time.monotonic() < deadline and not self._stopped.is_set():
            if self._process.poll() is not None:
                return f"ComfyUI ended while it started (exit code {self._process.returncode})."
            if self.is_well(2.0):
                self._ready.set()
                return ""
            time.sleep(_LOOK_S)
        return f"ComfyUI did not answer within {settings.start_limit_s:.0f} s."

    def _watch(self) -> str:
        """Look at it until it is no longer well; returns why."""
        assert self._process
        well = asked = time.monotonic()
        while not self._stopped.is_set():
            if self._process.poll() is not None:
                return f"ComfyUI ended (exit code {self._process.returncode})."
            if time.monotonic() - asked > min(_ASK_S, self._settings.hang_s / 3):
                if self.is_well(min(10.0, self._settings.hang_s / 3)):
                    well = time.monotonic()
                asked = time.monotonic()
                if asked - well > self._settings.hang_s:
                    return f"ComfyUI has not been well for {self._settings.hang_s:.0f} s."
            time.sleep(_LOOK_S)
        return ""


def sweep() -> None:
    """Delete the folders of processes that were killed."""
    import psutil  # Ray brings it

    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        starter = folder.name.removeprefix(_PREFIX).split("-")[0]
        if starter.isdecimal() and not psutil.pid_exists(int(starter)):
            shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _end(process: subprocess.Popen[bytes]) -> None:
    """ComfyUI has nothing to save: its output is written by renames, and SQLite takes a kill."""
    process.kill()
    process.wait()
    if process.stdin:
        process.stdin.close()
