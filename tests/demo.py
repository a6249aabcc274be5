"""`make demo`: a genuine DALL·E 3 picture beside what FLUX makes of its prompt, headless, in a real ComfyUI."""

from __future__ import annotations

import re
import sys
import tempfile
import time
from pathlib import Path

from comfyui import stage
from comfyui.environment import PACK, say

LIMIT_S = 3600.0  # FLUX.1-dev on a CPU takes long
RESULT = PACK / "artefacts" / "dalle3-vs-flux.png"


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="dalle-flux-demo-", ignore_cleanup_errors=True) as base:
        return show(stage.set_up(Path(base)))


def show(setting: stage.Stage) -> int:
    """Run the shipped workflow, write the comparison picture and say what was real."""
    say(f"Starting ComfyUI {setting.environment.version}")
    with setting.comfyui as comfyui:
        say("Running workflows/api/dalle3-vs-flux.json")
        started, shown = time.monotonic(), [""]

        def show_progress() -> None:
            steps = re.findall(r"(\d+)/(\d+) \[", comfyui.log[-500:])
            step = f"step {steps[-1][0]} of {steps[-1][1]}" if steps else ""
            if step != shown[0]:
                shown[0] = step
                print(f"    {time.monotonic() - started:4.0f} s  {step}", flush=True)

        run = comfyui.wait(
            comfyui.queue(stage.dalle3_vs_flux(setting.environment)), limit_s=LIMIT_S, tick=show_progress
        )
        if not run.succeeded:
            print(f"{comfyui.log[-5000:]}\nThe workflow failed: {run.error}", file=sys.stderr)
            return 1
        (saved,) = [
            picture
            for output in run.outputs.values()
            for picture in output.get("images", [])
            if picture["type"] == "output"
        ]
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_bytes(comfyui.view(saved))
    print("\n".join(["", *setting.what_is_real(), "", f"Comparison picture: {RESULT}"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
