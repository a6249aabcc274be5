"""The nodes that turn a DALL·E prompt into a FLUX prompt."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from ..errors import DalleFluxError
from ..host import folders, models, running, schema
from ..recipes import HOST_GUIDANCE
from ..sizes import DALLE2_SIZES, DALLE3_SIZES
from .targets import PromptMode, Style, Target

if TYPE_CHECKING:
    from .convert import Conversion, ConversionRequest
    from .tokens import Tokenizers

CATEGORY = f"{schema.CATEGORY}/Prompt"
Rewriter = io.Custom("DALLE_FLUX_REWRITER")
SIZES = list(dict.fromkeys([*DALLE3_SIZES, *reversed(DALLE2_SIZES), "1536x1024", "1024x1536"]))
_SHOW_EVERY = 50  # rows of a file between two steps of the progress bar


class CannotRewrite(DalleFluxError):
    """This ComfyUI, or this text encoder, cannot generate text."""

    code = "cannot_rewrite"


@lru_cache(maxsize=1)
def tokenizers() -> Tokenizers:
    """The host's own tokenizers of FLUX; loading them takes part of a second, once."""
    from comfy.text_encoders.flux import FluxTokenizer

    from .tokens import measured

    both = FluxTokenizer()
    t5, clip = both.t5xxl.tokenizer, both.clip_l.tokenizer
    return measured(t5, clip, t5.unk_token_id)


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
                    tooltip="How many rows of the file to convert in one run; the report says where the next begins.",
                ),
            ],
            outputs=[
                io.String.Output(
                    display_name="t5xxl",
                    tooltip="The long text, for CLIPTextEncodeFlux's t5xxl or for CLIPTextEncode.",
                    is_output_list=True,
                ),
                io.String.Output(
                    display_name="clip_l",
                    tooltip="The short text, for CLIPTextEncodeFlux's clip_l.",
                    is_output_list=True,
                ),
                io.Float.Output(
                    display_name="guidance",
                    tooltip="Guidance for CLIPTextEncodeFlux or FluxGuidance.",
                    is_output_list=True,
                ),
                io.String.Output(
                    display_name="report",
                    tooltip="JSON: rules applied, changes, warnings, token counts, suggestions.",
                    is_output_list=True,
                ),
            ],
            **schema.schema_extras(
                search_aliases=["dalle prompt", "prompt converter", "flux prompt", "clip_l t5xxl", "prompt rules"]
            ),
        )

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
        rewriter: Any = None,
        prompt_mode: str = PromptMode.CONVERT.value,
        describe_artists: bool = False,
        frozen: str = "",
        file: str = "",
        first_row: int = 1,
        rows: int = 100,
    ) -> io.NodeOutput:
        from .convert import ConversionRequest

        request = ConversionRequest(
            prompt, Style(style), size, Target(target), PromptMode(prompt_mode), describe_artists, frozen
        )  # fmt: skip
        if file.strip():
            done = await _whole_file(file, first_row, rows, request, rewriter)
        else:
            done = [await texts(request, rewriter)]
        return io.NodeOutput(
            [one.t5xxl for one in done],
            [one.clip_l for one in done],
            [HOST_GUIDANCE if one.guidance is None else one.guidance for one in done],
            [one.report.json() for one in done],
            ui={"dalle_flux_prompt": [shown(one) for one in done[:1]]},
        )


def shown(done: Conversion) -> dict[str, Any]:
    """What the node's face shows after a run, the same as before one; see `routes`."""
    return {"t5xxl": done.t5xxl, "clip_l": done.clip_l, "guidance": done.guidance, "report": done.report.as_dict()}


async def texts(request: ConversionRequest, rewriter: Any = None) -> Conversion:
    """One prompt converted, and rewritten where there is a rewriter; other rooms' nodes use this, too."""
    from .local_rewriter import LocalRewriter
    from .rewriting import converted

    if rewriter is None:
        return converted(request, None, folders.state(), tokenizers())
    if isinstance(rewriter, LocalRewriter):  # the host's models want the host's own thread
        return converted(request, rewriter, folders.state(), tokenizers())
    # The rewriter itself looks whether the user cancelled, and hangs up.
    return await asyncio.to_thread(converted, request, rewriter, folders.state(), tokenizers())


async def _whole_file(name: str, first: int, most: int, like: ConversionRequest, rewriter: Any) -> list[Conversion]:
    from .bulk import convert_rows, count, find_file, rows, with_notices

    file = find_file(folders.input_folder(), name)
    in_file = await running.in_thread(lambda: count(file))
    total = max(0, min(most, in_file - first + 1))
    wanted = rows(file, like, first=first, most=most)
    done: list[Conversion] = []
    if rewriter is None:
        for _, one in convert_rows(wanted, tokenizers()):
            done.append(one)
            if len(done) % _SHOW_EVERY == 0:
                running.raise_if_cancelled()
                await running.show_progress(len(done), total)
    else:
        for row in wanted:
            running.raise_if_cancelled()
            done.append(await texts(row.request, rewriter))
            await running.show_progress(len(done), total)
    if not done:
        raise DalleFluxError(f"{file.name} holds no prompt from row {first} on; lower `first_row` or check the file.")
    return with_notices(done, file, first, in_file)


def _rewriters_inputs(seed_tooltip: str) -> list[io.Input]:
    """What every rewriter is asked with."""
    return [
        io.Float.Input(
            "temperature",
            default=0.7,
            min=0.0,
            max=2.0,
            step=0.05,
            tooltip="0: always the likeliest words. Higher: more variety.",
        ),
        io.Int.Input(
            "seed", default=0, min=0, max=2**64 - 1, control_after_generate=True, tooltip=seed_tooltip
        ),
    ]  # fmt: skip


class DalleFluxRewriterEndpoint(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DalleFluxRewriterEndpoint",
            display_name="Prompt Rewriter (LLM endpoint)",
            category=CATEGORY,
            description="Writes prompts out as ChatGPT did for DALL·E, with any OpenAI-compatible LLM that you named "
            "as an endpoint: Ollama, LM Studio, llama.cpp, OpenAI.",
            inputs=[
                io.Combo.Input(
                    "endpoint",
                    options=folders.endpoints_to_choose_from().names(),
                    default="ollama",
                    tooltip="Name of an endpoint in your endpoints.toml; keys and addresses stay there.",
                ),
                io.String.Input(
                    "model",
                    default="",
                    tooltip="Name of the LLM at the endpoint, for example qwen3:4b. Empty: the endpoint's first model.",
                ),
                *_rewriters_inputs("The same seed, prompt and model give the same text, kept on this machine."),
                io.Float.Input(
                    "timeout_s",
                    default=120.0,
                    min=1.0,
                    max=3600.0,
                    step=1.0,
                    optional=True,
                    tooltip="Seconds to wait for one answer; then the rules' result is used.",
                ),
            ],
            outputs=[Rewriter.Output(display_name="rewriter", tooltip="For DALL·E Prompt to FLUX.")],
            **schema.schema_extras(search_aliases=["chatgpt prompt", "ollama", "lm studio", "llm", "prompt enhancer"]),
        )

    @classmethod
    def validate_inputs(cls, endpoint: str) -> bool | str:
        return True  # said at the run, with the lines to add to the user's file

    @classmethod
    def execute(
        cls, endpoint: str, model: str, temperature: float, seed: int, timeout_s: float = 120.0
    ) -> io.NodeOutput:
        from ..services.spending import Account
        from .endpoint_rewriter import EndpointRewriter

        known = folders.endpoints()
        named = known.get(endpoint)
        model = model.strip() or next(iter(named.models), "")
        if not model:
            raise CannotRewrite(
                f"The rewriter has no model; write the name of an LLM at '{named.name}' into `model`, for example "
                "qwen3:4b."
            )
        return io.NodeOutput(
            EndpointRewriter(
                named,
                model,
                temperature,
                seed,
                timeout_s,
                check_cancelled=running.raise_if_cancelled,
                account=lambda: Account.of(known),
            )
        )


class DalleFluxRewriterLocal(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DalleFluxRewriterLocal",
            display_name="Prompt Rewriter (LLM in ComfyUI)",
            category=CATEGORY,
            description="Writes prompts out as ChatGPT did for DALL·E, with a generative text encoder (Qwen3, Gemma) "
            "loaded in ComfyUI itself. FLUX.1's own encoders cannot generate text.",
            inputs=[
                io.Clip.Input("clip", tooltip="A generative text encoder from CLIPLoader, for example qwen_3_4b."),
                *_rewriters_inputs("The same seed and prompt give the same text."),
            ],
            outputs=[Rewriter.Output(display_name="rewriter", tooltip="For DALL·E Prompt to FLUX.")],
            **schema.schema_extras(search_aliases=["qwen", "gemma", "local llm", "prompt enhancer", "text generate"]),
        )

    @classmethod
    def execute(cls, clip: Any, temperature: float, seed: int) -> io.NodeOutput:
        from .local_rewriter import LocalRewriter, text_generator

        generate = text_generator(clip, models.leave_device)
        if generate is None:
            raise CannotRewrite(
                "This ComfyUI, or this text encoder, cannot generate text; update ComfyUI and load a generative "
                "encoder such as qwen_3_4b, or use the node Prompt Rewriter (LLM endpoint)."
            )
        return io.NodeOutput(LocalRewriter(generate, temperature, seed))
