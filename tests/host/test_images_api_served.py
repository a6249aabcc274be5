"""The Images API that this ComfyUI serves, asked by the official client and by hand."""

from __future__ import annotations

import base64
import concurrent.futures
import http.server
import json
import random
import socket
import threading
import time
import urllib.request

import openai
import pytest
from PIL import Image
from served_images_api import (
    BLOCKED,
    CANVAS,
    ECHO,
    SOLID,
    V1,
    call,
    client,
    opened,
    png,
    publish,
    state_of,
    status,
    until,
    with_lora,
)


@pytest.fixture(scope="module")
def host(start_comfyui):
    comfyui = start_comfyui()
    publish(comfyui, "solid", SOLID)
    publish(comfyui, "echo", ECHO, description="gives back what came")
    publish(comfyui, "blocked", BLOCKED)
    publish(comfyui, "lora", with_lora(8))
    publish(comfyui, "endless", with_lora(10_000))
    return comfyui


@pytest.fixture
def user_file(host):
    """Write the user's endpoints.toml for one test; it is read anew with every request."""
    file = state_of(host) / "endpoints.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    yield lambda text: file.write_text(text, "utf-8")
    file.unlink(missing_ok=True)


def test_dall_e_3_answers_an_address_that_serves_the_picture_for_a_while(host):
    reply = client(host).images.generate(
        model="dall-e-2", prompt="a lighthouse", size="256x256", extra_body={"seed": 7}
    )
    (item,) = reply.data
    assert abs(reply.created - time.time()) < 600
    assert item.b64_json is None
    assert item.url.startswith(host.url)
    assert item.url.endswith(".png")
    assert "lighthouse" in item.revised_prompt
    with urllib.request.urlopen(item.url) as served:
        assert served.headers["Content-Type"] == "image/png"
        assert "public" not in served.headers["Cache-Control"]
        assert opened(served.read()).size == (256, 256)
    own = reply.dalle_flux
    assert (own["seed"], own["steps"], own["model"]) == (7, 20, "FLUX.1-dev")
    with urllib.request.urlopen(own["info"]) as info:
        assert json.load(info)["pictures"][0]["seed"] == 7
    again = client(host).images.generate(
        model="dall-e-2", prompt="a lighthouse", size="256x256", extra_body={"seed": 7}, response_format="b64_json"
    )
    with urllib.request.urlopen(item.url) as served:
        assert opened(served.read()).tobytes() == opened(again.data[0].b64_json).tobytes()


def test_previews_come_before_the_picture(host):
    events = list(
        client(host).images.generate(
            model="lora", prompt="a quiet harbour", size="64x64", quality="low", stream=True,
            partial_images=2, output_format="jpeg",
        )
    )  # fmt: skip
    *previews, last = events
    assert last.type == "image_generation.completed"
    assert previews  # one of the two that were asked for may come too late
    assert [event.partial_image_index for event in previews] == list(range(len(previews)))
    for event in events:
        picture = opened(event.b64_json)
        assert (picture.size, picture.format, event.size) == ((64, 64), "JPEG", "64x64")
    assert last.usage.total_tokens == 0


def test_n_pictures_in_every_format_and_the_number_of_runs_does_not_show(host):
    asked = {"model": "solid", "prompt": "red", "size": "96x64", "response_format": "b64_json"}
    for kind in ("png", "jpeg", "webp"):
        reply = client(host).images.generate(**asked, n=3, output_format=kind)
        pictures = [opened(item.b64_json) for item in reply.data]
        assert [(one.size, one.format) for one in pictures] == [((96, 64), kind.upper())] * 3
        red, green, _ = pictures[0].convert("RGB").getpixel((5, 5))
        assert red > 240 > 20 > green
    by_run = json.loads(json.dumps(SOLID))
    by_run["2"]["inputs"]["batch_size"] = 1
    publish(host, "one-by-one", by_run)
    assert len(client(host).images.generate(**{**asked, "model": "one-by-one"}, n=3).data) == 3


def test_masks_of_both_conventions_redraw_the_same_place(host):
    image = Image.new("RGB", (64, 64), (10, 20, 30))
    alpha = Image.new("RGBA", (64, 64), (0, 0, 0, 255))
    alpha.paste((0, 0, 0, 0), (0, 0, 32, 64))
    white = Image.new("RGB", (64, 64))
    white.paste((255, 255, 255), (0, 0, 32, 64))
    own = Image.new("RGBA", (64, 64), (10, 20, 30, 255))
    own.paste((10, 20, 30, 0), (0, 0, 32, 64))
    for picture, mask in ((image, alpha), (image, white)):
        reply = client(host).images.edit(
            model="echo", image=("a.png", png(picture), "image/png"), mask=("m.png", png(mask), "image/png"), prompt="x"
        )
        assert reply.data[0].url
        result = opened(reply.data[0].b64_json).convert("RGB")
        assert result.getpixel((5, 5)) == (255, 255, 255)
        assert result.getpixel((60, 5)) == (10, 20, 30)


def test_the_official_client_raises_what_apps_already_catch(host):
    asked = client(host).images.generate
    for error, code, fields in (
        (openai.BadRequestError, "content_policy_violation", {"model": "dall-e-3", "prompt": "porn, naked woman"}),
        (openai.BadRequestError, "moderation_blocked", {"model": "gpt-image-1", "prompt": "porn, naked woman"}),
        (openai.NotFoundError, "model_not_found", {"model": "sora", "prompt": "x"}),
        (openai.BadRequestError, "unknown_parameter", {"model": "solid", "prompt": "x", "extra_body": {"steps": 3}}),
        (openai.BadRequestError, "invalid_value", {"model": "dall-e-3", "prompt": "x", "n": 2}),
        (openai.InternalServerError, "run_failed", {"model": "blocked", "prompt": "x", "size": "64x64"}),
    ):
        with pytest.raises(error) as caught:
            asked(**fields)
        assert caught.value.code == code
        assert caught.value.request_id.startswith("req_")
    with pytest.raises(openai.InternalServerError, match="MaskToImage"):  # which got no mask
        client(host).images.edit(model="echo", image=png(Image.new("RGB", (64, 64))), prompt="x")


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "expected"),
    [
        ("GET", f"{V1}/nothing", None, {}, 404),
        ("GET", f"{V1}/images/generations", None, {}, 405),
        ("POST", f"{V1}/models", {}, {}, 405),
        ("POST", f"{V1}/images/generations", b"{", {}, 400),
        ("POST", f"{V1}/images/generations", b"{}", {"Content-Type": "text/plain"}, 400),
        ("POST", f"{V1}/images/edits", b"{}", {}, 400),
        ("POST", f"{V1}/images/edits", b"nonsense", {"Content-Type": "multipart/form-data; boundary=x"}, 400),
        ("POST", f"{V1}/images/edits", b"nonsense", {"Content-Type": "multipart/form-data"}, 400),
        ("POST", f"{V1}/images/generations", b" " * (65 * 2**20), {}, 413),
        ("GET", f"{V1}/files/nothing.png", None, {}, 404),
        ("GET", f"{V1}/models/nothing", None, {}, 404),
        ("GET", f"{V1}/jobs/nothing", None, {}, 404),
        ("GET", f"{V1}/jobs?limit=all", None, {}, 400),
        ("GET", f"{V1}/models", None, {"Origin": "https://evil.example"}, 403),
        ("GET", f"{V1}/models", None, {"Host": "evil.example"}, 403),
        ("GET", f"{V1}/models", None, {"X-Forwarded-For": "10.0.0.7"}, 403),
        ("GET", f"{V1}/models", None, {"Sec-Fetch-Site": "cross-site"}, 403),
        ("POST", f"{CANVAS}/models", {}, {"Origin": "https://evil.example"}, 403),
    ],
)
def test_whatever_goes_wrong_is_told_in_json(host, method, path, body, headers, expected):
    said, reply, got = call(host, method, path, body, headers)
    assert said == expected
    if "Origin" in headers:
        return  # the host itself was first
    assert got["Content-Type"].startswith("application/json")
    if path.startswith(V1):
        assert set(reply["error"]) == {"message", "type", "param", "code"}


def test_keys_are_asked_for_once_there_are_some_and_keep_their_limits(host, user_file):
    status_code, made, _ = call(host, "POST", f"{CANVAS}/keys", {"name": "busy", "requests_per_minute": 2})
    assert status_code == 200
    _, other, _ = call(host, "POST", f"{CANVAS}/keys", {"name": "narrow", "models": ["solid"], "pictures_per_day": 3})
    file = state_of(host) / "endpoints.toml"  # a fleet with a database has its keys there
    assert not file.exists() or made["key"] not in file.read_text("utf-8")
    asked = {"model": "solid", "prompt": "x", "size": "64x64"}
    try:
        with pytest.raises(openai.AuthenticationError):
            client(host, "df-wrong").images.generate(**asked)
        assert call(host, "GET", f"{V1}/models")[0] == 401
        busy, narrow = client(host, made["key"]), client(host, other["key"])
        for _ in range(2):
            busy.images.generate(**asked)
        with pytest.raises(openai.RateLimitError) as caught:
            busy.images.generate(**asked)
        assert 0 < int(caught.value.response.headers["retry-after"]) <= 60
        assert [one.id for one in narrow.models.list()] == ["solid"]
        with pytest.raises(openai.NotFoundError):
            narrow.images.generate(model="dall-e-3", prompt="x")
        with pytest.raises(openai.NotFoundError):
            narrow.models.retrieve("dall-e-3")
        assert narrow.models.retrieve("solid").id == "solid"
        once = {**bearer(other), "Idempotency-Key": "two"}
        for _ in range(3):  # asked three times, drawn and counted once
            assert call(host, "POST", f"{V1}/images/generations", {**asked, "n": 2}, once)[0] == 200
        with pytest.raises(openai.RateLimitError):
            narrow.images.generate(**asked, n=2)
        with pytest.raises(openai.BadRequestError):
            narrow.images.generate(**{**asked, "prompt": "porn, naked woman"})  # and it counts for nothing
        job = call(host, "POST", f"{V1}/jobs", {"operation": "generations", **asked}, bearer(other))[1]
        assert call(host, "GET", f"{V1}/jobs/{job['id']}", headers=bearer(made))[0] == 404
        assert call(host, "GET", f"{V1}/jobs/{job['id']}", headers=bearer(other))[0] == 200
    finally:
        for name in ("busy", "narrow"):
            assert call(host, "DELETE", f"{CANVAS}/keys/{name}")[0] == 200
    assert call(host, "GET", f"{V1}/models")[0] == 200


def bearer(made: dict[str, str]) -> dict[str, str]:
    return {"Authorization": f"Bearer {made['key']}"}


def test_a_client_that_leaves_cancels_its_job_and_the_next_one_is_drawn(host):
    body = json.dumps({"model": "endless", "prompt": "slow", "size": "64x64"}).encode()
    leaving = socket.create_connection(("127.0.0.1", host.port))
    leaving.sendall(
        f"POST {V1}/images/generations HTTP/1.1\r\nHost: 127.0.0.1:{host.port}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    until(lambda: any(one["status"] == "in_progress" for one in status(host)["live"]))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        waiting = pool.submit(client(host).images.generate, model="solid", prompt="next", size="64x64")
        until(lambda: len(status(host)["live"]) == 2)
        leaving.close()
        assert waiting.result(timeout=200).data
    until(lambda: host.get("/queue")["queue_running"] == [])
    assert status(host)["live"] == []
    history = [entry["status"]["status_str"] for entry in host.get("/history").values()]
    assert history.count("error") >= 1  # the interrupted one; the next one succeeded


def test_what_a_person_stops_on_the_canvas_ends_for_the_client_too(host):
    """The one that runs by its button, the one that lies in ComfyUI's queue by clearing that."""

    def ask() -> str | None:
        try:
            client(host).images.generate(model="endless", prompt="slow", size="64x64")
        except openai.ConflictError as error:
            return error.code
        return None

    with concurrent.futures.ThreadPoolExecutor() as pool:
        running = pool.submit(ask)
        until(lambda: any(one["status"] == "in_progress" for one in status(host)["live"]))
        waiting = pool.submit(ask)
        until(lambda: len(host.get("/queue")["queue_pending"]) == 1)
        host.post("/queue", {"clear": True})
        assert waiting.result(60) == "cancelled"
        assert not running.done()
        host.post("/interrupt", {})
        assert running.result(60) == "cancelled"
    assert status(host)["live"] == []


def test_a_full_queue_says_when_to_come_back_and_everybody_else_is_served(host, user_file):
    user_file("[settings.endpoint]\nmax_waiting = 8\n")

    def ask(number: int) -> int:
        fields = {"model": "solid", "prompt": f"number {number}", "size": "64x64"}
        code, reply, headers = call(host, "POST", f"{V1}/images/generations", fields)
        if code == 429:
            assert reply["error"]["code"] == "queue_full"
            assert int(headers["Retry-After"]) > 0
        return code

    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        codes = list(pool.map(ask, range(40)))
    assert set(codes) <= {200, 429}
    assert codes.count(200) >= 8
    until(lambda: status(host)["live"] == [])


def test_a_job_is_answered_later_told_of_by_a_signed_webhook_and_never_twice(host, user_file):
    from standardwebhooks.webhooks import Webhook

    secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
    calls: list[tuple[bytes, dict[str, str]]] = []

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            calls.append((self.rfile.read(int(self.headers["Content-Length"])), dict(self.headers)))
            self.send_response(204 if len(calls) > 1 else 500)  # it is tried again
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    user_file(f'[webhooks.mine]\nurl = "http://127.0.0.1:{receiver.server_port}/"\nsecret = "{secret}"\n')
    fields = {"operation": "generations", "model": "solid", "prompt": "x", "size": "64x64", "webhook": "mine"}
    assert call(host, "POST", f"{V1}/jobs", {**fields, "webhook": "http://evil.example"})[0] == 400
    code, job, headers = call(host, "POST", f"{V1}/jobs", fields, {"Idempotency-Key": "only once"})
    assert (code, headers["Location"]) == (202, f"{V1}/jobs/{job['id']}")
    assert call(host, "POST", f"{V1}/jobs", fields, {"Idempotency-Key": "only once"})[1]["id"] == job["id"]
    done = until(lambda: (now := host.get(f"{V1}/jobs/{job['id']}"))["status"] == "completed" and now)
    assert done["response"]["data"][0]["url"].startswith(host.url)
    until(lambda: len(calls) == 2)
    first, second = calls
    assert first[0] == second[0]
    assert first[1]["webhook-id"] == second[1]["webhook-id"]
    told = Webhook(secret).verify(second[0], second[1])
    assert told["data"]["response"] == done["response"]
    openai.OpenAI(api_key="x", webhook_secret=secret).webhooks.verify_signature(second[0], second[1])
    receiver.shutdown()


def test_a_queued_job_can_be_cancelled(host):
    slow = {"operation": "generations", "model": "endless", "prompt": "slow", "size": "64x64"}
    jobs = [call(host, "POST", f"{V1}/jobs", slow)[1]["id"] for _ in range(3)]
    for job in reversed(jobs):
        assert call(host, "DELETE", f"{V1}/jobs/{job}")[1]["status"] == "cancelled"
        assert host.get(f"{V1}/jobs/{job}")["error"]["code"] == "cancelled"
    until(lambda: host.get("/queue")["queue_running"] == [])


def test_what_an_idempotency_key_was_answered_is_answered_again(host):
    asked = {"model": "solid", "prompt": "once", "size": "64x64"}
    header = {"Idempotency-Key": "one picture"}
    first = call(host, "POST", f"{V1}/images/generations", asked, header)
    assert call(host, "POST", f"{V1}/images/generations", asked, header)[1] == first[1]
    code, reply, _ = call(host, "POST", f"{V1}/images/generations", {**asked, "prompt": "twice"}, header)
    assert (code, reply["error"]["code"]) == (400, "idempotency_key_in_use")


def test_moderations_are_openais_format(host):
    reply = client(host).moderations.create(input=["a cat asleep on a sofa", "I will kill them all"])
    assert [result.flagged for result in reply.results] == [False, True]
    assert reply.results[1].categories.violence or reply.results[1].categories.harassment_threatening
    assert reply.results[0].category_applied_input_types.violence == ["text"]
    url = "data:image/png;base64," + base64.b64encode(png(Image.new("RGB", (64, 64)))).decode()
    parts = [{"type": "text", "text": "a cat"}, {"type": "image_url", "image_url": {"url": url}}]
    assert len(client(host).moderations.create(input=parts).results) == 1
    with pytest.raises(openai.BadRequestError):
        client(host).moderations.create(input=[{"type": "image_url", "image_url": {"url": "http://evil.example/"}}])


def test_published_workflows_have_versions_and_can_be_tried_and_removed(host):
    publish(host, "house-style", SOLID)
    blue = json.loads(json.dumps(SOLID))
    blue["2"]["inputs"]["color"] = 255
    publish(host, "house-style", blue, workflow={"nodes": []})
    tried = call(host, "POST", f"{CANVAS}/models/house-style/test", {"prompt": "x", "size": "64x64"})[1]
    with urllib.request.urlopen(tried["data"][0]["url"]) as served:
        assert opened(served.read()).getpixel((1, 1)) == (0, 0, 255)
    shown = host.get(f"{CANVAS}/models/house-style?version=1")
    assert (shown["version"], shown["graph"]["2"]["inputs"]["color"]) == (1, 0xFF0000)
    for name, graph in (("../up", SOLID), ("con", SOLID), ("Big", SOLID), ("x", {}), ("x", {"1": SOLID["1"]})):
        assert call(host, "POST", f"{CANVAS}/models", {"name": name, "graph": graph})[0] == 400
    broken = json.loads(json.dumps(SOLID))
    broken["2"]["class_type"] = "NoSuchNode"
    said = call(host, "POST", f"{CANVAS}/models", {"name": "broken", "graph": broken})
    assert said[0] == 400
    assert "NoSuchNode" in said[1]["error"]
    assert call(host, "DELETE", f"{CANVAS}/models/house-style")[0] == 200
    assert call(host, "GET", f"{V1}/models/house-style")[0] == 404
    assert call(host, "GET", f"{V1}/models/broken")[0] == 404


def test_what_a_request_brings_stays_out_of_the_hosts_history_and_folders(host):
    secret = Image.new("RGB", (640, 480), (3, 141, 59))
    temp = host.installation.base / "temp"
    before = {path.name for path in temp.rglob("*")}
    for _ in range(3):
        client(host).images.edit(model="echo", image=png(secret), mask=png(secret.convert("L")), prompt="keep")
    told = json.dumps(host.get("/history")) + json.dumps(host.get("/queue"))
    assert "base64" not in told
    assert max(len(json.dumps(entry)) for entry in host.get("/history").values()) < 20_000
    assert {path.name for path in temp.rglob("*")} == before


def test_the_hosts_queue_and_history_call_a_request_by_its_models_name(host):
    publish(host, "named", SOLID, workflow={"nodes": [{"id": 7, "type": "Note"}], "links": []})
    for model in ("named", "solid"):
        client(host).images.generate(model=model, prompt="x", size="64x64")
    shown = [entry["prompt"][3]["extra_pnginfo"]["workflow"] for entry in host.get("/history").values()]
    nodes = {workflow["id"]: workflow["nodes"] for workflow in shown}
    assert nodes["Images API: named for this machine"] == [{"id": 7, "type": "Note"}]
    assert nodes["Images API: solid for this machine"] == []


def test_a_published_workflow_draws_with_its_lora(host):
    plain = with_lora(8)
    loras = [node for node in plain.values() if node["class_type"] == "LoraLoaderModelOnly"]
    for node in loras:
        node["inputs"]["strength_model"] = 0.0
    publish(host, "no-lora", plain)

    def drawn(model: str) -> bytes:
        asked = {"prompt": "a quiet harbour", "size": "64x64", "response_format": "b64_json"}
        reply = client(host).images.generate(model=model, **asked, extra_body={"seed": 3})
        return opened(reply.data[0].b64_json).tobytes()

    assert drawn("lora") == drawn("lora")
    assert drawn("lora") != drawn("no-lora")


def test_many_clients_with_some_that_leave_all_get_their_own_answer(host):
    leaving = random.Random(1).sample(range(64), 16)

    def ask(number: int) -> tuple[int, int] | None:
        size = (64 + 16 * (number % 8), 64 + 16 * (number // 8))
        patient = client(host)
        if number in leaving:
            patient = patient.with_options(timeout=0.1 + number / 64)
        asked = {"model": "solid", "prompt": f"number {number}", "size": f"{size[0]}x{size[1]}"}
        try:
            reply = patient.images.generate(**asked, response_format="b64_json")
        except openai.APITimeoutError:
            assert number in leaving
            return None
        assert opened(reply.data[0].b64_json).size == size
        return size

    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        got = list(pool.map(ask, range(64)))
    assert len(set(got) - {None}) >= 48
    until(lambda: status(host)["live"] == [])
    assert host.get(f"{V1}/health") == {"status": "ok"}
    assert client(host).images.generate(model="solid", prompt="after", size="64x64").data
