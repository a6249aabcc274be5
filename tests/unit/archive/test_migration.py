"""Drawing many pictures again: a trial that stands for all, a steady queue, and every picture exactly once."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import random
import sqlite3
import sys
import time
import uuid
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from chatgpt_exports import Export

from nodes import state as state_module
from nodes.archive import items, migration, migration_report
from nodes.archive.migrating import AT_ONCE, Migrating
from nodes.archive.reproductions import of_item, store
from nodes.archive.spread import Candidate, spread
from nodes.errors import DalleFluxError
from nodes.state import State

SEEDS = 50


class RunCancelled(DalleFluxError):
    code = "run_cancelled"


class Run:
    def __init__(self, title: str, *, previews: bool):
        loop = asyncio.get_running_loop()
        self.id = str(uuid.uuid4())
        self.result, self.ended = loop.create_future(), loop.create_future()


class Queue:
    """What `host.queue` promises, with a drawer that takes a moment and stores a picture as the save node does."""

    Run = Run

    def __init__(self, state: State, *, fails: Counter | None = None):
        self.state, self.fails = state, fails or Counter()
        self.waiting: list[tuple[Run, dict, str]] = []
        self.drawn: Counter = Counter()
        self.most = 0
        self.worker: asyncio.Task | None = None

    async def put(self, run: Run, graph: dict, output_node: str) -> None:
        assert graph[output_node]["class_type"] == migration.SAVE
        self.waiting.append((run, graph, output_node))
        self.most = max(self.most, len(self.waiting))
        if self.worker is None or self.worker.done():
            self.worker = asyncio.get_running_loop().create_task(self._work())

    def cancel(self, run: Run) -> None:
        for one in [one for one in self.waiting if one[0] is run]:
            self.waiting.remove(one)
            self._end(run, RunCancelled("cancelled"))

    async def _work(self) -> None:
        while self.waiting:
            run, graph, _ = self.waiting[0]
            await asyncio.sleep(0.002)
            item = next(node for node in graph.values() if node["class_type"] == migration.LOAD)["inputs"]["query"][3:]
            if self.fails[item] > 0:
                self.fails[item] -= 1
                self._end(run, DalleFluxError("the sampler broke"))
            else:
                self.drawn[item] += 1
                images = torch.tensor(list(uuid.uuid4().bytes) * 12).reshape(1, 8, 8, 3) / 255
                await asyncio.to_thread(store, self.state, item, images, "drawn", "{}", "", run.id)
                self._end(run, None)
            self.waiting = [one for one in self.waiting if one[0] is not run]

    def _end(self, run: Run, error: Exception | None) -> None:
        if not run.result.done():
            run.result.set_exception(error) if error else run.result.set_result([])
            run.ended.set_result(None)


@pytest.fixture
def filled(archive):
    return fill(archive)


def fill(archive):
    """Twelve pictures with words, and one without."""
    export = Export("2026", 3)
    for number in range(12):
        export.dalle3(size=(16 + number, 16))
    export.stray("x.dat", export.pictures[0].data[:-1] + b"!")
    archive.take(export.as_folder(archive.input / "e").name)
    return archive


def begin(archive, queue: Queue, trial: int = 0) -> tuple[Migrating, str]:
    whole = Migrating(lambda: archive.state, queue, lambda state, one: [])
    return whole, migration.create(archive.state, "", migration.read_plan(None), trial)


async def until(archive, migration_id: str, *states: str) -> dict:
    for _ in range(2000):
        told = migration.told(archive.state, migration_id)
        if told["state"] in states:
            return told
        await asyncio.sleep(0.01)
    raise TimeoutError(told)


async def test_a_trial_comes_first_and_the_rest_when_it_is_wanted(filled):
    queue = Queue(filled.state)
    whole, one = begin(filled, queue, trial=4)
    whole.feed(one)
    told = await until(filled, one, "tried")
    assert (told["done"], told["held"], told["total"]) == (4, 8, 12)
    migration.change(filled.state, one, "continue")
    whole.feed(one)
    told = await until(filled, one, "done")
    assert (told["done"], told["held"], told["failed"]) == (12, 0, 0)
    assert told["seconds_a_picture"] > 0
    assert set(queue.drawn.values()) == {1}
    assert queue.most == AT_ONCE


async def test_pausing_feeds_no_more_and_resuming_carries_on(filled):
    queue = Queue(filled.state)
    whole, one = begin(filled, queue)
    whole.feed(one)
    await asyncio.sleep(0.03)
    migration.change(filled.state, one, "pause")
    for _ in range(1000):
        if migration.told(filled.state, one)["drawing"] == 0:
            break
        await asyncio.sleep(0.01)
    stopped_at = migration.told(filled.state, one)["done"]
    assert stopped_at < 12
    for _ in range(3):
        migration.change(filled.state, one, "resume")
        whole.feed(one)
        migration.change(filled.state, one, "pause")
    migration.change(filled.state, one, "resume")
    whole.feed(one)
    assert (await until(filled, one, "done"))["done"] == 12
    assert set(queue.drawn.values()) == {1}


async def test_what_fails_is_told_and_tried_again_and_three_in_a_row_stop_it(filled):
    ids = [item.id for item in items.search(filled.state, "is:matched").items]
    queue = Queue(filled.state, fails=Counter({ids[1]: 1}))
    whole, one = begin(filled, queue)
    whole.feed(one)
    told = await until(filled, one, "done")
    assert (told["done"], told["failed"]) == (11, 1)
    assert told["failures"] == [{"item": ids[1], "error": "the sampler broke"}]
    migration.change(filled.state, one, "resume")
    whole.feed(one)
    assert (await until(filled, one, "done"))["done"] == 12

    queue = Queue(filled.state, fails=Counter(dict.fromkeys(ids, 1)))
    whole, one = begin(filled, queue)
    whole.feed(one)
    told = await until(filled, one, "paused")
    assert "in a row" in told["reason"]
    assert told["failed"] <= 3 + AT_ONCE


async def test_cancelling_takes_it_out_of_the_queue(filled):
    queue = Queue(filled.state)
    whole, one = begin(filled, queue)
    whole.feed(one)
    await asyncio.sleep(0.02)
    migration.change(filled.state, one, "cancel")
    whole.stop(one)
    await asyncio.gather(*whole._feeding.values())
    told = migration.told(filled.state, one)
    assert (told["state"], told["drawing"]) == ("cancelled", 0)
    with pytest.raises(migration.BadMigration, match="is cancelled"):
        migration.change(filled.state, one, "resume")


async def test_a_workflow_that_the_host_refuses_pauses_and_loses_nothing(filled):
    queue = Queue(filled.state)
    whole, one = begin(filled, queue)
    put, count = queue.put, iter(range(99))

    async def second_is_refused(run: Run, graph: dict, output_node: str) -> None:
        if next(count) == 1:
            raise DalleFluxError("no such node")
        await put(run, graph, output_node)

    queue.put = second_is_refused
    whole.feed(one)
    told = await until(filled, one, "paused")
    assert told["reason"] == "no such node"
    await asyncio.gather(*whole._feeding.values())
    assert migration.told(filled.state, one)["drawing"] == 0
    migration.change(filled.state, one, "resume")
    whole.feed(one)
    assert (await until(filled, one, "done"))["done"] == 12
    assert set(queue.drawn.values()) == {1}


async def test_a_report_that_cannot_be_written_costs_no_picture(filled):
    def full(state: State, migration_id: str) -> list[Path]:
        raise OSError("no space left")

    one = migration.create(filled.state, "", migration.read_plan(None), 2)
    whole = Migrating(lambda: filled.state, Queue(filled.state), full)
    whole.feed(one)
    await until(filled, one, "tried")
    await asyncio.gather(*whole._feeding.values())
    told = migration.told(filled.state, one)
    assert (told["done"], told["report"]) == (2, [])
    assert "no space left" in told["reason"]


@pytest.mark.parametrize("graph", [{}, [], 7, {"1": 7}, {"1": {"class_type": migration.LOAD, "inputs": {}}}])
def test_a_workflow_without_both_nodes_is_refused(graph):
    with pytest.raises(migration.BadMigration, match="archive-vs-flux"):
        migration.read_plan(graph)


def test_a_search_without_words_cannot_be_drawn(filled):
    with pytest.raises(migration.BadMigration, match="no picture"):
        migration.create(filled.state, "match:none", migration.read_plan(None), 0)


def test_a_trial_is_spread_over_makers_shapes_styles_and_time():
    def many(count: int, **about: object) -> list[Candidate]:
        fields = {"maker": "dall-e-3", "width": 10, "height": 10, "words": "a fox", **about}
        return [Candidate(f"{about}{number}", **fields) for number in range(count)]

    groups = [
        many(500),
        many(30, words="a photo of a fox"),
        many(3, width=20),
        many(2, maker="gpt-image"),
        many(1, words="a logo"),
    ]
    chosen = spread([one for group in groups for one in group], 10)
    assert len(set(chosen)) == 10
    for group in groups:
        assert {one.id for one in group} & set(chosen)
    assert {groups[0][0].id, groups[0][-1].id} & set(chosen)
    assert spread(groups[4], 10) == [groups[4][0].id]
    assert len(set(spread(many(7), 7))) == 7


def test_the_report_shows_originals_beside_what_was_drawn(filled, tmp_path):
    one = migration.create(filled.state, "", migration.read_plan(None), 0)
    metrics = {"pairs": [{"pair": 1, "a": "DALL·E", "b": "FLUX", "ssim": 0.5}], "meaning": {"ssim": "alike"},
               "alignment": {"rule": "fit", "meaning": "shape kept"}, "caution": "careful"}  # fmt: skip
    for number in range(3):
        run = f"run{number}"
        item = migration.take(filled.state, one, run)
        store(
            filled.state,
            item,
            torch.rand(1, 8, 8, 3),
            "<b>drawn</b>",
            '{"model": "FLUX.1-dev"}',
            json.dumps(metrics),
            run,
        )
    files = migration_report.write(filled.state, one, tmp_path)
    page = files[0].read_text("utf-8")
    assert page.count("<figure") == 6
    assert "&lt;b&gt;drawn" in page
    assert page.count("0.5") >= 3
    assert files[1].read_bytes()[:4] == b"\x89PNG"


def _migrate_in_a_child(root: Path) -> None:
    """Runs in a process that will be killed."""
    state_module._kept_open = None  # the parent's, which is not to be touched
    torch.set_num_threads(1)

    async def all_of_it() -> None:
        archive = SimpleNamespace(state=State(root / "state"))
        whole = Migrating(lambda: archive.state, Queue(archive.state), lambda state, one: [])
        await whole.start()
        await asyncio.gather(*whole._feeding.values())

    asyncio.run(all_of_it())


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot be forked there")
def test_killed_anywhere_every_picture_is_drawn_once(archive_in_memory):
    filled = fill(archive_in_memory)
    root, chance = filled.state.root.parent, random.Random(5)
    killed, ids = 0, []

    def begin() -> None:
        ids.append(migration.create(filled.state, "", migration.read_plan(None), 0))

    def child_ends(within: float | None) -> bool:
        child = multiprocessing.get_context("fork").Process(target=_migrate_in_a_child, args=(root,))
        child.start()
        child.join(within)
        was_alive = child.is_alive()
        child.kill()
        child.join()
        return not was_alive

    begin()
    started = time.perf_counter()
    child_ends(None)
    whole = time.perf_counter() - started  # of a migration that nobody kills, on this machine
    for seed in range(SEEDS):
        if seed % 5 == 0:
            begin()
        killed += not child_ends(chance.uniform(0.0, whole / 2))
    child_ends(None)
    assert killed >= 3, "the kills came too late to prove anything"
    for one in ids:
        told = migration.told(filled.state, one)
        assert (told["state"], told["done"], told["total"]) == ("done", 12, 12)
        for item, pictures in migration.drawn(filled.state, one).items():
            assert len(pictures) == 1
            assert len(of_item(filled.state, item)) == len(ids), "each migration drew it once"
    with sqlite3.connect(filled.state.root / "state.sqlite") as database:
        assert database.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
