"""The endpoint nodes in a real ComfyUI: graphs, parallel nodes, previews, cancel, restart, traces, secrets."""

from __future__ import annotations

import dataclasses
import io
import json
import time
from collections.abc import Mapping

import pytest
from PIL import Image
from services import Fault, Services
from services.hosted import HOSTED, HostedService

from nodes.info import Info


@pytest.fixture(scope="module")
def paid():
    with Services() as running:
        yield running


@pytest.fixture(scope="module")
def elsewhere():
    """Two services that host FLUX, by their kind."""
    with HOSTED["bfl"]() as bfl, HOSTED["fal"]() as fal:
        yield {"bfl": bfl, "fal": fal}


def name_the_studio(paid: Services, elsewhere: Mapping[str, HostedService] | None = None):
    """What puts the stand-ins into the user's file before a ComfyUI starts."""

    def prepare(installation) -> None:
        folder = installation.base / "user" / "dalle_flux"
        folder.mkdir(parents=True)
        (folder / "endpoints.toml").write_text(
            f'[studio]\nbase_url = "{paid.base_url}"\napi_key = "{paid.key}"\nmax_parallel = 16\n'
            'models = ["house-style"]\n'
            + "".join(
                f'[{kind}]\nkind = "{kind}"\nbase_url = "{one.base_url}"\napi_key = "{one.key}"\n'
                for kind, one in (elsewhere or {}).items()
            ), "utf-8"
        )  # fmt: skip

    return prepare


@pytest.fixture(scope="module")
def host(start_comfyui, paid, elsewhere):
    """A ComfyUI of our own whose user named the stand-ins: `studio`, `bfl`, `fal`."""

    return start_comfyui(prepare=name_the_studio(paid, elsewhere))


@pytest.fixture
def services(host, paid):
    paid.forget()
    paid.take(0.0)
    return paid


def generate(seed: int, **changes) -> dict:
    plain = {
        "prompt": "a red cube", "endpoint": "studio", "model": "dall-e-2", "size": "256x256", "quality": "standard",
        "style": "vivid", "n": 1, "seed": seed,
    }  # fmt: skip
    return {"class_type": "DalleFluxGenerate", "inputs": {**plain, **changes}}


def show(node: str, output: int) -> dict:
    return {"class_type": "PreviewAny", "inputs": {"source": [node, output]}}


def info_of(run, node: str) -> dict:
    """A node's `info`, which has the same keys for all of them, as for those that draw on this machine."""
    told = json.loads(run.outputs[node]["text"][0])
    assert list(told) == [field.name for field in dataclasses.fields(Info)]
    return told


def test_the_lists_offer_what_the_user_named(host):
    node = host.get("/object_info/DalleFluxGenerate")["DalleFluxGenerate"]["input"]["required"]

    def options(name: str) -> list[str]:
        kind, more = node[name]
        return kind if isinstance(kind, list) else more["options"]

    assert options("endpoint") == ["openai", "ollama", "studio", "bfl", "fal"]
    assert node["model"][1]["default"] == "gpt-image-2"
    assert {"dall-e-3", "dall-e-2", "house-style", "flux-2-pro", "fal-ai/flux/dev"} < set(options("model"))
    assert "gpt-image-1" not in options("model")


def test_generate_edit_and_variation_run_in_one_graph_and_leave_traces(host, services):
    graph = {
        "1": generate(101, model="dall-e-3", size="1792x1024", quality="hd", filename_prefix="ours"),
        "2": {"class_type": "DalleFluxEdit", "inputs": {
            "image": ["1", 0], "mask": ["6", 0], "prompt": "a hat", "endpoint": "studio", "model": "gpt-image-2",
            "size": "1024x1024", "quality": "low", "n": 1, "seed": 1}},
        "3": {"class_type": "DalleFluxVariation", "inputs": {
            "image": ["2", 0], "endpoint": "studio", "model": "dall-e-2", "size": "256x256", "n": 2, "seed": 1}},
        "4": {"class_type": "SaveImage", "inputs": {"images": ["3", 0], "filename_prefix": "theirs"}},
        "5": show("1", 1),
        "6": {"class_type": "SolidMask", "inputs": {"value": 1.0, "width": 64, "height": 64}},
        "7": show("1", 2),
        "8": show("2", 2),
        "9": show("3", 2),
    }  # fmt: skip
    # A stranger's graph may bring anything under our name.
    run = host.wait(host.queue(graph, extra_data={"extra_pnginfo": {"workflow": {"nodes": []}, "dalle_flux": 5}}))
    assert run.succeeded, run.error
    assert [bill.operation for bill in services.bills] == ["generations", "edits", "variations", "variations"]
    assert run.outputs["5"]["text"] == ["a red cube, drawn in great detail"]
    info = info_of(run, "7")
    assert info["cost_usd"] == 0.12
    assert [info_of(run, key)["operation"] for key in "789"] == ["generate", "edit", "variation"]

    saved = run.outputs["4"]["images"]
    assert len(saved) == 2
    told = json.loads(Image.open(io.BytesIO(host.view(saved[0]))).text["dalle_flux"])
    assert told["3"][0]["operation"] == "variation"
    assert told["1"][0]["request_id"] == info["request_id"]

    (ours,) = (host.installation.base / "output").glob("ours*.png")
    record = json.loads(Image.open(ours).text["dalle_flux"])
    assert record["ledger_row"] == info["pictures"][0]["ledger_row"]
    assert record["prompt"] == "a red cube"
    assert json.loads(ours.with_suffix(".json").read_text("utf-8")) == record
    assert json.loads(Image.open(ours).text["workflow"]) == {"nodes": []}
    assert json.loads(Image.open(ours).text["prompt"]).keys() == graph.keys()


def test_two_hosted_services_draw_edit_and_vary_in_one_graph(host, services, elsewhere):
    graph = {
        "1": generate(111, endpoint="bfl", model="flux-dev", size="1792x1024", quality="hd", filename_prefix="hosted"),
        "2": {"class_type": "DalleFluxEdit", "inputs": {
            "image": ["1", 0], "prompt": "a hat", "endpoint": "fal", "model": "fal-ai/flux-2-pro",
            "size": "1024x1024", "quality": "standard", "n": 1, "seed": 1}},
        "3": {"class_type": "DalleFluxVariation", "inputs": {
            "image": ["2", 0], "endpoint": "fal", "model": "fal-ai/flux/dev", "size": "512x512", "n": 2, "seed": 1}},
        "4": {"class_type": "PreviewImage", "inputs": {"images": ["3", 0]}},
        "7": show("1", 2),
        "8": show("2", 2),
        "9": show("3", 2),
    }  # fmt: skip
    elsewhere["fal"].take(0.3)  # long enough to be seen in the queue
    run, events = host.run_watched(graph)
    elsewhere["fal"].take(0.0)
    assert run.succeeded, run.error
    first, second, third = (info_of(run, key) for key in "789")
    assert [one["kind"] for one in (first, second, third)] == ["bfl", "fal", "fal"]
    assert (first["size"], first["prompt_mode"], first["sent"]["steps"]) == ("1792x1024", "convert", 50)
    assert [picture["seed"] for picture in third["pictures"]] == [1, 2]
    assert [len(one.bills) for one in elsewhere.values()] == [1, 3]
    texts = [event["data"][4:].decode("utf-8", "replace") for event in events if event["type"] == "binary"]
    assert any("before it in the queue" in text for text in texts)
    (ours,) = (host.installation.base / "output").glob("hosted*.png")
    assert Image.open(ours).size == (1792, 1024)


@pytest.mark.parametrize("prefix", ["../../escaped", "/tmp/escaped", "x" * 300, "a\x00b"])
def test_a_name_that_no_file_may_have_is_refused_before_anything_is_paid(host, services, prefix):
    run = host.run({"1": generate(901, filename_prefix=prefix), "2": show("1", 1)})
    assert "No picture can be saved under filename_prefix" in run.error
    assert services.requests == []


def test_sixteen_nodes_ask_side_by_side(host, services):
    services.take(1.5)
    graph = {str(one): generate(200 + one) for one in range(16)}
    graph |= {f"p{one}": {"class_type": "PreviewImage", "inputs": {"images": [str(one), 0]}} for one in range(16)}
    run = host.run(graph)
    assert run.succeeded, run.error
    assert len(services.bills) == 16
    assert services.most_busy == 16


def test_progress_time_and_cost_are_told_while_it_runs(host, services):
    services.take(2.0)
    graph = {
        "1": generate(301, model="gpt-image-2", size="1024x1024", quality="low"),
        "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
    }
    run, events = host.run_watched(graph)
    assert run.succeeded, run.error
    binary = [event["data"] for event in events if event["type"] == "binary"]
    texts = [data[4:].decode("utf-8", "replace") for data in binary if int.from_bytes(data[:4], "big") == 3]
    assert any("drawing" in text for text in texts)
    assert "1 picture · $0.0" in texts[-1]
    assert any(event["type"] in ("progress", "progress_state") for event in events)


def test_cancel_stops_the_call_within_a_second(host, services):
    services.plan(Fault.HANG, times=None)
    graph = {
        "1": generate(401, n=3),
        "2": generate(402),
        "3": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
        "4": {"class_type": "PreviewImage", "inputs": {"images": ["2", 0]}},
    }
    queued = host.queue(graph)
    while services.busy < 4:
        time.sleep(0.02)
    pressed = time.monotonic()
    host.post("/interrupt", {})
    run = host.wait(queued)
    ended = time.monotonic() - pressed
    while services.abandoned < 4:
        assert time.monotonic() - pressed < 5
        time.sleep(0.01)
    assert "execution_interrupted" in run.messages
    assert ended < 1.5  # the history is asked for ten times a second
    assert len(services.bills) == 4


def test_an_error_is_one_readable_sentence(host, services):
    services.dalle_alive = False
    try:
        run = host.run({"1": generate(501, model="dall-e-3", size="1024x1024"), "2": show("1", 1)})
    finally:
        services.dalle_alive = True
    assert not run.succeeded
    assert run.error.strip().startswith("Endpoint 'studio' has no 'dall-e-3', which OpenAI retired on 12 May 2026;")
    assert run.messages["execution_error"]["exception_type"].endswith("RetiredModel")
    run = host.run({"1": generate(502, endpoint="stranger"), "2": show("1", 1)})
    assert '[stranger] / base_url = "https://…/v1"' in run.error
    run = host.run({"1": generate(503, endpoint="openai", model="dall-e-3", size="1024x1024"), "2": show("1", 1)})
    assert "DALL·E 3 was retired by OpenAI on 12 May 2026" in run.error
    assert services.bills == []


def test_generate_again_asks_again_although_nothing_changed(host, services):
    for again, bills in ((False, 1), (False, 1), (True, 2), (True, 3)):
        run = host.run({"1": generate(601, generate_again=again), "2": show("1", 2)})
        assert run.succeeded, run.error
        assert len(services.bills) == bills


def test_after_a_power_cut_the_same_graph_is_answered_from_disk_and_jobs_are_picked_up(host, services, elsewhere):
    graph = {"1": generate(701, n=2), "2": show("1", 2)}
    first = info_of(host.run(graph), "2")
    fal = elsewhere["fal"]
    fal.forget()
    fal.plan(Fault.HOLD)
    hosted = {"1": generate(702, endpoint="fal", model="fal-ai/flux/schnell"), "2": show("1", 2)}
    host.queue(hosted)
    while fal.looks < 2:
        time.sleep(0.02)
    host.kill()
    host.start()
    fal.release()
    assert info_of(host.run(hosted), "2")["cached"]
    assert len(fal.bills) == 1
    second = info_of(host.run(graph), "2")
    assert second["cached"]
    assert [picture["sha256"] for picture in second["pictures"]] == [picture["sha256"] for picture in first["pictures"]]
    assert len(services.bills) == 2


def test_a_host_that_keeps_no_metadata_gets_none(start_comfyui, paid):
    plain = start_comfyui(prepare=name_the_studio(paid), arguments=("--cpu", "--disable-metadata"))
    graph = {
        "1": generate(951, filename_prefix="ours"),
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "theirs"}},
    }
    run = plain.run(graph)
    assert run.succeeded, run.error
    saved = sorted((plain.installation.base / "output").iterdir())
    assert [file.suffix for file in saved if file.name.startswith(("ours", "theirs"))] == [".png", ".png"]
    for file in saved:
        if file.suffix == ".png":
            assert not Image.open(file).text
    plain.stop()


def test_the_keys_are_nowhere(host, services, elsewhere):
    """Last in the file: after everything above, errors and a wrong key included."""
    endpoints = host.installation.base / "user" / "dalle_flux" / "endpoints.toml"
    wrong = "sk-wrong-key-that-the-service-echoes-0123456789"
    right = endpoints.read_text("utf-8")
    endpoints.write_text(right.replace(services.key, wrong), "utf-8")
    run = host.run({"1": generate(801), "2": show("1", 1)})
    endpoints.write_text(right, "utf-8")
    assert "does not accept the key" in run.error
    history = json.dumps(host.get("/history"))
    assert "HTTP Request" not in host.log  # nor is there a line for every request
    for secret in (services.key, wrong, *(one.key for one in elsewhere.values())):
        assert secret not in host.log
        assert secret not in history
        for file in host.installation.base.rglob("*"):
            if file.is_file() and file != endpoints and "custom_nodes" not in file.parts:
                assert secret.encode() not in file.read_bytes(), file
