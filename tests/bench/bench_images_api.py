"""The endpoint nodes against the stand-in: n pictures side by side, overhead over the bare client, memory.

Targets: n=8 takes at most 1.15 times the slowest single call. Ratios are measured in one run.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from datetime import date
from pathlib import Path

from services import Services
from services.customer import handed, order

from nodes.endpoints import Endpoint
from nodes.images_api.inputs import Sent
from nodes.images_api.making import Made, PictureProgress, make_pictures
from nodes.images_api.plan import Ask, Operation, make_plan
from nodes.services.ledger import Ledger
from nodes.services.settings import ServiceSettings
from nodes.services.spending import Account
from nodes.state import State

RUNS = 7


class Nobody:
    def is_cancelled(self) -> bool:
        return False

    def raise_cancelled(self) -> None:
        raise AssertionError

    async def show(self, progress: PictureProgress) -> None:
        pass


async def make(services: Services, state: Path, **changes: object) -> Made:
    plain = {"model": "dall-e-2", "size": "1024x1024", "n": 1, "seed": 1, "prompt": "a red cube"}
    ask = Ask(Operation.GENERATE, **{**plain, **changes})  # type: ignore[arg-type]
    endpoint = Endpoint("studio", services.base_url, stored_key=services.key, max_parallel=16)
    settings = ServiceSettings(per_day_usd=None, partial_images=0)
    return await make_pictures(
        make_plan(ask, endpoint, settings, date.today()), Sent(), Account(Ledger(State(state)), settings), Nobody()
    )


async def side_by_side(services: Services, state: Path) -> None:
    await make(services, state, seed=99)  # the client is loaded
    services.take(1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 1.5, 1.1, 0.0)
    began = time.perf_counter()
    made = await make(services, state, n=8)
    whole = time.perf_counter() - began
    slowest = max(picture.seconds for picture in made.info.pictures)
    print(f"n=8, calls of 1.0 to 2.0 s        | {whole:6.2f} s | slowest {slowest:.2f} s | {whole / slowest:.2f}x")


async def overhead(services: Services, state: Path) -> None:
    import openai

    services.take(0.0)
    client = openai.AsyncOpenAI(base_url=services.base_url, api_key=services.key, max_retries=0)
    bare, ours, disk = [], [], []
    for run in range(RUNS):
        began = time.perf_counter()
        await client.images.generate(model="dall-e-2", prompt="a red cube", response_format="b64_json")
        bare.append(time.perf_counter() - began)
        for times in (ours, disk):
            began = time.perf_counter()
            await make(services, state, seed=1000 + run)
            times.append(time.perf_counter() - began)
    one, other, kept = (statistics.median(times) * 1000 for times in (bare, ours, disk))
    print(f"one picture, bare client          | {one:6.0f} ms |")
    print(f"one picture, the node             | {other:6.0f} ms | +{other - one:.0f} ms: ledger, disk, check, tensor")
    print(f"the same picture from disk        | {kept:6.0f} ms |")


def memory(services: Services, state: Path) -> None:
    services.take(0.0)
    small = handed(order(services, state / "one", size="256x256", model="dall-e-2"))
    large = handed(order(services, state / "ten", size="1792x1024", n=10, quality="hd"))
    if small["peak_mb"] is None:
        print("memory for n=10 at 1792x1024      | this system does not tell")
        return
    batch = 10 * 1792 * 1024 * 3 * 4 / 2**20
    more = large["peak_mb"] - small["peak_mb"]
    print(f"memory for n=10 at 1792x1024      | {more:6.0f} MB | the batch itself {batch:.0f} MB | {more / batch:.2f}x")


def main() -> None:
    with Services() as services, tempfile.TemporaryDirectory() as folder:
        asyncio.run(side_by_side(services, Path(folder) / "state"))
        asyncio.run(overhead(services, Path(folder) / "state"))
        memory(services, Path(folder))


if __name__ == "__main__":
    main()
