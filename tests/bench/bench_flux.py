"""What the one-node form costs over the official graph laid by hand, in the same host, in turns.

Stand-in weights make the sampling itself some hundred times cheaper than FLUX's, so overhead shows at its
largest share here. Prints medians, their ratio, and how many models a second run with a new seed loads.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from comfyui import environment, weights
from comfyui.environment import PACK
from comfyui.installation import install
from comfyui.server import ComfyUI, Run

ROUNDS = 5
TARGET = 1.02


def one_node(seed: int) -> dict[str, Any]:
    """The one-node form, prompt taken to the letter so that both encode the same text."""
    graph = json.loads((PACK / "workflows" / "api" / "dalle3-on-flux.json").read_text("utf-8"))
    (node,) = [n["inputs"] for n in graph.values() if n["class_type"] == "DalleFluxLocalGenerate"]
    node.update(seed=seed, prompt="a fox in the snow", prompt_mode="as is")
    return {key: n for key, n in graph.items() if n["class_type"] != "PreviewAny"}


def by_hand(seed: int) -> dict[str, Any]:
    """The same in the host's own nodes."""
    graph = json.loads((PACK / "workflows" / "api" / "dalle3-on-flux-open.json").read_text("utf-8"))
    ours = {key: n["class_type"] for key, n in graph.items() if n["class_type"].startswith("DalleFlux")}
    size = {"width": 1024, "height": 1024}
    for node in graph.values():
        match node["class_type"]:
            case "CLIPTextEncodeFlux":
                node["inputs"] |= {"clip_l": "a fox in the snow", "t5xxl": "a fox in the snow", "guidance": 3.5}
            case "ModelSamplingFlux":
                node["inputs"] |= size
            case "BasicScheduler":
                node["inputs"]["steps"] = 20
            case "RandomNoise":
                node["inputs"]["noise_seed"] = seed
            case "SamplerCustomAdvanced":
                node["inputs"]["latent_image"] = ["latent", 0]
    graph["latent"] = {"class_type": "EmptySD3LatentImage", "inputs": {**size, "batch_size": 1}}
    return {key: n for key, n in graph.items() if key not in ours and n["class_type"] != "PrimitiveStringMultiline"}


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


def main() -> int:
    host = environment.prepare()
    models = environment.cache_folder() / "stand-in-models"
    weights.make(models)
    with (
        tempfile.TemporaryDirectory() as folder,
        ComfyUI(host, install(Path(folder), models, stand_ins=True)) as comfyui,
    ):
        return measure(comfyui)


def measure(comfyui: ComfyUI) -> int:
    assert comfyui._process
    process = comfyui._process.pid
    seconds(comfyui.run(one_node(1)))
    seconds(comfyui.run(by_hand(1)))
    loaded = comfyui.log.count("Requested to load")
    times: dict[str, list[float]] = {"one node": [], "by hand": []}
    peaks: dict[str, list[float]] = {"one node": [], "by hand": []}
    for turn in range(ROUNDS):
        for name, make in (("one node", one_node), ("by hand", by_hand)):
            peak(process)
            times[name].append(seconds(comfyui.run(make(100 + turn))))
            peaks[name].append(peak(process))
    reloaded = comfyui.log.count("Requested to load") - loaded
    medians = {name: statistics.median(values) for name, values in times.items()}
    ratio = medians["one node"] / medians["by hand"]
    print(f"1024x1024, 20 steps, {ROUNDS} pictures each, in turns, stand-in weights")
    for name in times:
        spread = f"{min(times[name]):.2f} … {max(times[name]):.2f}"
        print(f"  {name:9} {medians[name]:6.2f} s (of {spread}), peak {statistics.median(peaks[name]):6.0f} MiB")
    print(f"  one node / by hand: {ratio:.3f} (target ≤ {TARGET})")
    print(f"  models loaded by {2 * ROUNDS} runs with new seeds: {reloaded}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
