"""What one kind of model is: every question that the rest of this room has for it, answered in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from ...sizes import Size
from ..files import OfficialFile
from ..headers import Header
from ..licences import Licence

# The host's own detector: (tensor → shape, prefix of the transformer's tensors) → its `unet_config`, None if unknown.
Detector = Callable[[Mapping[str, tuple[int, ...]], str], Mapping[str, Any] | None]

MIN_RENDER_PIXELS = 512 * 512  # smaller pictures are drawn at this many and scaled down
MAX_RENDER_PIXELS = 2048 * 1024  # top of FLUX.1's trained range, 2 megapixels


class Family(Enum):
    """The models that differ in how they are run, in the order in which `auto` looks for them."""

    DEV = "FLUX.1-dev"
    KREA = "FLUX.1-Krea-dev"
    SCHNELL = "FLUX.1-schnell"
    FILL = "FLUX.1-Fill-dev"
    KONTEXT = "FLUX.1-Kontext-dev"
    FLUX2_DEV = "FLUX.2-dev"
    KLEIN_4B = "FLUX.2-klein-4B"
    KLEIN_9B = "FLUX.2-klein-9B"
    KLEIN_BASE_4B = "FLUX.2-klein-base-4B"
    KLEIN_BASE_9B = "FLUX.2-klein-base-9B"
    SD35_LARGE = "SD3.5-large"
    SD35_MEDIUM = "SD3.5-medium"
    SDXL = "SDXL"


class Part(Enum):
    """What a file is good for."""

    TRANSFORMER = "transformer"
    CHECKPOINT = "checkpoint"  # transformer, text encoders and VAE in one file
    WITHOUT_ENCODERS = "checkpoint without text encoders"
    T5 = "t5xxl"
    CLIP_L = "clip_l"
    CLIP_G = "clip_g"
    VAE = "vae"
    SD3_VAE = "Stable Diffusion 3 vae"
    REDUX = "redux"
    VISION = "clip vision"
    MISTRAL = "mistral 3 small"  # what FLUX.2-dev reads with
    QWEN_4B = "qwen 3 4B"  # what FLUX.2 klein reads with
    QWEN_8B = "qwen 3 8B"
    FLUX2_VAE = "FLUX.2 vae"
    UNCLEAR = "autoencoder"  # FLUX.1's or Stable Diffusion 3's; chosen by nothing
    NF4 = "transformer in NF4"  # no loader is known that takes it alone; chosen by nothing


@dataclass(frozen=True)
class Identity:
    """What a header says."""

    part: Part
    family: Family | None = None  # of transformers and checkpoints; None: FLUX.1 Canny, pruned ones and the like
    gguf: bool = False
    nf4: bool = False
    weights: int = field(default=0, compare=False)  # bytes of a checkpoint that are its model's; 0: the whole file

    @property
    def is_last_choice(self) -> bool:
        """Compressed further than to fp8: it loses more, and takes another pack's loader."""
        return self.gguf or self.nf4


class Edits(Enum):
    """How a picture is changed."""

    MASK = "redraws where the mask is set"
    WORDS = "changes the whole picture as the text says"
    REFERENCES = "draws what the text says of the pictures it is shown"


class Varies(Enum):
    """How a picture is varied."""

    REDUX = "by FLUX.1 Redux, which describes the picture to it"
    REFERENCES = "is shown the picture itself"


class Negative(Enum):
    """What stands against the prompt."""

    NONE = "nothing: guidance is a number beside the prompt, or there is none"
    ZEROED = "the prompt, zeroed: its template has a CFG guider all the same"
    TEXT = "a text of what is not wanted; guidance is CFG's"


@dataclass(frozen=True)
class Traits:
    """One family's answers."""

    recipe: str  # in `recipes`, and the target of its prompts
    official: tuple[OfficialFile, ...]  # the model itself; the one to name where it is missing first
    beside: Mapping[Part, tuple[OfficialFile, ...]]  # text encoders and VAE; none: they come with the checkpoint
    encoders: str = "flux"  # what the host's loaders of one or two of them call the kind
    two_texts: bool = False  # a long one and a short one, by CLIPTextEncodeFlux
    guided: bool = False  # by a number beside the text, as FluxGuidance writes it
    negative: Negative = Negative.NONE
    empty: str = "EmptySD3LatentImage"  # the node that makes its empty latent …
    latent: tuple[int, int] = (16, 8)  # … of so many channels, each so many pixels along an edge
    trained: tuple[Size, ...] = ()  # the only sizes it draws; none: any within `pixels`
    pixels: tuple[int, int] = (MIN_RENDER_PIXELS, MAX_RENDER_PIXELS)  # least and most that it draws
    smaller: tuple[OfficialFile, ...] = ()  # published beside them, for devices that do not hold those
    draws: bool = True  # from a text alone
    edits: Edits | None = None
    outpaints: bool = False
    varies: Varies | None = None
    unasked: bool = True  # `auto` may take it; False: these nodes promise FLUX, and it is none
    brand: str = "FLUX"  # in notes
    looks_like: Family | None = None  # whose shapes it has; a name tells them apart
    since: str = ""  # the ComfyUI version that knows it first, where that is newer than the oldest this pack runs on

    @property
    def licence(self) -> Licence:
        """Of the official weights."""
        return self.official[0].licence


def on_its_side(wide: tuple[Size, ...]) -> tuple[Size, ...]:
    """The sizes, and each that is no square turned."""
    return (*wide, *(Size(size.height, size.width) for size in wide if size.height != size.width))


def is_for_drawing(header: Header) -> bool:
    """False for what is put on top of a model: LoRAs and ControlNets have its blocks, too."""
    return not any("controlnet" in key or "lora_" in key for key in header.tensors)


def base_name(name: str) -> str:
    """A file's name without its sub-folder, as loaders write it on any system."""
    return name.replace("\\", "/").rsplit("/", 1)[-1]


def host_takes_it_for(header: Header, prefix: str, detect: Detector | None, name: str) -> bool:
    """Whether the host's detector calls the transformer by this name; True without a detector."""
    if detect is None:
        return True
    config = detect({key: tensor.shape for key, tensor in header.tensors.items()}, prefix)
    return config is not None and config.get("image_model") == name
