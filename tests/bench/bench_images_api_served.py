"""The Images API served here against the same graphs in the raw queue: overhead, throughput, the first preview.

Targets: one request costs at most 3 % or 50 ms more than its graph through /prompt; at 1, 4, 16 and 64 clients at
least 0.95 of the raw queue's throughput. Both halves run in one host, in turns; the graph is FLUX on stand-in weights.
The raw graph ends in PreviewImage, which encodes a PNG as the API does.
"""

from __future__ import annotations

import copy
import random
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from comfyui import environment, weights
from comfyui.installation import install
from comfyui.server import ComfyUI
from served_images_api import client

RUNS = 5
CLIENTS = (1, 4, 16, 64)
SIZE = "512x512"  # FLUX draws it at its own size
RAW = {
    "1": {"class_type": "DalleFluxModerationPolicy", "inputs": {
        "preset": "DALL·E-like", "text_check": "local", "image_check": "local if installed",
        "endpoint": "openai", "threshold": 0.0, "categories": "", "on_error": "block"}},
    "2": {"class_type": "DalleFluxLocalGenerate", "inputs": {
        "prompt": "", "size": SIZE, "quality": "standard", "style": "natural", "n": 1, "seed": 0,
        "prompt_mode": "convert", "policy": ["1", 0]}},
    "3": {"class_type": "PreviewImage", "inputs": {"images": ["2", 0]}},
}  # fmt: skip


def raw(comfyui: ComfyUI, prompt: str) -> None:
    graph = copy.deepcopy(RAW)
    graph["2"]["inputs"] |= {"prompt": prompt, "seed": random.randrange(2**32)}
    assert comfyui.run(graph).succeeded


def served(comfyui: ComfyUI, prompt: str) -> None:
    asked = {"model": "dall-e-2", "prompt": prompt, "size": SIZE, "response_format": "b64_json"}
    assert client(comfyui).images.generate(**asked).data


def seconds(work, *arguments: object) -> float:
    began = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - began


def overhead(comfyui: ComfyUI) -> None:
    both: tuple[list[float], list[float]] = ([], [])
    for _ in range(RUNS):
        for way, times in zip((raw, served), both, strict=True):
            times.append(seconds(way, comfyui, "a red cube"))
    bare, ours = map(statistics.median, both)
    more = ours - bare
    print(f"one picture, /prompt              | {bare:6.2f} s |")
    print(f"one picture, the Images API       | {ours:6.2f} s | {more * 1000:+.0f} ms, {more / bare:+.1%}")


def throughput(comfyui: ComfyUI, clients: int) -> None:
    count = max(8, clients)
    rates = []
    for way in (raw, served):
        with ThreadPoolExecutor(clients) as pool:
            spent = seconds(
                lambda pool=pool, way=way: list(pool.map(lambda _: way(comfyui, "a red cube"), range(count)))
            )
        rates.append(count / spent)
    bare, ours = rates
    print(f"{clients:2} clients                        | {ours:6.2f} pictures/s | raw {bare:.2f} | {ours / bare:.2f}x")


def first_preview(comfyui: ComfyUI) -> None:
    began = time.perf_counter()
    stream = client(comfyui).images.generate(
        model="gpt-image-1", prompt="a red cube", size="1024x1024", stream=True, partial_images=3
    )
    times = [time.perf_counter() - began for _ in stream]
    print(
        f"first preview of 3, 1024x1024     | {times[0]:6.2f} s | picture {times[-1]:.2f} s | {len(times) - 1} previews"
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        installation = install(Path(folder), weights.stand_ins(), stand_ins=True)
        with ComfyUI(environment.prepare(), installation) as comfyui:
            raw(comfyui, "warm")
            served(comfyui, "warm")
            overhead(comfyui)
            for clients in CLIENTS:
                throughput(comfyui, clients)
            first_preview(comfyui)


if __name__ == "__main__":
    main()
