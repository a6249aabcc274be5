"""The nodes that take pictures and prompts out of the archive, and put FLUX's reproductions beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from ..host import folders, queue, running, schema

if TYPE_CHECKING:
    import torch

CATEGORY = f"{schema.CATEGORY}/Archive"
_Text = io.Custom("STRING,COMBO")  # a link from here fits a list of choices, too
_MOST = 100  # pictures in memory at once: 1.3 GB at 1024x1024


class DalleFluxArchiveLoad(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DalleFluxArchiveLoad",
            display_name="Load from DALL·E Archive",
            category=CATEGORY,
            description="Takes pictures and their prompts out of the archive of your old DALL·E pictures. Every output "
            "is a list, so what hangs on them runs once for each picture.",
            inputs=[
                io.String.Input(
                    "query", default="maker:dall-e-3",
                    tooltip="Words of the prompt or of the chat's title, and filters: maker:dall-e-3, "
                    "size:1024x1792, after:2024-01, before:2024-06, match:none, is:reproduced, id:…; - turns one "
                    "round. Empty: everything.",
                ),
                io.Int.Input(
                    "index", default=0, min=0, max=2**31 - 1, control_after_generate=True,
                    tooltip="The first picture of what is found, newest first, counted from 0.",
                ),
                io.Int.Input("limit", default=1, min=1, max=_MOST, tooltip="How many pictures at most."),
            ],
            outputs=[
                io.Image.Output(display_name="images", is_output_list=True, tooltip="The pictures."),
                io.String.Output(
                    display_name="prompts", is_output_list=True, tooltip="As you typed them; else as they were sent."
                ),
                io.String.Output(
                    display_name="revised_prompts", is_output_list=True,
                    tooltip="As ChatGPT sent them to DALL·E; else as you typed them. Draw from these.",
                ),
                _Text.Output(display_name="sizes", is_output_list=True, tooltip="WIDTHxHEIGHT, for the DALL·E nodes."),
                io.String.Output(display_name="info", is_output_list=True, tooltip="JSON: all that is known of each."),
                io.String.Output(
                    display_name="item_ids", is_output_list=True, tooltip="For Save to DALL·E Archive."
                ),
            ],
            **schema.schema_extras(search_aliases=["chatgpt export", "dalle archive", "dall-e history"]),
        )  # fmt: skip

    @classmethod
    def fingerprint_inputs(cls, query: str = "", index: int = 0, limit: int = 1) -> str:
        """Changes when the archive does. What is connected is not here yet."""
        from . import items

        page = items.search(folders.state(), query, index, limit)
        return repr((page.total, [(item.id, item.prompt, item.revised_prompt) for item in page.items]))

    @classmethod
    async def execute(cls, query: str, index: int, limit: int) -> io.NodeOutput:
        from .. import pictures
        from . import items, loading

        state = folders.state()
        page = loading.page(state, query, index, limit)
        progress = running.Progress()
        opened = await running.in_thread(lambda: loading.pictures_of(state, page.items, progress.at), progress)
        return io.NodeOutput(
            [pictures.to_tensor([picture]) for picture in opened],
            [item.prompt or item.revised_prompt for item in page.items],
            [item.words for item in page.items],
            [item.size for item in page.items],
            [items.to_json(item) for item in page.items],
            [item.id for item in page.items],
        )


class DalleFluxArchiveSave(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DalleFluxArchiveSave",
            display_name="Save to DALL·E Archive",
            category=CATEGORY,
            description="Stores pictures beside the picture of the archive that they reproduce, with how they were "
            "made. The same picture is stored once.",
            is_output_node=True,
            inputs=[
                io.Image.Input("images", tooltip="The new pictures, for example FLUX's."),
                io.String.Input(
                    "item_id", default="", tooltip="The original's id, from Load from DALL·E Archive."
                ),
                io.String.Input(
                    "prompt", default="", optional=True, force_input=True, tooltip="The text that was really drawn."
                ),
                io.String.Input(
                    "info", default="", optional=True, force_input=True, tooltip="The generator's info, as JSON."
                ),
                io.String.Input(
                    "metrics", default="", optional=True, force_input=True,
                    tooltip="The metrics of Side-by-Side Compare; votes on that comparison belong to it, too.",
                ),
            ],
            outputs=[
                io.Image.Output(display_name="images", tooltip="The pictures, passed on."),
                io.String.Output(display_name="item_id", tooltip="The original's id, passed on."),
            ],
            **schema.schema_extras(search_aliases=["dalle archive", "migration", "save reproduction"]),
        )  # fmt: skip

    @classmethod
    def fingerprint_inputs(cls, **_: Any) -> float:
        """The answer makes the host run this node each time: a picture that it still has may be new to the archive."""
        queue.at_start()
        return float("nan")

    @classmethod
    async def execute(
        cls, images: torch.Tensor, item_id: str, prompt: str = "", info: str = "", metrics: str = ""
    ) -> io.NodeOutput:
        from .reproductions import store

        queue.at_start()
        state, run = folders.state(), queue.running_prompt()
        kept = await running.in_thread(lambda: store(state, item_id.strip(), images, prompt, info, metrics, run))
        queue.deliver(kept)
        return io.NodeOutput(images, item_id)
