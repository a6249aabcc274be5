"""Training: rectified flow on scenes drawn while it runs, by processes of one thread each that share their weights.

One process a core, since two threads of one process wait for each other whenever the machine does something else.
Every few steps a process moves half of the way to what the others have. What is drawn gets harder with the number of
samples seen; the folder holds all that is needed to stop and to go on.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import torch
from safetensors.torch import load_file, save_file
from torch.func import functional_call

from . import latents, world
from .captions import caption
from .text import Encoders
from .transformer import Flux, fuse, patch

WEIGHTS, STATE, LOG = "flux1-dev.safetensors", "state.pt", "log.jsonl"
STOP = "stop"  # a file of this name in the folder ends a run
MEET_STEPS, SAVE_S, LOG_STEPS, WARM_UP_STEPS = 16, 120, 100, 150
EMPTY = 0.1  # captions left out, for guidance
AVERAGED = 0.05  # the weights that come out are the mean over about the last such share of all samples
TELLING = 7.0  # how much more the loss looks at where kinds differ
LATE = 1.2  # shift of the time's logit towards noise, at 8 × 8 tokens; finer pictures hide less and get more
TOKENS = 1536  # in a batch: few, since the samples that two cores can see are the limit
FORMS = {"1024x1024": 1.0, "1792x1024": 1.75, "1024x1792": 1 / 1.75}
# Inputs as wide as these would move by their width with each step of Adam, so that rarer words drown.
SLOW = {"txt_in.weight": 0.1, "vector_in.in_layer.weight": 0.25}


@dataclass(frozen=True)
class Plan:
    """How to train."""

    folder: Path  # what is written, and read again to go on
    comfyui: Path
    seconds: float
    rate: float = 1e-3  # of learning; it falls to zero over the last `falling` of the time
    falling: float = 0.0
    start: Path | None = None  # weights to begin with
    processes: int = 2
    seed: int = 0
    simple: int = 60_000  # samples of mostly single things, coarse and in few words
    fine: int = 200_000  # samples after which half of the time goes to 12 × 12 tokens


def train(plan: Plan) -> None:
    """Train for `plan.seconds`, going on where the folder's last run stopped."""
    plan.folder.mkdir(parents=True, exist_ok=True)
    (plan.folder / STOP).unlink(missing_ok=True)
    size = sum(weight.numel() for weight in Flux().parameters())
    shared = torch.zeros(plan.processes, size).share_memory_()
    seen = torch.zeros(plan.processes, dtype=torch.long).share_memory_()  # samples
    torch.multiprocessing.spawn(_work, (plan, shared, seen), nprocs=plan.processes)


def _work(rank: int, plan: Plan, shared: torch.Tensor, seen: torch.Tensor) -> None:
    if hasattr(os, "setsid"):
        os.setsid()  # Linux shares the processor among sessions first; a worker counts as one
    torch.set_num_threads(1)
    fuse()
    net = Flux()
    weights = dict(net.named_parameters())
    state = _state(plan)
    begun = int(state.get("samples", 0)) if state else 0
    torch.manual_seed(plan.seed + begun + rank)
    if state:
        net.load_state_dict(state["weights"])
    elif plan.start:
        net.load_state_dict({name: tensor.float() for name, tensor in load_file(plan.start).items()})
    else:
        torch.manual_seed(plan.seed)
        net = Flux()
        weights = dict(net.named_parameters())
        torch.manual_seed(plan.seed + rank)
    average = state["average"] if state else {name: weight.detach().clone() for name, weight in weights.items()}
    optimizer = torch.optim.AdamW(_groups(weights, plan.rate), betas=(0.9, 0.98), fused=True)
    if state and "optimizer" in state:
        optimizer.load_state_dict(state["optimizer"])
    started = saved = time.monotonic()
    batches = _batches(plan, random.Random(plan.seed + begun + rank), lambda: begun + int(seen.sum()))
    losses: list[float] = []
    for step in itertools.count(1):
        done = (time.monotonic() - started) / plan.seconds
        if done >= 1 or (plan.folder / STOP).exists():
            break
        batch = next(batches)
        loss = _loss(net, weights, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights.values(), 1.0)
        left = min(1.0, (1 - done) / plan.falling) if plan.falling else 1.0
        for group in optimizer.param_groups:
            group["lr"] = plan.rate * group["share"] * left * min(1.0, step / WARM_UP_STEPS)
        optimizer.step()
        optimizer.zero_grad()
        seen[rank] += len(batch.tokens)
        nearer = min(1.0, plan.processes * len(batch.tokens) / (AVERAGED * (begun + int(seen.sum()))))
        torch._foreach_lerp_(list(average.values()), [weight.detach() for weight in weights.values()], nearer)
        losses.append(loss.item())
        if step % MEET_STEPS == 0:
            _meet(rank, weights, shared)
        if rank == 0 and step % LOG_STEPS == 0:
            _log(plan.folder, time.monotonic() - started, begun + int(seen.sum()), losses)
            losses.clear()
        if rank == 0 and time.monotonic() - saved > SAVE_S:
            _save(plan.folder, net, average, optimizer, begun + int(seen.sum()))
            saved = time.monotonic()
    if rank == 0:
        _save(plan.folder, net, average, optimizer, begun + int(seen.sum()))


@dataclass(frozen=True)
class _Batch:
    tokens: torch.Tensor  # [batch, rows * columns, 64]
    importance: torch.Tensor  # the same shape, 1 … 1 + TELLING
    text: torch.Tensor
    copies: torch.Tensor
    pooled: torch.Tensor
    rows: int
    columns: int


def _batches(plan: Plan, rng: random.Random, samples: Any) -> Iterator[_Batch]:
    """Scenes of one size a batch, captions of about one length."""
    encoders = Encoders(plan.comfyui)
    while True:
        seen = samples()
        simple = seen < plan.simple
        edge = 6 if simple else 8 if seen < plan.fine or rng.random() < 0.5 else 12
        size = rng.choices(list(FORMS), (0.7, 0.15, 0.15))[0]
        rows, columns = round(edge / FORMS[size] ** 0.5), round(edge * FORMS[size] ** 0.5)
        count = max(1, TOKENS // (rows * columns + (20 if simple else 32)))
        scenes = [world.scene(rng, singles=0.85 if simple else 0.4) for _ in range(6 * count)]
        bare = 0.75 if simple else 0.1
        asked = [(caption(rng, one, size, bare=bare) if rng.random() > EMPTY else "", one) for one in scenes]
        asked.sort(key=lambda pair: len(pair[0]))
        parts = [asked[start : start + count] for start in range(0, len(asked), count)]
        rng.shuffle(parts)
        for part in parts:
            width, height = 16 * columns // latents.QUARTER, 16 * rows // latents.QUARTER
            means = numpy.stack([numpy.asarray(world.smooth(one, width, height)) for _, one in part])
            telling = numpy.stack([world.telling(one, 2 * columns, 2 * rows) for _, one in part])
            importance = 1 + TELLING * patch(torch.from_numpy(telling)[:, None])
            captions = [text for text, _ in part]
            text, copies = encoders.t5(captions)
            yield _Batch(
                patch(latents.encode(torch.from_numpy(means))),
                importance.repeat(1, 1, 16),
                text,
                copies,
                encoders.pooled(captions),
                rows,
                columns,
            )


def _loss(net: Flux, weights: dict[str, torch.nn.Parameter], batch: _Batch) -> torch.Tensor:
    count = len(batch.tokens)
    late = LATE + math.log(math.sqrt(batch.rows * batch.columns) / 8)
    moment = torch.sigmoid(torch.randn(count) + late)
    anywhere = torch.rand(count) < 0.1
    moment[anywhere] = torch.rand(int(anywhere.sum()))
    noise = torch.randn_like(batch.tokens)
    mixed = torch.lerp(batch.tokens, noise, moment[:, None, None])
    guidance = torch.full((count,), 3.5)
    inputs = (mixed, moment, batch.text, batch.copies, batch.pooled, guidance, batch.rows, batch.columns)
    half = {name: weight.bfloat16() for name, weight in weights.items()}
    velocity = functional_call(net, half, inputs).float()
    error = (velocity - (noise - batch.tokens)).square() * batch.importance
    return error.mean() / batch.importance.mean()


def _groups(weights: dict[str, torch.nn.Parameter], rate: float) -> list[dict[str, Any]]:
    groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    for name, weight in weights.items():
        if name.startswith("guidance_in."):  # a constant until it is distilled
            weight.requires_grad_(False)
            continue
        groups.setdefault((SLOW.get(name, 1.0), 0.01 if weight.ndim > 1 else 0.0), []).append(weight)
    return [
        {"params": members, "share": share, "weight_decay": decay, "lr": rate * share}
        for (share, decay), members in groups.items()
    ]


def _meet(rank: int, weights: dict[str, torch.nn.Parameter], shared: torch.Tensor) -> None:
    """Tell the others, and go half of the way to their mean; nobody waits for anybody."""
    with torch.no_grad():
        mine = torch.nn.utils.parameters_to_vector(weights.values())
        shared[rank] = mine
        others = [row for index, row in enumerate(shared) if index != rank and row.any()]
        if others:
            both = torch.lerp(mine, torch.stack(others).mean(0), 0.5)
            torch.nn.utils.vector_to_parameters(both, weights.values())


def _log(folder: Path, seconds: float, samples: int, losses: list[float]) -> None:
    line = {"seconds": round(seconds), "samples": samples, "loss": round(sum(losses) / len(losses), 4)}
    with (folder / LOG).open("a", encoding="utf-8") as file:
        print(json.dumps(line), file=file)


def _state(plan: Plan) -> dict[str, Any] | None:
    path = plan.folder / STATE
    return torch.load(path, weights_only=True) if path.is_file() else None


def _save(
    folder: Path, net: Flux, average: dict[str, torch.Tensor], optimizer: torch.optim.Optimizer, samples: int
) -> None:
    """Written beside its place and renamed into it, so that a stop at any moment leaves the last one whole."""
    state = {
        "weights": net.state_dict(), "average": average, "optimizer": optimizer.state_dict(), "samples": samples,
    }  # fmt: skip
    torch.save(state, folder / f"{STATE}.new")
    (folder / f"{STATE}.new").replace(folder / STATE)
    half = {name: weight.bfloat16() for name, weight in average.items()}
    save_file(half, folder / f"{WEIGHTS}.new", {"note": f"small FLUX, {samples} samples"})
    (folder / f"{WEIGHTS}.new").replace(folder / WEIGHTS)
