"""The official FLUX files: what ComfyUI's own graphs expect, where it lies, and where it is published.

Names, folders and addresses are those in the workflow templates that ship with ComfyUI
(`flux_dev_full_text_to_image.json`, `image_flux2_fp8.json` and their neighbours); licences are those of the model
cards. Sizes are in GiB, rounded, and only there to tell people what to expect.
"""

from __future__ import annotations

from dataclasses import dataclass

from .licences import APACHE, FLUX1_DEV, FLUX_DEV, KLEIN_9B, MIT, RAIL, STABILITY, Licence

_HUGGING_FACE = "https://huggingface.co"


@dataclass(frozen=True)
class OfficialFile:
    """One file of the official graphs."""

    name: str
    folder: str  # under ComfyUI/models, the name that folder_paths knows
    size_gib: float
    licence: Licence
    url: str  # to download
    encoders_gib: float = 0.0  # of them, what a checkpoint brings besides the model

    @property
    def model_gib(self) -> float:
        """What has to fit the device that draws."""
        return self.size_gib - self.encoders_gib

    def __str__(self) -> str:
        return f"models/{self.folder}/{self.name} ({self.size_gib:g} GB, {self.licence.name}, {self.url})"


def _file(
    name: str,
    folder: str,
    size_gib: float,
    licence: Licence,
    repository: str,
    inside: str = "",
    encoders_gib: float = 0.0,
) -> OfficialFile:
    address = f"{_HUGGING_FACE}/{repository}/resolve/main/{inside}{name}"
    return OfficialFile(name, folder, size_gib, licence, address, encoders_gib)


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
DEV_CHECKPOINT = _file("flux1-dev-fp8.safetensors", "checkpoints", 16.1, _NC, "Comfy-Org/flux1-dev", encoders_gib=5.0)
SCHNELL_CHECKPOINT = _file(
    "flux1-schnell-fp8.safetensors", "checkpoints", 16.1, _APACHE, "Comfy-Org/flux1-schnell", encoders_gib=5.0
)
# By city96, who wrote the loader; not among ComfyUI's own.
DEV_GGUF = _file("flux1-dev-Q4_K_S.gguf", "diffusion_models", 6.3, _NC, "city96/FLUX.1-dev-gguf")
SCHNELL_GGUF = _file("flux1-schnell-Q4_K_S.gguf", "diffusion_models", 6.3, _APACHE, "city96/FLUX.1-schnell-gguf")
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
FLUX2_SMALL_VAE = _file(
    "full_encoder_small_decoder.safetensors", "vae", 0.2, _APACHE, "black-forest-labs/FLUX.2-small-decoder"
)


def _klein(name: str, size_gib: float, licence: Licence, repository: str, inside: str = "") -> OfficialFile:
    return _file(f"flux-2-klein-{name}.safetensors", "diffusion_models", size_gib, licence, repository, inside)


_SPLIT = "split_files/diffusion_models/"
KLEIN_4B = _klein("4b", 7.2, _APACHE, "Comfy-Org/flux2-klein", _SPLIT)
KLEIN_4B_FP8 = _klein("4b-fp8", 3.8, _APACHE, "black-forest-labs/FLUX.2-klein-4b-fp8")
KLEIN_BASE_4B = _klein("base-4b", 7.2, _APACHE, "Comfy-Org/flux2-klein", _SPLIT)
KLEIN_BASE_4B_FP8 = _klein("base-4b-fp8", 3.8, _APACHE, "black-forest-labs/FLUX.2-klein-base-4b-fp8")
KLEIN_9B_FP8 = _klein("9b-fp8", 8.8, KLEIN_9B, "black-forest-labs/FLUX.2-klein-9b-fp8")
KLEIN_BASE_9B_FP8 = _klein("base-9b-fp8", 8.8, KLEIN_9B, "black-forest-labs/FLUX.2-klein-base-9b-fp8")
QWEN_4B = _file(
    "qwen_3_4b.safetensors", "text_encoders", 7.5, _APACHE, "Comfy-Org/flux2-klein", "split_files/text_encoders/"
)
QWEN_8B = _file(
    "qwen_3_8b_fp8mixed.safetensors",
    "text_encoders",
    8.1,
    _APACHE,
    "Comfy-Org/flux2-klein-9B",
    "split_files/text_encoders/",
)
_SD35_REPOSITORY = "Comfy-Org/stable-diffusion-3.5-fp8"
SD35_LARGE = _file(
    "sd3.5_large_fp8_scaled.safetensors", "checkpoints", 13.9, STABILITY, _SD35_REPOSITORY, encoders_gib=6.1
)
SD35_MEDIUM = _file(
    "sd3.5_medium_incl_clips_t5xxlfp8scaled.safetensors",
    "checkpoints",
    10.8,
    STABILITY,
    _SD35_REPOSITORY,
    encoders_gib=6.1,
)
CLIP_G = _file("clip_g.safetensors", "text_encoders", 1.3, _MIT, _SD35_REPOSITORY, "text_encoders/")
SD3_VAE = OfficialFile(
    "sd3_vae.safetensors",
    "vae",
    0.2,
    STABILITY,
    f"{_HUGGING_FACE}/stabilityai/stable-diffusion-3.5-large/resolve/main/vae/diffusion_pytorch_model.safetensors",
)
SDXL = _file(
    "sd_xl_base_1.0.safetensors", "checkpoints", 6.9, RAIL, "stabilityai/stable-diffusion-xl-base-1.0", encoders_gib=2.1
)

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
    FLUX2_SMALL_VAE,
    KLEIN_4B,
    KLEIN_4B_FP8,
    KLEIN_BASE_4B,
    KLEIN_BASE_4B_FP8,
    KLEIN_9B_FP8,
    KLEIN_BASE_9B_FP8,
    QWEN_4B,
    QWEN_8B,
    SD35_LARGE,
    SD35_MEDIUM,
    CLIP_G,
    SD3_VAE,
    SDXL,
)
