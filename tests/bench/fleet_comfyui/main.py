"""In place of a ComfyUI: takes a fleet's tasks, "loads" and "draws" for as long as it is told, and gives one picture.

main.py --port P --draw-s 1.0 --load-s 0
"""

from __future__ import annotations

import argparse
import asyncio
import io
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from aiohttp import web
from PIL import Image

from nodes.endpoint.contract.answers import Finished
from nodes.fleet import lifeline
from nodes.fleet.routing import weights_of
from nodes.fleet.wire import Event, Task


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int)
    parser.add_argument("--draw-s", type=float, default=1.0)
    parser.add_argument("--load-s", type=float, default=0.0)
    asked, _ = parser.parse_known_args()
    lifeline.hold()
    buffer = io.BytesIO()
    Image.effect_noise((512, 512), 90).convert("RGB").save(buffer, "PNG")  # 0.7 MB
    gpu, held = asyncio.Lock(), [""]

    async def draw(request: web.Request) -> web.StreamResponse:
        task = Task.model_validate_json(await request.read())
        reply = web.StreamResponse()
        await reply.prepare(request)
        async with gpu:
            await reply.write(Event(begun=True).line())
            weights = weights_of(task.model, task.order)
            switched = held[0] != weights
            if switched:
                await asyncio.sleep(asked.load_s)
                held[0] = weights
            await asyncio.sleep(asked.draw_s)
        said = "switched" if switched else "kept"
        done = Finished((buffer.getvalue(),), "512x512", False, said, task.seed, None, asked.draw_s)
        await reply.write(Event(finished=done).line())
        return reply

    async def health(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    app = web.Application(client_max_size=2**30)
    app.router.add_get("/dalle-flux/v1/health", health)
    app.router.add_post("/dalle_flux/fleet/draw", draw)
    web.run_app(app, host="127.0.0.1", port=asked.port, print=None)


if __name__ == "__main__":
    main()
