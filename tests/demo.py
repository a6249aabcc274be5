"""`make demo`: a genuine DALL·E 3 picture beside what FLUX makes of its prompt, and a tour of the knobs.

`make demo PROMPT="a fox to the left of an orange heart" SIZE=1792x1024` draws that instead. Headless, in a real
ComfyUI; without the real weights a small FLUX draws, which knows a few things only (tests/small_flux).
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import tour
from comfyui import stage
from comfyui.environment import PACK, say
from comfyui.server import ComfyUI

LIMIT_S = 3600.0  # FLUX.1-dev on a CPU takes long
RESULTS = PACK / "artefacts"


class Failed(Exception):
    """A graph did not run; the message says why."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompt", default=os.environ.get("DALLE_FLUX_DEMO_PROMPT", ""))
    parser.add_argument("--size", default=os.environ.get("DALLE_FLUX_DEMO_SIZE") or "1024x1024")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dalle-flux-demo-", ignore_cleanup_errors=True) as base:
        setting = stage.set_up(Path(base))
        RESULTS.mkdir(exist_ok=True)
        say(f"Starting ComfyUI {setting.environment.version}")
        try:
            with setting.comfyui:
                written = draw(setting, wanted.prompt, wanted.size) if wanted.prompt else show(setting)
        except Failed as failure:
            print(failure, file=sys.stderr)
            return 1
    print("\n".join(["", *setting.what_is_real(), "", *written]))
    return 0


def draw(setting: stage.Stage, prompt: str, size: str) -> list[str]:
    """One picture of the caller's own prompt."""
    say(f"Drawing {size}: {prompt}")
    (picture,) = run(setting.comfyui, tour.generate(prompt, size=size))
    path = RESULTS / "flux.png"
    path.write_bytes(picture)
    return [f"Drawn by: {setting.flux}", f"FLUX picture: {path}"]


def show(setting: stage.Stage) -> list[str]:
    """The shipped workflow, then the tour of the small FLUX; one line each with the path."""
    say("Running workflows/api/dalle3-vs-flux.json")
    graph = stage.dalle3_vs_flux(setting.environment)
    stage.only(graph, "DalleFluxCompare")["label_b"] = setting.flux
    (sheet,) = run(setting.comfyui, graph)
    compared = RESULTS / "dalle3-vs-flux.png"
    compared.write_bytes(sheet)
    written = [f"Comparison picture: {compared}"]
    if not setting.real_weights:  # which would take an hour on most machines, and know more than the tour's few things
        say("Drawing the tour of the knobs")
        path = RESULTS / "tour.png"
        tour.sheet(lambda graph: run(setting.comfyui, graph), setting.flux).save(path)
        written += [
            f"Tour of the knobs: {path}",
            "Not in the tour: edit, outpaint, variation; their models are random stand-ins still, so noise",
        ]
    return written


def run(comfyui: ComfyUI, graph: dict[str, Any]) -> list[bytes]:
    """The pictures that a graph saves, its steps shown meanwhile.

    Raises:
        Failed: with the end of the host's log.
    """
    started, shown = time.monotonic(), [""]

    def show_progress() -> None:
        steps = re.findall(r"(\d+)/(\d+) \[", comfyui.log[-500:])
        step = f"step {steps[-1][0]} of {steps[-1][1]}" if steps else ""
        if step != shown[0]:
            shown[0] = step
            print(f"    {time.monotonic() - started:4.0f} s  {step}", flush=True)

    ended = comfyui.wait(comfyui.queue(graph), limit_s=LIMIT_S, tick=show_progress)
    if not ended.succeeded:
        raise Failed(f"{comfyui.log[-5000:]}\nThe workflow failed: {ended.error}")
    outputs = [picture for output in ended.outputs.values() for picture in output.get("images", [])]
    return [comfyui.view(picture) for picture in outputs if picture["type"] == "output"]


if __name__ == "__main__":
    sys.exit(main())
