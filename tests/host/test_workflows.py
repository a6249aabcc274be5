"""Every shipped workflow runs unmodified, in API format, to its end on a stock host with stand-in weights."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from archive_client import take_in
from chatgpt_exports import Export
from comfyui.environment import PACK
from services import Services
from services.hosted import HOSTED
from services.server import KEY

WORKFLOWS = PACK / "workflows"
NAMES = sorted(path.stem for path in (WORKFLOWS / "api").glob("*.json"))
# Widgets that the frontend adds to a node and the host knows nothing of.
FRONTEND_ONLY = {"upload"}


def api(name: str) -> dict[str, Any]:
    return dict(json.loads((WORKFLOWS / "api" / f"{name}.json").read_text("utf-8")))


def canvas(name: str) -> dict[str, Any]:
    return dict(json.loads((WORKFLOWS / f"{name}.json").read_text("utf-8")))


class _Llm(BaseHTTPRequestHandler):
    """The least that an OpenAI-compatible LLM server does."""

    def do_GET(self) -> None:
        self._answer({"object": "list", "data": [{"id": "qwen3:4b", "object": "model"}]})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        text = json.dumps({"prompt": "A tabby cat sleeps on a reading desk in an old library, warm lamplight."})
        message = {"role": "assistant", "content": text}
        self._answer(
            {
                "id": "1",
                "object": "chat.completion",
                "created": 1,
                "model": "qwen3:4b",
                "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            }
        )

    def _answer(self, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def host(start_comfyui, tmp_path_factory) -> Iterator[Any]:
    """A ComfyUI whose endpoints `openai`, `bfl` and `ollama` are stand-ins on loopback."""
    llm = ThreadingHTTPServer(("127.0.0.1", 0), _Llm)
    threading.Thread(target=llm.serve_forever, daemon=True).start()
    state = tmp_path_factory.mktemp("state")
    with Services() as images, HOSTED["bfl"]() as bfl:
        images.dalle_alive = True  # a compatible service that still makes variations
        (state / "endpoints.toml").write_text(
            f'[openai]\nbase_url = "{images.base_url}"\napi_key_env = "OPENAI_API_KEY"\n\n'
            f'[bfl]\nkind = "bfl"\nbase_url = "{bfl.base_url}"\napi_key = "{bfl.key}"\n\n'
            f'[ollama]\nbase_url = "http://127.0.0.1:{llm.server_port}/v1"\n',
            "utf-8",
        )
        comfyui = start_comfyui(variables={"DALLE_FLUX_STATE": str(state), "OPENAI_API_KEY": KEY}, keep_keys=True)
        export = Export("2026")
        export.dalle3(size=(512, 512))
        take_in(comfyui, export)
        yield comfyui
    llm.shutdown()


@pytest.mark.parametrize("name", NAMES)
def test_it_runs_to_the_end_and_saves_a_picture(host, name):
    run = host.run(api(name), limit_s=600)
    assert run.succeeded, run.error
    saved = [p for output in run.outputs.values() for p in output.get("images", []) if p["type"] == "output"]
    assert saved
    assert all(p["subfolder"] == "dalle_flux" for p in saved)


@pytest.mark.parametrize("name", NAMES)
def test_canvas_and_api_file_are_the_same_graph(comfyui, name):
    info = comfyui.get("/object_info")
    drawn = canvas(name)
    links = {link[0]: [str(link[1]), link[2]] for link in drawn["links"]}
    graph: dict[str, Any] = {}
    for node in drawn["nodes"]:
        if node["type"] not in info or node["mode"] == 2:
            continue
        known = info[node["type"]]["input"]
        specs = {**known.get("required", {}), **known.get("optional", {})}
        sockets = {socket["name"]: socket for socket in node["inputs"]}
        values = iter(node.get("widgets_values") or [])
        inputs: dict[str, Any] = {}
        for socket in node["inputs"]:
            if "widget" in socket:
                value = next(values)
                if socket["name"] in FRONTEND_ONLY:
                    continue
                options = [*specs[socket["name"]], {}][1]
                if options.get("control_after_generate"):
                    assert next(values) == "fixed"
                inputs[socket["name"]] = value
            if socket.get("link") is not None:
                inputs[socket["name"]] = links[socket["link"]]
        assert set(sockets) >= set(inputs)
        graph[str(node["id"])] = {"class_type": node["type"], "inputs": inputs}
    exported = {
        key: {
            "class_type": node["class_type"],
            "inputs": {k: v for k, v in node["inputs"].items() if k in graph[key]["inputs"]},
        }
        for key, node in api(name).items()
    }
    assert exported == graph


@pytest.mark.parametrize("name", NAMES)
def test_it_has_a_thumbnail_and_a_note_with_files_licence_and_headless_command(name):
    assert (WORKFLOWS / f"{name}.jpg").read_bytes()[:2] == b"\xff\xd8"
    assert (WORKFLOWS / f"{name}.jpg").stat().st_size < 150_000
    (note,) = [node for node in canvas(name)["nodes"] if node["type"] == "MarkdownNote"]
    text = note["widgets_values"][0]
    assert f"workflows/api/{name}.json" in text
    for node in api(name).values():
        for value in node["inputs"].values():
            if isinstance(value, str) and value.endswith(".safetensors"):
                assert value in text
    if "flux1-dev" in text:
        assert "non-commercial" in text


def test_every_canvas_file_has_its_api_file():
    assert sorted(path.stem for path in WORKFLOWS.glob("*.json")) == NAMES


def test_every_node_of_the_pack_stands_in_a_workflow(comfyui):
    ours = {name for name in comfyui.get("/object_info") if name.startswith("DalleFlux")}
    used = {node["type"] for name in NAMES for node in canvas(name)["nodes"]}
    assert ours - used == set()
