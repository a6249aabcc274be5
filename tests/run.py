"""The project's commands: `python3 tests/run.py demo | canvas | test | bench`; `make` calls this file.

Needs nothing but Python 3.10+: what is missing is set up first, in a cache folder (tests/comfyui/environment.py).
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from comfyui import environment

HERE = Path(__file__).resolve().parent
CHECKS = (
    ("format", ["-m", "ruff", "format", "--check", "."]),
    ("lint", ["-m", "ruff", "check", "."]),
    ("types", ["-m", "mypy"]),
    ("import rules", ["-c", "from importlinter.cli import lint_imports_command as c; c()"]),
    ("unit tests", ["-m", "pytest", "-q", "-n", "auto", "tests/unit"]),
    ("host tests", ["-m", "pytest", "-q", "--durations=15", "tests/host"]),
    ("browser tests", ["-m", "pytest", "-q", "--durations=15", "tests/browser"]),
)
# A busy machine runs into time limits; a second failure counts, and a second try is told.
LEVELS = ("unit tests", "host tests", "browser tests")


def main() -> int:
    if sys.version_info < (3, 10):  # noqa: UP036 - this file meets whatever Python people have
        raise SystemExit("Python 3.10 or newer is needed.")
    command, *arguments = sys.argv[1:] or ["help"]
    match command:
        case "test":
            return test(arguments)
        case "demo" | "canvas":
            return in_environment([str(HERE / f"{command}.py"), *arguments])
        case "bench":
            benches = sorted((HERE / "bench").glob("bench_*.py"))
            return max([in_environment([str(bench), *arguments]) for bench in benches], default=0)
    print(__doc__)
    return 2


def test(only: list[str]) -> int:
    """Run every check and every level; go on after a failure, so that one run tells all."""
    python = environment.prepare().python
    subprocess.run([str(python), "-c", "from comfyui import browser; browser.install_chromium()"], cwd=HERE, check=True)
    failed = []
    for name, arguments in CHECKS:
        if only and not any(word in name for word in only):
            continue
        print(f"\n=== {name}", flush=True)
        started = time.monotonic()
        passed = subprocess.run([str(python), *arguments], cwd=environment.PACK).returncode == 0
        if not passed and name in LEVELS:
            print(f"\n=== {name}: the failed ones once more, alone on the machine", flush=True)
            passed = subprocess.run([str(python), *arguments, "--last-failed"], cwd=environment.PACK).returncode == 0
            print(f"=== {name}: {'UNSTEADY, passed the second time' if passed else 'failed twice'}", flush=True)
        if not passed:
            failed.append(name)
        print(f"=== {name}: {'FAILED' if name in failed else 'ok'} in {time.monotonic() - started:.0f} s", flush=True)
    print(f"\n{'FAILED: ' + ', '.join(failed) if failed else 'Everything passed.'}", flush=True)
    return 1 if failed else 0


def in_environment(arguments: list[str]) -> int:
    """Run one of our scripts with the Python that has everything."""
    python = environment.prepare().python
    search = os.pathsep.join([str(HERE), str(environment.PACK)])
    try:
        return subprocess.run([str(python), *arguments], env={**os.environ, "PYTHONPATH": search}).returncode
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
