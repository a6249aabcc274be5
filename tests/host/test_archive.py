"""The archive in a real ComfyUI: an export comes in over HTTP, a graph takes pictures out and puts new ones back."""

from __future__ import annotations

import hashlib
import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import quote

import pytest
from archive_client import ROOT, take_in
from chatgpt_exports import Export, ordinary


@pytest.fixture(scope="module")
def export() -> Export:
    return ordinary("2026", seed=7, turns=5)


@pytest.fixture(scope="module")
def imported(comfyui, export) -> dict:
    return take_in(comfyui, export, "archive-test.zip")


def items(comfyui, query: str = "", **more: int) -> dict:
    window = "".join(f"&{name}={value}" for name, value in more.items())
    return dict(comfyui.get(f"{ROOT}/items?query={quote(query)}{window}"))


def test_an_export_comes_in_and_its_pictures_go_out_to_the_byte(comfyui, export, imported):
    assert imported["state"] == "done"
    assert (imported["missing"], imported["unmatched"]) == (1, 1)
    for one in [one for one in export.pictures if one.held]:
        sha256 = hashlib.sha256(one.data).hexdigest()
        item = comfyui.get(f"{ROOT}/items/{sha256}")
        assert (item["maker"], item["prompt"], item["revised_prompt"]) == (one.maker, one.prompt, one.revised_prompt)
        assert comfyui.fetch(f"{ROOT}/items/{sha256}/picture") == one.data
    again = take_in(comfyui, export, "archive-again.zip")
    assert (again["added"], again["known"]) == (0, imported["found"])
    listed = comfyui.get(f"{ROOT}/imports")["imports"]
    assert [one["id"] for one in listed[:2]] == [again["id"], imported["id"]]


def test_a_search_says_how_many_and_gives_a_window(comfyui, imported):
    everything = items(comfyui, f"import:{imported['id']}", limit=1000)
    assert everything["total"] == len(everything["items"]) == imported["added"]
    window = items(comfyui, f"import:{imported['id']}", offset=2, limit=3)
    assert window == {"total": everything["total"], "items": everything["items"][2:5]}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/imports", {"path": "../user"}, 403),
        ("POST", "/imports", {"path": "/etc"}, 403),
        ("POST", "/imports", {"path": "nothing there"}, 404),
        ("POST", "/imports", {}, 400),
        ("GET", "/imports/x", None, 404),
        ("DELETE", "/imports/x", None, 404),
        ("GET", "/items/x", None, 404),
        ("GET", "/items/x/picture", None, 404),
        ("DELETE", "/items/x", None, 404),
        ("GET", "/items?limit=-1", None, 400),
        ("GET", "/items?query=maker:me", None, 400),
    ],
)
def test_what_is_wrong_is_told_in_a_sentence(comfyui, method, path, body, status):
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(
        comfyui.url + ROOT + path, data, {"Content-Type": "application/json"}, method=method
    )
    with pytest.raises(urllib.error.HTTPError) as failed:
        urllib.request.urlopen(request)
    told = json.loads(failed.value.read())
    assert failed.value.code == status
    assert set(told) == {"error", "code"}


def test_a_graph_runs_once_for_each_picture_and_stores_beside_it(comfyui, imported):
    query = f"maker:dall-e-3 import:{imported['id']}"
    graph = {
        "1": {"class_type": "DalleFluxArchiveLoad", "inputs": {"query": query, "index": 1, "limit": 3}},
        "2": {"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}},
        "3": {"class_type": "DalleFluxArchiveSave", "inputs": {
            "images": ["2", 0], "item_id": ["1", 5], "prompt": ["1", 2], "info": ["1", 4]}},
        "4": {"class_type": "PreviewAny", "inputs": {"source": ["1", 2]}},
    }  # fmt: skip
    wanted = items(comfyui, query, offset=1, limit=3)["items"]
    for _ in range(2):  # the second time finds it all there
        run = comfyui.run(graph)
        assert run.succeeded, run.error
        stored = items(comfyui, f"is:reproduced import:{imported['id']}")
        assert {one["id"] for one in stored["items"]} == {one["id"] for one in wanted}
        assert {one["reproductions"] for one in stored["items"]} == {1}
    graph["1"]["inputs"]["index"] = 999
    run = comfyui.run(graph)
    assert "lower it" in run.error


def test_twenty_pictures_are_drawn_again_each_once_and_end_in_a_report(comfyui):
    export = Export("2026", seed=20)
    for number in range(20):
        export.dalle3(size=(64 + number, 64), prompt=f"migrate{number} twenty")
    take_in(comfyui, export, "twenty.zip")
    graph = {
        "1": {"class_type": "DalleFluxArchiveLoad", "inputs": {"query": "", "index": 0, "limit": 1}},
        "2": {"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}},
        "3": {"class_type": "DalleFluxCompare", "inputs": {
            "image_a": ["1", 0], "image_b": ["2", 0], "label_a": "A", "label_b": "B", "align": "fit"}},
        "4": {"class_type": "DalleFluxArchiveSave", "inputs": {
            "images": ["2", 0], "item_id": ["1", 5], "prompt": ["1", 2], "metrics": ["3", 2]}},
    }  # fmt: skip

    def until(state: str) -> dict:
        for _ in range(1200):
            told = comfyui.get(f"{ROOT}/migrations/{begun['id']}")
            if told["state"] == state:
                return told
            time.sleep(0.1)
        raise TimeoutError(told)

    begun = comfyui.post(f"{ROOT}/migrations", {"query": "twenty", "graph": graph, "trial": 3})
    told = until("tried")
    assert (told["done"], told["held"]) == (3, 17)
    comfyui.post(f"{ROOT}/migrations/{begun['id']}", {"action": "continue"})
    told = until("done")
    assert (told["done"], told["failed"], told["total"]) == (20, 0, 20)
    found = items(comfyui, "twenty is:reproduced", limit=99)
    assert found["total"] == 20
    assert {one["reproductions"] for one in found["items"]} == {1}
    report = told["report"]
    page = Path(report[0]).read_text("utf-8")
    assert page.count("<figure") == 40
    assert page.count("ssim") >= 20
    assert Path(report[-1]).read_bytes()[:4] == b"\x89PNG"
