"""What the one-node form costs over the official graph laid by hand, in the same host, in turns.

Stand-in weights make the sampling itself thousands of times cheaper than FLUX's, so overhead shows at its largest
share here: the milliseconds that it adds are what to carry over to a real picture. The two forms take turns in blocks;
the first run of a block, which loads what the other form's block pushed out of the host's cache, does not count.
Prints medians, the fastest, which other work on the machine disturbs least, and how many models the counted runs load.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from comfyui import environment, weights
from comfyui.environment import PACK
from comfyui.installation import install
from comfyui.server import ComfyUI, Run

ROUNDS, BLOCK = 6, 4  # blocks of each form, counted runs in a block
STEPS = 50  # quality hd
TARGET = 1.02
PROMPT = "a fox in the snow"
LOADING = ("Requested to load", "model_type")  # what the host prints when weights go to the device, or are read

Graph = dict[str, Any]


def one_node(seed: int) -> Graph:
    """The one-node form, prompt taken to the letter so that both encode the same text."""
    graph = json.loads((PACK / "workflows" / "api" / "dalle3-on-flux.json").read_text("utf-8"))
    (node,) = [n["inputs"] for n in graph.values() if n["class_type"] == "DalleFluxLocalGenerate"]
    node.update(seed=seed, quality="hd", prompt=PROMPT, prompt_mode="as is")
    return {key: n for key, n in graph.items() if n["class_type"] != "PreviewAny"}


def by_hand(seed: int) -> Graph:
    """The same in the host's own nodes."""
    graph = json.loads((PACK / "workflows" / "api" / "dalle3-on-flux-open.json").read_text("utf-8"))
    ours = {key: n["class_type"] for key, n in graph.items() if n["class_type"].startswith("DalleFlux")}
    size = {"width": 1024, "height": 1024}
    for node in graph.values():
        match node["class_type"]:
            case "CLIPTextEncodeFlux":
                node["inputs"] |= {"clip_l": PROMPT, "t5xxl": PROMPT, "guidance": 3.5}
            case "ModelSamplingFlux":
                node["inputs"] |= size
            case "BasicScheduler":
                node["inputs"]["steps"] = STEPS
            case "RandomNoise":
                node["inputs"]["noise_seed"] = seed
            case "SamplerCustomAdvanced":
                node["inputs"]["latent_image"] = ["latent", 0]
    graph["latent"] = {"class_type": "EmptySD3LatentImage", "inputs": {**size, "batch_size": 1}}
    return {key: n for key, n in graph.items() if key not in ours and n["class_type"] != "PrimitiveStringMultiline"}


FORMS: dict[str, Callable[[int], Graph]] = {"one node": one_node, "by hand": by_hand}


def seconds(run: Run) -> float:
    """From the host's own clock."""
    if not run.succeeded:
        raise SystemExit(run.error)
    return (run.messages["execution_success"]["timestamp"] - run.messages["execution_start"]["timestamp"]) / 1000


def peak(process: int) -> float:
    """Peak memory in MiB since the last call, where Linux tells it; else 0."""
    status = Path(f"/proc/{process}/status")
    if not status.is_file():
        return 0.0
    kib = next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    Path(f"/proc/{process}/clear_refs").write_text("5")  # start anew
    return kib / 1024


def loads(comfyui: ComfyUI) -> int:
    """How often this host has read weights or brought them to the device."""
    return sum(comfyui.log.count(words) for words in LOADING)


def main() -> int:
    host = environment.prepare()
    with (
        tempfile.TemporaryDirectory() as folder,
        ComfyUI(host, install(Path(folder), weights.stand_ins(), stand_ins=True)) as comfyui,
    ):
        return measure(comfyui)


def measure(comfyui: ComfyUI) -> int:
    assert comfyui._process
    process = comfyui._process.pid
    times: dict[str, list[float]] = {name: [] for name in FORMS}
    peaks: dict[str, list[float]] = {name: [] for name in FORMS}
    reloaded, seed = 0, 0
    for turn in range(ROUNDS):
        for name in sorted(FORMS, reverse=turn % 2 == 1):
            seconds(comfyui.run(FORMS[name](seed := seed + 1)))
            before = loads(comfyui)
            for _ in range(BLOCK):
                graph = FORMS[name](seed := seed + 1)
                peak(process)
                times[name].append(seconds(comfyui.run(graph)))
                peaks[name].append(peak(process))
            reloaded += loads(comfyui) - before
    if not loads(comfyui):
        raise SystemExit(f"The host no longer prints {' or '.join(LOADING)}; this bench cannot count loads.")
    print(f"1024x1024, {STEPS} steps, {ROUNDS * BLOCK} pictures each, in turns, stand-in weights")
    for name, each in times.items():
        print(
            f"  {name:8} median {statistics.median(each):.2f} s, fastest {min(each):.2f} s, "
            f"peak memory {statistics.median(peaks[name]):.0f} MiB"
        )
    figures = (("median time", times, statistics.median), ("fastest time", times, min),
               ("peak memory", peaks, statistics.median))  # fmt: skip
    for what, values, of in figures:
        one, other = of(values["one node"]), of(values["by hand"])
        if other:
            print(f"  {what}: one node / by hand {one / other:.3f} (target ≤ {TARGET})")
    print(f"  models loaded by {2 * ROUNDS * BLOCK} runs with new seeds: {reloaded}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
