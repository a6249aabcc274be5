"""The description that the served Images API gives of itself, held against what it does, by schemathesis."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from comfyui import environment
from served_images_api import SOLID, V1, publish, state_of, status, until

SCHEMATHESIS = "schemathesis==4.32.5"
# What is sent and what comes: no 5xx, only described statuses and types, bodies of the described shape, and nothing
# taken that the description forbids.
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
    "negative_data_rejection",
)  # fmt: skip
NAMES = ("dall-e-2", "dall-e-3", "gpt-image-1")


@pytest.fixture(scope="module")
def host(start_comfyui):
    """Everything is drawn at once in plain red, so that thousands of requests take a minute."""
    comfyui = start_comfyui()
    publish(comfyui, "solid", SOLID, operations=["generations", "edits", "variations"])
    aliases = "\n".join(f'"{name}" = "solid"' for name in NAMES)
    (state_of(comfyui) / "endpoints.toml").write_text(f"[settings.endpoint.aliases]\n{aliases}\n", "utf-8")
    return comfyui


def test_every_address_does_what_the_description_says_whatever_is_sent(host, tmp_path):
    program = shutil.which("schemathesis", path=environment.commands(SCHEMATHESIS))
    assert program
    command = [
        program, "run", f"{host.url}{V1}/openapi.json", "--max-examples", "30", "--workers", "1",
        "--checks", ",".join(CHECKS),
        "--seed", "1", "--request-timeout", "120", "--generation-deterministic", "--no-color",
    ]  # fmt: skip
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert said.returncode == 0, said.stdout[-6000:] + said.stderr[-2000:]
    until(lambda: status(host)["live"] == [])
    assert host.get(f"{V1}/health") == {"status": "ok"}
    frames = [line for line in host.log.splitlines() if line.lstrip().startswith('File "')]
    assert not [line for line in frames if "comfyui-dalle-flux/nodes" in line.replace("\\", "/")]
