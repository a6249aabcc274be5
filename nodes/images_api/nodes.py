"""The nodes that talk to an endpoint which speaks OpenAI's Images API."""

from __future__ import annotations

import json

from comfy_api.latest import io

from .. import host, pictures
from ..endpoints import BUILT_IN
from ..errors import DalleFluxError, MissingPackage

CATEGORY = f"{host.CATEGORY}/Images API"
MODELS = ["gpt-image-2", "dall-e-3", "dall-e-2"]
SIZES = ["1024x1024", "1792x1024", "1024x1792", "1536x1024", "1024x1536", "512x512", "256x256"]
QUALITIES = ["standard", "hd", "low", "medium", "high", "xhigh", "max", "auto"]
STYLES = ["vivid", "natural"]


def endpoint_names() -> list[str]:
    """Endpoints of the user's file; the built-in ones if the file cannot be used, which running then reports."""
    try:
        return host.endpoints().names()
    except DalleFluxError:
        return list(BUILT_IN)


class DalleFluxGenerate(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DalleFluxGenerate",
            display_name="DALL·E 3 Generate",
            category=CATEGORY,
            description="Text to image at any endpoint that speaks OpenAI's Images API.",
            inputs=[
                io.String.Input("prompt", multiline=True, tooltip="What the picture shows."),
                io.Combo.Input(
                    "endpoint",
                    options=endpoint_names(),
                    default="openai",
                    tooltip="Name of an endpoint in your endpoints.toml; keys stay there.",
                ),
                io.Combo.Input("model", options=MODELS, default="gpt-image-2", tooltip="Image model at the endpoint."),
                io.Combo.Input("size", options=SIZES, default="1024x1024", tooltip="WIDTHxHEIGHT in pixels."),
                io.Combo.Input("quality", options=QUALITIES, default="standard", tooltip="standard or hd as DALL·E 3."),
                io.Combo.Input("style", options=STYLES, default="vivid", tooltip="vivid or natural as DALL·E 3."),
                io.Int.Input("n", default=1, min=1, max=10, tooltip="How many pictures."),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=0xFFFFFFFFFFFFFFFF,
                    control_after_generate=True,
                    tooltip="A new seed asks for new pictures; the API itself has no seed.",
                ),
            ],
            outputs=[
                io.Image.Output(display_name="images", tooltip="The pictures, [B,H,W,3]."),
                io.String.Output(display_name="revised_prompt", tooltip="The text really used for the first picture."),
                io.String.Output(display_name="info", tooltip="What was asked and what came, as JSON."),
            ],
            **host.schema_extras(search_aliases=["dall-e", "dalle", "dall-e 3", "gpt image", "openai image"]),
        )

    @classmethod
    def validate_inputs(cls, endpoint: str, model: str, size: str, quality: str) -> bool | str:
        return True  # the lists are what the widgets offer; a run says what is wrong and what to do

    @classmethod
    async def execute(
        cls, prompt: str, endpoint: str, model: str, size: str, quality: str, style: str, n: int, seed: int
    ) -> io.NodeOutput:
        try:
            import openai
        except ImportError:
            raise MissingPackage("openai", "DALL·E 3 Generate") from None
        import base64

        target = host.endpoints().get(endpoint)
        client = openai.AsyncOpenAI(api_key=target.api_key() or "none", base_url=target.base_url, max_retries=0)
        parameters = {"response_format": "b64_json"} if model.startswith("dall-e") else {}
        reply = await client.images.generate(model=model, prompt=prompt, size=size, n=1, **parameters)
        first = reply.data[0]
        picture = pictures.decode(base64.b64decode(first.b64_json))
        info = json.dumps({"endpoint": endpoint, "model": model})
        return io.NodeOutput(pictures.to_tensor([picture]), first.revised_prompt or prompt, info)
