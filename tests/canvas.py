"""`make canvas`: the ComfyUI of the demo, left open to click around in."""

from __future__ import annotations

import shutil
import sys
import time

from comfyui import environment, server, stage
from comfyui.environment import PACK, say


def main() -> int:
    base = environment.cache_folder() / "canvas"
    setting = stage.set_up(base, port=server.free_port(prefer=8188))
    own_workflows = base / "user" / "default" / "workflows"
    own_workflows.mkdir(parents=True, exist_ok=True)
    for workflow in (PACK / "workflows").glob("*.json"):
        shutil.copy(workflow, own_workflows)
    say(f"Starting ComfyUI {setting.environment.version}")
    with setting.comfyui as comfyui:
        print("\n".join(["", *setting.what_is_real(), ""]))
        print(f"ComfyUI is open at {comfyui.url}; the shipped workflows are in its Workflows sidebar. Ctrl-C ends it.")
        try:
            while comfyui.is_running():
                time.sleep(1)
        except KeyboardInterrupt:
            print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
