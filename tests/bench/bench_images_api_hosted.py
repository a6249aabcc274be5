"""Hosted services against their stand-ins: what a node adds to the bare exchange, and how often it asks after a job.

The bare exchange is the same requests without a ledger, files or tensors, asking every 10 ms; so for a job the
difference is mostly the pause between two looks.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from datetime import date
from pathlib import Path

from bench_images_api import Nobody
from services.hosted import HOSTED, HostedService

from nodes.endpoints import Endpoint
from nodes.images_api.inputs import Sent
from nodes.images_api.kinds import Standing, Ticket, kind_of
from nodes.images_api.making import make_pictures
from nodes.images_api.plan import Ask, Operation, Plan, make_plan
from nodes.services.ledger import Ledger
from nodes.services.settings import ServiceSettings
from nodes.services.spending import Account
from nodes.state import State

RUNS = 5
WORK_S = (0.0, 3.0)  # that the service takes for a picture
_SETTINGS = ServiceSettings(per_day_usd=None)


def plan_for(service: HostedService, seed: int) -> Plan:
    ask = Ask(Operation.GENERATE, service.cheapest, "1024x1024", 1, seed, "a red cube", "standard")
    endpoint = Endpoint("there", service.base_url, stored_key=service.key, kind=service.kind)
    return make_plan(ask, endpoint, _SETTINGS, date.today())


async def bare(service: HostedService, seed: int) -> None:
    plan = plan_for(service, seed)
    kind = kind_of(plan.endpoint)
    came = await kind.send(plan, Sent(), 0, "", lambda partial: None)
    if isinstance(came, Ticket):
        seen = await kind.look(plan.endpoint, came)
        while isinstance(seen, Standing):
            await asyncio.sleep(0.01)
            seen = await kind.look(plan.endpoint, came)
        came = seen
    await kind.unpack(came.body, plan.endpoint, None)


async def measure(service: HostedService, state: Path, work_s: float) -> None:
    account = Account(Ledger(State(state)), _SETTINGS)
    service.take(work_s)
    runs = 1 if work_s else RUNS
    bare_s, node_s = [], []
    for seed in range(runs + 1):  # the first one warms up
        began = time.perf_counter()
        await bare(service, seed)
        bare_s.append(time.perf_counter() - began)
        service.looks = 0
        began = time.perf_counter()
        await make_pictures(plan_for(service, seed + int(1000 * work_s)), Sent(), account, Nobody())
        node_s.append(time.perf_counter() - began)
    one, other = statistics.median(bare_s[1:]), statistics.median(node_s[1:])
    looks = f"{service.looks} looks" if service.looks else "no job"
    times = f"{one * 1000:7.0f} | {other * 1000:7.0f} | +{(other - one) * 1000:5.0f}"
    print(f"{service.kind:<11} | {work_s:3.1f} s | {times} | {looks}")


def main() -> None:
    print("one picture | work  | bare ms | node ms | added  | asked after")
    for service in HOSTED.values():
        with service() as running, tempfile.TemporaryDirectory() as folder:
            for work_s in WORK_S:
                asyncio.run(measure(running, Path(folder) / "state", work_s))


if __name__ == "__main__":
    main()
