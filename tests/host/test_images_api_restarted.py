"""The served Images API across a host that dies and comes back, and on a disk without room."""

from __future__ import annotations

import json
import threading
import time

import pytest
from served_images_api import CANVAS, SOLID, V1, call, client, publish, state_of, status, until, with_lora


@pytest.fixture
def host(start_comfyui):
    comfyui = start_comfyui()
    publish(comfyui, "solid", SOLID)
    publish(comfyui, "long", with_lora(150))
    return comfyui


def test_jobs_survive_a_kill_and_no_client_hangs(host):
    done = call(host, "POST", f"{V1}/jobs", {"operation": "generations", "model": "solid", "prompt": "before"})[1]
    until(lambda: host.get(f"{V1}/jobs/{done['id']}")["status"] == "completed")
    slow = {"operation": "generations", "model": "long", "prompt": "slow", "size": "64x64"}
    running = call(host, "POST", f"{V1}/jobs", slow)[1]
    waiting = call(host, "POST", f"{V1}/jobs", {**slow, "model": "solid", "prompt": "after", "n": 2})[1]
    ended: list[BaseException] = []

    def ask() -> None:
        try:
            client(host).images.generate(model="solid", prompt="a client that holds on")
        except Exception as error:
            ended.append(error)

    holding = threading.Thread(target=ask)
    holding.start()
    until(lambda: any(one["status"] == "in_progress" for one in status(host)["live"]))
    host.kill()
    holding.join(30)
    assert not holding.is_alive()
    host.start()
    for job, pictures in ((done, 1), (running, 1), (waiting, 2)):
        now = until(lambda job=job: (one := host.get(f"{V1}/jobs/{job['id']}"))["status"] == "completed" and one)
        assert len(now["response"]["data"]) == pictures
    first = host.get(f"{V1}/jobs/{done['id']}")["response"]["data"][0]["url"]
    assert host.fetch(first.removeprefix(host.url))  # the address from before the kill
    assert [one["name"] for one in host.get(f"{CANVAS}/models")["models"]].count("solid") == 1


def test_a_state_folder_that_cannot_be_written_is_told_and_pictures_in_the_reply_still_come(host):
    state = state_of(host)
    for name in ("served", "jobs"):
        folder = state / name
        for file in sorted(folder.rglob("*"), reverse=True):
            file.unlink() if file.is_file() else file.rmdir()
        if folder.exists():
            folder.rmdir()
        folder.write_text("in the way", "utf-8")
    asked = {"model": "solid", "prompt": "x", "size": "64x64"}
    code, reply, _ = call(host, "POST", f"{V1}/images/generations", asked)
    assert code == 500
    assert "b64_json" in reply["error"]["message"]
    assert client(host).images.generate(**asked, response_format="b64_json").data[0].b64_json
    code, reply, _ = call(host, "POST", f"{V1}/jobs", {"operation": "generations", **asked})
    assert code == 507
    assert json.dumps(reply).count("Traceback") == 0
    time.sleep(1)
    assert status(host)["live"] == []
