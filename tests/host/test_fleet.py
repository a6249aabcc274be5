"""Two ComfyUIs behind two ingresses that share a PostgreSQL, on Ray Serve: the client suite of the Images API, and what
happens when parts die.
"""

from __future__ import annotations

import concurrent.futures
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request

import openai
import pytest
from comfyui import environment as host_environment
from comfyui.environment import PACK
from comfyui.fleet import Fleet, comfyuis
from comfyui.installation import install
from host.test_images_api_served import (
    test_keys_are_asked_for_once_there_are_some_and_keep_their_limits,
    test_n_pictures_in_every_format_and_the_number_of_runs_does_not_show,
    test_published_workflows_have_versions_and_can_be_tried_and_removed,
    test_what_an_idempotency_key_was_answered_is_answered_again,
    test_whatever_goes_wrong_is_told_in_json,
    user_file,
)
from host.test_images_api_served_clients import check
from served_images_api import BLOCKED, ECHO, SAME, SOLID, V1, call, client, opened, publish, until, with_lora
from services.postgres import PostgresServer

__all__ = [
    "test_keys_are_asked_for_once_there_are_some_and_keep_their_limits",
    "test_n_pictures_in_every_format_and_the_number_of_runs_does_not_show",
    "test_published_workflows_have_versions_and_can_be_tried_and_removed",
    "test_what_an_idempotency_key_was_answered_is_answered_again",
    "test_whatever_goes_wrong_is_told_in_json",
    "user_file",
]


@pytest.fixture(scope="module")
def host(environment, models, tmp_path_factory):
    """The fleet, under the name that the client suite knows a ComfyUI by."""
    installation = install(tmp_path_factory.mktemp("fleet"), models, stand_ins=True)
    try:
        host_environment.fleet_python()
    except host_environment.NoRay as why:
        pytest.skip(str(why))
    with PostgresServer() as database, Fleet(environment, installation, ingresses=2, database=database.url) as fleet:
        for name, graph in {
            "solid": SOLID, "echo": ECHO, "same": SAME, "blocked": BLOCKED, "lora": with_lora(8),
            "endless": with_lora(10_000),
        }.items():  # fmt: skip
            publish(fleet, name, graph)
        yield fleet
    assert comfyuis(installation.base) == []


def test_every_method_of_the_official_python_client(host):
    command = [sys.executable, str(PACK / "tests" / "served_calls.py"), host.url + V1]
    said = subprocess.run(command, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    seen = json.loads(said.stdout)
    assert (seen.pop("sizes"), bool(seen.pop("version"))) == ([[64, 64]], True)
    check(seen)


def test_clients_cannot_steer_ray(host):
    asked = {"model": "lora", "prompt": "x", "size": "64x64"}
    steering = {"x-request-timeout-seconds": "0.001", "serve_multiplexed_model_id": "nothing"}
    assert call(host, "POST", f"{V1}/images/generations", asked, steering)[0] == 200


def test_who_leaves_frees_the_comfyui(host):
    with pytest.raises(openai.APITimeoutError):
        client(host, timeout=2.0).images.generate(model="endless", prompt="slow", size="64x64")
    both = [host.get(f"{V1}/health"), client(host).images.generate(model="solid", prompt="next", size="64x64")]
    assert both[1].data
    until(lambda: host.get("/dalle_flux/endpoint/status")["live"] == [])


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGKILL, and no SIGSTOP")
def test_every_request_is_answered_while_parts_are_killed(host):
    """A ComfyUI, then the ingress, with 16 clients at work."""

    def ask(number: int) -> None:
        size = (64 + 8 * (number % 8), 64 + 8 * (number // 8)) if number % 8 else (64, 64)
        asked = {"model": "solid" if number % 8 else "lora", "prompt": "x", "size": f"{size[0]}x{size[1]}"}
        reply = client(host).images.generate(**asked, extra_body={"seed": number}, response_format="b64_json")
        assert reply.dalle_flux["seed"] == number
        assert opened(reply.data[0].b64_json).size == size

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        asked = [pool.submit(ask, number) for number in range(64)]
        for part in ("ComfyUI", "ingress"):
            done = sum(one.done() for one in asked)
            until(lambda done=done: sum(one.done() for one in asked) >= done + 8)
            os.kill(host.processes(part)[0], signal.SIGKILL)
        for one in asked:
            one.result(timeout=200)


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGKILL, and no SIGSTOP")
def test_a_replica_that_is_killed_takes_its_comfyui_with_it(host):
    until(lambda: len(host.processes("ComfyUI")) == 2)
    before = set(host.processes("ComfyUI"))
    os.kill(host.processes("replica")[0], signal.SIGKILL)
    until(lambda: len(before & set(comfyuis(host.installation.base))) == 1)
    assert client(host).images.generate(model="solid", prompt="x", size="64x64").data


def test_it_can_be_watched_and_nothing_says_what_was_asked_for(host):
    client(host).images.generate(model="solid", prompt="zanzibar at noon", size="64x64")
    until(lambda: '"event": "job"' in host.log)
    assert "zanzibar" not in host.log
    seen = [urllib.request.urlopen(host.url + path).read().decode() for path in ("/metrics", "/dalle_flux/fleet")]
    metrics, page = seen
    assert re.search(r'dalle_flux_pictures_total{client="this machine",model="solid"} [1-9]', metrics)
    drawn = (PACK / "nodes" / "fleet" / "grafana.json").read_text("utf-8")
    assert [name for name in set(re.findall(r"dalle_flux_\w+", drawn)) if name not in metrics] == []
    assert "1 of 2" in page or "0 of 2" in page
    assert call(host, "GET", "/metrics", headers={"X-Forwarded-For": "10.0.0.7"})[0] == 403


def test_the_examples_for_clusters_are_what_serve_takes():
    """Parsed by Serve's own schema, and the application built, which is all that can be done without a cluster."""
    code = """
import sys, yaml
from ray.serve.schema import ServeDeploySchema
from nodes.fleet.app import fleet
from nodes.fleet.settings import FleetSettings
for text in (open("nodes/fleet/fleet.yaml").read(),
             yaml.safe_load(open("nodes/fleet/kubernetes.yaml"))["spec"]["serveConfigV2"]):
    (application,) = ServeDeploySchema.model_validate(yaml.safe_load(text)).applications
    assert application.import_path == "nodes.fleet.app:fleet"
    fleet(FleetSettings(**application.args))
"""
    try:
        python = host_environment.fleet_python()
    except host_environment.NoRay as why:
        pytest.skip(str(why))
    said = subprocess.run([str(python), "-c", code], cwd=PACK, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
