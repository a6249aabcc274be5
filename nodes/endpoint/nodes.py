"""The two nodes that make a workflow an image model: where a request enters, and where its pictures leave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from ..host import queue, schema

if TYPE_CHECKING:
    import torch

CATEGORY = f"{schema.CATEGORY}/Images API"
# A link from here fits a text input and a list of choices alike.
_Text = io.Custom("STRING,COMBO")
_SIZES = ["1024x1024", "1792x1024", "1024x1792", "1536x1024", "1024x1536", "512x512", "256x256"]


class DalleFluxImagesRequest(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DalleFluxImagesRequest",
            display_name="Images API Request",
            category=CATEGORY,
            description="Where a request of the OpenAI Images API enters a workflow. Together with Images API Response "
            "it makes the workflow an image model that apps can ask for. What stands here is for trying it out.",
            inputs=[
                io.String.Input(
                    "prompt", multiline=True, default="a lighthouse at dusk", dynamic_prompts=False,
                    tooltip="What to draw. A request puts its own in place of it.",
                ),
                io.Combo.Input("size", options=_SIZES, default=_SIZES[0], tooltip="Size of the pictures."),
                io.Combo.Input(
                    "quality", options=["standard", "hd"], default="standard",
                    tooltip="low, medium and auto arrive as standard; high and above as hd.",
                ),
                io.Combo.Input("style", options=["vivid", "natural"], default="vivid", tooltip="DALL·E 3's style."),
                io.Int.Input(
                    "n", default=1, min=1, max=10,
                    tooltip="How many pictures. If nothing is connected to n, the workflow is run n times.",
                ),
                io.Int.Input(
                    "seed", default=0, min=0, max=2**64 - 1, control_after_generate=True,
                    tooltip="Seed of the first picture; a request may name one, else it is chosen.",
                ),
                io.Image.Input("image", optional=True, tooltip="For trying out edits; a request brings its own."),
                io.Mask.Input("mask", optional=True, tooltip="For trying out edits; white is redrawn."),
                schema.advanced(
                    io.String.Input(
                        "upload", default="", optional=True,
                        tooltip="Filled in by requests: names the pictures that came along. Leave empty.",
                    )
                ),
            ],
            outputs=[
                io.String.Output(display_name="prompt", tooltip="The prompt as it was asked for."),
                io.Image.Output(display_name="image", tooltip="The picture to edit or vary; several as a batch."),
                io.Mask.Output(display_name="mask", tooltip="White is to be redrawn. Nothing if there is no mask."),
                _Text.Output(display_name="size", tooltip="WIDTHxHEIGHT, for the DALL·E nodes."),
                io.Int.Output(display_name="width", tooltip="Width in pixels."),
                io.Int.Output(display_name="height", tooltip="Height in pixels."),
                _Text.Output(display_name="quality", tooltip="standard or hd."),
                _Text.Output(display_name="style", tooltip="vivid or natural."),
                io.Int.Output(display_name="n", tooltip="How many pictures."),
                io.Int.Output(display_name="seed", tooltip="Seed of the first picture."),
            ],
            **schema.schema_extras(search_aliases=["openai endpoint", "images api", "serve workflow", "publish model"]),
        )  # fmt: skip

    @classmethod
    def validate_inputs(cls, size: str) -> bool | str:
        return True  # any WIDTHxHEIGHT; the list is what the widget offers

    @classmethod
    def execute(
        cls,
        prompt: str,
        size: str,
        quality: str,
        style: str,
        n: int,
        seed: int,
        image: torch.Tensor | None = None,
        mask: torch.Tensor | None = None,
        upload: str = "",
    ) -> io.NodeOutput:
        from ..sizes import parse_size
        from .drawing import UploadGone
        from .instance import drawer

        queue.at_start()
        width, height = parse_size(size)
        if upload and (asked := drawer().asked(upload)):
            # Several requests, which DalleFluxLocalGenerate takes in place of a prompt.
            return io.NodeOutput(asked, None, None, size, width, height, quality, style, n, seed)
        if upload:
            came = drawer().upload(upload)
            if came is None:
                raise UploadGone
            image, mask = came.image(), came.change()
        return io.NodeOutput(prompt, image, mask, size, width, height, quality, style, n, seed)


class DalleFluxImagesResponse(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DalleFluxImagesResponse",
            display_name="Images API Response",
            category=CATEGORY,
            description="Where pictures leave a workflow as the answer to a request of the OpenAI Images API. Run from "
            "the canvas it shows them.",
            inputs=[
                io.Image.Input("images", tooltip="The pictures to answer with."),
                io.String.Input(
                    "revised_prompt", optional=True, force_input=True, tooltip="The text that was really drawn."
                ),
                io.String.Input("info", optional=True, force_input=True, tooltip="A generator's info, to come along."),
            ],
            outputs=[],
            is_output_node=True,
            **schema.schema_extras(search_aliases=["openai endpoint", "images api", "serve workflow", "publish model"]),
        )

    @classmethod
    def fingerprint_inputs(cls, **_: Any) -> float:
        """Called for every prompt before anything of it runs; the answer makes the host run this node each time."""
        queue.at_start()
        return float("nan")

    @classmethod
    def execute(cls, images: torch.Tensor, revised_prompt: str = "", info: str = "") -> io.NodeOutput:
        from comfy_api.latest import ui

        # The copy is ours: the host may give its own away to the next run.
        if queue.deliver((images.detach().cpu().clone(), revised_prompt or "", info or "")):
            return io.NodeOutput()
        return io.NodeOutput(ui=ui.PreviewImage(images, cls=cls))
