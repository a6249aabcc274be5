"""`make fleet`: the Images API over FLEET_REPLICAS (2) ComfyUIs on this machine, on Ray Serve."""

from __future__ import annotations

import os
import sys
import time

from comfyui import environment, server, stage
from comfyui.environment import say
from comfyui.fleet import Fleet


def main() -> int:
    replicas = int(os.environ.get("FLEET_REPLICAS", "2"))
    setting = stage.set_up(environment.cache_folder() / "fleet")
    on_cpu = setting.accelerator == "cpu"
    say(f"Starting Ray Serve and {replicas} ComfyUIs {setting.environment.version}")
    running = Fleet(
        setting.environment, setting.comfyui.installation, replicas=replicas, port=server.free_port(prefer=8000),
        gpus=1.0 if setting.accelerator == "cuda" else 0.0,
        arguments=["--cpu", "--use-pytorch-cross-attention"] if on_cpu else [],
    )  # fmt: skip
    try:
        with running:
            print("\n".join(["", *setting.what_is_real(), ""]))
            print(f"Images API: {running.url}/dalle-flux/v1    (Ctrl-C ends it; log: {running.log_file})", flush=True)
            while running.is_running():
                time.sleep(1)
    except KeyboardInterrupt:
        print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
