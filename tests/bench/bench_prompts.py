"""How fast prompts are converted by rules, on one core, and whether memory stays flat.

`python3 tests/run.py bench` or, without a host, `python tests/bench/bench_prompts.py`. Texts: those of the unit tests.
"""

from __future__ import annotations

import gc
import sys
import time
import tracemalloc
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from nodes.prompts.convert import ConversionRequest, convert  # noqa: E402

DATA = HERE.parent / "unit" / "prompts" / "data"
TARGET_PER_S = 2000
ROUNDS = 5
MANY = 100_000


def texts(name: str) -> list[str]:
    return (DATA / f"{name}.txt").read_text("utf-8").splitlines()


def per_second(prompts: list[str]) -> float:
    """The best of some rounds, in processor time of this one thread."""
    best = 0.0
    for _ in range(ROUNDS):
        started = time.thread_time()
        for prompt in prompts:
            convert(ConversionRequest(prompt))
        best = max(best, len(prompts) / (time.thread_time() - started))
    return best


def yardstick() -> float:
    """Splits of a text of 300 characters a second: how fast this machine is just now."""
    text, times = "the quick brown fox " * 15, 20_000
    started = time.thread_time()
    for _ in range(times):
        text.split()
    return times / (time.thread_time() - started)


def main() -> int:
    short, long = texts("drawbench"), texts("drawbench_upsampled")
    splits = yardstick()
    mixed = per_second(short + long)
    print(f"prompts: {mixed:,.0f}/s over the 400 texts (target {TARGET_PER_S:,}/s), "
          f"{per_second(short):,.0f}/s short, {per_second(long):,.0f}/s upsampled")  # fmt: skip
    print(f"         one conversion costs as much as {splits / mixed:,.0f} calls of str.split on 300 characters")
    once = time.thread_time()
    convert(ConversionRequest(" ".join(f"Fox number {n} runs over the hill." for n in range(30_000))))
    print(f"         one prompt of a megabyte: {time.thread_time() - once:.2f} s")
    several = (short + long) * (MANY // 400)
    gc.collect()
    tracemalloc.start()
    marks = []
    for number, prompt in enumerate(several[: 20_000 if "--quick" in sys.argv else MANY], 1):
        convert(ConversionRequest(prompt))
        if number % 10_000 == 0:
            gc.collect()
            marks.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    print(f"         memory after each 10,000 of {number:,}: {', '.join(f'{mark / 1024:.0f}' for mark in marks)} KiB")
    flat = marks[-1] < marks[0] + 200_000
    print(f"         {'flat' if flat else 'GROWING'}")
    return 0 if flat else 1


if __name__ == "__main__":
    sys.exit(main())
