"""What the one-node form costs over the official graph laid by hand, in the same host, in turns.

Stand-in weights make the sampling itself thousands of times cheaper than FLUX's, so overhead shows at its largest
share here: the milliseconds that it adds are what to carry over to a real picture. The two forms take turns in blocks;
the first run of a block, which loads what the other form's block pushed out of the host's cache, does not count.
Prints medians, the fastest, which other work on the machine disturbs least, and how many models the counted runs load.

    python tests/bench/bench_flux.py SD3.5-medium FLUX.2-dev    # other models, by their names in draw_with

For these the graph laid by hand is what the node expands into, which `tests/host/test_flux_templates.py` holds against
the official template.
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
KNOBS = ("standard", "vivid")  # for other models
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


Forms = dict[str, Callable[[int], Graph]]
FLUX1: Forms = {"one node": one_node, "by hand": by_hand}


def forms_of(name: str) -> Forms:
    """Both forms for any model, at quality standard, SaveImage behind them."""
    sys.path.insert(0, str(PACK))
    from nodes.flux import graphs
    from nodes.flux.families import Family
    from nodes.flux.installed import choose, take_inventory
    from nodes.flux.settings import settings_for

    family, folder = Family(name), weights.stand_ins()
    listing = [(path.parent.name, path.name, path) for path in folder.glob("*/*.safetensors")]
    loading, settings = choose(take_inventory(listing), [family]), settings_for("1024x1024", *KNOBS, 1, family)

    def alone(seed: int) -> Graph:
        graph = one_node(seed)
        (node,) = [n["inputs"] for n in graph.values() if n["class_type"] == "DalleFluxLocalGenerate"]
        node.update(quality=KNOBS[0], style=KNOBS[1], draw_with=name)
        return graph

    def expanded(seed: int) -> Graph:
        nodes: Graph = {}

        class Added:
            def __init__(self, key: str):
                self.key = key

            def out(self, index: int) -> list[Any]:
                return [self.key, index]

        class Builder:
            def node(self, class_type: str, id: str | None = None, **inputs: Any) -> Added:
                nodes[str(len(nodes))] = {"class_type": class_type, "inputs": inputs}
                return Added(str(len(nodes) - 1))

        models = graphs.load(Builder(), loading)
        images = graphs.text_to_images(Builder(), models, settings, graphs.Texts(PROMPT, PROMPT), [(seed,)])
        nodes["saved"] = {"class_type": "SaveImage", "inputs": {"images": images, "filename_prefix": "bench"}}
        return nodes

    return {"one node": alone, "by hand": expanded}


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
        names = [argument for argument in sys.argv[1:] if not argument.startswith("-")]  # flags are other benches'
        if not names:
            print(f"FLUX.1-dev, 1024x1024, {STEPS} steps", end="")
            measure(comfyui, FLUX1)
        for name in names:
            print(f"{name}, 1024x1024, quality {KNOBS[0]}", end="")
            measure(comfyui, forms_of(name))
    return 0


def measure(comfyui: ComfyUI, forms: Forms) -> None:
    assert comfyui._process
    process = comfyui._process.pid
    times: dict[str, list[float]] = {name: [] for name in forms}
    peaks: dict[str, list[float]] = {name: [] for name in forms}
    reloaded, seed = 0, 0
    for turn in range(ROUNDS):
        for name in sorted(forms, reverse=turn % 2 == 1):
            seconds(comfyui.run(forms[name](seed := seed + 1)))
            before = loads(comfyui)
            for _ in range(BLOCK):
                graph = forms[name](seed := seed + 1)
                peak(process)
                times[name].append(seconds(comfyui.run(graph)))
                peaks[name].append(peak(process))
            reloaded += loads(comfyui) - before
    if not loads(comfyui):
        raise SystemExit(f"The host no longer prints {' or '.join(LOADING)}; this bench cannot count loads.")
    print(f", {ROUNDS * BLOCK} pictures each, in turns, stand-in weights")
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


if __name__ == "__main__":
    sys.exit(main())
