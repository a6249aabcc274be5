"""A customer in a process of its own: makes the pictures of one request as a node does, and may die on the way.

`order(services, state_folder, …)` starts it; what it was handed comes back as JSON.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import Services
from .hosted import HostedService

if TYPE_CHECKING:
    from nodes.images_api.making import Made, PictureProgress

TODAY = date(2026, 11, 21)
ROOT = Path(__file__).resolve().parents[2]


def order(
    services: Services,
    state: Path,
    *,
    dies: str = "",
    packages: Path | None = None,
    variables: Mapping[str, str] | None = None,
    **request: Any,
) -> subprocess.CompletedProcess[str]:
    """Ask for pictures in a new process and wait for its end.

    Args:
        dies: "STEP:MOMENT", where it kills itself: a method of the ledger and "before", "after", "file" (the reply
            is written and no row says so) or "kept" (likewise the picture).
        packages: a folder with another openai client, to be used instead of the installed one.
        request: further fields of `Ask`.
    """
    there = {"url": services.base_url, "key": services.key}
    return _started({"at": [there], "state": str(state), "dies": dies, "ask": request}, packages, variables)


def order_everywhere(
    services: Sequence[HostedService], state: Path, *, dies: str = "", packages: Path | None = None, **request: Any
) -> subprocess.CompletedProcess[str]:
    """The same at several hosted services at once; it dies when all of them have come to the step."""
    return _started(_wanted(services, state, dies, request), packages)


def _wanted(services: Sequence[HostedService], state: Path, dies: str, request: Mapping[str, Any]) -> dict[str, Any]:
    at = [{"url": one.base_url, "key": one.key, "kind": one.kind, "model": one.cheapest} for one in services]
    return {"at": at, "state": str(state), "dies": dies, "ask": request}


def _started(
    wanted: Mapping[str, Any], packages: Path | None = None, variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    with tempfile.TemporaryDirectory() as folder:
        said, complained = Path(folder, "stdout"), Path(folder, "stderr")
        said.touch()
        complained.touch()
        arguments = (wanted, packages, {**os.environ, **(variables or {})}, said, complained)
        process = _processes().Process(target=_run, args=arguments)
        process.start()
        process.join()
        assert process.exitcode is not None
        return subprocess.CompletedProcess("", process.exitcode, said.read_text("utf-8"), complained.read_text("utf-8"))


@functools.cache
def _processes() -> Any:
    """Starts processes that have imported what takes long and is the same for all, where a system can."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch"])
    return context


def _run(
    wanted: Mapping[str, Any], packages: Path | None, variables: Mapping[str, str], said: Path, complained: Path
) -> None:
    """The customer's process."""
    for stream, file in ((sys.stdout, said), (sys.stderr, complained)):
        os.dup2(os.open(file, os.O_WRONLY), stream.fileno())
    os.environ.clear()
    os.environ.update(variables)
    sys.path[:0] = [str(folder) for folder in (packages, ROOT) if folder]
    buy(wanted)


def handed(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """What a customer that lived to the end got: {shape, info, partials, openai, peak_mb}."""
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _die_at(dies: str, all_of: int) -> None:
    """Kill this process when `all_of` threads are at the step."""
    from nodes.services import ledger
    from nodes.state import State

    step, moment = dies.split(":")
    owner, name = {"file": (ledger, "write_file"), "kept": (State, "keep")}.get(moment, (ledger.Ledger, step))
    real = getattr(owner, name)

    together = threading.Barrier(all_of)

    def die() -> None:
        together.wait(60)
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))

    def wrapped(*arguments: Any, **named: Any) -> Any:
        if moment == "before":
            die()
        result = real(*arguments, **named)
        die()
        return result

    setattr(owner, name, wrapped)


def make_here(services: Sequence[HostedService], state: Path, **request: Any) -> list[Made]:
    """What `order_everywhere` orders, made in this process."""
    wanted = _wanted(services, state, "", request)
    with ThreadPoolExecutor(1) as thread:  # in this one the browser's tests may have a loop running
        return thread.submit(lambda: asyncio.run(_make_all(wanted, lambda progress: None))).result()


async def _make_all(wanted: Mapping[str, Any], watched: Callable[[PictureProgress], None]) -> list[Made]:
    """One request at each place of `wanted["at"]`, side by side."""
    from nodes.endpoints import Endpoint
    from nodes.images_api.inputs import sent_with
    from nodes.images_api.making import make_pictures
    from nodes.images_api.plan import Ask, Operation, make_plan
    from nodes.services.ledger import Ledger
    from nodes.services.settings import ServiceSettings
    from nodes.services.spending import Account
    from nodes.state import State

    class Watch:
        def is_cancelled(self) -> bool:
            return False

        def raise_cancelled(self) -> None:
            raise AssertionError

        async def show(self, progress: PictureProgress) -> None:
            watched(progress)

    plain = {
        "operation": "generations", "model": "dall-e-3", "size": "1024x1024", "n": 1, "seed": 1,
        "prompt": "a red cube", "quality": "standard",
    }  # fmt: skip
    fields = {**plain, **wanted["ask"]}
    ask = Ask(**{**fields, "operation": Operation(fields["operation"])})
    settings = ServiceSettings(partial_images=1)
    account = Account(Ledger(State(Path(wanted["state"]))), settings)
    images = mask = None
    if ask.pictures:
        import torch

        images = torch.linspace(0, 1, 64 * 64 * 3).reshape(1, 64, 64, 3).repeat(ask.pictures, 1, 1, 1)
        mask = torch.ones(64, 64) if ask.has_mask else None

    async def make(at: Mapping[str, str]) -> Made:
        kind = at.get("kind", "openai")
        endpoint = Endpoint("studio", at["url"], stored_key=at["key"], kind=kind, max_parallel=16)
        plan = make_plan(dataclasses.replace(ask, model=at.get("model", ask.model)), endpoint, settings, TODAY)
        return await make_pictures(plan, sent_with(plan, images, mask), account, Watch())

    return await asyncio.gather(*map(make, wanted["at"]))


def buy(wanted: Mapping[str, Any]) -> None:
    """Make what is wanted and print what came, as JSON."""
    if wanted["dies"]:
        _die_at(wanted["dies"], len(wanted["at"]))
    partials: list[object] = []
    (made, *_) = asyncio.run(_make_all(wanted, lambda seen: seen.partial and partials.append(seen.partial)))
    import openai

    result = {
        "shape": list(made.images.shape),
        "info": json.loads(made.info.to_json()),
        "partials": len(partials),
        "openai": openai.__version__,
    }
    print(json.dumps({**result, "peak_mb": _peak_mb()}))


def _peak_mb() -> float | None:
    """The most memory this process ever had, in MB; None where the system does not say."""
    try:
        lines = Path("/proc/self/status").read_text("ascii").splitlines()
    except OSError:
        return None
    # Not getrusage: on Linux that starts from what the parent had.
    (peak,) = [line.split()[1] for line in lines if line.startswith("VmHWM")]
    return int(peak) / 2**10
