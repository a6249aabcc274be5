"""The nodes that do on local FLUX what DALL·E did.

Each of the three makes a plan and expands into the host's own nodes, so caching, previews, progress, cancel
and memory are the host's. Text encoders and VAE come as links, not as objects: the host then keeps their
results between runs, and a new seed encodes no prompt again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io
from comfy_execution.graph_utils import GraphBuilder

from ..host import folders, running, schema
from ..host.models import (
    device_memory,
    is_gpu,
    knows_klein,
    memory_kept_free,
    model_files,
    tell_out_of_memory,
    transformer_config,
)
from ..moderation.nodes import behind_picture_gate, hold_back_prompt, minimum_fingerprint, policy_input
from ..prompts.nodes import Rewriter
from ..prompts.targets import PromptMode
from ..recipes import HOST_GUIDANCE, RECIPES
from .families import Family, traits
from .settings import (
    AUTO,
    MAX_N,
    MAX_REFERENCES,
    MAX_SEED,
    QUALITIES,
    SIZES,
    STYLES,
    checked,
    checked_n,
    redux_weight,
    seeds_for,
    settings_for,
)

if TYPE_CHECKING:
    import torch

    from ..info import Info
    from ..moderation.policy import Policy
    from .batches import Asked
    from .fitting import Device
    from .installed import Inventory, Loading
    from .loading import Wanted

CATEGORY = f"{schema.CATEGORY}/FLUX"
_TARGETS = [Family.DEV.value, Family.SCHNELL.value, Family.KREA.value]
_DEV, _SCHNELL = RECIPES[Family.DEV.value], RECIPES[Family.SCHNELL.value]
_DRAWING = tuple(family for family in Family if traits(family).draws)
_GENERATING = [family.value for family in _DRAWING]
_EDITING = [family.value for family in Family if traits(family).edits]
_COMMERCIAL = [family.value for family in Family if traits(family).licence.commercial]
_VARYING = tuple(family for family in Family if traits(family).varies)
_AS_LINK = {"rawLink": True}  # the host hands over ["node id", output] instead of the object


def _prompt() -> io.Input:
    return io.String.Input(
        "prompt", multiline=True, default="", dynamic_prompts=False, tooltip="What to draw, as one wrote it for DALL·E."
    )


def _size(default: str = "1024x1024", first: Sequence[str] = ()) -> io.Input:
    return io.Combo.Input(
        "size",
        options=[*first, *SIZES],
        default=default,
        tooltip="Size of the pictures, WIDTHxHEIGHT. Pictures come out at exactly this size; FLUX draws the nearest "
        "size it can. Through the API any size with edges no more than 4:1 is taken."
        + (" auto: the size of the picture." if AUTO in first else ""),
    )


def _quality() -> io.Input:
    return io.Combo.Input(
        "quality",
        options=list(QUALITIES),
        default=QUALITIES[0],
        tooltip=f"standard: {_DEV.standard} steps on FLUX.1-dev, {_SCHNELL.standard} on schnell. "
        f"hd: {_DEV.hd} and {_SCHNELL.hd}.",
    )


def _style(more: str) -> io.Input:
    return io.Combo.Input(
        "style",
        options=list(STYLES),
        default=STYLES[0],
        tooltip=f"vivid: dramatic, guidance {_DEV.vivid}. natural: less glossy, guidance {_DEV.natural}. {more}",
    )


def _n() -> io.Input:
    return io.Int.Input(
        "n", default=1, min=1, max=MAX_N, tooltip="How many pictures, each with a seed of its own: seed, seed + 1, …"
    )


def _seed() -> io.Input:
    return io.Int.Input(
        "seed",
        default=0,
        min=0,
        max=MAX_SEED,
        control_after_generate=True,
        tooltip="Seed of the first picture. The same seed draws the same picture again.",
    )


def _draw_with(names: Sequence[str], automatic: str = "auto: the first FLUX that is installed.") -> io.Input:
    return io.Combo.Input(
        "draw_with",
        options=[AUTO, *names],
        default=AUTO,
        optional=True,
        tooltip=f"Which model draws. {automatic} One that is not installed tells which files it needs. Of all these "
        f"weights those of {', '.join(_COMMERCIAL)} may be used commercially without a limit.",
    )


def _model(which: str) -> io.Input:
    return io.Model.Input("model", optional=True, tooltip=f"{which} Leave open to use what is installed.")


def _clip() -> io.Input:
    return io.Clip.Input(
        "clip",
        optional=True,
        extra_dict=_AS_LINK,
        tooltip="The model's text encoders. Leave open to use what is installed.",
    )


def _vae() -> io.Input:
    return io.Vae.Input(
        "vae", optional=True, extra_dict=_AS_LINK, tooltip="The model's VAE. Leave open to use what is installed."
    )


def _policy() -> io.Input:
    return policy_input(
        "From a Moderation Policy: it judges the prompt before anything loads and the pictures before they leave; what "
        "it does not allow ends the run."
    )


def _outputs() -> list[io.Output]:
    return [
        io.Image.Output(display_name="images", tooltip="The pictures, as one batch."),
        io.String.Output(display_name="revised_prompt", tooltip="The text that was really drawn."),
        io.String.Output(display_name="info", tooltip="JSON: files, settings, seeds and what was mapped by rule."),
    ]


class DalleFluxLocalGenerate(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DalleFluxLocalGenerate",
            display_name="DALL·E 3 on FLUX",
            category=CATEGORY,
            description="Draws on this machine with FLUX.1 what DALL·E 3 drew: the same knobs, the same sockets as "
            "DALL·E 3 Generate. Finds the installed FLUX files by itself, or takes connected ones.",
            inputs=[
                _prompt(),
                _size(),
                _quality(),
                _style("Both add a sentence to the prompt."),
                _n(),
                _seed(),
                io.Combo.Input(
                    "prompt_mode",
                    options=[mode.value for mode in PromptMode],
                    default=PromptMode.CONVERT.value,
                    tooltip="convert: turn the DALL·E prompt into FLUX's by rules. as is: draw it to the letter.",
                ),
                _draw_with(_GENERATING),
                _model("FLUX.1-dev, Krea, schnell, FLUX.2, SD 3.5 or SDXL."),
                _clip(),
                _vae(),
                Rewriter.Input("rewriter", optional=True, tooltip="An LLM that writes the prompt out, as ChatGPT did."),
                _policy(),
            ],
            outputs=_outputs(),
            hidden=[io.Hidden.unique_id],
            enable_expand=True,
            **schema.schema_extras(
                search_aliases=["dall-e", "dalle 3", "openai image", "text to image", "flux dev", "local dalle"]
            ),
        )

    @classmethod
    def validate_inputs(cls, size: str) -> bool | str:
        return True  # any WIDTHxHEIGHT; the list is what the widget offers

    @classmethod
    def fingerprint_inputs(cls, **_: Any) -> str:
        return _fingerprint()

    @classmethod
    async def execute(
        cls,
        prompt: str | tuple[Asked, ...],
        size: str,
        quality: str,
        style: str,
        n: int,
        seed: int,
        prompt_mode: str,
        draw_with: str = AUTO,
        model: Any = None,
        clip: Any = None,
        vae: Any = None,
        rewriter: Any = None,
        policy: Policy | None = None,
    ) -> io.NodeOutput:
        """Several requests may come in place of the prompt, from Images API Request: they become one batch, their
        pictures in their order, and `info` a list.
        """
        from ..prompts.nodes import texts
        from . import graphs
        from .batches import Asked, batches_for
        from .loading import Connected, loading_for
        from .local_info import local_info
        from .texts import PromptUsed, prompt_request

        asked = (Asked(prompt, seeds_for(seed, checked_n(n))),) if isinstance(prompt, str) else prompt
        if rewriter is not None:
            for one in asked:
                await hold_back_prompt(one.prompt, policy)  # before it goes to the rewriter
        connected = Connected(model, clip, vae)
        wanted = _wanted(_DRAWING, draw_with)
        loading = loading_for(_installed(), wanted, connected, _device())
        settings = settings_for(size, quality, style, n, loading.family)
        used = []
        for one in asked:
            request = prompt_request(one.prompt, PromptMode(prompt_mode), style, size, loading.family)
            used.append(PromptUsed(one.prompt, await texts(request, rewriter)))
            await hold_back_prompt(one.prompt, policy, used[-1].drawn)

        graph = GraphBuilder()
        models = graphs.load(graph, loading, connected, _advice(loading))
        memory = device_memory(), RECIPES[traits(loading.family).recipe].memory
        if len(asked) == 1:
            batches = batches_for(asked[0].seeds, settings.canvas, *memory)
            images = graphs.text_to_images(graph, models, settings, used[0].texts, batches)
        else:
            pictures = [(text.texts, seed) for one, text in zip(asked, used, strict=True) for seed in one.seeds]
            images = graphs.texts_to_images(graph, models, settings, batches_for(pictures, settings.canvas, *memory))
        infos = [
            local_info(
                "generate",
                loading,
                wanted.licence(loading.family),
                connected,
                settings,
                one.seeds,
                text,
                quality=quality,
                style=style,
                prompt_mode=prompt_mode,
                notes=(*settings.notes, *loading.notes),
            )
            for one, text in zip(asked, used, strict=True)
        ]
        return _expanded(cls, graph, images, *infos, policy=policy)


class DalleFluxLocalEdit(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DalleFluxLocalEdit",
            display_name="DALL·E Edit on FLUX",
            category=CATEGORY,
            description="Edits a picture on this machine as DALL·E 2 did: with a mask by FLUX.1 Fill, without one by "
            "FLUX.1 Kontext, and beyond its borders when a larger size is asked for. Unmasked pixels stay as they are.",
            inputs=[
                io.Image.Input(
                    "image",
                    optional=True,
                    tooltip="The picture to edit; of a batch the first, and FLUX.2 looks at all of it. Without one the "
                    "prompt is drawn, as DALL·E 2 did.",
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="White is redrawn, black stays as it is. Without a mask the prompt says what to change.",
                ),
                _prompt(),
                _size(AUTO, [AUTO]),
                _quality(),
                _n(),
                _seed(),
                _draw_with(
                    _EDITING,
                    "auto: Fill where there is a mask or a larger size, else the first of Kontext and FLUX.2. One that "
                    "cannot do the edit leaves it to the one that can, and info says so.",
                ),
                _model("FLUX.1-Fill-dev if there is a mask or a larger size, FLUX.1-Kontext-dev or FLUX.2 if not."),
                _clip(),
                _vae(),
                _policy(),
            ],
            outputs=_outputs(),
            hidden=[io.Hidden.unique_id],
            enable_expand=True,
            **schema.schema_extras(
                search_aliases=["inpaint", "outpaint", "dall-e 2 edit", "flux fill", "kontext", "openai image edit"]
            ),
        )

    @classmethod
    def validate_inputs(cls, size: str) -> bool | str:
        return True  # any WIDTHxHEIGHT; the list is what the widget offers

    @classmethod
    def fingerprint_inputs(cls, **_: Any) -> str:
        return _fingerprint()

    @classmethod
    async def execute(
        cls,
        prompt: str,
        size: str,
        quality: str,
        n: int,
        seed: int,
        draw_with: str = AUTO,
        image: torch.Tensor | None = None,
        mask: torch.Tensor | None = None,
        model: Any = None,
        clip: Any = None,
        vae: Any = None,
        policy: Policy | None = None,
    ) -> io.NodeOutput:
        from ..prompts.nodes import texts
        from . import edits, graphs
        from .loading import Connected, loading_for
        from .local_info import local_info
        from .texts import PromptUsed

        named = checked(draw_with, (AUTO, *_EDITING), "draw_with")
        if image is None:
            size = SIZES[0] if size == AUTO else size
            mode = PromptMode.CONVERT.value
            draws = draw_with if draw_with in _GENERATING else AUTO
            return await DalleFluxLocalGenerate.execute(
                prompt, size, quality, STYLES[1], n, seed, mode, draws, model, clip, vae, policy=policy
            )
        connected = Connected(model, clip, vae)
        edit = edits.edit_for(image[:MAX_REFERENCES, :, :, :3], mask, size)
        able = [family.value for family in edit.families]
        wanted = _wanted(edit.families, named if named in able else AUTO)
        loading = loading_for(_installed(), wanted, connected, _device())
        settings = edit.settings(quality, n, loading.family)
        used = PromptUsed(prompt, await texts(edit.request(prompt, loading.family)))
        await hold_back_prompt(prompt, policy, used.drawn)
        seeds = seeds_for(seed, n)

        graph = GraphBuilder()
        images = edits.edited(
            graph, graphs.load(graph, loading, connected, _advice(loading)), edit, settings, used.texts, seeds
        )
        notes = [*edit.notes(settings), *loading.notes]
        if named not in (AUTO, *able):
            notes.append(f"{named} cannot do this edit, so {loading.family.value} did.")
        info = local_info(
            "edit",
            loading,
            wanted.licence(loading.family),
            connected,
            settings,
            seeds,
            used,
            quality=quality,
            notes=notes,
        )
        return _expanded(cls, graph, images, info, policy=policy)


class DalleFluxLocalVariation(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DalleFluxLocalVariation",
            display_name="DALL·E Variation on FLUX",
            category=CATEGORY,
            description="Draws variations of a picture on this machine as DALL·E 2 did, with FLUX.1 Redux or FLUX.2.",
            inputs=[
                io.Image.Input("image", tooltip="The picture to vary; the first one of a batch."),
                _size(),
                _n(),
                _seed(),
                io.Float.Input(
                    "strength",
                    default=0.8,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    tooltip="How close to the picture: 1 is a near-copy, 0 is loosely inspired by it.",
                ),
                _draw_with([family.value for family in _VARYING]),
                _model("FLUX.1-dev, Krea, schnell, or FLUX.2."),
                _clip(),
                _vae(),
                io.StyleModel.Input(
                    "style_model",
                    optional=True,
                    extra_dict=_AS_LINK,
                    tooltip="FLUX.1 Redux. Leave open to use what is installed.",
                ),
                io.ClipVision.Input(
                    "clip_vision",
                    optional=True,
                    extra_dict=_AS_LINK,
                    tooltip="SigLIP, which Redux sees with. Leave open to use what is installed.",
                ),
                _policy(),
            ],
            outputs=_outputs(),
            hidden=[io.Hidden.unique_id],
            enable_expand=True,
            **schema.schema_extras(search_aliases=["dall-e variation", "redux", "image variation", "remix"]),
        )

    @classmethod
    def validate_inputs(cls, size: str) -> bool | str:
        return True  # any WIDTHxHEIGHT; the list is what the widget offers

    @classmethod
    def fingerprint_inputs(cls, **_: Any) -> str:
        return _fingerprint()

    @classmethod
    def execute(
        cls,
        image: torch.Tensor,
        size: str,
        n: int,
        seed: int,
        strength: float,
        draw_with: str = AUTO,
        model: Any = None,
        clip: Any = None,
        vae: Any = None,
        style_model: Any = None,
        clip_vision: Any = None,
        policy: Policy | None = None,
    ) -> io.NodeOutput:
        from . import graphs
        from .batches import batches_for
        from .loading import Connected, loading_for
        from .local_info import local_info
        from .variations import instruction, varied

        redux_weight(strength)  # a wrong one is told before anything else
        connected = Connected(model, clip, vae, style_model, clip_vision)
        wanted = _wanted(_VARYING, draw_with, redux=True)
        loading = loading_for(_installed(), wanted, connected, _device())
        settings = settings_for(size, QUALITIES[0], STYLES[0], n, loading.family)
        seeds = seeds_for(seed, n)

        graph = GraphBuilder()
        models = graphs.load(graph, loading, connected, _advice(loading))
        batches = batches_for(seeds, settings.canvas, device_memory(), RECIPES[traits(loading.family).recipe].memory)
        images = varied(graph, models, settings, batches, image[:1, :, :, :3], strength)
        notes = [*settings.notes, *loading.notes]
        if told := instruction(settings, strength):
            notes.append(f"{loading.family.value} was shown the picture and told, by strength: {told}")
        info = local_info(
            "variation",
            loading,
            wanted.licence(loading.family),
            connected,
            settings,
            seeds,
            None,
            strength=strength,
            notes=notes,
        )
        return _expanded(cls, graph, images, info, policy=policy)


class DalleFluxSettings(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DalleFluxSettings",
            display_name="DALL·E Settings to FLUX",
            category=CATEGORY,
            description="Translates DALL·E's size, quality, style and n into what FLUX's and other models' nodes take: "
            "an empty latent, width, height, steps and guidance.",
            inputs=[
                io.Combo.Input(
                    "size",
                    options=list(SIZES),
                    default="1024x1024",
                    tooltip="Size as the Images API writes it. Through the API any WIDTHxHEIGHT is taken; width and "
                    "height come out as the multiples of 16 that FLUX draws.",
                ),
                _quality(),
                _style("schnell takes no guidance."),
                io.Int.Input("n", default=1, min=1, max=MAX_N, tooltip="How many pictures; the latent's batch size."),
                io.Combo.Input(
                    "target",
                    options=_TARGETS,
                    default=_TARGETS[0],
                    optional=True,
                    tooltip="The FLUX.1 model that the settings are for; draw_with knows all others, too.",
                ),
                io.Combo.Input(
                    "draw_with",
                    options=[AUTO, *_GENERATING],
                    default=AUTO,
                    optional=True,
                    tooltip="The model that the settings are for. auto: what target says.",
                ),
            ],
            outputs=[
                io.Latent.Output(display_name="latent", tooltip="Empty latent of n pictures."),
                io.Int.Output(display_name="width", tooltip="Width in pixels that FLUX draws."),
                io.Int.Output(display_name="height", tooltip="Height in pixels that FLUX draws."),
                io.Int.Output(display_name="steps", tooltip="Sampling steps."),
                io.Float.Output(
                    display_name="guidance",
                    tooltip="Guidance for CLIPTextEncodeFlux or FluxGuidance; CFG for klein, SD 3.5 and SDXL.",
                ),
            ],
            **schema.schema_extras(search_aliases=["dall-e size", "dalle quality", "hd", "vivid", "flux settings"]),
        )

    @classmethod
    def validate_inputs(cls, size: str) -> bool | str:
        return True  # any WIDTHxHEIGHT; the list is what the widget offers

    @classmethod
    def execute(
        cls, size: str, quality: str, style: str, n: int, target: str = Family.DEV.value, draw_with: str = AUTO
    ) -> io.NodeOutput:
        family = Family(target) if draw_with == AUTO else Family(checked(draw_with, (AUTO, *_GENERATING), "draw_with"))
        settings = settings_for(size, quality, style, n, family)
        width, height = settings.canvas.render
        latent = _empty_latent(width, height, n, family)
        return io.NodeOutput(latent, width, height, settings.steps, settings.guidance or HOST_GUIDANCE)


class DalleFluxMemoryAdvice(io.ComfyNode):
    """The nodes above put it behind their model where it is drawn on a GPU."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DalleFluxMemoryAdvice",
            display_name="Out-of-Memory Advice",
            category=CATEGORY,
            description="Says what to do where the GPU runs out of memory while this model draws. The nodes that "
            "draw on FLUX put it behind their model by themselves, and name a smaller file.",
            inputs=[
                io.Model.Input("model", tooltip="The model, on its way to the sampler."),
                io.String.Input(
                    "advice",
                    default="The GPU ran out of memory; use a smaller file of this model, a smaller size or fewer "
                    "pictures.",
                    tooltip="The message that a run ends with when memory runs out.",
                ),
            ],
            outputs=[io.Model.Output(display_name="model", tooltip="The same model.")],
            **schema.schema_extras(search_aliases=["oom", "cuda out of memory", "vram"]),
        )

    @classmethod
    def execute(cls, model: Any, advice: str) -> io.NodeOutput:
        return io.NodeOutput(tell_out_of_memory(model, advice))


def _empty_latent(width: int, height: int, n: int, family: Family) -> dict[str, torch.Tensor]:
    """LATENT of n empty pictures; width and height in pixels."""
    import comfy.model_management
    import torch

    device = comfy.model_management.intermediate_device()
    channels, pixels = traits(family).latent
    return {"samples": torch.zeros([n, channels, height // pixels, width // pixels], device=device)}


def files_needed(node: str, draw_with: str, connected: Collection[str]) -> dict[str, Any]:
    """The checklist of one of the three nodes, see `checklist`; raises what a run with these settings would."""
    from .checklist import can_be_named, checklist, families_for_edit

    families = {DalleFluxLocalVariation.__name__: _VARYING, DalleFluxLocalEdit.__name__: families_for_edit(connected)}
    able = families.get(node, _DRAWING)
    if node == DalleFluxLocalEdit.__name__:
        draw_with = can_be_named(checked(draw_with, (AUTO, *_EDITING), "draw_with"), able)
    wanted = _wanted(able, draw_with, redux=node == DalleFluxLocalVariation.__name__)
    return checklist(_installed(), wanted, connected).as_json()


def _installed() -> Inventory:
    from .installed import FOLDERS, take_inventory

    return take_inventory(model_files(FOLDERS), transformer_config, running.node_types())


def _device() -> Device:
    from .fitting import Device

    return Device(device_memory(), memory_kept_free())


def _advice(loading: Loading) -> str:
    """What to read where a GPU runs out of memory; empty without one, where the system ends the host instead."""
    from .fitting import advice

    model = loading.transformer or loading.checkpoint
    return advice(model, loading.family) if model and is_gpu() else ""


def _wanted(families: tuple[Family, ...], draw_with: str = AUTO, *, redux: bool = False) -> Wanted:
    from .licences import wants_commercial
    from .loading import Wanted

    unknown = () if knows_klein() else tuple(family for family in families if traits(family).since)
    return Wanted(families, redux, draw_with, wants_commercial(folders.endpoints().settings), unknown)


def _fingerprint() -> str:
    """Changes when the user's file forbids what was allowed, so that the host asks again instead of its cache."""
    from .licences import SETTING

    return f"{minimum_fingerprint()} {folders.endpoints_to_choose_from().settings.get(SETTING)}"


def _expanded(
    node: type[io.ComfyNode], graph: GraphBuilder, images: Any, info: Info, *further: Info, policy: Policy | None
) -> io.NodeOutput:
    """The node's outputs, the pictures behind the moderation gate; the face says what draws, under which licence."""
    if info.licence:
        node_id = node.hidden.unique_id
        drawn = f"{info.model} · {info.size} · seed {info.seed}"
        licence = f"{info.licence['name']}: {info.licence['terms']}."
        running.show_text(node_id, f"{drawn} · {licence}")
        running.when_finished(
            node_id, lambda seconds: running.show_text(node_id, f"$0 · {seconds:.1f} s · {drawn} · {licence}")
        )
    images = behind_picture_gate(graph, images, policy)
    told = f"[{','.join(one.to_json() for one in (info, *further))}]" if further else info.to_json()
    return io.NodeOutput(images, info.revised_prompt or "", told, expand=graph.finalize())
