"""What the one-node form costs over the official graph laid by hand, in the same host, in turns.

Stand-in weights make the sampling itself thousands of times cheaper than FLUX's, so overhead shows at its largest
share here: the milliseconds that it adds are what to carry over to a real picture. Each pair of runs draws the same
prompt from the same new seed, the second first in every other pair, after runs that warm up. Prints medians, the
ratio, and how many models the measured runs load.
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

PAIRS = 20
TARGET = 1.02
PROMPT = "a fox in the snow"
LOADING = ("Requested to load", "model_type")  # what the host prints when weights go to the device, or are read

Graph = dict[str, Any]


def one_node(seed: int, quality: str) -> Graph:
    """The one-node form, prompt taken to the letter so that both encode the same text."""
    graph = json.loads((PACK / "workflows" / "api" / "dalle3-on-flux.json").read_text("utf-8"))
    (node,) = [n["inputs"] for n in graph.values() if n["class_type"] == "DalleFluxLocalGenerate"]
    node.update(seed=seed, quality=quality, prompt=PROMPT, prompt_mode="as is")
    return {key: n for key, n in graph.items() if n["class_type"] != "PreviewAny"}


def by_hand(seed: int, quality: str) -> Graph:
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
                node["inputs"]["steps"] = {"standard": 20, "hd": 50}[quality]
            case "RandomNoise":
                node["inputs"]["noise_seed"] = seed
            case "SamplerCustomAdvanced":
                node["inputs"]["latent_image"] = ["latent", 0]
    graph["latent"] = {"class_type": "EmptySD3LatentImage", "inputs": {**size, "batch_size": 1}}
    return {key: n for key, n in graph.items() if key not in ours and n["class_type"] != "PrimitiveStringMultiline"}


FORMS: dict[str, Callable[[int, str], Graph]] = {"one node": one_node, "by hand": by_hand}


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
        for quality in ("standard", "hd"):
            measure(comfyui, quality)
    return 0


def measure(comfyui: ComfyUI, quality: str) -> None:
    assert comfyui._process
    process = comfyui._process.pid
    for make in [*FORMS.values(), *FORMS.values()]:
        seconds(comfyui.run(make(1, quality)))
    loaded = loads(comfyui)
    if not loaded:
        raise SystemExit(f"The host no longer prints {' or '.join(LOADING)}; this bench cannot count loads.")
    times: dict[str, list[float]] = {name: [] for name in FORMS}
    peaks: dict[str, list[float]] = {name: [] for name in FORMS}
    for pair in range(PAIRS):
        for name in sorted(FORMS, reverse=pair % 2 == 1):
            graph = FORMS[name](100 + pair, quality)
            peak(process)
            times[name].append(seconds(comfyui.run(graph)))
            peaks[name].append(peak(process))
    reloaded = loads(comfyui) - loaded
    print(f"1024x1024, {quality}, {PAIRS} pictures each, in turns, stand-in weights")
    for name, each in times.items():
        low, _, high = statistics.quantiles(each, n=4)
        print(
            f"  {name:8} {statistics.median(each):6.2f} s (middle half {low:.2f} … {high:.2f}), "
            f"peak {statistics.median(peaks[name]):6.0f} MiB"
        )
    added = statistics.median(ours - theirs for ours, theirs in zip(times["one node"], times["by hand"], strict=True))
    for what, values in (("time", times), ("peak memory", peaks)):
        one, other = statistics.median(values["one node"]), statistics.median(values["by hand"])
        if other:
            print(f"  {what}: one node / by hand {one / other:.3f} (target ≤ {TARGET})")
    print(f"  added to one picture: {added * 1000:.0f} ms (median of the pairs)")
    print(f"  models loaded by {2 * PAIRS} runs with new seeds: {reloaded}")


if __name__ == "__main__":
    sys.exit(main())
