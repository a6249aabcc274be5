"""Which FLUX.1 files are on this machine, and which of them to use.

A file is known by its header, so a renamed download works, and a file under an official name that is cut
short or holds something else is not used. The official name decides where shapes cannot: Krea and Kontext
have the shapes of dev.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from pathlib import Path

from ..errors import DalleFluxError
from . import files
from .files import OfficialFile
from .headers import BadWeights, Header, read_header
from .settings import Family


class Part(Enum):
    """What a file is good for."""

    TRANSFORMER = "transformer"
    CHECKPOINT = "checkpoint"  # transformer, text encoders and VAE in one file
    T5 = "t5xxl"
    CLIP_L = "clip_l"
    VAE = "vae"
    REDUX = "redux"
    VISION = "clip vision"


@dataclass(frozen=True)
class Identity:
    """What a header says."""

    part: Part
    family: Family | None = None  # of transformers and checkpoints; None: FLUX.1 Canny, Depth and the like
    gguf: bool = False


@dataclass(frozen=True)
class Installed:
    """One usable file."""

    folder: str  # as folder_paths names it
    name: str  # as loaders take it, with its sub-folder
    identity: Identity
    size: int  # bytes


@dataclass(frozen=True)
class Inventory:
    """Everything usable, and what is there but is not."""

    usable: tuple[Installed, ...]
    rejected: tuple[str, ...]  # one sentence each

    def find(self, part: Part, family: Family | None = None, official: Sequence[OfficialFile] = ()) -> Installed | None:
        """The best file: official names in the order given, then the largest, so the least compressed."""
        fitting = [
            file
            for file in self.usable
            if file.identity.part is part and (family is None or file.identity.family is family)
        ]
        names = [file.name for file in official]

        def rank(file: Installed) -> tuple[bool, int, int, str]:
            place = names.index(_base(file.name)) if _base(file.name) in names else len(names)
            return (file.identity.gguf, place, -file.size, file.name)

        return min(fitting, key=rank, default=None)


class NothingInstalled(DalleFluxError):
    """A file that the request needs is not there."""

    code = "weights_missing"


@dataclass(frozen=True)
class Loading:
    """Which files make up a model. None: comes from elsewhere (a checkpoint, or a connected socket)."""

    family: Family
    transformer: Installed | None = None
    checkpoint: Installed | None = None
    t5: Installed | None = None
    clip_l: Installed | None = None
    vae: Installed | None = None

    def as_info(self) -> dict[str, str]:
        """Part → folder/name, for `info`."""
        parts = {
            "model": self.transformer or self.checkpoint,
            "t5xxl": self.t5,
            "clip_l": self.clip_l,
            "vae": self.vae,
        }
        return {part: f"{file.folder}/{file.name}" for part, file in parts.items() if file}


FOLDERS = (
    "diffusion_models",
    "unet_gguf",
    "checkpoints",
    "text_encoders",
    "clip_gguf",
    "vae",
    "style_models",
    "clip_vision",
)

_FOLDERS_OF = {
    Part.TRANSFORMER: ("diffusion_models", "unet_gguf"),
    Part.CHECKPOINT: ("checkpoints",),
    Part.T5: ("text_encoders", "clip_gguf"),
    Part.CLIP_L: ("text_encoders",),
    Part.VAE: ("vae",),
    Part.REDUX: ("style_models",),
    Part.VISION: ("clip_vision",),
}

_OFFICIAL = {
    Family.DEV: (files.DEV, files.DEV_CHECKPOINT),
    Family.KREA: (files.KREA,),
    Family.SCHNELL: (files.SCHNELL, files.SCHNELL_CHECKPOINT),
    Family.FILL: (files.FILL,),
    Family.KONTEXT: (files.KONTEXT,),
}
_TEXT_ENCODERS = (files.T5_FP16, files.T5_FP8, files.CLIP_L)


def take_inventory(listing: Iterable[tuple[str, str, Path]]) -> Inventory:
    """Read the headers of all files listed.

    Args:
        listing: (folder, name as loaders take it, path) of each file.
    """
    usable, rejected = [], []
    for folder, name, path in listing:
        if path.suffix.lower() not in (".safetensors", ".sft", ".gguf"):
            continue
        try:
            stat = path.stat()
            found = _identify_file(path, stat.st_size, stat.st_mtime_ns)
        except OSError as error:
            rejected.append(f"{folder}/{name} cannot be read ({error.strerror}).")
            continue
        if isinstance(found, str):
            rejected.append(f"{folder}/{found}")
        elif found:
            if found.part is Part.CHECKPOINT and folder == "diffusion_models":
                found = Identity(Part.TRANSFORMER, found.family)  # UNETLoader takes just the transformer out of it
            if folder in _FOLDERS_OF[found.part]:
                usable.append(Installed(folder, name, found, stat.st_size))
            else:
                rejected.append(
                    f"{folder}/{name} holds {found.part.value} weights; move it to {_FOLDERS_OF[found.part][0]}."
                )
    return Inventory(tuple(usable), tuple(rejected))


@lru_cache(maxsize=4096)
def _identify_file(path: Path, size: int, changed_ns: int) -> Identity | str | None:
    """`identify`, or the sentence that says what is wrong; the size and time make a new download a new question."""
    try:
        return identify(read_header(path), path.name)
    except BadWeights as error:
        return str(error)


def identify(header: Header, name: str) -> Identity | None:
    """What the tensors are, or None if nothing FLUX.1 needs.

    Args:
        name: the file's name; tells Krea and Kontext from dev.
    """
    tensors = header.tensors
    gguf = "general.architecture" in header.metadata
    for prefix in ("", "model.diffusion_model.", "diffusion_model.", "transformer."):
        if _is_flux1(header, prefix):
            family = _family(header, prefix, name)
            whole = any(key.startswith("text_encoders.") for key in tensors)
            return Identity(Part.CHECKPOINT if whole else Part.TRANSFORMER, family, gguf)
    if "encoder.block.23.layer.1.DenseReluDense.wi_1.weight" in tensors and _edge(header, "shared.weight", 1) == 4096:
        return Identity(Part.T5)
    if (
        header.metadata.get("general.architecture", "").startswith("t5")
        and _edge(header, "token_embd.weight", 1) == 4096
    ):
        return Identity(Part.T5, gguf=True)
    if _edge(header, "text_model.embeddings.token_embedding.weight", 1) == 768 and not _has(header, "vision_model."):
        return Identity(Part.CLIP_L)
    if "redux_down.weight" in tensors:
        return Identity(Part.REDUX)
    if _edge(header, "vision_model.embeddings.position_embedding.weight", 1) == 1152:
        return Identity(Part.VISION)
    # FLUX.1's autoencoder has 16 channels and no quantisation layer, unlike Stable Diffusion 3's.
    if _edge(header, "decoder.conv_in.weight", 1) == 16 and "quant_conv.weight" not in tensors:
        return Identity(Part.VAE)
    if _edge(header, "taesd_decoder.1.weight", 1) == 16:
        return Identity(Part.VAE)
    return None


def _is_flux1(header: Header, prefix: str) -> bool:
    tensors = header.tensors
    return (
        f"{prefix}img_in.weight" in tensors
        and f"{prefix}double_blocks.0.img_attn.qkv.weight" in tensors
        and f"{prefix}vector_in.in_layer.weight" in tensors  # FLUX.2 has none
        and not _has(header, f"{prefix}distilled_guidance_layer.")  # Chroma
        and _edge(header, f"{prefix}txt_in.weight", 1) == 4096
    )


def _family(header: Header, prefix: str, name: str) -> Family | None:
    channels = (_edge(header, f"{prefix}img_in.weight", 1) or 0) // 4
    if channels == 96:
        return Family.FILL
    if channels != 16:
        return None
    if not _has(header, f"{prefix}guidance_in."):
        return Family.SCHNELL
    lower = name.lower()
    if "kontext" in lower:
        return Family.KONTEXT
    return Family.KREA if "krea" in lower else Family.DEV


def choose(inventory: Inventory, families: Sequence[Family], *, clip: bool = True, vae: bool = True) -> Loading:
    """The files for the first of `families` that is installed.

    Args:
        clip: False if text encoders come from elsewhere; the same for `vae`.

    Raises:
        NothingInstalled: says which files are needed, and what is wrong with those that are there.
    """
    for family in families:
        loading = _for_family(inventory, family)
        if loading:
            break
    else:
        raise NothingInstalled(_missing(f"{families[0].value} is not installed", _OFFICIAL[families[0]][:1], inventory))
    return _with_encoders(inventory, loading, clip=clip, vae=vae)


def choose_encoders(inventory: Inventory, family: Family, *, clip: bool, vae: bool) -> Loading:
    """Text encoders and VAE for a model that comes from a socket."""
    return _with_encoders(inventory, Loading(family), clip=clip, vae=vae)


def choose_part(inventory: Inventory, part: Part, official: OfficialFile) -> Installed:
    """One file of a kind, e.g. Redux's.

    Raises:
        NothingInstalled: there is none.
    """
    found = inventory.find(part, official=(official,))
    if found is None:
        raise NothingInstalled(_missing(f"The {part.value} model is not installed", (official,), inventory))
    return found


def _for_family(inventory: Inventory, family: Family) -> Loading | None:
    official = _OFFICIAL[family]
    transformer = inventory.find(Part.TRANSFORMER, family, official)
    checkpoint = inventory.find(Part.CHECKPOINT, family, official)
    if transformer and (not transformer.identity.gguf or not checkpoint):
        return Loading(family, transformer=transformer)
    return Loading(family, checkpoint=checkpoint) if checkpoint else None


def _with_encoders(inventory: Inventory, loading: Loading, *, clip: bool, vae: bool) -> Loading:
    if loading.checkpoint:
        return loading
    t5 = inventory.find(Part.T5, official=_TEXT_ENCODERS)
    clip_l = inventory.find(Part.CLIP_L, official=_TEXT_ENCODERS)
    autoencoder = inventory.find(Part.VAE, official=(files.VAE,))
    needed = [
        official
        for wanted, found, official in (
            (clip, t5, files.T5_FP16),
            (clip, clip_l, files.CLIP_L),
            (vae, autoencoder, files.VAE),
        )
        if wanted and not found
    ]
    if needed:
        raise NothingInstalled(_missing(f"{loading.family.value} lacks a file", needed, inventory))
    return Loading(
        loading.family,
        transformer=loading.transformer,
        t5=t5 if clip else None,
        clip_l=clip_l if clip else None,
        vae=autoencoder if vae else None,
    )


def _missing(what: str, needed: Sequence[OfficialFile], inventory: Inventory) -> str:
    """The whole list: whoever lacks the model needs the encoders too, and should not learn it file by file."""
    parts = {files.T5_FP16: Part.T5, files.CLIP_L: Part.CLIP_L, files.VAE: Part.VAE}
    lacking = list(needed)
    if any(file not in parts for file in needed):
        lacking += [file for file, part in parts.items() if file not in lacking and not inventory.find(part)]
    listed = "; ".join(str(file) for file in lacking)
    wrong = f" (unusable: {' '.join(inventory.rejected)})" if inventory.rejected else ""
    return f"{what}; put into ComfyUI's folder: {listed}; then run again{wrong}."


def _edge(header: Header, name: str, index: int) -> int | None:
    tensor = header.tensors.get(name)
    return tensor.shape[index] if tensor and len(tensor.shape) > index else None


def _has(header: Header, prefix: str) -> bool:
    return any(key.startswith(prefix) for key in header.tensors)


def _base(name: str) -> str:
    return name.replace("\\", "/").rsplit("/", 1)[-1]
