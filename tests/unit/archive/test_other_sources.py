"""Logs of the Images API, lists, files beside pictures, and pictures that ComfyUI saved."""

from __future__ import annotations

import base64
import json

import pytest
from chatgpt_exports import png
from PIL import Image

from nodes.archive import items
from nodes.archive.records import maker_of
from nodes.pictures import encode_png


def put(archive, files: dict[str, bytes | str]) -> str:
    for name, data in files.items():
        file = archive.input / "e" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data.encode() if isinstance(data, str) else data)
    return "e"


def one(archive, query: str = "") -> items.Item:
    (item,) = items.search(archive.state, query).items
    return item


def b64(seed: int) -> str:
    return base64.b64encode(png(seed)).decode()


DEAD = "https://oaidalleapiprodscus.blob.core.windows.net/private/org-x/user-y/img-abc.png?st=2024&sig=x%2By"
ASKED = {"model": "dall-e-3", "prompt": "a fox", "size": "1024x1024", "quality": "hd"}
ANSWERED = {"created": 1_710_000_000, "data": [{"revised_prompt": "A red fox.", "b64_json": b64(1)}]}
LOGGED = {
    "pair": {"request": ASKED, "response": ANSWERED},
    "body": {"request": {"method": "POST", **ASKED}, "response": {"status": 200, "body": ANSWERED}},
    "flat": {**ASKED, **ANSWERED},
    "data url": {
        **ASKED, "created": 1_710_000_000,
        "data": [{"revised_prompt": "A red fox.", "b64_json": f"data:image/png;base64,{b64(1)}"}],
    },
}  # fmt: skip


@pytest.mark.parametrize("shape", LOGGED)
def test_a_log_of_the_images_api_brings_pictures_and_words(archive, shape):
    done = archive.take(put(archive, {"log.jsonl": json.dumps(LOGGED[shape]) + "\n"}))
    assert (done["added"], done["unmatched"], done["missing"]) == (1, 0, 0)
    item = one(archive)
    assert (item.maker, item.prompt, item.revised_prompt) == ("dall-e-3", "a fox", "A red fox.")
    assert (item.match, item.created, item.facts["quality"]) == ("inline", "2024-03-09T16:00:00Z", "hd")
    assert archive.state.kept(item.id).read_bytes() == png(1)


def test_pictures_behind_dead_addresses_are_listed_or_found_as_files(archive):
    lines = [
        {"request": ASKED, "response": {"data": [{"url": DEAD}]}},
        {"request": {**ASKED, "prompt": "an owl"}, "response": {"data": [{"url": DEAD.replace("abc", "owl")}]}},
    ]
    put(archive, {"logs/2024.json": json.dumps(lines), "saved/img-abc.png": png(1)})
    done = archive.take("e")
    assert (done["added"], done["missing"]) == (1, 1)
    assert (one(archive).prompt, one(archive).match) == ("a fox", "file")
    (finding,) = archive.imports.findings(done["id"], "missing", 0, 9)
    assert (finding["name"], finding["prompt"]) == ("img-owl.png", "an owl")


@pytest.mark.parametrize(
    ("model", "revised", "maker"),
    [("dall-e-3", "", "dall-e-3"), ("Dalle3-prod", "", "dall-e-3"), ("dall-e-2", "", "dall-e-2"),
     ("gpt-image-1.5", "", "gpt-image"), ("", "A fox.", "dall-e-3"), ("", "", "dall-e-2"), ("flux", "", "unknown")],
)  # fmt: skip
def test_who_drew_is_told_by_the_models_name(model, revised, maker):
    assert maker_of(model, revised, is_api=True).value == maker


def test_a_broken_line_costs_only_itself(archive):
    log = "\n".join([json.dumps(LOGGED["pair"]), '{"request": nothing}', json.dumps({"a": 1}), "7", '{"cut": '])
    done = archive.take(put(archive, {"log.jsonl": log}))
    assert (done["state"], done["added"], done["unreadable"]) == ("done", 1, 2)
    done = archive.take(put(archive, {"log.jsonl": json.dumps({**ASKED, "data": [{"b64_json": "AAAA"}]})}))
    assert (done["found"], done["unreadable"]) == (0, 1)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pic.json", json.dumps({"prompt": "a fox", "model": "dall-e-2", "created": "2023-05-01T10:00:00Z"})),
        ("pic.png.json", json.dumps({"prompt": "a fox", "model": "dall-e-2", "timestamp": 1682935200000})),
        ("list.csv", "File;Prompt;Model;Date\npic.png;a fox;dall-e-2;2023-05-01T10:00:00\n"),
        ("../list.csv", 'filename,prompt,model,created\nx/pic.png,"a fox",dall-e-2,1682935200\n'),
        ("../list.csv", 'filename,prompt,model,created\nC:\\old\\pic.png,"a fox",dall-e-2,1682935200\n'),
    ],
)
def test_words_beside_a_picture_belong_to_it(archive, name, text):
    archive.take(put(archive, {"x/pic.png": png(1), f"x/{name}": text, "x/other.png": png(2, padding=9)}))
    item = one(archive, "match:file")
    assert (item.prompt, item.maker, item.created, item.file) == (
        "a fox", "dall-e-2", "2023-05-01T10:00:00Z", "x/pic.png",
    )  # fmt: skip


def test_a_text_beside_a_picture_is_its_prompt(archive):
    archive.take(put(archive, {"x/pic.png": png(1), "x/pic.txt": "\ufeffein Fuchs\n", "x/readme.txt": "nothing"}))
    assert (one(archive).prompt, one(archive).maker) == ("ein Fuchs", "unknown")


def test_a_name_that_stands_in_two_folders_is_nobodys(archive):
    put(archive, {"x/a.png": png(1), "y/a.png": png(2), "z/list.csv": "url,prompt\nhttps://x.example/a.png,a fox\n"})
    done = archive.take("e")
    assert (done["unmatched"], done["missing"]) == (2, 1)


@pytest.mark.parametrize(
    "text", ["", "a,b\n", '"prompt', "prompt,file\n" + '"' + "x" * 200_000, "prompt,file\n" + "x" * 2_000_000]
)
def test_an_odd_csv_ends_nothing(archive, text):
    assert archive.take(put(archive, {"list.csv": text, "a.png": png(1)}))["state"] == "done"


def comfyui_png(**texts: str) -> bytes:
    return encode_png(Image.new("RGB", (8, 8)), texts)


def test_a_picture_that_comfyui_saved_brings_its_prompt(archive):
    graph = {"1": {"class_type": "OpenAIDalle3", "inputs": {"prompt": "a fox", "seed": 1}},
             "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0]}}}  # fmt: skip
    archive.take(put(archive, {"a.png": comfyui_png(prompt=json.dumps(graph))}))
    assert (one(archive).maker, one(archive).prompt, one(archive).match) == ("dall-e-3", "a fox", "embedded")


def test_a_picture_that_flux_drew_in_comfyui_is_comfyuis(archive):
    graph = {"1": {"class_type": "CLIPTextEncode", "inputs": {"text": "a fox at dusk"}},
             "2": {"class_type": "UNETLoader", "inputs": {"unet_name": "flux1-dev.safetensors"}}}  # fmt: skip
    archive.take(put(archive, {"a.png": comfyui_png(prompt=json.dumps(graph))}))
    item = one(archive)
    assert (item.maker, item.prompt, item.facts["model"]) == ("comfyui", "a fox at dusk", "flux1-dev.safetensors")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"1": 7}', '{"1": {"inputs": []}}', "[" * 9999])
def test_odd_texts_in_a_picture_end_nothing(archive, text):
    done = archive.take(put(archive, {"a.png": comfyui_png(prompt=text, dalle_flux=text)}))
    assert (done["added"], done["unmatched"]) == (1, 1)


def test_what_this_pack_saved_comes_in_with_both_prompts(archive):
    record = {
        "endpoint": "openai",
        "model": "gpt-image-2",
        "prompt": "a fox",
        "revised_prompt": "A red fox.",
        "sent_at": 1.7e9,
    }
    archive.take(put(archive, {"a.png": comfyui_png(dalle_flux=json.dumps(record))}))
    assert (one(archive).maker, one(archive).revised_prompt) == ("gpt-image", "A red fox.")
