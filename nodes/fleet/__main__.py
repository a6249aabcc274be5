"""A fleet on this machine: `python -m nodes.fleet --comfyui … --state …`; Ctrl-C ends it.

--replicas 2 --gpus 1 --port 8000 --python /path/to/ComfyUI/venv/bin/python -- further arguments of ComfyUI
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from . import local


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m nodes.fleet", description="The Images API over many ComfyUIs.")
    parser.add_argument("--comfyui", type=Path, required=True, help="folder with ComfyUI's main.py")
    parser.add_argument("--state", type=Path, required=True, help="folder with endpoints.toml")
    parser.add_argument("--python", type=Path, default=Path(sys.executable), help="the Python that runs ComfyUI")
    parser.add_argument("--replicas", type=int, default=2, help="how many ComfyUIs")
    parser.add_argument("--ingresses", type=int, default=1, help="how many processes take requests")
    parser.add_argument("--database", help="postgresql://user@host/name, for what several ingresses or fleets share")
    parser.add_argument("--gpus", type=float, default=1.0, help="GPUs of one ComfyUI; 0 on a CPU")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--listen", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--until-stdin-ends", action="store_true", help="end when standard input does, for scripts")
    parser.add_argument("more", nargs="*", help="after --: further arguments of ComfyUI")
    asked = parser.parse_args(arguments)
    local.prepare()
    from .app import fleet
    from .settings import FleetSettings

    settings = FleetSettings(
        comfyui=asked.comfyui.resolve(), state=asked.state.resolve(), python=asked.python, replicas=asked.replicas,
        gpus=asked.gpus, arguments=asked.more, ingresses=asked.ingresses, database=asked.database,
    )  # fmt: skip
    ended = threading.Event()
    for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: ended.set())
    if asked.until_stdin_ends:
        threading.Thread(target=_wait_for_stdin, args=[ended], daemon=True).start()
    with local.running(fleet(settings), asked.listen, asked.port, gpus=asked.gpus * asked.replicas):
        print(f"Images API: http://{asked.listen}:{asked.port}/dalle-flux/v1", flush=True)
        while not ended.wait(0.5):
            pass
    return 0


def _wait_for_stdin(ended: threading.Event) -> None:
    sys.stdin.read()
    ended.set()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
