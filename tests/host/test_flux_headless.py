"""What workflows/README.md shows about running without the canvas is executed here, word for word."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest
from checks import COMFY_CLI
from comfyui import environment
from comfyui.environment import PACK
from comfyui.server import Run

README = (PACK / "workflows" / "README.md").read_text("utf-8")


def block(heading: str, language: str) -> str:
    """The first code block below a heading."""
    match = re.search(rf"^### {heading}\n.*?^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert match, heading
    return match[1]


@pytest.fixture
def here(comfyui):
    """Text of the README with the address of the running ComfyUI in it."""

    def replaced(text: str) -> str:
        host, port = comfyui.url.removeprefix("http://").split(":")
        assert "8188" in text
        return text.replace("127.0.0.1:8188", f"{host}:{port}").replace("--port 8188", f"--port {port}")

    return replaced


def test_the_table_lists_every_workflow():
    listed = re.findall(r"^\| `([a-z0-9-]+)` \|", README, re.MULTILINE)
    assert sorted(listed) == sorted(path.stem for path in (PACK / "workflows").glob("*.json"))


@pytest.mark.skipif(not shutil.which("curl") or not shutil.which("bash"), reason="needs curl and a POSIX shell")
def test_curl(comfyui, here):
    done = subprocess.run(
        ["bash", "-c", here(block("curl", "bash"))], cwd=PACK, check=True, capture_output=True, text=True
    )
    run = comfyui.wait(json.loads(done.stdout)["prompt_id"])
    assert run.succeeded, run.error


def test_python_sets_prompt_size_and_seed_and_fetches_pictures_and_info(here, tmp_path):
    shutil.copytree(PACK / "workflows", tmp_path / "workflows")
    code = here(block("Python", "python"))
    assert len([line for line in code.splitlines() if line.strip()]) <= 16
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True)
    (picture,) = tmp_path.glob("*.png")
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    info = next(json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))
    assert (info["seed"], info["prompt"]) == (7, "a lighthouse at dusk, watercolour")


def test_comfy_cli(comfyui, here, tmp_path):
    program, *arguments = shlex.split(here(block("comfy-cli", "bash")))
    command = shutil.which(program, path=environment.commands(COMFY_CLI))
    assert command
    home = {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path), "DO_NOT_TRACK": "1"}  # it keeps settings in the home
    before = set(comfyui.get("/history"))
    done = subprocess.run([command, *arguments], cwd=PACK, env={**os.environ, **home}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = [Run(key, entry) for key, entry in comfyui.get("/history").items() if key not in before]
    assert run.succeeded, run.error
    assert any(output.get("images") for output in run.outputs.values())
