"""Which files are on this machine, and which of them to use.

A file is known by its header (see `identify`), so a renamed download works, and a file under an official name
that is cut short or holds something else is not used.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from ..errors import DalleFluxError
from .families import Detector, Family, Identity, Part, traits
from .families.family import base_name
from .files import OfficialFile
from .fitting import Device, Fit, fitting
from .headers import BadWeights, read_header
from .identify import identify


@dataclass(frozen=True)
class Installed:
    """One usable file."""

    folder: str  # as folder_paths names it
    name: str  # as loaders take it, with its sub-folder
    identity: Identity
    size: int  # bytes

    @property
    def weights(self) -> int:
        """Bytes that have to fit the device: of a checkpoint only its model's."""
        return self.identity.weights or self.size


@dataclass(frozen=True)
class Inventory:
    """Everything usable, and what is there but is not."""

    usable: tuple[Installed, ...]
    rejected: tuple[str, ...]  # one sentence each

    def find(self, part: Part, family: Family | None = None, official: Sequence[OfficialFile] = ()) -> Installed | None:
        """The best file of its kind; None if there is none."""
        return next(iter(self.ranked(part, family, official)), None)

    def ranked(
        self, part: Part, family: Family | None = None, official: Sequence[OfficialFile] = ()
    ) -> list[Installed]:
        """The best file first: official names in the order given, then the largest, so the least compressed."""
        found = [
            file
            for file in self.usable
            if file.identity.part is part and (family is None or file.identity.family is family)
        ]
        names = [file.name for file in official]

        def rank(file: Installed) -> tuple[bool, int, int, str]:
            place = names.index(base_name(file.name)) if base_name(file.name) in names else len(names)
            return (file.identity.is_last_choice, place, -file.size, file.name)

        return sorted(found, key=rank)


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
    redux: Installed | None = None
    vision: Installed | None = None
    text_encoder: Installed | None = None  # of a family that reads with one
    clip_g: Installed | None = None
    notes: tuple[str, ...] = ()  # what did not fit the device, one sentence each

    def as_info(self) -> dict[str, str]:
        """Part → folder/name, for `info`."""
        parts = {
            "model": self.transformer or self.checkpoint,
            "t5xxl": self.t5,
            "clip_l": self.clip_l,
            "clip_g": self.clip_g,
            "text_encoder": self.text_encoder,
            "vae": self.vae,
            "redux": self.redux,
            "clip_vision": self.vision,
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
    Part.WITHOUT_ENCODERS: ("checkpoints",),
    Part.T5: ("text_encoders", "clip_gguf"),
    Part.CLIP_L: ("text_encoders",),
    Part.CLIP_G: ("text_encoders",),
    Part.VAE: ("vae",),
    Part.SD3_VAE: ("vae",),
    Part.REDUX: ("style_models",),
    Part.VISION: ("clip_vision",),
    Part.MISTRAL: ("text_encoders",),
    Part.QWEN_4B: ("text_encoders",),
    Part.QWEN_8B: ("text_encoders",),
    Part.FLUX2_VAE: ("vae",),
}

_NOT_CHOSEN = {
    Part.UNCLEAR: "may be FLUX.1's autoencoder or Stable Diffusion 3's, which look the same and draw other colours; "
    "if it is FLUX.1's, rename it to ae.safetensors or connect it to `vae`.",
    Part.NF4: "is in NF4, which ComfyUI's own loaders do not read; connect its loader to `model`.",
}
NF4_LOADER = "CheckpointLoaderNF4"  # of the pack ComfyUI_bitsandbytes_NF4


def take_inventory(
    listing: Iterable[tuple[str, str, Path]], detect: Detector | None = None, node_types: Container[str] = ()
) -> Inventory:
    """Read the headers of all files listed.

    Args:
        listing: (folder, name as loaders take it, path) of each file.
        detect: the host's own detector of transformers.
        node_types: those that the host has; some formats are read by nodes of other packs.
    """
    usable, rejected = [], []
    for folder, name, path in listing:
        if path.suffix.lower() not in (".safetensors", ".sft", ".gguf"):
            continue
        try:
            stat = path.stat()
            found = _identify_file(path, name, stat.st_size, stat.st_mtime_ns, detect)
        except OSError as error:
            rejected.append(f"{folder}/{name} cannot be read ({error.strerror}).")
            continue
        if isinstance(found, str):
            rejected.append(f"{folder}/{found}")
        elif found:
            if folder == "diffusion_models" and found.part in _MODELS and found.family and traits(found.family).beside:
                found = replace(found, part=Part.TRANSFORMER)  # UNETLoader takes just the transformer out of it
            if found.nf4 and NF4_LOADER not in node_types:
                found = Identity(Part.NF4)
            if found.part in _NOT_CHOSEN:
                rejected.append(f"{folder}/{name} {_NOT_CHOSEN[found.part]}")
            elif folder in _FOLDERS_OF[found.part]:
                usable.append(Installed(folder, name, found, stat.st_size))
            else:
                rejected.append(
                    f"{folder}/{name} holds {found.part.value} weights; move it to {_FOLDERS_OF[found.part][0]}."
                )
    return Inventory(tuple(usable), tuple(rejected))


@lru_cache(maxsize=4096)
def _identify_file(path: Path, name: str, size: int, changed_ns: int, detect: Detector | None) -> Identity | str | None:
    """`identify`, or the sentence that says what is wrong; the size and time make a new download a new question."""
    try:
        return identify(read_header(path), name, detect)
    except BadWeights as error:
        return str(error)


def choose(
    inventory: Inventory,
    families: Sequence[Family],
    *,
    clip: bool = True,
    vae: bool = True,
    device: Device | None = None,
) -> Loading:
    """The files for the first of `families` that is installed with all that it needs; see `fitting` for which of them.

    Args:
        clip: False if text encoders come from elsewhere; the same for `vae`.
        device: where it is drawn; None: whatever holds everything.

    Raises:
        NothingInstalled: says which files are needed, and what is wrong with those that are there.
    """
    found = {family: models for family in families if (models := models_of(inventory, family))}
    for family, models in found.items():
        complete = [model for model in models if not _lacking(inventory, model, family, clip=clip, vae=vae)]
        if model := fitting(complete, family, device):
            return _loading(inventory, model, family, clip=clip, vae=vae, device=device)
    for family, models in found.items():
        lacking = _lacking(inventory, models[0], family, clip=clip, vae=vae)
        raise NothingInstalled(_missing(f"{family.value} lacks a file", lacking, inventory, family))
    family = families[0]
    raise NothingInstalled(_missing(f"{family.value} is not installed", traits(family).official[:1], inventory, family))


def is_installed(inventory: Inventory, family: Family) -> bool:
    """True if the family could draw with nothing connected."""
    try:
        choose(inventory, [family])
    except NothingInstalled:
        return False
    return True


def choose_encoders(
    inventory: Inventory, family: Family, *, clip: bool, vae: bool, device: Device | None = None
) -> Loading:
    """Text encoders and VAE for a model that comes from a socket.

    Raises:
        NothingInstalled: one of them is not there.
    """
    if not traits(family).beside and (clip or vae):
        raise NothingInstalled(
            f"{family.value}'s text encoders and VAE come with its checkpoint; connect its `clip` and `vae`, too."
        )
    if lacking := _lacking(inventory, None, family, clip=clip, vae=vae):
        raise NothingInstalled(_missing(f"{family.value} lacks a file", lacking, inventory, family))
    return _loading(inventory, None, family, clip=clip, vae=vae, device=device)


def choose_part(inventory: Inventory, part: Part, official: OfficialFile, family: Family) -> Installed:
    """One file of a kind, e.g. Redux's, that is used with `family`.

    Raises:
        NothingInstalled: there is none.
    """
    found = inventory.find(part, official=(official,))
    if found is None:
        raise NothingInstalled(_missing(f"The {part.value} model is not installed", (official,), inventory, family))
    return found


def models_of(inventory: Inventory, family: Family) -> list[Installed]:
    """The files that hold this family's transformer, in the order in which they are to be used."""
    found = [file for part in _MODELS for file in inventory.ranked(part, family, traits(family).official)]
    return sorted(found, key=lambda file: file.identity.is_last_choice)


_MODELS = (Part.TRANSFORMER, Part.CHECKPOINT, Part.WITHOUT_ENCODERS)
AUTOENCODERS = (Part.VAE, Part.FLUX2_VAE, Part.SD3_VAE)
_LANGUAGE_MODELS = (Part.MISTRAL, Part.QWEN_4B, Part.QWEN_8B)


def needed_beside(
    model: Installed | None, family: Family, *, clip: bool, vae: bool
) -> dict[Part, tuple[OfficialFile, ...]]:
    """What the model needs besides itself, of what is asked for; None: it comes from a socket."""
    part = model.identity.part if model else Part.TRANSFORMER
    clip = clip and part is not Part.CHECKPOINT
    vae = vae and part is Part.TRANSFORMER
    return {
        part: official for part, official in traits(family).beside.items() if (vae if part in AUTOENCODERS else clip)
    }


def _lacking(
    inventory: Inventory, model: Installed | None, family: Family, *, clip: bool, vae: bool
) -> list[OfficialFile]:
    needed = needed_beside(model, family, clip=clip, vae=vae)
    return [official[0] for part, official in needed.items() if not inventory.find(part)]


def _loading(
    inventory: Inventory, model: Fit | None, family: Family, *, clip: bool, vae: bool, device: Device | None
) -> Loading:
    file = model.file if model else None
    beside = {
        part: fitting(inventory.ranked(part, official=official), family, None if part in AUTOENCODERS else device)
        for part, official in needed_beside(file, family, clip=clip, vae=vae).items()
    }
    found = {part: fit.file for part, fit in beside.items() if fit}
    is_transformer = file is not None and file.identity.part is Part.TRANSFORMER
    return Loading(
        family,
        transformer=file if is_transformer else None,
        checkpoint=None if is_transformer else file,
        t5=found.get(Part.T5),
        clip_l=found.get(Part.CLIP_L),
        clip_g=found.get(Part.CLIP_G),
        text_encoder=next((file for part, file in found.items() if part in _LANGUAGE_MODELS), None),
        vae=next((file for part, file in found.items() if part in AUTOENCODERS), None),
        notes=tuple(fit.note for fit in (model, *beside.values()) if fit and fit.note),
    )


def _missing(what: str, needed: Sequence[OfficialFile], inventory: Inventory, family: Family) -> str:
    """The whole list: whoever lacks the model needs the encoders too, and should not learn it file by file."""
    whole = needed and needed[0].folder == "checkpoints"  # it brings its own
    encoders = [] if whole else _lacking(inventory, None, family, clip=True, vae=True)
    lacking = list(needed) if set(needed) <= set(encoders) else [*needed, *encoders]
    listed = "; ".join(str(file) for file in lacking)
    wrong = f" (unusable: {' '.join(inventory.rejected)})" if inventory.rejected else ""
    return f"{what}; put into ComfyUI's folder: {listed}; then run again{wrong}."
