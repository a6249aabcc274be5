"""A fleet of stand-ins that draw for a fixed time, so that it is us who are measured: throughput, latency, switches.

Targets: 0.95 n of one replica's throughput at n = 2, 4, 8 replicas; at most 20 ms more than the ComfyUI itself takes.
And how many of 100 requests for three models on four replicas make a replica load another model: by our router, by
Ray's multiplexing, and by Ray's own choice without it.
"""

from __future__ import annotations

import asyncio
import base64
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from comfyui import environment
from comfyui.environment import PACK
from comfyui.server import free_port

STAND_IN = Path(__file__).parent / "fleet_comfyui"
DRAW_S, LOAD_S = 1.0, 1.0
REPLICAS = (1, 2, 4, 8)
PER_REPLICA = 12  # requests
MODELS = ("one", "two", "three")


def main() -> int:
    """In the tests' Python; the rest runs in the one that has Ray."""
    try:
        python = environment.fleet_python()
    except environment.NoRay as why:
        print(f"No fleet is measured: {why}.")
        return 0
    return subprocess.run([str(python), __file__, "measure", *sys.argv[1:]], cwd=PACK).returncode


def measure() -> None:
    from nodes.fleet import local

    local.prepare()
    print(f"\nA fleet; each ComfyUI is a stand-in that draws for {DRAW_S} s\n\nreplicas  pictures/s  of n x one")
    one = 0.0
    for count in REPLICAS:
        rate, latency = fleet(count, lambda url, count=count: throughput(url, count))
        one = one or rate
        print(f"{count:8}  {rate:10.2f}  {rate / one / count:10.3f}", flush=True)
        if count == 1:
            print(f"          added latency, median of 15, one client: {1000 * latency:.0f} ms")
    print(f"\nModel switches in 100 requests, 3 models, 4 replicas, 8 clients, {LOAD_S} s to load")
    for name in ("weights", "multiplexed", "random"):
        switches, seconds = fleet(4, switching, routing=name)
        print(f"{name:12} {switches:4} switches, {seconds:.0f} s", flush=True)


def fleet(replicas: int, work: Any, routing: str = "weights") -> Any:
    """The result of `work(url)` against a fleet."""
    from nodes.endpoint.published import Publications
    from nodes.fleet import app, local
    from nodes.fleet.settings import FleetSettings
    from nodes.state import State

    state, port = Path(tempfile.mkdtemp()), free_port()
    for name in MODELS:
        Publications(State(state)).publish(name, graph(name))
    load_s = LOAD_S if work is switching else 0.0
    settings = FleetSettings(
        comfyui=STAND_IN, python=Path(sys.executable), state=state, gpus=0, replicas=replicas,
        arguments=["--draw-s", str(DRAW_S), "--load-s", str(load_s)],
    )  # fmt: skip
    kinds: dict[str, Any] = {
        "weights": lambda: app.fleet(settings),
        "multiplexed": lambda: app.application(settings, rays_own(), multiplexed()),
        "random": lambda: app.application(settings, rays_own(), unnamed()),
    }
    with local.running(kinds[routing](), "127.0.0.1", port):
        result = asyncio.run(work(f"http://127.0.0.1:{port}/dalle-flux/v1/images/generations"))
    shutil.rmtree(state)
    return result


def graph(name: str) -> dict[str, Any]:
    return {
        "1": {"class_type": "DalleFluxImagesRequest", "inputs": {"n": 1}},
        "2": {"class_type": "UNETLoader", "inputs": {"unet_name": f"{name}.safetensors"}},
        "3": {"class_type": "DalleFluxImagesResponse", "inputs": {"images": ["2", 0], "n": ["1", 8]}},
    }


async def ask(session: Any, url: str, model: str = "one") -> dict[str, Any]:
    body = {"model": model, "prompt": "x", "size": "512x512", "response_format": "b64_json"}
    async with session.post(url, json=body) as reply:
        said = await reply.json()
        assert reply.status == 200, said
        assert base64.b64decode(said["data"][0]["b64_json"])[:4] == b"\x89PNG"
        return dict(said)


async def throughput(url: str, replicas: int) -> tuple[float, float]:
    """(pictures a second with three clients a replica, seconds that one request takes beyond the drawing)."""
    import aiohttp

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*[ask(session, url) for _ in range(2 * replicas)])
        took = []
        for _ in range(15 if replicas == 1 else 0):
            began = time.perf_counter()
            await ask(session, url)
            took.append(time.perf_counter() - began - DRAW_S)
        left = iter(range(PER_REPLICA * replicas))

        async def client() -> None:
            for _ in left:
                await ask(session, url)

        began = time.perf_counter()
        await asyncio.gather(*[client() for _ in range(3 * replicas)])
        rate = PER_REPLICA * replicas / (time.perf_counter() - began)
        return rate, statistics.median(took) if took else 0.0


async def switching(url: str) -> tuple[int, float]:
    """(requests that made a replica load, seconds for all)."""
    import aiohttp

    models = random.Random(7).choices(MODELS, k=100)
    async with aiohttp.ClientSession() as session:
        left, said = iter(models), []

        async def client() -> None:
            for model in left:
                said.append((await ask(session, url, model))["data"][0]["revised_prompt"])

        began = time.perf_counter()
        await asyncio.gather(*[client() for _ in range(8)])
        return said.count("switched"), time.perf_counter() - began


def rays_own() -> Any:
    from ray.serve.config import RequestRouterConfig

    return RequestRouterConfig()


def multiplexed() -> type:
    """A replica that tells Ray which model it has."""
    from ray import serve

    from nodes.fleet.replica import Replica

    class Multiplexed(Replica):
        async def draw(self, task: bytes) -> AsyncIterator[bytes]:
            await self.load(serve.get_multiplexed_model_id())
            async for line in super().draw(task):
                yield line

        @serve.multiplexed(max_num_models_per_replica=1)
        async def load(self, name: str) -> str:
            return name

    return Multiplexed


def unnamed() -> type:
    """A replica that tells Ray nothing, which then chooses by length of queue."""
    from nodes.fleet.replica import Replica

    return Replica


if __name__ == "__main__":
    if "measure" in sys.argv:
        sys.path[:0] = [str(PACK), str(PACK / "tests")]
        measure()
    else:
        raise SystemExit(main())
