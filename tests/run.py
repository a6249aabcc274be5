"""The project's commands: `python3 tests/run.py demo | canvas | fleet | check | test | bench`; `make` calls this file.

Needs nothing but Python 3.10+: what is missing is set up first, in a cache folder (tests/comfyui/environment.py).
`test` takes words, too: `python3 tests/run.py test types browser` runs the checks with such names.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import checks
from checks import Check
from comfyui import environment
from comfyui.environment import Environment

HERE = Path(__file__).resolve().parent


def main() -> int:
    if sys.version_info < (3, 10):  # noqa: UP036 - this file meets whatever Python people have
        raise SystemExit("Python 3.10 or newer is needed.")
    for stream in (sys.stdout, sys.stderr):  # a Windows console in cp1252 knows no →
        stream.reconfigure(encoding="utf-8", errors="replace")
    os.environ["PYTHONUTF8"] = "1"  # for everything that is started from here
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else every process compiles all tests anew: seven seconds
    command, *arguments = sys.argv[1:] or ["help"]
    match command:
        case "check":
            return report(beside(checks.QUICK, environment.prepare()))
        case "test":
            return test(arguments)
        case "demo" | "canvas" | "fleet":
            return in_environment([str(HERE / f"{command}.py"), *arguments])
        case "bench":
            benches = sorted((HERE / "bench").glob("bench_*.py"))
            return max([in_environment([str(bench), *arguments]) for bench in benches], default=0)
    print(__doc__)
    return 2


def test(words: list[str]) -> int:
    """Run every check and every level; go on after a failure, so that one run tells all."""

    def wanted(name: str) -> bool:
        return not words or any(word in name for word in words)

    host = environment.prepare()
    levels = [level for level in checks.SLOW if wanted(f"{level} tests")]
    if "browser" in levels:
        code = "from comfyui import browser; browser.install_chromium()"
        subprocess.run([str(host.python), "-c", code], cwd=HERE, check=True)
    failed = beside([one for one in (*checks.QUICK, *checks.ECOSYSTEM, checks.GROWTH) if wanted(one.name)], host)
    if levels:
        failed += run_level(checks.slow(levels), host)
    return report(failed)


def report(failed: list[str]) -> int:
    print(f"\n{'FAILED: ' + ', '.join(failed) if failed else 'Everything passed.'}", flush=True)
    return 1 if failed else 0


def beside(chosen: Iterable[Check], host: Environment) -> list[str]:
    """Run checks side by side; each one's output appears when it has ended. Returns the names of those that failed."""

    def run(check: Check) -> tuple[bool, str, float]:
        started = time.monotonic()
        try:
            done = check.prepare(host).run(
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace"
            )
            passed, told = done.returncode == 0, done.stdout
        except (Exception, SystemExit) as error:  # one check's tool could not be got; the others still count
            passed, told = False, f"{getattr(error, 'stderr', None) or error}\n"
        return passed, told, time.monotonic() - started

    failed: list[str] = []
    again: list[Check] = []
    with ThreadPoolExecutor(16) as pool:
        running = {pool.submit(run, check): check for check in chosen}
        for ended in as_completed(running):
            check, (passed, told, seconds) = running[ended], ended.result()
            print(f"\n=== {check.name}\n{told}=== {check.name}: {'ok' if passed else 'FAILED'} in {seconds:.0f} s")
            sys.stdout.flush()
            if not passed and check.is_level:
                again.append(check)
            elif not passed:
                failed.append(check.name)
    for check in again:
        failed += second_try(check, host)
    return failed


def run_level(check: Check, host: Environment) -> list[str]:
    """Run a level of tests with its output as it comes; returns its name if it failed twice."""
    print(f"\n=== {check.name}", flush=True)
    started = time.monotonic()
    failed = [] if check.prepare(host).run().returncode == 0 else second_try(check, host)
    print(f"=== {check.name}: {'FAILED' if failed else 'ok'} in {time.monotonic() - started:.0f} s", flush=True)
    return failed


def second_try(check: Check, host: Environment) -> list[str]:
    """A busy machine runs into time limits; a second failure counts, and a second try is told."""
    print(f"\n=== {check.name}: the failed ones once more, alone on the machine", flush=True)
    command = check.prepare(host)
    alone = checks.Command([*command.arguments, "-n", "0", "--last-failed"], command.folder, command.variables)
    passed = alone.run().returncode == 0
    print(f"=== {check.name}: {'UNSTEADY, passed the second time' if passed else 'failed twice'}", flush=True)
    return [] if passed else [check.name]


def in_environment(arguments: list[str]) -> int:
    """Run one of our scripts with the Python that has everything."""
    python = environment.prepare().python
    search = os.pathsep.join([str(HERE), str(environment.PACK)])
    process = subprocess.Popen([str(python), *arguments], env={**os.environ, "PYTHONPATH": search})
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue  # it was told as well, and puts away what it made


if __name__ == "__main__":
    sys.exit(main())
