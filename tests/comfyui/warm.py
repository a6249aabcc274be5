"""Start ComfyUI from a process that has imported its libraries already: a second of processor time, not eight. Linux.

Started as a script, with the Python of the host, this is that process. It reads one line of JSON for each ComfyUI that
is wanted, {program, arguments, folder, variables, log}, forks it and answers with its process id. What is forked runs
`main.py` as a Python that was started with it would.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import runpy
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# What a host without custom nodes has imported when it answers, as far as it takes time. What is missing is left out.
LIBRARIES = (
    "torch", "torch._dynamo", "torchvision.ops", "torchaudio", "transformers.models.clip", "transformers.models.t5",
    "safetensors.torch", "aiohttp.web", "scipy.stats", "scipy.integrate", "kornia.filters", "av", "PIL.Image",
    "sqlalchemy.orm", "alembic", "einops", "torchsde", "spandrel", "yaml", "psutil",
)  # fmt: skip


class Libraries:
    """The process with the libraries; made at the first start, ended by `close`."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def start(
        self, command: Sequence[str], folder: Path, variables: Mapping[str, str], log: Path
    ) -> subprocess.Popen[bytes] | Forked:
        """`subprocess.Popen` of [python, program, …], its output in `log`; as on systems without it where it cannot."""
        if sys.platform != "linux":
            return start_anew(command, folder, variables, log)
        if self._process is None:
            self._process = subprocess.Popen(
                [command[0], __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(variables)
            )
        assert self._process.stdin
        assert self._process.stdout
        program, *arguments = command[1:]
        wanted = {
            "program": program, "arguments": arguments, "folder": str(folder), "variables": dict(variables),
            "log": str(log),
        }  # fmt: skip
        print(json.dumps(wanted), file=self._process.stdin, flush=True)
        return Forked(int(self._process.stdout.readline()))

    def close(self) -> None:
        if self._process is not None:
            self._process.communicate()


def start_anew(
    command: Sequence[str], folder: Path, variables: Mapping[str, str], log: Path
) -> subprocess.Popen[bytes]:
    """The same by a Python of its own."""
    with log.open("wb") as written:
        return subprocess.Popen(
            command, stdout=written, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=variables, cwd=folder
        )


class Forked:
    """A process that is not our child, with the part of `subprocess.Popen` that is used."""

    def __init__(self, pid: int):
        self.pid = pid
        self._handle: int | None = None
        with contextlib.suppress(ProcessLookupError):  # it has ended already
            self._handle = os.pidfd_open(pid)

    def poll(self) -> int | None:
        return 0 if self._has_ended(0) else None

    def wait(self, timeout: float | None = None) -> int:
        if not self._has_ended(timeout):
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return 0

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _has_ended(self, timeout: float | None) -> bool:
        return self._handle is None or bool(select.select([self._handle], [], [], timeout)[0])

    def _signal(self, number: int) -> None:
        if self._handle is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, number)


def _next_start() -> dict[str, Any] | None:
    """In a forked process: what it is to be. In this one: None, when nobody asks any more."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    for library in LIBRARIES:
        with contextlib.suppress(ImportError):
            importlib.import_module(library)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system clears away what has ended
    for line in sys.stdin:
        wanted: dict[str, Any] = json.loads(line)
        pid = os.fork()
        if pid == 0:
            return wanted
        print(pid, file=answers, flush=True)
    return None


def _become(wanted: Mapping[str, Any]) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    nothing, log = os.open(os.devnull, os.O_RDONLY), os.open(wanted["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for target, source in ((0, nothing), (1, log), (2, log)):
        os.dup2(source, target)
    os.environ.clear()
    os.environ.update(wanted["variables"])
    os.chdir(wanted["folder"])
    sys.argv = [wanted["program"], *wanted["arguments"]]
    searched = wanted["variables"].get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:1] = [str(Path(wanted["program"]).parent), *filter(None, searched)]
    runpy.run_path(wanted["program"], run_name="__main__")


if __name__ == "__main__" and (_wanted := _next_start()) is not None:
    _become(_wanted)
