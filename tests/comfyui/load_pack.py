# ruff: noqa: I001 - the order of imports is main.py's
"""Load the pack the way ComfyUI's loader does, in a process of its own, and print what that cost as JSON.

    python load_pack.py COMFYUI PACK   →   {"seconds": 0.03, "modules": ["…", …], "nodes": ["DalleFluxGenerate", …]}

`modules` are those that were not there before; everything a running host has imported by then is imported first.
Source: ComfyUI `nodes.load_custom_node`.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
import time
from pathlib import Path


def main(comfyui: str, pack: str) -> None:
    sys.path.insert(0, comfyui)
    sys.argv = ["main.py", "--cpu"]
    import comfy.options

    comfy.options.enable_args_parsing()
    import utils.extra_config  # noqa: F401 - first: `comfy` holds another module named `utils`

    import server

    loop = asyncio.new_event_loop()
    server.PromptServer(loop)
    import nodes as host_nodes
    import comfy_api.latest  # noqa: F401
    import execution  # noqa: F401

    loop.run_until_complete(host_nodes.init_extra_nodes(init_custom_nodes=False, init_api_nodes=False))
    before, started = set(sys.modules), time.perf_counter()
    name = pack.replace(".", "_x_")
    spec = importlib.util.spec_from_file_location(name, Path(pack) / "__init__.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)

    async def load() -> list[str]:
        extension = await module.comfy_entrypoint()
        if hasattr(extension, "on_load"):
            await extension.on_load()
        return [node.GET_SCHEMA().node_id for node in await extension.get_node_list()]

    node_ids = loop.run_until_complete(load())
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "modules": sorted(set(sys.modules) - before), "nodes": node_ids}))


if __name__ == "__main__":
    main(*sys.argv[1:])
