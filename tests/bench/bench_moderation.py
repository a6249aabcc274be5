"""What the local checks cost: prompts a second, milliseconds a picture, beside better-profanity and bare NudeNet.

With paths, it also measures the prompt check on public sets, which are not part of this project:

    python tests/bench/bench_moderation.py --benign PartiPrompts.tsv --openai samples-1680.jsonl

PartiPrompts: github.com/google-research/parti (Apache-2.0); the other: github.com/openai/moderation-api-release (MIT).
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import sys
import time
from collections.abc import Callable
from operator import attrgetter
from pathlib import Path

import numpy as np
from PIL import Image

PACK = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PACK))
sys.path.insert(0, str(PACK / "tests" / "unit"))

from moderation.labelled_set import found, measure, read, table  # noqa: E402
from moderation.unseen_sets import PARTS, lines, shares, written  # noqa: E402

from nodes.moderation import local_picture, local_text  # noqa: E402

ROUNDS = 7
PICTURES = 5
WIRE = {
    "S": "sexual", "H": "hate", "V": "violence", "HR": "harassment", "SH": "self-harm", "S3": "sexual/minors",
    "H2": "hate/threatening", "V2": "violence/graphic",
}  # fmt: skip


def median_seconds(work: Callable[[], object]) -> float:
    work()
    taken = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def prompts() -> None:
    from better_profanity import profanity

    profanity.load_censor_words()
    rows = [row for name in ("positive.txt", "disguised.txt", "negative.txt", "held_out.txt") for row in read(name)]
    texts = [row.prompt for row in rows]
    check = local_text.LocalTextCheck()
    ours = median_seconds(lambda: [check.check(text) for text in texts])
    theirs = median_seconds(lambda: [profanity.contains_profanity(text) for text in texts])
    harmful = [row for row in rows if row.labels]
    harmless = [row for row in rows if not row.labels]

    def share(some: list, flagged: Callable[[str], object]) -> float:
        return sum(bool(flagged(row.prompt)) for row in some) / len(some)

    print(f"{len(texts)} labelled prompts   | prompts/s | µs a prompt | harmful flagged | harmless flagged")
    for name, seconds, flagged in (
        ("local check", ours, found), ("better-profanity 0.7.0", theirs, profanity.contains_profanity),
    ):  # fmt: skip
        print(f"{name:<23} | {len(texts) / seconds:9.0f} | {seconds / len(texts) * 1e6:11.0f} | "
              f"{share(harmful, flagged):15.1%} | {share(harmless, flagged):16.1%}")  # fmt: skip
    print(f"ratio of the times, better-profanity / local check: {theirs / ours:.1f}")
    long = "a cinematic photo of a lighthouse at dusk, waves, seagulls " * 1700
    print(f"one prompt of {len(long):,} characters: {median_seconds(lambda: check.check(long)) * 1000:.0f} ms\n")


def pictures() -> None:
    from nudenet import NudeDetector

    noise = np.random.default_rng(1)
    batch = [noise.integers(0, 255, (1024, 1024, 3), dtype=np.uint8) for _ in range(PICTURES)]
    check, bare = local_picture.LocalPictureCheck(), NudeDetector()
    opened = [Image.fromarray(picture) for picture in batch]
    ours = median_seconds(lambda: [check.check(picture) for picture in opened]) / PICTURES
    theirs = median_seconds(lambda: [bare.detect(picture) for picture in batch]) / PICTURES
    print("1024 x 1024, CPU            | ms a picture")
    print(f"local check                 | {ours * 1000:.0f}")
    print(f"bare NudeDetector.detect    | {theirs * 1000:.0f}")
    print(f"ratio local check / bare    | {ours / theirs:.2f}\n")


def unseen() -> None:
    for author in PARTS[1:]:  # rules were written with a
        for kind in ("evasions", "plain", "harmless"):
            if not written(kind, author):
                continue
            for group in ("technique", "language"):
                print(f"{kind}_{author}.txt, stopped by {group}")
                for name, share in shares(lines(kind, author), attrgetter(group)).items():
                    print(f"    {name:<45} {share.stopped:>4} of {share.lines}")


def public_sets(benign: Path | None, openai: Path | None) -> None:
    if benign:
        rows = list(csv.DictReader(benign.read_text("utf-8").splitlines(), delimiter="\t"))
        flagged = [row["Prompt"] for row in rows if found(row["Prompt"])]
        print(f"{benign.name}: {len(flagged)} of {len(rows)} ordinary prompts flagged ({len(flagged) / len(rows):.2%})")
    if openai:
        samples = [json.loads(line) for line in openai.read_text("utf-8").splitlines()]
        harmful = [s for s in samples if any(s.get(key) for key in WIRE)]
        harmless = [s for s in samples if not any(s.get(key) for key in WIRE)]
        for name, some in (("harmful", harmful), ("harmless", harmless)):
            count = sum(bool(found(sample["prompt"])) for sample in some)
            print(
                f"{openai.name}: {count} of {len(some)} {name} texts flagged in any category ({count / len(some):.0%})"
            )
        for key, category in WIRE.items():
            labelled = [s["prompt"] for s in samples if s.get(key)]
            caught = sum(category in {c.value for c in found(prompt)} for prompt in labelled)
            print(f"    {category:<18} {caught:>4} of {len(labelled)}")


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--benign", type=Path)
    arguments.add_argument("--openai", type=Path)
    arguments.add_argument("--unseen", action="store_true", help="only the shares of labelled/unseen")
    given = arguments.parse_args()
    if given.unseen:
        unseen()
        return
    prompts()
    pictures()
    for files in (("positive.txt", "disguised.txt", "negative.txt"), ("held_out.txt",)):
        print(" + ".join(files))
        print(table(measure(row for name in files for row in read(name))), "\n")
    public_sets(given.benign, given.openai)


if __name__ == "__main__":
    main()
