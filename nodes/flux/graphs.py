"""The official graphs, laid out in the host's own nodes.

Each function adds one step of a graph to a builder and returns the output it ends in, so a recipe below
reads from top to bottom like the graph reads from left to right. Node types, links and settings are those
of the workflow templates that ship with ComfyUI; the file is named at each recipe, or at the family (`families`)
whose traits choose between the steps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ..host.sampling import PromptEach
from ..recipes import FLUX2_SCHEDULER, HOST_GUIDANCE
from .families import Negative, traits
from .installed import NF4_LOADER, Installed, Loading
from .loading import Connected
from .noise import SeededNoise
from .settings import Canvas, SamplingSettings

if TYPE_CHECKING:
    import torch

Link = Any  # ["node id", output index], or a value that a socket of this node was given


_NOTHING = Connected()
_REFERENCE_PIXELS = 1024 * 1024  # of a picture that FLUX.2 is shown


class Node(Protocol):
    """A node just added."""

    def out(self, index: int) -> Link: ...


class Builder(Protocol):
    """What the host's `comfy_execution.graph_utils.GraphBuilder` offers."""

    def node(self, class_type: str, id: str | None = None, **inputs: Any) -> Node: ...


@dataclass(frozen=True)
class Models:
    """Loaded, as links."""

    model: Link
    clip: Link
    vae: Link
    style_model: Link = None  # Redux, and what it sees with
    clip_vision: Link = None


@dataclass(frozen=True)
class Texts:
    """The prompt for each of FLUX's two text encoders; other families read the long one."""

    t5xxl: str
    clip_l: str
    negative: str = ""  # what is not wanted, for families that read it apart


def load(graph: Builder, files: Loading, connected: Connected = _NOTHING, advice: str = "") -> Models:
    """Loader nodes for what is not connected.

    Args:
        advice: what people are to read where the device runs out of memory; empty: what the host says.
    """
    model, clip, vae = connected.model, connected.clip, connected.vae
    style_model, clip_vision = connected.style_model, connected.clip_vision
    if files.checkpoint:
        loader = NF4_LOADER if files.checkpoint.identity.nf4 else "CheckpointLoaderSimple"
        whole = graph.node(loader, ckpt_name=files.checkpoint.name)
        model, clip, vae = (whole.out(at) if one is None else one for at, one in enumerate((model, clip, vae)))
    if files.transformer and model is None:
        model = _load_transformer(graph, files.transformer)
    encoders = [file for file in (files.clip_l, files.clip_g, files.t5, files.text_encoder) if file]
    if encoders and connected.clip is None:
        clip = _load_encoders(graph, encoders, traits(files.family).encoders)
    if files.vae and vae is None:
        vae = graph.node("VAELoader", vae_name=files.vae.name).out(0)
    if advice and model is not None:
        model = graph.node("DalleFluxMemoryAdvice", model=model, advice=advice).out(0)
    if files.redux:
        style_model = graph.node("StyleModelLoader", style_model_name=files.redux.name).out(0)
    if files.vision:
        clip_vision = graph.node("CLIPVisionLoader", clip_name=files.vision.name).out(0)
    return Models(model, clip, vae, style_model, clip_vision)


def _load_transformer(graph: Builder, file: Installed) -> Link:
    if file.identity.gguf:  # the pack ComfyUI-GGUF; without it the host lists no such files
        return graph.node("UnetLoaderGGUF", unet_name=file.name).out(0)
    return graph.node("UNETLoader", unet_name=file.name, weight_dtype="default").out(0)


def _load_encoders(graph: Builder, files: Sequence[Installed], kind: str) -> Link:
    """The CLIP of one text encoder, two or three. The host's loader of three knows their kind by their number."""
    if len(files) == 1:
        return graph.node("CLIPLoader", clip_name=files[0].name, type=kind, device="default").out(0)
    gguf = "GGUF" if any(file.identity.gguf for file in files) else ""
    names = {f"clip_name{number}": file.name for number, file in enumerate(files, 1)}
    if len(files) == 3:
        return graph.node(f"TripleCLIPLoader{gguf}", **names).out(0)
    return graph.node(f"DualCLIPLoader{gguf}", **names, type=kind, **({} if gguf else {"device": "default"})).out(0)


def text_to_images(
    graph: Builder, models: Models, settings: SamplingSettings, texts: Texts, batches: Sequence[Sequence[int]]
) -> Link:
    """IMAGE of one picture a seed, at the size asked for.

    Source: `flux_dev_full_text_to_image.json` for loaders and texts; the sampling half is that of
    `flux_redux_model_example.json`, whose ModelSamplingFlux fits the schedule to the picture's size.
    """
    return sample_batches(graph, models, settings, encode(graph, models, texts, settings), batches)


def texts_to_images(
    graph: Builder,
    models: Models,
    settings: SamplingSettings,
    batches: Sequence[Sequence[tuple[Texts, int]]],
) -> Link:
    """IMAGE of one picture for each text and its seed, as `text_to_images`."""
    images = None
    for batch in batches:
        encoded = {text: encode(graph, models, text, settings) for text, _ in batch}
        prompt = None
        for text, _ in batch:
            prompt = encoded[text] if prompt is None else _combined(graph, prompt, encoded[text])
        assert prompt
        seeds = [seed for _, seed in batch]
        drawn = sample_batches(graph, models, settings, prompt, [seeds], PromptEach(settings.sampler))
        images = joined(graph, images, drawn)
    return images


@dataclass(frozen=True)
class Prompt:
    """What is wanted and what is not, as CONDITIONING."""

    wanted: Link
    unwanted: Link = None  # None: the family takes none


def encode(graph: Builder, models: Models, texts: Texts, settings: SamplingSettings) -> Prompt:
    """The texts, as the family reads them."""
    family = traits(settings.family)
    if family.two_texts:
        guidance = settings.guidance or HOST_GUIDANCE  # a model that takes none ignores it
        both = {"clip_l": texts.clip_l, "t5xxl": texts.t5xxl}
        return Prompt(graph.node("CLIPTextEncodeFlux", clip=models.clip, **both, guidance=guidance).out(0))
    wanted = graph.node("CLIPTextEncode", clip=models.clip, text=texts.t5xxl).out(0)
    if family.guided:
        wanted = graph.node("FluxGuidance", conditioning=wanted, guidance=settings.guidance).out(0)
    unwanted = None
    if family.negative is Negative.TEXT:
        unwanted = graph.node("CLIPTextEncode", clip=models.clip, text=texts.negative).out(0)
    elif family.negative is Negative.ZEROED:
        unwanted = graph.node("ConditioningZeroOut", conditioning=wanted).out(0)
    return Prompt(wanted, unwanted)


def _combined(graph: Builder, one: Prompt, other: Prompt) -> Prompt:
    def both(first: Link, second: Link) -> Link:
        return first and graph.node("ConditioningCombine", conditioning_1=first, conditioning_2=second).out(0)

    return Prompt(both(one.wanted, other.wanted), both(one.unwanted, other.unwanted))


def sample_batches(
    graph: Builder,
    models: Models,
    settings: SamplingSettings,
    prompt: Prompt,
    batches: Sequence[Sequence[int]],
    each: PromptEach | None = None,
) -> Link:
    """Sampler and decoder for each batch of seeds; all pictures in one IMAGE, at the size asked for.

    Args:
        each: the sampler where `prompt` combines one prompt a picture.
    """
    width, height = settings.canvas.render
    model = models.model
    if settings.shift:
        max_shift, base_shift = settings.shift
        model = graph.node(
            "ModelSamplingFlux", model=model, max_shift=max_shift, base_shift=base_shift, width=width, height=height
        ).out(0)
    if prompt.unwanted is None:
        guider = graph.node("BasicGuider", model=model, conditioning=prompt.wanted).out(0)
    else:
        both = {"positive": prompt.wanted, "negative": prompt.unwanted}
        guider = graph.node("CFGGuider", model=model, **both, cfg=settings.guidance).out(0)
    sampler = each or graph.node("KSamplerSelect", sampler_name=settings.sampler).out(0)
    empty = traits(settings.family).empty
    if settings.scheduler == FLUX2_SCHEDULER:
        sigmas = graph.node("Flux2Scheduler", steps=settings.steps, width=width, height=height).out(0)
    else:
        sigmas = graph.node(
            "BasicScheduler", model=model, scheduler=settings.scheduler, steps=settings.steps, denoise=1.0
        ).out(0)
    images = None
    for seeds in batches:
        latent = graph.node(empty, width=width, height=height, batch_size=len(seeds)).out(0)
        noise = graph.node("RandomNoise", noise_seed=seeds[0]).out(0) if len(seeds) == 1 else SeededNoise(tuple(seeds))
        sampled = graph.node(
            "SamplerCustomAdvanced", noise=noise, guider=guider, sampler=sampler, sigmas=sigmas, latent_image=latent
        ).out(0)
        images = joined(graph, images, graph.node("VAEDecode", samples=sampled, vae=models.vae).out(0))
    return fitted(graph, images, settings.canvas)


def fill(
    graph: Builder,
    models: Models,
    settings: SamplingSettings,
    texts: Texts,
    seeds: Sequence[int],
    picture: torch.Tensor,
    mask: torch.Tensor,
    keep: torch.Tensor,
) -> Link:
    """IMAGE: `picture` redrawn where `mask` is set, once a seed.

    Source: `flux_fill_inpaint_example.json`; others than Fill take of it what any model takes, the masked noise.

    Args:
        picture: IMAGE `[1,H,W,3]`.
        mask: MASK `[1,H,W]`, where the model redraws.
        keep: MASK `[1,H,W]`, where the result is shown; where it is 0, the picture's own pixels come back.
    """
    prompt = encode(graph, models, texts, settings)
    negative = prompt.unwanted or graph.node("ConditioningZeroOut", conditioning=prompt.wanted).out(0)
    drawn_at = settings.canvas.render
    shown = picture
    if (picture.shape[2], picture.shape[1]) != drawn_at:
        shown = scaled(graph, picture, drawn_at, crop="disabled")
    prepared = graph.node(
        "InpaintModelConditioning",
        positive=prompt.wanted,
        negative=negative,
        vae=models.vae,
        pixels=shown,
        mask=mask,
        noise_mask=True,
    )
    model = graph.node("DifferentialDiffusion", model=models.model, strength=1.0).out(0)
    images = None
    for seed in seeds:
        sampled = _ksampler(graph, model, settings, seed, prepared.out(0), prepared.out(1), prepared.out(2))
        result = graph.node("VAEDecode", samples=sampled, vae=models.vae).out(0)
        if (picture.shape[2], picture.shape[1]) != drawn_at:
            result = scaled(graph, result, settings.canvas.asked, crop="disabled")
        result = graph.node(
            "ImageCompositeMasked", destination=picture, source=result, x=0, y=0, resize_source=False, mask=keep
        ).out(0)
        images = joined(graph, images, result)
    return images


def kontext(
    graph: Builder,
    models: Models,
    settings: SamplingSettings,
    texts: Texts,
    seeds: Sequence[int],
    picture: torch.Tensor,
) -> Link:
    """IMAGE: `picture` changed as the text says, once a seed, at the size asked for.

    Source: `flux_kontext_dev_basic.json`.
    """
    text = encode(graph, models, texts, settings).wanted
    trained_size = graph.node("FluxKontextImageScale", image=picture).out(0)
    latent = graph.node("VAEEncode", pixels=trained_size, vae=models.vae).out(0)
    positive = graph.node("ReferenceLatent", conditioning=text, latent=latent).out(0)
    negative = graph.node("ConditioningZeroOut", conditioning=text).out(0)
    images = None
    for seed in seeds:
        sampled = _ksampler(graph, models.model, settings, seed, positive, negative, latent)
        images = joined(graph, images, graph.node("VAEDecode", samples=sampled, vae=models.vae).out(0))
    return scaled(graph, images, settings.canvas.asked, crop="center")


def by_reference(
    graph: Builder,
    models: Models,
    settings: SamplingSettings,
    texts: Texts,
    batches: Sequence[Sequence[int]],
    pictures: torch.Tensor,
) -> Link:
    """IMAGE: what the text says of the pictures it is shown, one picture a seed.

    Source: `image_flux2_fp8.json`, for klein `image_flux2_klein_image_edit_4b_base.json` and its neighbours.

    Args:
        pictures: IMAGE `[N,H,W,3]`; the text may name them by their order. Shown at about a megapixel, as the template
            does by ImageScaleToTotalPixels, whose inputs differ between hosts.
    """
    prompt = encode(graph, models, texts, settings)
    _, height, width, _ = pictures.shape
    scale = math.sqrt(_REFERENCE_PIXELS / (width * height))
    for index in range(len(pictures)):
        one = pictures[index : index + 1]
        shown = scaled(graph, one, (round(width * scale), round(height * scale)), crop="disabled")
        latent = graph.node("VAEEncode", pixels=shown, vae=models.vae).out(0)
        prompt = Prompt(*(text and _shown(graph, text, latent) for text in (prompt.wanted, prompt.unwanted)))
    return sample_batches(graph, models, settings, prompt, batches)


def _shown(graph: Builder, text: Link, latent: Link) -> Link:
    return graph.node("ReferenceLatent", conditioning=text, latent=latent).out(0)


def redux(
    graph: Builder,
    models: Models,
    settings: SamplingSettings,
    batches: Sequence[Sequence[int]],
    picture: torch.Tensor,
    weight: float,
) -> Link:
    """IMAGE: new pictures after `picture`, one a seed. Source: `flux_redux_model_example.json`.

    Args:
        weight: how much of the picture's description reaches FLUX, 0 … 1.
    """
    prompt = encode(graph, models, Texts("", ""), settings)
    seen = graph.node("CLIPVisionEncode", clip_vision=models.clip_vision, image=picture, crop="center").out(0)
    styled = graph.node(
        "StyleModelApply",
        conditioning=prompt.wanted,
        style_model=models.style_model,
        clip_vision_output=seen,
        strength=weight,
        strength_type="multiply",
    ).out(0)
    return sample_batches(graph, models, settings, Prompt(styled), batches)


def _ksampler(
    graph: Builder, model: Link, settings: SamplingSettings, seed: int, positive: Link, negative: Link, latent: Link
) -> Link:
    return graph.node(
        "KSampler",
        model=model,
        seed=seed,
        steps=settings.steps,
        cfg=1.0 if traits(settings.family).negative is Negative.NONE else settings.guidance,
        sampler_name=settings.sampler,
        scheduler=settings.scheduler,
        positive=positive,
        negative=negative,
        latent_image=latent,
        denoise=1.0,
    ).out(0)


def joined(graph: Builder, before: Link, images: Link) -> Link:
    """One IMAGE of both; `before` may be None."""
    return images if before is None else graph.node("ImageBatch", image1=before, image2=images).out(0)


def fitted(graph: Builder, images: Link, canvas: Canvas) -> Link:
    """Bring pictures from the size drawn to the size asked for: cropped evenly, resampled only if they must be."""
    if canvas.is_exact:
        return images
    if canvas.scale == 1.0:
        surplus = (canvas.render.width - canvas.asked.width, canvas.render.height - canvas.asked.height)
        return graph.node(
            "ImageCrop",
            image=images,
            width=canvas.asked.width,
            height=canvas.asked.height,
            x=surplus[0] // 2,
            y=surplus[1] // 2,
        ).out(0)
    return scaled(graph, images, canvas.asked, crop="center")


def scaled(graph: Builder, images: Link, size: tuple[int, int], *, crop: str) -> Link:
    """Resample to `size`; crop "center" covers it, "disabled" stretches to it."""
    width, height = size
    return graph.node("ImageScale", image=images, upscale_method="lanczos", width=width, height=height, crop=crop).out(
        0
    )
