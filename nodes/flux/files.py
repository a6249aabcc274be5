"""The official FLUX files: what ComfyUI's own graphs expect, where it lies, and where it is published.

Names, folders and addresses are those in the workflow templates that ship with ComfyUI
(`flux_dev_full_text_to_image.json`, `image_flux2_fp8.json` and their neighbours); licences are those of the model
cards. Sizes are in GiB, rounded, and only there to tell people what to expect.
"""

from __future__ import annotations

from dataclasses import dataclass

from .licences import APACHE, FLUX1_DEV, FLUX_DEV, MIT, RAIL, Licence

_HUGGING_FACE = "https://huggingface.co"


@dataclass(frozen=True)
class OfficialFile:
    """One file of the official graphs."""

    name: str
    folder: str  # under ComfyUI/models, the name that folder_paths knows
    size_gib: float
    licence: Licence
    url: str  # to download

    def __str__(self) -> str:
        return f"models/{self.folder}/{self.name} ({self.size_gib:g} GB, {self.licence.name}, {self.url})"


def _file(name: str, folder: str, size_gib: float, licence: Licence, repository: str, inside: str = "") -> OfficialFile:
    return OfficialFile(name, folder, size_gib, licence, f"{_HUGGING_FACE}/{repository}/resolve/main/{inside}{name}")


_NC, _APACHE, _MIT = FLUX1_DEV, APACHE, MIT

DEV = _file("flux1-dev.safetensors", "diffusion_models", 22.2, _NC, "Comfy-Org/flux1-dev")
SCHNELL = _file("flux1-schnell.safetensors", "diffusion_models", 22.2, _APACHE, "Comfy-Org/flux1-schnell")
KREA = _file(
    "flux1-krea-dev_fp8_scaled.safetensors",
    "diffusion_models",
    11.1,
    _NC,
    "Comfy-Org/FLUX.1-Krea-dev_ComfyUI",
    "split_files/diffusion_models/",
)
FILL = _file(
    "flux1-fill-dev.safetensors", "diffusion_models", 22.2, _NC, "Comfy-Org/flux1-dev", "split_files/diffusion_models/"
)
KONTEXT = _file(
    "flux1-dev-kontext_fp8_scaled.safetensors",
    "diffusion_models",
    11.1,
    _NC,
    "Comfy-Org/flux1-kontext-dev_ComfyUI",
    "split_files/diffusion_models/",
)
CANNY = _file(
    "flux1-canny-dev.safetensors", "diffusion_models", 22.2, _NC, "Comfy-Org/flux1-dev", "split_files/diffusion_models/"
)
DEV_CHECKPOINT = _file("flux1-dev-fp8.safetensors", "checkpoints", 16.1, _NC, "Comfy-Org/flux1-dev")
SCHNELL_CHECKPOINT = _file("flux1-schnell-fp8.safetensors", "checkpoints", 16.1, _APACHE, "Comfy-Org/flux1-schnell")
CLIP_L = _file("clip_l.safetensors", "text_encoders", 0.2, _MIT, "comfyanonymous/flux_text_encoders")
T5_FP16 = _file("t5xxl_fp16.safetensors", "text_encoders", 9.1, _APACHE, "comfyanonymous/flux_text_encoders")
T5_FP8 = _file(
    "t5xxl_fp8_e4m3fn_scaled.safetensors", "text_encoders", 4.8, _APACHE, "comfyanonymous/flux_text_encoders"
)
VAE = _file("ae.safetensors", "vae", 0.3, _APACHE, "Comfy-Org/Lumina_Image_2.0_Repackaged", "split_files/vae/")
REDUX = _file("flux1-redux-dev.safetensors", "style_models", 0.1, _NC, "Comfy-Org/Flux1-Redux-Dev")
VISION = _file("sigclip_vision_patch14_384.safetensors", "clip_vision", 0.8, _APACHE, "Comfy-Org/sigclip_vision_384")
FLUX2_DEV = _file(
    "flux2_dev_fp8mixed.safetensors",
    "diffusion_models",
    35.5,
    FLUX_DEV,
    "Comfy-Org/flux2-dev",
    "split_files/diffusion_models/",
)
MISTRAL_BF16 = _file(
    "mistral_3_small_flux2_bf16.safetensors",
    "text_encoders",
    36.0,
    _APACHE,
    "Comfy-Org/flux2-dev",
    "split_files/text_encoders/",
)
MISTRAL = _file(
    "mistral_3_small_flux2_fp8.safetensors",
    "text_encoders",
    18.0,
    _APACHE,
    "Comfy-Org/flux2-dev",
    "split_files/text_encoders/",
)
FLUX2_VAE = _file("flux2-vae.safetensors", "vae", 0.3, _APACHE, "Comfy-Org/flux2-dev", "split_files/vae/")
SDXL = _file("sd_xl_base_1.0.safetensors", "checkpoints", 6.9, RAIL, "stabilityai/stable-diffusion-xl-base-1.0")

OFFICIAL_FILES = (
    DEV,
    SCHNELL,
    KREA,
    FILL,
    KONTEXT,
    CANNY,
    DEV_CHECKPOINT,
    SCHNELL_CHECKPOINT,
    CLIP_L,
    T5_FP16,
    T5_FP8,
    VAE,
    REDUX,
    VISION,
    FLUX2_DEV,
    MISTRAL,
    FLUX2_VAE,
    SDXL,
)
