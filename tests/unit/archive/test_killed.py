"""An import that is killed at any moment: nothing is lost, nothing is there twice, and it carries on by itself."""

from __future__ import annotations

import hashlib
import math
import multiprocessing
import random
import signal
import sqlite3
import sys
import time
from pathlib import Path

import pytest
from chatgpt_exports import ordinary

from nodes import state as state_module
from nodes.archive import importing, items
from nodes.archive.imports import Imports
from nodes.archive.tables import MIGRATIONS, ROOM
from nodes.state import State

SEEDS = 50
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a process cannot be forked there")


def _imports(root: Path) -> Imports:
    return Imports(lambda: State(root / "state"), lambda path: root / path)


def _import_in_a_child(root: Path, begin: bool) -> None:
    """Runs in a process that will be killed."""
    state_module._kept_open = None  # the parent's, which is not to be touched
    importing._ROWS_AT_ONCE = 2
    imports = _imports(root)
    if begin:
        imports.start("export.zip")
    else:
        imports.carry_on()
    for import_id in list(imports._live):
        imports.wait(import_id)


def _run(root: Path, begin: bool, kill_after: float | None) -> float:
    child = multiprocessing.get_context("fork").Process(target=_import_in_a_child, args=(root, begin))
    began = time.monotonic()
    child.start()
    child.join(kill_after)
    if child.is_alive() and kill_after is not None:
        child.kill()
    child.join()
    assert child.exitcode in (0, -signal.SIGKILL)
    return time.monotonic() - began


def test_killed_anywhere_it_ends_as_if_nothing_had_happened(in_memory, expected):
    export = ordinary("2026", turns=4)
    answers = expected(export)
    whole = in_memory / "undisturbed"
    whole.mkdir()
    export.as_zip(whole / "export.zip")
    lasts = math.inf
    for again in range(3):
        undisturbed = in_memory / f"undisturbed {again}"
        undisturbed.mkdir()
        (undisturbed / "export.zip").hardlink_to(whole / "export.zip")
        lasts = min(lasts, _run(undisturbed, True, None))
    cut_short = 0
    for seed in range(SEEDS):
        root = in_memory / str(seed)
        root.mkdir()
        (root / "export.zip").hardlink_to(whole / "export.zip")
        chance = random.Random(seed)
        _run(root, True, chance.uniform(0.0, lasts))
        if seed % 5 == 0:
            _run(root, False, chance.uniform(0.0, lasts))
        state = State(root / "state")
        imports = _imports(root)
        imports.carry_on()
        cut_short += bool(imports._live)
        for import_id in list(imports._live):
            imports.wait(import_id)
        told = imports.all()
        if not told:  # killed before it was accepted
            imports.wait(imports.start("export.zip"))
            told = imports.all()
        assert [(one["state"], one["missing"], one["unmatched"]) for one in told] == [("done", 1, 1)], seed
        found = {item.id: item for item in items.search(state, limit=999).items}
        assert set(found) == set(answers), seed
        for sha256, answer in answers.items():
            assert found[sha256].revised_prompt == answer["revised_prompt"]
            assert hashlib.sha256(state.kept(sha256).read_bytes()).hexdigest() == sha256
        assert len(imports.findings(told[0]["id"], "", 0, 99)) == 2
        assert items.search(state, "numbered").total == sum(
            "numbered" in one["revised_prompt"] for one in answers.values()
        )
        with sqlite3.connect(state.root / "state.sqlite") as database:
            assert database.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert cut_short >= 3, "the kills came too late to prove anything"


def test_an_import_that_takes_comfyui_down_is_not_begun_for_ever(archive):
    with archive.state.database(ROOM, MIGRATIONS) as database:
        database.execute(
            "INSERT INTO archive_imports (id, path, state, attempts, started) VALUES ('a', 'e.zip', 'running', 3, 1)"
        )
    archive.imports.carry_on()
    told = archive.imports.get("a")
    assert told["state"] == "failed"
    assert "import anew" in told["error"]


def test_an_import_whose_file_is_gone_fails_when_it_is_carried_on(archive):
    with archive.state.database(ROOM, MIGRATIONS) as database:
        database.execute(
            "INSERT INTO archive_imports (id, path, state, attempts, started) VALUES ('a', 'gone.zip', 'running', 1, 1)"
        )
    archive.imports.carry_on()
    archive.imports.wait("a")
    assert archive.imports.get("a")["state"] == "failed"


def test_a_cancelled_import_keeps_what_it_has(archive, monkeypatch):
    export = ordinary("2026", turns=6)
    path = export.as_zip(archive.input / "e.zip").name
    begun = []
    kept = State.keep

    def keep(self: State, data: bytes) -> str:
        if len(begun) == 1:
            archive.imports.cancel(begun[0])
        begun.append(next(iter(archive.imports._live)))
        return kept(self, data)

    monkeypatch.setattr(State, "keep", keep)
    told = archive.take(path)
    assert told["state"] == "cancelled"
    assert 0 < told["added"] < sum(one.held for one in export.pictures)
    assert items.search(archive.state).total == told["added"]
    monkeypatch.undo()
    told = archive.take(path)
    assert (told["state"], told["found"]) == ("done", sum(one.held for one in export.pictures))
