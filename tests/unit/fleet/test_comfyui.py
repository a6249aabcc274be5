"""The life of a child process, with a small real one in place of ComfyUI."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from nodes.fleet.comfyui import ComfyUI, ComfyUIFailed
from nodes.fleet.settings import FleetSettings

PACK = Path(__file__).parents[3]
# As much of ComfyUI as a replica sees: it answers, and holds the lifeline.
SERVER = f"""
import http.server, os, sys
sys.path.insert(0, {str(PACK)!r})
from nodes.fleet import lifeline
lifeline.hold()
folder = os.getcwd()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
        self.wfile.write(b'{{"status": "ok"}}')
port = int(sys.argv[sys.argv.index("--port") + 1])
http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


@pytest.fixture
def start(tmp_path):
    """`start(code)`: a ComfyUI with that main.py, and the queue of what it said when it was gone."""
    running: list[ComfyUI] = []

    def start(code: str = SERVER, **settings: object) -> tuple[ComfyUI, queue.Queue[str]]:
        tmp_path.joinpath("main.py").write_text(textwrap.dedent(code), "utf-8")
        gone: queue.Queue[str] = queue.Queue()
        comfyui = ComfyUI(FleetSettings(comfyui=tmp_path, state=tmp_path / "state", **settings), gone.put)
        running.append(comfyui)
        comfyui.start()
        return comfyui, gone

    yield start
    for comfyui in running:
        comfyui.stop()


def test_it_is_waited_for_has_folders_of_its_own_and_leaves_none(start, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")  # asked directly all the same
    one, _ = start()
    two, _ = start()
    assert one.is_well()
    assert one.folder != two.folder
    said = " ".join(psutil.Process(one.pid).cmdline())
    assert all(f"--{name}-directory {one.folder / name}" in said for name in ("temp", "user"))
    one.stop()
    assert not psutil.pid_exists(one.pid)
    assert not one.folder.exists()
    assert two.is_well()


@pytest.mark.parametrize(
    ("code", "settings", "said"),
    [
        ("raise SystemExit('no torch here')", {}, "exit code 1.*no torch here"),
        ("import time; time.sleep(60)", {"start_limit_s": 0.5}, "did not answer within"),
        (SERVER, {"python": "/nowhere/python"}, "could not be started"),
    ],
)
def test_one_that_does_not_start_says_why(start, code, settings, said):
    with pytest.raises(ComfyUIFailed, match=f"(?s){said}"):
        start(code, **settings)


def test_one_that_is_killed_is_noticed(start):
    comfyui, gone = start()
    psutil.Process(comfyui.pid).kill()
    assert "ComfyUI ended" in gone.get(timeout=60)


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGSTOP")
def test_one_that_hangs_is_ended(start):
    comfyui, gone = start(hang_s=1.0)
    os.kill(comfyui.pid, signal.SIGSTOP)
    assert "has not been well" in gone.get(timeout=60)
    assert not psutil.pid_exists(comfyui.pid)


def test_nothing_is_left_when_its_starter_is_killed(tmp_path):
    tmp_path.joinpath("main.py").write_text(SERVER, "utf-8")
    starter = f"""
        import sys, time
        from nodes.fleet.comfyui import ComfyUI
        from nodes.fleet.settings import FleetSettings
        comfyui = ComfyUI(FleetSettings(comfyui={str(tmp_path)!r}, state={str(tmp_path)!r}), print)
        comfyui.start()
        print(comfyui.pid, flush=True)
        time.sleep(600)
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(starter)], cwd=PACK, stdout=subprocess.PIPE)
    assert process.stdout
    child = psutil.Process(int(process.stdout.readline()))
    process.kill()
    process.wait()
    deadline = time.monotonic() + 60
    while child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.1)
