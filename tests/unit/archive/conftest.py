"""An archive in a folder of its own, and imports without a host."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nodes.archive.imports import Imports
from nodes.state import State


class Archive:
    """What a ComfyUI would have: a state folder, an input folder, imports."""

    def __init__(self, root: Path):
        self.state = State(root / "state")
        self.input = root / "input"
        self.input.mkdir(parents=True)
        self.imports = Imports(lambda: self.state, lambda path: self.input / path)

    def take(self, path: Path | str) -> dict[str, Any]:
        """Import and wait for the end."""
        return self.wait(self.imports.start(str(path)))

    def wait(self, import_id: str) -> dict[str, Any]:
        self.imports.wait(import_id)
        return self.imports.get(import_id)


@pytest.fixture
def in_memory(tmp_path: Path) -> Iterator[Path]:
    """A folder that waits for no disk, where the system has one: a process that is killed loses nothing in it."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path)


@pytest.fixture
def archive_in_memory(in_memory: Path) -> Archive:
    return Archive(in_memory / "archive")


@pytest.fixture
def expected() -> Callable[..., dict[str, dict[str, Any]]]:
    """What should be in the archive after an export came in, by SHA-256."""
    import hashlib

    def answers(export: Any) -> dict[str, dict[str, Any]]:
        return {
            hashlib.sha256(one.data).hexdigest(): {
                "maker": one.maker, "match": one.match, "prompt": one.prompt, "revised_prompt": one.revised_prompt,
                "conversation": one.conversation,
            }
            for one in export.pictures
            if one.held
        }  # fmt: skip

    return answers
