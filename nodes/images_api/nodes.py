"""The nodes that talk to an endpoint which speaks OpenAI's Images API."""

from __future__ import annotations

import time
from datetime import date
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from ..host import folders, running, schema
from ..moderation.nodes import hold_back_pictures, hold_back_prompt, judges_pictures, minimum_fingerprint, policy_input
from .models import LIVE_MODEL, choices
from .plan import MAX_N, known_models

if TYPE_CHECKING:
    import torch

    from ..moderation.policy import Policy
    from ..sizes import Size
    from .making import Made, PictureProgress
    from .plan import Ask

CATEGORY = f"{schema.CATEGORY}/Images API"
SIZES = ["1024x1024", "1792x1024", "1024x1792", "1536x1024", "1024x1536", "512x512", "256x256"]
QUALITIES = ["standard", "hd", "low", "medium", "high", "xhigh", "max", "auto"]
STYLES = ["vivid", "natural"]
ALIASES = [
    "dall-e", "dalle", "dall-e 3", "dall-e 2", "gpt image", "openai image", "images api", "OpenAIDalle3", "hosted flux",
    "bfl", "fal", "replicate", "together", "stability",
]  # fmt: skip


class DalleFluxGenerate(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DalleFluxGenerate",
            display_name="DALL·E 3 Generate",
            category=CATEGORY,
            description="Text to image at any endpoint that speaks OpenAI's Images API (OpenAI, Azure, a compatible "
            "server) or hosts FLUX or Stable Diffusion (Black Forest Labs, fal, Replicate, Together, Stability). "
            "Nothing is paid for twice: the same request is answered from disk.",
            inputs=[
                _prompt("What the picture should show. A style is added as a sentence where the model has none."),
                _endpoint(),
                _model(),
                _size(),
                _quality(),
                io.Combo.Input(
                    "style",
                    options=STYLES,
                    default="vivid",
                    tooltip="vivid: hyper-real and dramatic. natural: less so. GPT image models have no such "
                    "parameter; they get it as a sentence at the end of the prompt, and info says so.",
                ),
                _n(),
                _seed(),
                io.Combo.Input(
                    "moderation",
                    options=["auto", "low"],
                    default="auto",
                    optional=True,
                    tooltip="How strictly the endpoint filters; GPT image models, and FLUX models that have a safety "
                    "tolerance. low is less strict.",
                ),
                _generate_again(),
                _filename_prefix(),
                io.Combo.Input(
                    "prompt_mode",
                    options=["convert", "as is"],
                    default="convert",
                    optional=True,
                    tooltip="FLUX and Stable Diffusion at a hosted service only. convert: turn the DALL·E prompt into "
                    "the model's by rules. as is: send it to the letter. Other models always get it as it is.",
                ),
                _policy(),
            ],
            outputs=_outputs(),
            hidden=[io.Hidden.unique_id, io.Hidden.prompt, io.Hidden.extra_pnginfo],
            **schema.schema_extras(search_aliases=ALIASES),
        )

    @classmethod
    def validate_inputs(cls, endpoint: str, model: str, size: str, quality: str) -> bool | str:
        return True  # the lists are what the widgets offer; a run says what is wrong and what to do

    @classmethod
    def fingerprint_inputs(cls, generate_again: bool = False, **_: Any) -> Any:
        return time.time() if generate_again else minimum_fingerprint()

    @classmethod
    async def execute(
        cls,
        prompt: str,
        endpoint: str,
        model: str,
        size: str,
        quality: str,
        style: str,
        n: int,
        seed: int,
        moderation: str = "auto",
        prompt_mode: str = "convert",
        generate_again: bool = False,
        filename_prefix: str = "",
        policy: Policy | None = None,
    ) -> io.NodeOutput:
        from .plan import Ask, Operation

        ask = Ask(Operation.GENERATE, model, size, n, seed, prompt, quality, style, moderation, prompt_mode=prompt_mode)
        return await _run(cls, ask, endpoint, generate_again, filename_prefix, policy)


class DalleFluxEdit(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DalleFluxEdit",
            display_name="DALL·E Edit",
            category=CATEGORY,
            description="Change pictures by prompt at any endpoint that speaks OpenAI's Images API or hosts FLUX. A "
            "mask says where; GPT image models take up to 16 pictures in one batch and work without a mask, and so do "
            "Kontext and FLUX.2.",
            inputs=[
                io.Image.Input("image", tooltip="The picture to change; a batch of up to 16 for GPT image models."),
                io.Mask.Input("mask", optional=True, tooltip="1 = change. It belongs to the first picture."),
                _prompt("What the whole picture should show afterwards."),
                _endpoint(),
                _model(),
                _size(),
                _quality(),
                _n(),
                _seed(),
                _generate_again(),
                _filename_prefix(),
                _policy(),
            ],
            outputs=_outputs(),
            hidden=[io.Hidden.unique_id, io.Hidden.prompt, io.Hidden.extra_pnginfo],
            **schema.schema_extras(search_aliases=[*ALIASES, "inpaint", "outpaint", "images edit", "OpenAIDalle2"]),
        )

    @classmethod
    def validate_inputs(cls, endpoint: str, model: str, size: str, quality: str) -> bool | str:
        return True

    @classmethod
    def fingerprint_inputs(cls, generate_again: bool = False, **_: Any) -> Any:
        return time.time() if generate_again else minimum_fingerprint()

    @classmethod
    async def execute(
        cls,
        image: torch.Tensor,
        prompt: str,
        endpoint: str,
        model: str,
        size: str,
        quality: str,
        n: int,
        seed: int,
        mask: torch.Tensor | None = None,
        generate_again: bool = False,
        filename_prefix: str = "",
        policy: Policy | None = None,
    ) -> io.NodeOutput:
        from .plan import Ask, Operation

        ask = Ask(
            Operation.EDIT, model, size, n, seed, prompt, quality,
            pictures=len(image), has_mask=mask is not None, input_sizes=_sizes(image),
        )  # fmt: skip
        return await _run(cls, ask, endpoint, generate_again, filename_prefix, policy, image, mask)


class DalleFluxVariation(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DalleFluxVariation",
            display_name="DALL·E Variation",
            category=CATEGORY,
            description="Variations of a picture at an endpoint that still offers them, or by hosted FLUX.1. OpenAI "
            "and Azure no longer make any.",
            inputs=[
                io.Image.Input("image", tooltip="The picture to vary; it is padded to a square for dall-e-2."),
                _endpoint(),
                _model(default="dall-e-2"),
                _size(),
                _n(),
                _seed(),
                _generate_again(),
                _filename_prefix(),
                _policy(),
            ],
            outputs=_outputs(),
            hidden=[io.Hidden.unique_id, io.Hidden.prompt, io.Hidden.extra_pnginfo],
            **schema.schema_extras(search_aliases=[*ALIASES, "variation", "similar picture"]),
        )

    @classmethod
    def validate_inputs(cls, endpoint: str, model: str, size: str) -> bool | str:
        return True

    @classmethod
    def fingerprint_inputs(cls, generate_again: bool = False, **_: Any) -> Any:
        return time.time() if generate_again else minimum_fingerprint()

    @classmethod
    async def execute(
        cls,
        image: torch.Tensor,
        endpoint: str,
        model: str,
        size: str,
        n: int,
        seed: int,
        generate_again: bool = False,
        filename_prefix: str = "",
        policy: Policy | None = None,
    ) -> io.NodeOutput:
        from .plan import Ask, Operation

        ask = Ask(Operation.VARIATION, model, size, n, seed, pictures=len(image), input_sizes=_sizes(image))
        return await _run(cls, ask, endpoint, generate_again, filename_prefix, policy, image)


def _sizes(image: torch.Tensor) -> tuple[Size, ...]:
    """Width and height of each picture of a batch `[B,H,W,C]`."""
    from ..sizes import Size

    return (Size(image.shape[2], image.shape[1]),) * len(image)


async def _run(
    node: type[io.ComfyNode],
    ask: Ask,
    endpoint: str,
    again: bool,
    filename_prefix: str,
    policy: Policy | None,
    image: torch.Tensor | None = None,
    mask: torch.Tensor | None = None,
) -> io.NodeOutput:
    from ..services.spending import Account
    from .inputs import sent_with
    from .making import make_pictures
    from .plan import make_plan
    from .provenance import Traces

    if filename_prefix.strip():
        folders.output_place(filename_prefix, 1, 1)  # what it refuses is refused before anything is paid
    known = folders.endpoints()
    account = Account.of(known)
    # What has to be judged is not shown before: no previews.
    previews = not judges_pictures(policy)
    plan = make_plan(ask, known.get(endpoint), account.settings, date.today(), previews=previews)
    await hold_back_prompt(ask.prompt, policy, [plan.prompt])  # both: a conversion may bring out what was hidden
    sent = sent_with(plan, image, mask)
    made = await make_pictures(plan, sent, account, _NodeWatch(node), again=again)
    running.show_text(node.hidden.unique_id, _summary(made))
    await hold_back_pictures(made.images, policy)
    more = node.hidden.extra_pnginfo
    traces = Traces(node.hidden.unique_id, node.hidden.prompt, more if isinstance(more, dict) else {})
    await traces.leave(made.images, made.info, filename_prefix, folders.output_place, folders.keeps_metadata())
    return io.NodeOutput(made.images, made.revised_prompt, made.info.to_json())


class _NodeWatch:
    """The node on the canvas: bar, partial pictures, one line of text, and the cancel button."""

    def __init__(self, node: type[io.ComfyNode]):
        self._node_id = node.hidden.unique_id

    def is_cancelled(self) -> bool:
        return running.is_cancelled()

    def raise_cancelled(self) -> None:
        running.raise_if_cancelled()

    async def show(self, progress: PictureProgress) -> None:
        running.show_text(self._node_id, progress.text)
        await running.show_progress(progress.fraction, 1.0, progress.partial)


def _summary(made: Made) -> str:
    """The line that stays on the node: count, cost, time; model, size, seed."""
    info = made.info
    count = len(info.pictures)
    cost = info.cost_usd
    money = "from disk" if info.cached else "price unknown" if cost is None else f"${cost:.3f}"
    about = "about " if info.cost_is_estimate and cost else ""
    spent = f"{count} picture{'s' if count > 1 else ''} · {about}{money} · {info.seconds:.1f} s"
    return f"{spent} · {info.model} · {info.pictures[0].size} · seed {info.seed}"


def _prompt(tooltip: str) -> io.String.Input:
    return io.String.Input("prompt", multiline=True, default="", tooltip=tooltip)


def _endpoint() -> io.Combo.Input:
    return io.Combo.Input(
        "endpoint",
        options=folders.endpoints_to_choose_from().names(),
        default="openai",
        tooltip="Name of an endpoint in your endpoints.toml. Addresses and keys stay there; a workflow never has them.",
    )


def _model(default: str = LIVE_MODEL) -> io.Combo.Input:
    return io.Combo.Input(
        "model",
        options=[*choices(date.today()), *known_models(folders.endpoints_to_choose_from())],
        default=default,
        tooltip="Image model. OpenAI retired dall-e-3 and dall-e-2; they are here for compatible servers.",
    )


def _size() -> io.Combo.Input:
    return io.Combo.Input(
        "size",
        options=SIZES,
        default="1024x1024",
        tooltip="WIDTHxHEIGHT in pixels; through the API any size is taken. What a model does not offer is mapped by "
        "rule, reported in info, or refused before sending.",
    )


def _quality() -> io.Combo.Input:
    return io.Combo.Input(
        "quality",
        options=QUALITIES,
        default="standard",
        tooltip="DALL·E 3's standard and hd become medium and high on GPT image models, which also have low, medium, "
        "high, auto; the newest xhigh and max.",
    )


def _n() -> io.Int.Input:
    return io.Int.Input("n", default=1, min=1, max=MAX_N, tooltip="How many pictures; asked for side by side.")


def _seed() -> io.Int.Input:
    return io.Int.Input(
        "seed",
        default=0,
        min=0,
        max=0xFFFFFFFFFFFFFFFF,
        control_after_generate=True,
        tooltip="Hosted FLUX draws from it. OpenAI's Images API has no seed; there it tells requests apart: the same "
        "seed is answered from disk, a new one is asked and paid for.",
    )


def _generate_again() -> io.Boolean.Input:
    return io.Boolean.Input(
        "generate_again",
        default=False,
        optional=True,
        tooltip="Ask, and pay, again although the same request was answered before.",
    )


def _filename_prefix() -> io.String.Input:
    return io.String.Input(
        "filename_prefix",
        default="",
        optional=True,
        tooltip="If not empty: also save PNGs to ComfyUI's output folder, each with its origin in the file and in a "
        ".json beside it.",
    )


def _policy() -> io.Input:
    return policy_input(
        "From a Moderation Policy: it judges the prompt before it is sent and paid for, and the pictures before they "
        "leave the node; what it does not allow ends the run."
    )


def _outputs() -> list[Any]:
    return [
        io.Image.Output(display_name="images", tooltip="The pictures, [B,H,W,3]."),
        io.String.Output(display_name="revised_prompt", tooltip="The text really used for the first picture."),
        io.String.Output(
            display_name="info",
            tooltip="JSON: what was sent and mapped, cost, request ids, timings, every revised prompt.",
        ),
    ]
