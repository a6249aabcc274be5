"""The served Images API across a host that dies and comes back, and on a disk without room."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
import time

import pytest
from comfyui.server import free_port
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


def test_a_webhook_that_was_due_is_called_after_a_kill(host):
    from standardwebhooks.webhooks import Webhook

    secret, port, calls = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", free_port(), []
    (state_of(host) / "endpoints.toml").write_text(
        f'[webhooks.mine]\nurl = "http://127.0.0.1:{port}/"\nsecret = "{secret}"\n', "utf-8"
    )
    asked = {"operation": "generations", "model": "solid", "prompt": "x", "size": "64x64", "webhook": "mine"}
    job = call(host, "POST", f"{V1}/jobs", asked)[1]
    until(lambda: any(one["attempts"] for one in status(host)["deliveries"]))  # nobody answers yet
    host.kill()

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            calls.append((self.rfile.read(int(self.headers["Content-Length"])), dict(self.headers)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", port), Receiver) as receiver:
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        host.start()
        until(lambda: status(host)["deliveries"][0]["state"] == "done")
        receiver.shutdown()
    ((body, headers),) = calls
    told = Webhook(secret).verify(body, headers)
    assert (told["type"], told["data"]["id"]) == ("image.job.completed", job["id"])
    assert host.fetch(told["data"]["response"]["data"][0]["url"].removeprefix(host.url))


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 3 MB for the state folder; `fill()` leaves no byte of it."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root can mount a disk")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(tmp_path)]).returncode:
        pytest.skip("no disk can be mounted here")
    yield tmp_path
    subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


def fill(folder) -> None:
    try:
        with (folder / "filling").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
    except OSError:
        pass


def test_a_full_disk_is_told_and_what_was_acknowledged_comes_once_there_is_room(start_comfyui, small_disk):
    host = start_comfyui(variables={"DALLE_FLUX_STATE": str(small_disk)})
    publish(host, "solid", SOLID)
    publish(host, "long", with_lora(100))
    asked = {"model": "solid", "prompt": "x", "size": "64x64"}
    job = call(host, "POST", f"{V1}/jobs", {"operation": "generations", **asked, "model": "long"})[1]
    until(lambda: host.get(f"{V1}/jobs/{job['id']}")["status"] == "in_progress")
    fill(small_disk)
    code, reply, _ = call(host, "POST", f"{V1}/images/generations", asked)
    assert (code, reply["error"]["code"]) == (500, "moderation_failed")  # no record, no picture
    assert call(host, "POST", f"{V1}/jobs", {"operation": "generations", **asked})[0] == 507
    code, reply, _ = call(host, "POST", f"{CANVAS}/models", {"name": "other", "graph": SOLID})
    assert (code, reply["code"]) == (500, "state_unreadable")
    until(lambda: "could not be kept" in host.log)
    (small_disk / "filling").unlink()
    done = until(lambda: (one := host.get(f"{V1}/jobs/{job['id']}"))["status"] in ("completed", "failed") and one)
    if done["status"] == "completed":  # it was judged just before
        assert host.fetch(done["response"]["data"][0]["url"].removeprefix(host.url))
    else:
        assert done["error"]["code"] == "moderation_failed"
    assert call(host, "POST", f"{V1}/images/generations", asked)[0] == 200
    assert call(host, "POST", f"{V1}/jobs", {"operation": "generations", **asked})[0] == 202
    assert [one["id"] for one in host.get(f"{V1}/models")["data"]].count("other") == 0
