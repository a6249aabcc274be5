"""The Images API served here against the same graphs in the raw queue: overhead, throughput, the first preview.

Targets: one request costs at most 3 % or 50 ms more than its graph through /prompt; at 1, 4, 16 and 64 clients at
least 0.95 of the raw queue's throughput. Both halves run in one host, in turns. The graph is FLUX on stand-in weights,
with the same checks in both: gates in the raw graph, this server's own around the other. The raw graph ends in
PreviewImage, which encodes a PNG as the API does.

And what merging requests of several clients into batches gives, and how far the pictures differ from those drawn alone.
"""

from __future__ import annotations

import asyncio
import copy
import json
import random
import statistics
import tempfile
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import openai
from comfyui import environment, weights
from comfyui.installation import install
from comfyui.server import ComfyUI
from served_images_api import client, opened, publish, state_of, with_lora

RUNS = 15
ROUNDS = 5
CLIENTS = (1, 4, 16, 64)
EDGE = 512  # px
STEPS = 8
MODEL = "bench"
BATCH = 4


def graph() -> dict[str, Any]:
    """A request → FLUX → a response."""
    made = with_lora(STEPS)
    for node in made.values():
        if node["class_type"] == "EmptySD3LatentImage":
            node["inputs"] |= {"width": EDGE, "height": EDGE}
    return made


def raw_graph(prompt: str) -> dict[str, Any]:
    """The same with gates and PreviewImage, and without the nodes of the API."""
    made = copy.deepcopy(graph())
    ids = {node["class_type"]: node_id for node_id, node in made.items()}
    request, response = ids["DalleFluxImagesRequest"], ids["DalleFluxImagesResponse"]
    pictures = made.pop(response)["inputs"]["images"]
    given = {0: ["gate", 0], 8: 1, 9: random.randrange(2**32)}
    del made[request]
    for node in made.values():
        for name, value in node["inputs"].items():
            if isinstance(value, list) and value[0] == request:
                node["inputs"][name] = given[value[1]]
    gate = {"prompt": prompt, "on_flag": "stop", "replacement": ""}
    made["gate"] = {"class_type": "DalleFluxModeratePrompt", "inputs": gate}
    made["judged"] = {"class_type": "DalleFluxModerateImage", "inputs": {"images": pictures, "on_flag": "stop"}}
    made["shown"] = {"class_type": "PreviewImage", "inputs": {"images": ["judged", 0]}}
    return made


class Canvas:
    """What a browser does: one websocket for as long as it is open, prompts waited for there, pictures fetched."""

    def __init__(self, comfyui: ComfyUI):
        self._url, self._id = comfyui.url, uuid.uuid4().hex
        self._loop = asyncio.new_event_loop()
        self._loop.run_until_complete(self._open())

    def run(self, graph: dict[str, Any]) -> None:
        self._loop.run_until_complete(self._run(graph))

    def close(self) -> None:
        self._loop.run_until_complete(self._session.close())
        self._loop.close()

    async def _open(self) -> None:
        self._session = aiohttp.ClientSession()
        self._socket = await self._session.ws_connect(f"{self._url}/ws?clientId={self._id}", max_msg_size=0)

    async def _run(self, graph: dict[str, Any]) -> None:
        async with self._session.post(f"{self._url}/prompt", json={"prompt": graph, "client_id": self._id}) as reply:
            prompt_id = (await reply.json())["prompt_id"]
        async for message in self._socket:
            event = json.loads(message.data) if message.type == aiohttp.WSMsgType.TEXT else {}
            if event.get("data", {}).get("prompt_id") == prompt_id:
                assert event["type"] not in ("execution_error", "execution_interrupted"), event
                if event["type"] == "executed":
                    (shown,) = event["data"]["output"]["images"]
                    async with self._session.get(f"{self._url}/view", params=shown) as reply:
                        assert await reply.read()
                if event["type"] == "execution_success":
                    return


_of_this_thread = threading.local()
_open: list[Canvas] = []


def raw(comfyui: ComfyUI) -> None:
    if not hasattr(_of_this_thread, "canvas"):
        _of_this_thread.canvas = Canvas(comfyui)
        _open.append(_of_this_thread.canvas)
    _of_this_thread.canvas.run(raw_graph(f"a red cube, number {random.random()}"))


@cache  # as an app has one
def app(comfyui: ComfyUI) -> openai.OpenAI:
    return client(comfyui, timeout=1200)


def served(comfyui: ComfyUI) -> None:
    asked = {"model": MODEL, "prompt": f"a red cube, number {random.random()}", "response_format": "b64_json"}
    assert app(comfyui).images.generate(**asked).data


def seconds(work, *arguments: object) -> float:
    began = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - began


def overhead(comfyui: ComfyUI) -> None:
    both: tuple[list[float], list[float]] = ([], [])
    for _ in range(RUNS):
        for way, times in zip((raw, served), both, strict=True):
            times.append(seconds(way, comfyui))
    bare, ours = map(statistics.median, both)
    more = ours - bare
    print(f"one picture, /prompt              | {bare:6.2f} s |")
    print(f"one picture, the Images API       | {ours:6.2f} s | {more * 1000:+.0f} ms, {more / bare:+.1%}", flush=True)


def throughput(comfyui: ComfyUI, clients: int) -> None:
    count = max(16, clients)
    rates: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for way, found in zip((raw, served), rates, strict=True):
            with ThreadPoolExecutor(clients) as pool:
                spent = seconds(lambda pool=pool, way=way: list(pool.map(lambda _: way(comfyui), range(count))))
            found.append(count / spent)
    bare, ours = map(statistics.median, rates)
    rate = f"{ours:6.2f} pictures/s | raw {bare:.2f} | {ours / bare:.2f}x"
    print(f"{clients:2} clients                        | {rate}", flush=True)


def first_preview(comfyui: ComfyUI) -> None:
    began = time.perf_counter()
    stream = app(comfyui).images.generate(
        model="gpt-image-1", prompt="a red cube", size="1024x1024", stream=True, partial_images=3
    )
    times = [time.perf_counter() - began for _ in stream]
    rest = f"picture {times[-1]:.2f} s | {len(times) - 1} previews"
    print(f"first preview of 3, 1024x1024     | {times[0]:6.2f} s | {rest}", flush=True)


def merging(comfyui: ComfyUI) -> None:
    """Requests that differ in prompt and seed, merged and one by one, in turns."""

    def drawn(seed: int) -> np.ndarray:
        asked = {"model": "dall-e-2", "prompt": f"a red cube, number {seed}", "size": "512x512"}
        reply = app(comfyui).images.generate(**asked, response_format="b64_json", extra_body={"seed": seed})
        return np.asarray(opened(reply.data[0].b64_json).convert("RGB"), np.int16)

    file = state_of(comfyui) / "endpoints.toml"
    rates: dict[int, list[float]] = {1: [], BATCH: []}
    pictures = {}
    for _ in range(ROUNDS):
        for merge, found in rates.items():
            file.write_text(f"[settings.endpoint]\nmerge = {merge}\n", "utf-8")
            began = time.perf_counter()
            with ThreadPoolExecutor(4 * BATCH) as pool:
                pictures[merge] = list(pool.map(drawn, range(4 * BATCH)))
            found.append(4 * BATCH / (time.perf_counter() - began))
    file.unlink()
    singly, merged = map(statistics.median, rates.values())
    differ = max(int(np.abs(one - other).max()) for one, other in zip(*pictures.values(), strict=True))
    rest = f"one by one {singly:.2f} | {merged / singly:.2f}x | pixels differ by up to {differ} of 255"
    print(f"{4 * BATCH} clients, dall-e-2, merge = {BATCH}     | {merged:6.2f} pictures/s | {rest}", flush=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        installation = install(Path(folder), weights.stand_ins(), stand_ins=True)
        # Two threads of torch that share a core with anything else wait for each other: 0.3 s become 6.
        one_thread = {"OMP_NUM_THREADS": "1"}
        with ComfyUI(environment.prepare(), installation, variables=one_thread) as comfyui:
            publish(comfyui, MODEL, graph())
            raw(comfyui)
            served(comfyui)
            overhead(comfyui)
            for clients in CLIENTS:
                throughput(comfyui, clients)
            first_preview(comfyui)
            merging(comfyui)
            for canvas in _open:
                canvas.close()


if __name__ == "__main__":
    main()
