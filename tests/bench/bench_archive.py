"""How fast an export comes in against plain unzipping, how much memory that takes, and how fast 100,000 are searched.

`python3 tests/run.py bench` or, without a host, `python tests/bench/bench_archive.py [GB]`. The export is synthetic.
"""

from __future__ import annotations

import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent)]

from chatgpt_exports import STYLES, SUBJECTS, Export, png  # noqa: E402

from nodes.archive import items  # noqa: E402
from nodes.archive.matching import Found  # noqa: E402
from nodes.archive.mentions import Maker, Match, Mention  # noqa: E402
from nodes.archive.picture_files import Looks  # noqa: E402
from nodes.archive.tables import MIGRATIONS, ROOM  # noqa: E402
from nodes.state import State  # noqa: E402

PICTURE = 2**20  # bytes of one, as DALL·E's WebP files of a large export
TALK = 300  # words of idle talk in each conversation
MANY = 100_000
QUERIES = 300
CHILD = """
import resource, sys, time
from pathlib import Path
from nodes.archive.importing import Progress, run
from nodes.archive.imports import Imports
from nodes.state import State
root = Path(sys.argv[1])
imports = Imports(lambda: State(root / "state"), lambda path: root / path)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
started = time.perf_counter()
one = imports.start("export.zip")
imports.wait(one)
told = imports.get(one)
seconds, peak = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(seconds, before, peak, told["state"], told["added"])
"""


def export(path: Path, size: float) -> tuple[float, int]:
    """A zip of about `size` GB; returns its GB and the bytes of its conversations."""
    made = Export("2026", 1)
    talk = " ".join(random.Random(1).choices(["the", "of", "and", "a", "picture", "light"], k=TALK))
    count = int(size * 2**30 / PICTURE)
    for number in range(count):
        conversation = made.conversation(f"Chat {number}")
        made.message(conversation, "user", {"content_type": "text", "parts": [talk]})
        made.dalle3(conversation, data=b"x")
    noise = random.Random(2).randbytes(PICTURE)
    head = png(1)
    texts = 0
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number, (name, data) in enumerate(made.files()):
            is_picture = name.endswith(".dat")
            if is_picture:  # the bytes behind a PNG's end are read by nobody, and kept by everybody
                data = head + number.to_bytes(8, "big") + noise
            else:
                texts += len(data)
            archive.writestr(name, data, zipfile.ZIP_STORED if is_picture else zipfile.ZIP_DEFLATED)
    return path.stat().st_size / 2**30, texts


def bring_in(root: Path) -> None:
    size = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0
    measured, texts = export(root / "export.zip", size)
    started = time.perf_counter()
    with zipfile.ZipFile(root / "export.zip") as archive:
        archive.extractall(root / "unzipped")
    unzip = time.perf_counter() - started
    shutil.rmtree(root / "unzipped")
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(root)], cwd=HERE.parents[1], check=True, capture_output=True, text=True
    )
    seconds, before, peak, state, added = done.stdout.split()
    megabytes = measured * 1024
    print(f"{measured:.2f} GB zip, {texts / 2**20:.0f} MB of conversations, {added} pictures: {state}")
    print(f"import {megabytes / float(seconds):7.0f} MB/s   (zipfile's own extractall {megabytes / unzip:.0f} MB/s)")
    print(f"peak memory {int(peak) / 1024:.0f} MB, of which {int(before) / 1024:.0f} MB before it began")


def fill(state: State, count: int) -> None:
    """An archive of so many items, without their pictures."""
    chance = random.Random(3)
    looks = Looks("WEBP", 1024, 1024, False)
    rows = 0
    while rows < count:
        with state.database(ROOM, MIGRATIONS) as database:
            for _ in range(5000):
                rows += 1
                subject, style = chance.choice(SUBJECTS), chance.choice(STYLES)
                rest = " ".join(f"word{int(chance.paretovariate(0.6)) % 50_000}" for _ in range(60))
                mention = Mention(
                    maker=chance.choice([Maker.DALLE3, Maker.GPT_IMAGE]),
                    prompt=f"draw a {subject} {rows}",
                    revised_prompt=f"A {style} of a {subject}. {rest}",
                    conversation=f"Chat {rows // 7}",
                    created=1.69e9 + chance.random() * 6e7,
                )
                items.put(
                    database,
                    uuid.UUID(int=chance.getrandbits(128)).hex * 2,
                    looks,
                    1,
                    "",
                    Found(mention, Match.ID, 1.0),
                    "x",
                )


def find(root: Path) -> None:
    chance = random.Random(4)
    state = State(root / "many")
    fill(state, MANY)
    words = [*SUBJECTS, *(style.split()[0] for style in STYLES)]
    kinds = {
        "rare words": lambda: f"word{chance.randrange(1000, 50_000)}",
        "common words": lambda: f"{chance.choice(words)} {chance.choice(words)}",
        "words and filters": lambda: f"{chance.choice(words)} maker:dall-e-3 after:2024-01 -is:reproduced",
        "filters": lambda: "maker:gpt-image size:1024x1024",
        "everything, far down": lambda: "",
    }
    print(f"search among {MANY:,}, 60 items a page | median ms | p95 ms | found (median)")
    for name, query in kinds.items():
        times, totals = [], []
        for _ in range(QUERIES // len(kinds)):
            offset = chance.randrange(0, 90_000) if name.startswith("everything") else 0
            started = time.perf_counter()
            totals.append(items.search(state, query(), offset, 60).total)
            times.append((time.perf_counter() - started) * 1000)
        p95 = statistics.quantiles(times, n=20)[-1]
        print(f"{name:<43} | {statistics.median(times):9.1f} | {p95:6.1f} | {statistics.median(totals):.0f}")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        bring_in(Path(folder))
        find(Path(folder))


if __name__ == "__main__":
    main()
