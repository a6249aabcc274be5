"""Calls every method of the served Images API with whichever openai-python is installed; prints what came as JSON."""

from __future__ import annotations

import base64
import io
import json
import sys
import warnings

import openai
from PIL import Image


def main(base_url: str) -> None:
    warnings.simplefilter("ignore")
    client = openai.OpenAI(base_url=base_url, api_key="none", max_retries=0)
    buffer = io.BytesIO()
    Image.new("RGBA", (64, 64), (0, 0, 0, 0)).save(buffer, "PNG")
    picture = buffer.getvalue()
    asked = {"model": "solid", "prompt": "a cat", "size": "64x64"}
    seen: dict[str, object] = {"version": openai.__version__}
    reply = client.images.generate(**asked, n=2, user="me")
    seen["urls"] = [bool(item.url) for item in reply.data]
    reply = client.images.generate(**asked, response_format="b64_json", extra_body={"seed": 5})
    seen["png"] = base64.b64decode(reply.data[0].b64_json)[:4] == b"\x89PNG"
    seen["seed"] = reply.model_dump()["dalle_flux"]["seed"]
    reply = client.images.edit(model="echo", image=[("a.png", picture)], mask=("m.png", picture), prompt="a hat")
    seen["edit"] = reply.data[0].revised_prompt
    reply = client.images.create_variation(model="same", image=("a.png", picture), response_format="b64_json")
    seen["variation"] = bool(reply.data[0].b64_json)
    seen["stream"] = [event.type for event in client.images.generate(**asked, stream=True)]
    edited = client.images.edit(model="same", image=("a.png", picture), prompt="a hat", stream=True, partial_images=1)
    seen["edit_stream"] = [event.type for event in edited]
    events = list(client.images.generate(model="lora", prompt="a cat", size="64x64", stream=True, partial_images=2))
    seen["partials"] = [event.type.rpartition(".")[2] for event in events]
    seen["sizes"] = sorted({Image.open(io.BytesIO(base64.b64decode(event.b64_json))).size for event in events})
    seen["models"] = "solid" in [model.id for model in client.models.list()]
    seen["moderation"] = client.moderations.create(input="I will kill them all").results[0].flagged
    for name, fields in {"policy": {"prompt": "porn"}, "model": {"model": "sora"}, "value": {"n": 0}}.items():
        try:
            client.images.generate(**{**asked, **fields})
        except openai.APIStatusError as error:
            seen[name] = [type(error).__name__, error.code]
    print(json.dumps(seen))


if __name__ == "__main__":
    main(sys.argv[1])
