"""The nodes that turn a DALL·E prompt into a FLUX prompt."""

from __future__ import annotations

from comfy_api.latest import io

from .. import host
from ..sizes import DALLE2_SIZES, DALLE3_SIZES
from .convert import Request, convert
from .targets import HOST_GUIDANCE, PromptMode, Style, Target

CATEGORY = f"{host.CATEGORY}/Prompt"
Rewriter = io.Custom("DALLE_FLUX_REWRITER")
SIZES = list(dict.fromkeys([*DALLE3_SIZES, *reversed(DALLE2_SIZES), "1536x1024", "1024x1536"]))


class DalleFluxPrompt(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DalleFluxPrompt",
            display_name="DALL·E Prompt to FLUX",
            category=CATEGORY,
            description="Turns a prompt written for DALL·E into the two texts that FLUX reads, by named rules that "
            "need no model and no network, and says what was changed and why.",
            inputs=[
                io.String.Input(
                    "prompt",
                    multiline=True,
                    default="",
                    dynamic_prompts=False,
                    tooltip="The prompt as it was written for DALL·E 3, or as DALL·E rewrote it.",
                ),
                io.Combo.Input(
                    "style",
                    options=[style.value for style in Style],
                    default=Style.VIVID.value,
                    tooltip="DALL·E 3's style. vivid and natural add one sentence and set the guidance; none adds "
                    "nothing.",
                ),
                io.Combo.Input(
                    "size",
                    options=SIZES,
                    default="1024x1024",
                    tooltip="The size that will be drawn, WIDTHxHEIGHT. Its shape is added to the text in words, once.",
                ),
                io.Combo.Input(
                    "target",
                    options=[target.value for target in Target],
                    default=Target.DEV.value,
                    tooltip="The FLUX model that will read the texts: how long they may be, guidance, hex colours.",
                ),
                Rewriter.Input(
                    "rewriter",
                    optional=True,
                    tooltip="An LLM that writes the prompt out as ChatGPT did for DALL·E. Its answer is checked; "
                    "when it loses something, the rules' result is used.",
                ),
                io.Combo.Input(
                    "prompt_mode",
                    options=[mode.value for mode in PromptMode],
                    default=PromptMode.CONVERT.value,
                    optional=True,
                    tooltip="convert: apply the rules. as is: draw the text to the letter, as the AS-IS idiom does.",
                ),
                io.Boolean.Input(
                    "describe_artists",
                    default=False,
                    optional=True,
                    tooltip="Replace artists' names by a description: movement, medium and three adjectives.",
                ),
                io.String.Input(
                    "frozen",
                    multiline=True,
                    default="",
                    dynamic_prompts=False,
                    optional=True,
                    tooltip="Texts edited by hand: when filled, they are used instead of a conversion. Plain text, or "
                    'JSON {"t5xxl": …, "clip_l": …} as the Freeze button writes it.',
                ),
                io.String.Input(
                    "file",
                    default="",
                    optional=True,
                    tooltip="A .txt, .csv or .jsonl file in the input folder: each row is converted, and the outputs "
                    "become lists. Leave empty to convert the prompt above.",
                ),
                io.Int.Input(
                    "first_row",
                    default=1,
                    min=1,
                    max=2**31 - 1,
                    optional=True,
                    tooltip="First row of the file to convert, counted from 1.",
                ),
                io.Int.Input(
                    "rows",
                    default=100,
                    min=1,
                    max=10_000,
                    optional=True,
                    tooltip="How many rows of the file to convert in one run.",
                ),
            ],
            outputs=[
                io.String.Output(display_name="t5xxl", tooltip="The long text, for CLIPTextEncodeFlux's t5xxl or CLIPTextEncode.",
                                 is_output_list=True),
                io.String.Output(display_name="clip_l", tooltip="The short text, for CLIPTextEncodeFlux's clip_l.",
                                 is_output_list=True),
                io.Float.Output(display_name="guidance", tooltip="Guidance for CLIPTextEncodeFlux or FluxGuidance.",
                                is_output_list=True),
                io.String.Output(display_name="report", tooltip="JSON: rules applied, changes, warnings, token counts, suggestions.",
                                 is_output_list=True),
            ],
            **host.schema_extras(
                search_aliases=["dalle prompt", "prompt converter", "flux prompt", "clip_l t5xxl", "prompt rules"]
            ),
        )  # fmt: skip

    @classmethod
    def validate_inputs(cls, size: str) -> bool | str:
        return True  # any WIDTHxHEIGHT; the list is what the widget offers

    @classmethod
    async def execute(
        cls,
        prompt: str,
        style: str,
        size: str,
        target: str,
        rewriter: object = None,
        prompt_mode: str = PromptMode.CONVERT.value,
        describe_artists: bool = False,
        frozen: str = "",
        file: str = "",
        first_row: int = 1,
        rows: int = 100,
    ) -> io.NodeOutput:
        done = convert(
            Request(prompt, Style(style), size, Target(target), PromptMode(prompt_mode), describe_artists, frozen)
        )
        guidance = HOST_GUIDANCE if done.guidance is None else done.guidance
        return io.NodeOutput([done.t5xxl], [done.clip_l], [guidance], [done.report.json()])
