"""Side-by-Side Compare in a real ComfyUI: headless outputs, and votes over HTTP."""

from __future__ import annotations

import io
import json
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

VOTES = "/dalle_flux/comparison/votes"


@pytest.fixture(scope="module")
def pictures(comfyui) -> None:
    folder = comfyui.installation.base / "input"
    y, x = np.mgrid[0:200, 0:200]
    plain = np.stack([x, y, np.full_like(x, 90)], -1).astype(np.uint8)
    Image.fromarray(plain).save(folder / "compare_a.png")
    Image.fromarray(255 - plain).save(folder / "compare_b.png")
    Image.fromarray(plain[:100]).save(folder / "compare_wide.png")


def graph(b: str = "compare_b.png", **inputs: object) -> dict:
    return {
        "1": {"class_type": "LoadImage", "inputs": {"image": "compare_a.png"}},
        "2": {"class_type": "LoadImage", "inputs": {"image": b}},
        "3": {"class_type": "DalleFluxCompare", "inputs": {
            "image_a": ["1", 0], "image_b": ["2", 0], "label_a": "DALL·E 3", "label_b": "FLUX", "align": "fit",
            **inputs,
        }},
        "4": {"class_type": "PreviewImage", "inputs": {"images": ["3", 0]}},
        "5": {"class_type": "PreviewImage", "inputs": {"images": ["3", 1]}},
        "6": {"class_type": "PreviewAny", "inputs": {"source": ["3", 2]}},
    }  # fmt: skip


def picture(comfyui, run, node: str) -> Image.Image:
    (saved,) = run.outputs[node]["images"]
    return Image.open(io.BytesIO(comfyui.view(saved))).convert("RGB")


def metrics(run) -> dict:
    return json.loads(run.outputs["6"]["text"][0])


def test_a_headless_run_gives_sheet_difference_and_numbers(comfyui, pictures, artefacts):
    run = comfyui.run(graph())
    assert run.succeeded, run.error
    sheet = picture(comfyui, run, "4")
    sheet.save(artefacts / "compare_sheet.png")
    assert sheet.width > 2 * 768
    assert picture(comfyui, run, "5").size == (200, 200)
    (pair,) = metrics(run)["pairs"]
    assert (pair["a"], pair["b"], pair["identical"]) == ("DALL·E 3", "FLUX", False)
    assert pair["ssim"] < 0.9
    assert pair["aligned"] == "same size, 200x200"
    assert "say little" in metrics(run)["caution"]


def test_nothing_needs_to_be_connected_behind_it(comfyui, pictures):
    run = comfyui.run({name: node for name, node in graph(category="alone").items() if name in "123"})
    assert run.succeeded, run.error
    (shown,) = run.outputs["3"]["dalle_flux_compare"]
    assert [side["label"] for side in shown["sides"]] == ["DALL·E 3", "FLUX"]
    assert comfyui.view(shown["sheet"][0]).startswith(b"\x89PNG")


def test_another_size_is_aligned_by_the_rule_and_stated(comfyui, pictures):
    run = comfyui.run(graph("compare_wide.png", align="none", label_b="FLUX 🦊"))
    assert run.succeeded, run.error
    (pair,) = metrics(run)["pairs"]
    assert pair["aligned"].startswith("sizes differ, A is 200x200, the other 200x100: not scaled")
    assert metrics(run)["alignment"]["rule"] == "none"
    assert pair["b"] == "FLUX 🦊"
    assert "The sheet has no letters for 🦊;" in metrics(run)["notes"][0]


def test_a_batch_against_one_picture_makes_a_row_each(comfyui, pictures):
    both = graph()
    both["7"] = {"class_type": "ImageBatch", "inputs": {"image1": ["1", 0], "image2": ["2", 0]}}
    both["3"]["inputs"]["image_b"] = ["7", 0]
    run = comfyui.run(both)
    assert run.succeeded, run.error
    found = metrics(run)
    assert [pair["pair"] for pair in found["pairs"]] == [1, 2]
    assert [pair["identical"] for pair in found["pairs"]] == [True, False]
    assert found["pairing"]["note"].startswith("Batches differ in length: the one picture of A goes with all 2")


def test_the_html_report_lands_in_the_output_folder(comfyui, pictures):
    run = comfyui.run(graph(html_report=True, prompt="<script>alert(1)</script>", label_a="<b>x"))
    assert run.succeeded, run.error
    path = Path(metrics(run)["html_report"])
    assert path.parent == comfyui.installation.base / "output"
    html = path.read_text("utf-8")
    assert "&lt;script&gt;alert(1)" in html
    assert "<script" not in html
    assert html.count("data:image/jpeg;base64,") == 3
    again = comfyui.run(graph(html_report=True, prompt="another"))
    assert metrics(again)["html_report"] != str(path)


def test_halves_of_two_models_are_no_clip(comfyui, pictures):
    mixed = graph(prompt="a cube")
    mixed["8"] = {"class_type": "CLIPLoader", "inputs": {"clip_name": "clip_l.safetensors", "type": "stable_diffusion"}}
    mixed["9"] = {"class_type": "CLIPVisionLoader", "inputs": {"clip_name": "sigclip_vision_patch14_384.safetensors"}}
    mixed["3"]["inputs"] |= {"clip": ["8", 0], "clip_vision": ["9", 0]}
    run = comfyui.run(mixed)
    assert not run.succeeded
    assert "not halves of one model" in run.error


def ask(
    comfyui, path: str, body: object = None, *, method: str = "GET", kind: str = "application/json"
) -> tuple[int, bytes]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(comfyui.url + path, data, {"Content-Type": kind}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def ballot(run, choice: str = "b", **changes: object) -> dict:
    (shown,) = run.outputs["3"]["dalle_flux_compare"]
    sides = [
        {"slot": side["slot"], "label": side["label"], "width": side["width"], "height": side["height"],
         "sha256": side["sha256"][0], "file": side["files"][0], "facts": {"style": "vivid", "seed": "7"}}
        for side in shown["sides"]
    ]  # fmt: skip
    return {
        "comparison": shown["id"],
        "pair": 1,
        "choice": choice,
        "blind": True,
        "sides": sides,
        "prompt": "p",
    } | changes


def test_a_vote_is_stored_counted_exported_and_withdrawn(comfyui, pictures):
    run = comfyui.run(graph(label_a="Vote A", label_b="Vote B"))
    vote = ballot(run)
    status, _ = ask(comfyui, VOTES, vote, method="POST")
    assert status == 200
    query = f"{VOTES}?comparison={vote['comparison']}"
    assert [found["choice"] for found in json.loads(ask(comfyui, query)[1])["votes"]] == ["b"]
    groups = json.loads(ask(comfyui, "/dalle_flux/comparison/summary?by=style")[1])["groups"]
    (group,) = [one for one in groups if one["challenger"] == "Vote B"]
    assert (group["group"], group["wins"], group["blind"]) == ("vivid", 1, 1)
    assert group["win_rate"]["low"] < group["win_rate"]["share"] == 1.0
    assert b"Vote B" in ask(comfyui, f"{VOTES}.csv")[1]
    assert b"Vote B" in ask(comfyui, f"{VOTES}.jsonl")[1]
    assert ask(comfyui, f"{VOTES}.html")[1].count(b"data:image/jpeg") >= 2
    assert json.loads(ask(comfyui, f"{query}&pair=1", method="DELETE")[1]) == {"withdrawn": True}
    assert json.loads(ask(comfyui, query)[1]) == {"votes": []}


def test_a_vote_from_a_form_of_another_site_is_refused(comfyui, pictures):
    status, body = ask(comfyui, VOTES, {"choice": "a"}, method="POST", kind="text/plain")
    assert (status, json.loads(body)["code"]) == (400, "bad_request")
    assert ask(comfyui, VOTES, [1], method="POST")[0] == 400
    assert ask(comfyui, "/dalle_flux/comparison/summary?by=nothing")[0] == 400


@pytest.mark.parametrize("file", [
    {"filename": "../user/dalle_flux/state.sqlite", "subfolder": "", "type": "temp"},
    {"filename": "compare_a.png", "subfolder": "", "type": "input"},
    {"filename": "/etc/hostname", "subfolder": "", "type": "temp"},
    "temp.png", None,
])  # fmt: skip
def test_a_vote_copies_nothing_but_pictures_of_the_temp_folder(comfyui, pictures, file):
    vote = ballot(comfyui.run(graph()))
    vote["comparison"] = "traversal"
    vote["sides"][0]["file"] = file
    status, body = ask(comfyui, VOTES, vote, method="POST")
    assert status == 200
    assert json.loads(body)["vote"]["sides"][0]["kept"] == ""
    ask(comfyui, f"{VOTES}?comparison=traversal&pair=1", method="DELETE")
