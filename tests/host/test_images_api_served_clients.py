"""The served Images API with each official client, and with the bodies that popular apps send."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from comfyui.environment import PACK, cache_folder
from PIL import Image
from served_images_api import ECHO, SAME, SOLID, V1, call, publish, with_lora

EXPECTED = {
    "urls": [True, True],
    "png": True,
    "seed": 5,
    "edit": "a hat",
    "variation": True,
    "stream": ["image_generation.completed"],
    "edit_stream": ["image_edit.completed"],
    "models": True,
    "moderation": True,
    "policy": ["BadRequestError", "content_policy_violation"],
    "model": ["NotFoundError", "model_not_found"],
    "value": ["BadRequestError", "integer_below_min_value"],
}


def check(seen: dict) -> None:
    *partials, last = seen.pop("partials")
    assert last == "completed"
    # Of two asked for; as at OpenAI, one that is made while the picture already goes out is left out.
    assert partials in (["partial_image"], ["partial_image"] * 2)
    assert seen == EXPECTED


@pytest.fixture(scope="module")
def host(comfyui):
    publish(comfyui, "solid", SOLID)
    publish(comfyui, "echo", ECHO)
    publish(comfyui, "same", SAME)
    publish(comfyui, "lora", with_lora(8))
    return comfyui


@pytest.mark.parametrize("version", ["1.109.1", "2.54.0", None], ids=["1.109", "2.54", "newest"])
def test_every_method_of_the_official_python_client(host, version):
    variables = dict(os.environ)
    if version:
        folder = cache_folder() / f"openai-{version}"
        if not (folder / "complete").exists():
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), "--upgrade"]
            subprocess.run([*command, f"openai=={version}"], check=True)
            (folder / "complete").touch()
        variables["PYTHONPATH"] = str(folder)
    command = [sys.executable, str(PACK / "tests" / "served_calls.py"), host.url + V1]
    said = subprocess.run(command, env=variables, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    seen = json.loads(said.stdout)
    assert seen.pop("version") == version or version is None
    assert seen.pop("sizes") == [[64, 64]]
    check(seen)


@pytest.mark.skipif(not shutil.which("npm"), reason="needs Node.js")
def test_every_method_of_the_official_javascript_client(host, tmp_path):
    check(called_by("served_calls.mjs", npm("openai-node", "openai@6"), host, tmp_path))


def npm(name: str, *packages: str) -> Path:
    """A folder with these packages, kept between runs."""
    folder = cache_folder() / name
    if not (folder / "complete").exists():
        folder.mkdir(exist_ok=True)
        subprocess.run([shutil.which("npm"), "install", "--no-audit", "--no-fund", *packages], cwd=folder, check=True)
        (folder / "complete").touch()
    return folder


def called_by(script: str, modules: Path, host, tmp_path: Path) -> dict:
    """What a script of ours saw."""
    picture = tmp_path / "a.png"
    Image.new("RGBA", (64, 64), (0, 0, 0, 0)).save(picture)
    command = ["node", str(PACK / "tests" / script), host.url + V1, str(modules / "x.js"), str(picture)]
    said = subprocess.run(command, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    return dict(json.loads(said.stdout))


JSON_BODIES = {
    # app → what it posts by default, and the member of each item that it reads (each app's own source)
    "LangChain DallEAPIWrapper": ({"prompt": "a cat", "model": "dall-e-2", "n": 1, "size": "1024x1024"}, "url"),
    "LibreChat DALLE3": (
        {"model": "dall-e-3", "quality": "standard", "style": "vivid", "size": "1024x1024", "prompt": "a cat", "n": 1},
        "url",
    ),
    "LibreChat image_gen": (
        {"model": "gpt-image-1", "prompt": "a cat", "size": "auto", "quality": "auto", "background": "auto",
         "output_format": "png", "n": 1},
        "b64_json",
    ),
    "Open WebUI": (
        {"model": "dall-e-2", "prompt": "a cat", "n": 1, "size": "512x512", "response_format": "b64_json"}, "b64_json",
    ),
    "AI SDK": ({"model": "dall-e-3", "prompt": "a cat", "n": 1, "size": "1024x1024", "response_format": "b64_json"},
               "b64_json"),
    "n8n": (
        {"prompt": "a cat", "model": "dall-e-3", "response_format": "b64_json", "quality": "hd", "size": "1792x1024",
         "style": "natural"},
        "b64_json",
    ),
    "n8n, addresses": ({"prompt": "a cat", "model": "dall-e-2", "response_format": "url", "n": 2}, "url"),
    "n8n, newest": ({"prompt": "a cat", "model": "gpt-image-1-mini"}, "b64_json"),
    "AI SDK gpt": ({"model": "gpt-image-1", "prompt": "a cat", "n": 1, "size": "1024x1024"}, "b64_json"),
    "LlamaIndex": (
        {"prompt": "a cat", "model": "dall-e-3", "quality": "standard", "size": "1024x1024", "style": "vivid",
         "response_format": "url"},
        "url",
    ),
    "Semantic Kernel": (
        {"prompt": "a cat", "model": "dall-e-2", "size": "256x256", "response_format": "url", "n": 1}, "url",
    ),
}  # fmt: skip


@pytest.fixture
def drawn_by_solid(host):
    """OpenAI's names draw with the plain workflow, which the user's file says."""
    file = host.installation.base / "user" / "dalle_flux" / "endpoints.toml"
    names = ("dall-e-2", "dall-e-3", "gpt-image-1", "gpt-image-1-mini")
    aliases = "\n".join(f'"{name}" = "{{}}"' for name in names)
    yield lambda target: file.write_text(f"[settings.endpoint.aliases]\n{aliases.replace('{}', target)}\n", "utf-8")
    file.unlink(missing_ok=True)


@pytest.mark.parametrize("app", JSON_BODIES)
def test_apps_find_what_they_read(host, drawn_by_solid, app):
    drawn_by_solid("solid")
    body, read = JSON_BODIES[app]
    code, reply, _ = call(host, "POST", f"{V1}/images/generations", body)
    assert code == 200, reply
    assert len(reply["data"]) == body.get("n", 1)
    for item in reply["data"]:
        assert item[read]
        assert {"url", "b64_json"} & set(item) == {read}


FORMS = {
    "AI SDK, one file": [("model", "gpt-image-1"), ("prompt", "a hat"), ("n", "1"), ("image", "PNG")],
    "LibreChat, image[]": [("model", "gpt-image-1"), ("prompt", "a hat"), ("quality", "auto"), ("size", "auto"),
                           ("image[]", "PNG"), ("image[]", "PNG")],
    "n8n": [("image[]", "PNG"), ("prompt", "a hat"), ("model", "gpt-image-1"), ("n", "1"), ("size", "1024x1024"),
            ("quality", "auto")],
    "Open WebUI": [("model", "dall-e-2"), ("prompt", "a hat"), ("n", "1"), ("size", "256x256"),
                   ("response_format", "b64_json"), ("image", "PNG")],
}  # fmt: skip


@pytest.mark.parametrize("app", FORMS)
def test_apps_can_edit(host, drawn_by_solid, app, tmp_path):
    drawn_by_solid("solid-edit")
    publish(host, "solid-edit", SOLID, operations=["edits"])
    picture = tmp_path / "a.png"
    Image.new("RGB", (64, 64)).save(picture)
    code, reply, _ = call(host, "POST", f"{V1}/images/edits", *form(FORMS[app], picture))
    assert code == 200, reply
    assert reply["data"][0]["b64_json"]


def form(parts: list[tuple[str, str]], picture: Path) -> tuple[bytes, dict[str, str]]:
    """A multipart body and its headers; "PNG" stands for the picture."""
    body = b""
    for name, value in parts:
        body += f'--x\r\nContent-Disposition: form-data; name="{name}"'.encode()
        if value == "PNG":
            body += b'; filename="a.png"\r\nContent-Type: image/png\r\n\r\n' + picture.read_bytes() + b"\r\n"
        else:
            body += f"\r\n\r\n{value}\r\n".encode()
    return body + b"--x--\r\n", {"Content-Type": "multipart/form-data; boundary=x"}


@pytest.mark.skipif(not shutil.which("npm"), reason="needs Node.js")
def test_the_packages_of_javascript_apps_draw(host, drawn_by_solid, tmp_path):
    drawn_by_solid("any")
    publish(host, "any", SOLID, operations=["generations", "edits"])
    modules = npm("js-apps", "ai@7", "@ai-sdk/openai@4", "zod@4", "@langchain/openai@1", "@langchain/core@1")
    assert called_by("served_apps.mjs", modules, host, tmp_path) == {
        "langchain": "image/png", "two": ["image/png"] * 2, "gpt": ["image/png"], "edit": ["image/png"], "refused": 400,
    }  # fmt: skip
    script = modules / "quick_start.mjs"
    script.write_text(quick_start("Vercel AI SDK", host) + "console.log(image.mediaType);", "utf-8")
    said = subprocess.run(["node", str(script)], capture_output=True, text=True)
    assert said.stdout == "image/png\n", said.stderr


PAGE = (PACK / "js" / "docs" / "images-api.md").read_text("utf-8")


def quick_start(client: str, host, url: str = "http://127.0.0.1:8188") -> str:
    """A client's lines on the help page, for this host."""
    _, _, rest = PAGE.partition(f"**{client}**")
    block = re.search(r"(?:^    .*\n)+", rest, re.MULTILINE)
    assert block
    assert url in block[0]
    return textwrap.dedent(block[0]).replace(url, host.url)


def test_the_quick_starts_of_the_help_page_work(host, drawn_by_solid, tmp_path):
    drawn_by_solid("any")
    publish(host, "any", SOLID, operations=["generations", "edits"])
    for name in ("house.png", "mask.png"):
        Image.new("RGBA", (64, 64), (0, 0, 0, 0)).save(tmp_path / name)
    code = quick_start("Python", host)
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert said.stdout.startswith(f"{host.url}{V1}/files/"), said.stderr
    if node := shutil.which("node"):
        folder = cache_folder() / "openai-node"  # from the test above
        script = folder / "quick_start.mjs"
        script.write_text(quick_start("JavaScript", host), "utf-8")
        said = subprocess.run([node, str(script)], capture_output=True, text=True)
        assert said.stdout.startswith(f"{host.url}{V1}/files/"), said.stderr
    if shutil.which("curl") and shutil.which("sh"):
        lines = quick_start("curl", host).replace("curl ", "curl -sS ")
        said = subprocess.run(["sh", "-c", lines], cwd=tmp_path, capture_output=True, text=True)
        replies = re.findall(r'"(b64_json|error)":', said.stdout)
        assert replies == ["b64_json", "b64_json"], said.stdout[-2000:] + said.stderr
