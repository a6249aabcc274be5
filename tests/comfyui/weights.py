"""Stand-in weights of every model that draws: the official file names and key layout, at toy sizes.

FLUX.1-dev is 22 GB and no test machine has it. With these files the official graphs run unchanged, at full
picture sizes and steps, in seconds on two CPU cores. The pictures are noise; loaders, samplers, masks,
expansion, caching, previews and the queue are real. The host needs `stand_in_plugin` in its custom_nodes.

What costs time at 1024x1024 is attention and convolution, so a transformer is one narrow block with one head and the
autoencoder has a few channels; `stand_in_plugin` tells the host so. Everything is drawn from fixed seeds: the same
files come out each time. What is in them: `stand_in_weights`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from .environment import cache_folder
from .stand_in_weights import autoencoders, encoders, flux, stable_diffusion
from .stand_in_weights.drawing import Draw, Weights
from .stand_in_weights.flux import CONTROL_CHANNELS, FILL_CHANNELS, FLUX_CHANNELS

TRAINED = Path(__file__).parents[1] / "small_flux" / "weights"
SMALL_FLUX = ("diffusion_models/flux1-dev.safetensors", "vae/ae.safetensors")
BESIDE_SMALL_FLUX = (
    "text_encoders/t5xxl_fp16.safetensors", "text_encoders/clip_l.safetensors",
    "diffusion_models/flux1-fill-dev.safetensors", "style_models/flux1-redux-dev.safetensors",
    "clip_vision/sigclip_vision_patch14_384.safetensors",
)  # fmt: skip
_MARKER = "stand-in-weights"  # holds the recipe's digest; written last
_REAL = 0.5  # a file of at least this share of the official size is no stand-in


def stand_ins(progress: Callable[[str], None] = print) -> Path:
    """The stand-ins in the cache folder, made if need be; another recipe's lie beside them."""
    folder = cache_folder() / f"stand-in-models-{_digest()[:10]}"
    make(folder, progress)
    return folder


def small_flux(progress: Callable[[str], None] = print) -> Path:
    """The stand-ins, but FLUX.1-dev and its autoencoder are the trained ones of `tests/small_flux/weights`.

    Other models that draw are left out, since the pack would take some of them first.
    """
    random = stand_ins(progress)
    digest = hashlib.sha256(b"".join((TRAINED / Path(name).name).read_bytes() for name in SMALL_FLUX))
    folder = cache_folder() / f"small-flux-models-{_digest()[:10]}-{digest.hexdigest()[:10]}"
    for name in (*SMALL_FLUX, *BESIDE_SMALL_FLUX):
        if not (folder / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            link = folder / f"{name}.{os.getpid()}"
            _link(TRAINED / Path(name).name if name in SMALL_FLUX else random / name, link)
            link.replace(folder / name)
    return folder


def make(folder: Path, progress: Callable[[str], None] = print) -> list[Path]:
    """Write the stand-ins into `folder`, laid out like ComfyUI/models, unless they are there already.

    Takes about 10 s and 0.8 GB. Each file is written beside its place and renamed into it; two runs at once
    write the same bytes.

    Returns:
        Every stand-in file.
    """
    paths = [folder / name for name in _recipes()]
    marker = folder / _MARKER
    if marker.is_file() and marker.read_text("utf-8") == _digest() and all(path.is_file() for path in paths):
        return paths
    progress("Making stand-in FLUX weights (0.8 GB, some seconds, once)")
    for name, recipe in _recipes().items():
        _write(folder / name, recipe)
    marker.write_text(_digest(), "utf-8")
    return paths


def _digest() -> str:
    made_by = [Path(__file__), *sorted((Path(__file__).parent / "stand_in_weights").glob("*.py"))]
    return hashlib.sha256(b"".join(path.read_bytes() for path in made_by)).hexdigest()


def real_weights(models_folder: Path) -> dict[str, Path]:
    """Which official files of true size lie in a ComfyUI models folder: "folder/name" → path."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    try:
        from nodes.flux.files import OFFICIAL_FILES
    finally:
        sys.path.pop(0)
    found = {}
    for file in OFFICIAL_FILES:
        path = models_folder / file.folder / file.name
        if path.is_file() and path.stat().st_size > _REAL * file.size_gib * 2**30:
            found[f"{file.folder}/{file.name}"] = path
    return found


def _recipes() -> dict[str, Callable[[Path], Weights | str]]:
    """File → what makes its tensors, or the name of a file made before that it equals."""
    models = {
        "flux1-dev": (FLUX_CHANNELS, True),
        "flux1-schnell": (FLUX_CHANNELS, False),
        "flux1-krea-dev_fp8_scaled": (FLUX_CHANNELS, True),
        "flux1-dev-kontext_fp8_scaled": (FLUX_CHANNELS, True),
        "flux1-fill-dev": (FILL_CHANNELS, True),
        "flux1-canny-dev": (CONTROL_CHANNELS, True),
    }
    recipes: dict[str, Callable[[Path], Weights | str]] = {
        f"diffusion_models/{name}.safetensors": lambda path, args=args: flux.transformer(Draw(path.name), *args)
        for name, args in models.items()
    }
    return recipes | {
        "text_encoders/t5xxl_fp16.safetensors": lambda path: encoders.t5(Draw("t5")),
        "text_encoders/t5xxl_fp8_e4m3fn_scaled.safetensors": lambda path: "t5xxl_fp16.safetensors",
        "text_encoders/clip_l.safetensors": lambda path: encoders.clip_l(Draw("clip_l")),
        "vae/ae.safetensors": lambda path: autoencoders.small_autoencoder(Draw("vae")),
        "style_models/flux1-redux-dev.safetensors": lambda path: encoders.redux(Draw("redux")),
        "clip_vision/sigclip_vision_patch14_384.safetensors": lambda path: encoders.vision(Draw("vision")),
        "diffusion_models/flux2_dev_fp8mixed.safetensors": lambda path: flux.flux2(Draw("flux2"), guidance=True),
        "text_encoders/mistral_3_small_flux2_fp8.safetensors": lambda path: encoders.mistral(Draw("mistral")),
        "vae/flux2-vae.safetensors": lambda path: autoencoders.autoencoder2(Draw("vae2")),
        "diffusion_models/flux-2-klein-4b.safetensors": lambda path: flux.flux2(Draw("klein"), guidance=False),
        "diffusion_models/flux-2-klein-base-4b.safetensors": lambda path: "flux-2-klein-4b.safetensors",
        "text_encoders/qwen_3_4b.safetensors": lambda path: encoders.qwen(Draw("qwen")),
        "loras/my-brand-style.safetensors": lambda path: flux.lora(Draw("lora")),
        "checkpoints/sd_xl_base_1.0.safetensors": lambda path: stable_diffusion.sdxl(Draw("sdxl")),
        "checkpoints/sd3.5_medium_incl_clips_t5xxlfp8scaled.safetensors": lambda path: stable_diffusion.sd35(
            Draw("sd35")
        ),
        "checkpoints/flux1-dev-fp8.safetensors": lambda path: flux.checkpoint(Draw("checkpoint"), guidance=True),
    }


def _write(path: Path, recipe: Callable[[Path], Weights | str]) -> None:
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()
    made = recipe(path)
    if isinstance(made, str):
        _link(path.with_name(made), temporary)
    else:
        save_file(
            made, temporary, {"note": "stand-in with random values; not a usable model"}
        )  # one entry: fixed order
    temporary.replace(path)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links, or another one
        shutil.copyfile(source, target)
