"""What loading the pack adds to ComfyUI's start. Target: under 100 ms."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from comfyui import environment, load_pack
from comfyui.installation import copy_pack

RUNS = 5


def main() -> None:
    host = environment.prepare()
    with tempfile.TemporaryDirectory() as folder:
        copy_pack(Path(folder) / "pack")
        command = [str(host.python), load_pack.__file__, str(host.comfyui), str(Path(folder) / "pack")]
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        pack_s, whole_s = [], []
        for _ in range(RUNS + 1):
            started = time.perf_counter()
            done = subprocess.run(command, check=True, capture_output=True, text=True, env=kept)
            whole_s.append(time.perf_counter() - started)
            pack_s.append(json.loads(done.stdout.splitlines()[-1])["seconds"])
    pack, whole = (
        statistics.median(pack_s[1:]),
        statistics.median(whole_s[1:]),
    )  # the first run compiles, as a user's first start does
    print("loading the pack, median of 5     |  pack ms | host start s | share")
    print(f"ComfyUI {host.version:<25} | {pack * 1000:8.1f} | {whole - pack:12.2f} | {pack / whole:.2%}")


if __name__ == "__main__":
    main()
