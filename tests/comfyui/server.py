"""One running ComfyUI and its HTTP API (source: ComfyUI `server.py`). Standard library only."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .environment import Environment
from .installation import Installation
from .warm import start_anew

if TYPE_CHECKING:
    from typing import Self  # of Python 3.11

START_LIMIT_S = 180.0
KEY_VARIABLES = ("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "COMFY_API_KEY")
NO_BYTE_CODE = "PYTHONDONTWRITEBYTECODE"  # would make every start compile all of ComfyUI: a second of processor time


class HostFailed(RuntimeError):
    """ComfyUI did not start, refused a graph, or a graph ended with an error."""


class Refused(HostFailed):
    """`POST /prompt` answered 400; `body` is its JSON: {error, node_errors}."""

    def __init__(self, body: dict[str, Any]):
        self.body = body
        super().__init__(json.dumps(body, ensure_ascii=False)[:2000])


@dataclass(frozen=True)
class Run:
    """A graph that came to its end, as `/history` tells it."""

    prompt_id: str
    entry: dict[str, Any]

    @property
    def outputs(self) -> dict[str, Any]:
        """Node id → its `ui` output."""
        return self.entry["outputs"]

    @property
    def succeeded(self) -> bool:
        return self.entry["status"]["status_str"] == "success"

    @property
    def messages(self) -> dict[str, dict[str, Any]]:
        """Event name → its data, e.g. `execution_error` → {node_id, exception_message, …}."""
        return dict(self.entry["status"]["messages"])

    @property
    def error(self) -> str:
        """What the user reads, or an empty text."""
        return str(self.messages.get("execution_error", {}).get("exception_message", ""))


class Server:
    """A process that serves on a port of this machine. Use as a context manager; leaving it stops the process."""

    port: int
    log_file: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """Everything the process printed."""
        return self.log_file.read_text("utf-8", errors="replace")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        raise NotImplementedError


class ComfyUI(Server):
    """A ComfyUI process."""

    def __init__(
        self,
        environment: Environment,
        installation: Installation,
        *,
        newest_frontend: bool = False,
        arguments: Sequence[str] = ("--cpu",),
        variables: Mapping[str, str] | None = None,
        keep_keys: bool = False,
        port: int | None = None,
        start_process: Callable[..., Any] = start_anew,
    ):
        self._start_process = start_process
        self.environment = environment
        self.installation = installation
        self.port = port or free_port()
        self.log_file = installation.base / f"comfyui-{self.port}.log"
        self._arguments = list(arguments)
        if "--cpu" in arguments:
            self._arguments.append("--use-pytorch-cross-attention")  # a GPU host's default; a CPU host's is far slower
        if newest_frontend:
            self._arguments += ["--front-end-root", str(environment.newest_frontend)]
        left_out = {NO_BYTE_CODE} if keep_keys else {NO_BYTE_CODE, *KEY_VARIABLES}
        self._variables = {name: value for name, value in os.environ.items() if name not in left_out}
        if "PYTEST_XDIST_WORKER" in os.environ:  # hosts beside each other: waiting threads of torch take turns spinning
            self._variables.setdefault("OMP_NUM_THREADS", "1")
        self._variables |= {"PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1", **(variables or {})}
        self._process: Any = None  # as `subprocess.Popen`

    def start(self) -> None:
        base = self.installation.base
        command = [
            str(self.environment.python), str(self.environment.comfyui / "main.py"),
            "--listen", "127.0.0.1", "--port", str(self.port), "--base-directory", str(base),
            "--database-url", f"sqlite:///{(base / 'comfyui.sqlite').as_posix()}",
            "--extra-model-paths-config", str(self.installation.model_paths_file),
            "--disable-auto-launch", *self._arguments,
        ]  # fmt: skip
        self._process = self._start_process(command, base, self._variables, self.log_file)
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise HostFailed(f"ComfyUI ended while starting:\n{self.log[-3000:]}")
            with contextlib.suppress(OSError):
                self.get("/system_stats")
                return
            time.sleep(0.2)
        self.stop()
        raise HostFailed(f"ComfyUI did not answer within {START_LIMIT_S:.0f} s:\n{self.log[-3000:]}")

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        """As if the power went: no clean-up of any kind."""
        assert self._process
        self._process.kill()
        self._process.wait()

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def get(self, path: str) -> Any:
        return json.loads(self.fetch(path))

    def fetch(self, path: str) -> bytes:
        with urllib.request.urlopen(self.url + path, timeout=60) as reply:
            return bytes(reply.read())

    def post(self, path: str, body: object) -> Any:
        request = urllib.request.Request(
            self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as reply:
            text = reply.read()
        return json.loads(text) if text else None

    def queue(self, graph: Mapping[str, Any], **extra: Any) -> str:
        """Put an API-format graph into the queue.

        Raises:
            Refused: the host's validation found something wrong.
        """
        try:
            body = {"prompt": graph, "client_id": uuid.uuid4().hex, **extra}
            return str(self.post("/prompt", body)["prompt_id"])
        except urllib.error.HTTPError as error:
            raise Refused(json.loads(error.read())) from None

    def wait(self, prompt_id: str, *, limit_s: float = 300.0, tick: Callable[[], None] = lambda: None) -> Run:
        """Wait for a queued graph; `tick` is called twice a second."""
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            entry = self.get(f"/history/{prompt_id}").get(prompt_id)
            if entry:
                return Run(prompt_id, entry)
            if not self.is_running():
                raise HostFailed(f"ComfyUI ended while running a graph:\n{self.log[-3000:]}")
            tick()
            time.sleep(0.1 if deadline - time.monotonic() > limit_s - 5 else 0.5)
        raise HostFailed(f"The graph did not end within {limit_s:.0f} s:\n{self.log[-3000:]}")

    def run(self, graph: Mapping[str, Any], *, limit_s: float = 300.0) -> Run:
        """Queue a graph and wait for its end, good or bad."""
        return self.wait(self.queue(graph), limit_s=limit_s)

    def run_watched(self, graph: Mapping[str, Any], *, limit_s: float = 300.0) -> tuple[Run, list[dict[str, Any]]]:
        """Like `run`, and every message that a client of the websocket gets meanwhile: {type, data}.

        A binary message, a preview, becomes {"type": "binary", "data": bytes}.
        """
        import asyncio

        import aiohttp

        events: list[dict[str, Any]] = []

        async def watch() -> str:
            client_id = uuid.uuid4().hex
            async with (
                aiohttp.ClientSession() as session,
                session.ws_connect(f"{self.url}/ws?clientId={client_id}", max_msg_size=0) as socket,
            ):
                prompt_id = await asyncio.to_thread(self.queue, graph, client_id=client_id)
                async for message in socket:
                    if message.type == aiohttp.WSMsgType.BINARY:
                        events.append({"type": "binary", "data": message.data})
                        continue
                    event = json.loads(message.data)
                    events.append(event)
                    ended = event["type"] in ("execution_success", "execution_error", "execution_interrupted")
                    if ended and event["data"].get("prompt_id") == prompt_id:
                        break
                return prompt_id

        # On a thread of its own: in this one the browser's tests may have a loop running.
        with ThreadPoolExecutor(1) as thread:
            prompt_id = thread.submit(lambda: asyncio.run(asyncio.wait_for(watch(), limit_s))).result()
        return self.wait(prompt_id, limit_s=10), events

    def view(self, saved: Mapping[str, str]) -> bytes:
        """The bytes of a picture that a node's `ui` output names: {filename, subfolder, type}."""
        return self.fetch("/view?" + urllib.parse.urlencode(saved))


def free_port(prefer: int = 0) -> int:
    """A TCP port that was free a moment ago; `prefer` if it is."""
    for port in (prefer, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise HostFailed("there is no free port on 127.0.0.1")
