"""Test-only ComfyUI plugin: lets the host load the stand-in FLUX weights of `weights.py`.

The host reads most sizes from the weights, but builds T5-XXL, CLIP-L and SigLIP from fixed JSON files, TAESD with 64
channels, and FLUX with heads of 128 positional dimensions, up to about 0.3.75 always 24 of them. Each change
below is made only for a file whose shapes say that it is a stand-in, so real weights load beside them untouched.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import comfy.clip_vision
import comfy.model_detection
import comfy.sd
import comfy.supported_models
import comfy.taesd.taesd
import comfy.text_encoders.flux
import comfy.text_encoders.long_clipl
import torch
from comfy.ldm.modules.diffusionmodules import model as autoencoders
from comfy.ldm.modules.diffusionmodules.openaimodel import UNetModel

from . import small_flux


class OutOfMemory:
    """A node: the model that comes out of it does not fit any device."""

    INPUT_TYPES = staticmethod(lambda: {"required": {"model": ("MODEL",)}})
    RETURN_TYPES = ("MODEL",)
    FUNCTION = "run"
    CATEGORY = "tests"

    def run(self, model: Any) -> tuple[Any]:
        def draw(*_: Any, **__: Any) -> None:
            raise torch.cuda.OutOfMemoryError("Allocation on device")

        copy = model.clone()
        copy.set_model_unet_function_wrapper(draw)
        return (copy,)


NODE_CLASS_MAPPINGS: dict[str, type] = {"StandInOutOfMemory": OutOfMemory}

HIDDEN = 32
SMALL_TRANSFORMERS = {
    "flux": {"num_heads": 1, "axes_dim": [8, 12, 12]},
    "flux2": {"num_heads": 1, "axes_dim": [8, 8, 8, 8]},
}
SMALL_LANGUAGE_MODEL = {
    "vocab_size": 276,
    "intermediate_size": 64,
    "num_hidden_layers": 4,
    "num_attention_heads": 1,
    "num_key_value_heads": 1,
}
SDXL_CHANNELS = 32
SMALL_STABLE_DIFFUSION_TEXT_ENCODERS = {
    f"{name}_model_config": {"num_hidden_layers": 3, "intermediate_size": 64} for name in ("clip_l", "clip_g")
}
LANGUAGE_LAYERS = [1, 2, 3]  # that are read; of Mistral's 30 the host reads 10, 20 and 30, of Qwen's 36 9, 18 and 27
AUTOENCODER2_WIDTH = 32
SMALL_TEXT_ENCODERS = {
    "t5xxl_model_config": {"num_layers": 1, "num_heads": 8, "d_ff": 128},
    "clip_l_model_config": {"num_hidden_layers": 2, "intermediate_size": 64},
}
TAESD_WIDTH = 64
SMALL_VISION = {"num_hidden_layers": 2, "intermediate_size": 64}


def _rows(weights: dict[str, Any], key: str) -> int | None:
    return weights[key].shape[0] if key in weights else None


def _is_small_text(weights: dict[str, Any], t5: str = "", clip_l: str = "") -> bool:
    feed_forward = _rows(weights, f"{t5}encoder.block.0.layer.1.DenseReluDense.wi_0.weight")
    return feed_forward == 128 or _rows(weights, f"{clip_l}text_model.encoder.layers.0.mlp.fc1.weight") == 64


_detect_unet_config = comfy.model_detection.detect_unet_config
_find_model_config = comfy.model_detection.model_config_from_unet_config
_load_text_encoders = comfy.sd.load_text_encoder_state_dicts
_load_checkpoint = comfy.sd.load_state_dict_guess_config
_load_vision = comfy.clip_vision.load_clipvision_from_sd
_make_vae = comfy.sd.VAE.__init__
_make_autoencoder = comfy.sd.AutoencoderKL
_narrow_autoencoder = False
_options_for_long_clip = comfy.text_encoders.long_clipl.model_options_long_clip


def detect_unet_config(*args: Any, **kwargs: Any) -> Any:
    config = _detect_unet_config(*args, **kwargs)
    if config and config.get("hidden_size") == HIDDEN:
        config |= SMALL_TRANSFORMERS.get(config.get("image_model"), {})
    if config and config.get("hidden_size") == small_flux.HIDDEN:
        config |= {"num_heads": 3, "axes_dim": [8, 28, 28]}
    return config


def find_model_config(unet_config: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
    """The host knows SDXL by its very channels and depths."""
    if unet_config.get("model_channels") == SDXL_CHANNELS:
        return comfy.supported_models.SDXL(unet_config)
    return _find_model_config(unet_config, *args, **kwargs)


def load_text_encoders(state_dicts: Any = (), *args: Any, **kwargs: Any) -> Any:
    if any(_is_small_text(weights) for weights in state_dicts):
        kwargs["model_options"] = {**SMALL_TEXT_ENCODERS, **(kwargs.get("model_options") or {})}
    for weights in state_dicts:
        if _rows(weights, "model.embed_tokens.weight") == SMALL_LANGUAGE_MODEL["vocab_size"]:
            name = "mistral3_24b" if "tekken_model" in weights else "qwen3_4b"
            small = {"model_name": name, f"{name}_model_config": SMALL_LANGUAGE_MODEL}
            kwargs["model_options"] = {**small, **(kwargs.get("model_options") or {})}
    return _load_text_encoders(state_dicts, *args, **kwargs)


def options_for_long_clip(weights: dict[str, Any], tokenizer_data: Any, model_options: dict[str, Any]) -> Any:
    """The host replaces CLIP-L's configuration here by one that holds the longest prompt only."""
    small = model_options.get("clip_l_model_config", {})
    tokenizer_data, options = _options_for_long_clip(weights, tokenizer_data, model_options)
    if small:
        options = {**options, "clip_l_model_config": {**options.get("clip_l_model_config", {}), **small}}
    return tokenizer_data, options


def load_checkpoint(weights: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
    small: dict[str, Any] = {}
    if _is_small_text(weights, "text_encoders.t5xxl.transformer.", "text_encoders.clip_l.transformer."):
        has_clip_g = any(key.startswith("text_encoders.clip_g.") for key in weights)
        small = SMALL_STABLE_DIFFUSION_TEXT_ENCODERS if has_clip_g else SMALL_TEXT_ENCODERS
    if _rows(weights, "model.diffusion_model.input_blocks.0.0.weight") == SDXL_CHANNELS:
        small = SMALL_STABLE_DIFFUSION_TEXT_ENCODERS
    if small:
        kwargs["te_model_options"] = {**small, **(kwargs.get("te_model_options") or {})}
    return _load_checkpoint(weights, *args, **kwargs)


def load_vision(weights: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
    if _rows(weights, "vision_model.encoder.layers.0.mlp.fc1.weight") != 64:
        return _load_vision(weights, *args, **kwargs)
    original = comfy.clip_vision.ClipVisionModel

    def small_model(json_config: str) -> Any:
        config = json.loads(Path(json_config).read_text("utf-8")) | SMALL_VISION
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "config.json"
            file.write_text(json.dumps(config), "utf-8")
            return original(str(file))

    comfy.clip_vision.ClipVisionModel = small_model
    try:
        return _load_vision(weights, *args, **kwargs)
    finally:
        comfy.clip_vision.ClipVisionModel = original


def small_language_model(original: Any) -> Any:
    """The constructor of what FLUX.2 reads with, which names the layers that are read."""

    def make(self: Any, *args: Any, **kwargs: Any) -> None:
        small = SMALL_LANGUAGE_MODEL in (kwargs.get("model_options") or {}).values()
        original(self, *args, **({**kwargs, "layer": LANGUAGE_LAYERS} if small else kwargs))
        if small:  # Qwen's tokenizer is the host's own; its numbers are folded into those that there are
            table, size = self.transformer.get_input_embeddings(), SMALL_LANGUAGE_MODEL["vocab_size"]
            look_up = table.forward
            table.forward = lambda tokens, **options: look_up(tokens % size, **options)

    return make


def make_autoencoder(*args: Any, ddconfig: dict[str, Any], **kwargs: Any) -> Any:
    """FLUX.2's: only its latents go through a batch norm."""
    if _narrow_autoencoder and ddconfig.get("batch_norm_latent"):
        ddconfig = {**ddconfig, "ch": AUTOENCODER2_WIDTH}
    return _make_autoencoder(*args, ddconfig=ddconfig, **kwargs)


def coarse(original: Any, narrow: Callable[[Any], bool], enlarges: float = 1.0) -> Any:
    """A network of convolutions at a quarter of its edges, since those are what takes the time on a CPU.

    Args:
        narrow: whether the module at hand is a stand-in's.
        enlarges: edge of what comes out ÷ edge of what goes in.
    """

    def run(self: Any, picture: Any, *args: Any, **kwargs: Any) -> Any:
        if not narrow(self):
            return original(self, picture, *args, **kwargs)
        size = [int(edge * enlarges) for edge in picture.shape[2:]]
        small = torch.nn.functional.interpolate(picture, scale_factor=0.25, mode="area")
        return torch.nn.functional.interpolate(original(self, small, *args, **kwargs), size)

    return run


def make_vae(self: Any, sd: Any = None, *args: Any, **kwargs: Any) -> None:
    global _narrow_autoencoder
    _narrow_autoencoder = _rows(sd or {}, "encoder.conv_in.weight") == AUTOENCODER2_WIDTH
    width = _rows(sd or {}, "taesd_decoder.1.weight")
    if width in (None, TAESD_WIDTH):
        return _make_vae(self, sd, *args, **kwargs)
    original = comfy.taesd.taesd.conv

    def narrow(n_in: int, n_out: int, **options: Any) -> Any:
        n_in, n_out = (width if channels == TAESD_WIDTH else channels for channels in (n_in, n_out))
        return original(n_in, n_out, **options)

    comfy.taesd.taesd.conv = narrow
    try:
        return _make_vae(self, sd, *args, **kwargs)
    finally:
        comfy.taesd.taesd.conv = original


small_flux.install()
comfy.model_detection.detect_unet_config = detect_unet_config
comfy.model_detection.model_config_from_unet_config = find_model_config
comfy.sd.VAE.__init__ = make_vae
comfy.sd.AutoencoderKL = make_autoencoder
UNetModel._forward = coarse(UNetModel._forward, lambda unet: unet.model_channels == SDXL_CHANNELS)
for half, enlarges in ((autoencoders.Encoder, 1 / 8), (autoencoders.Decoder, 8)):
    half.forward = coarse(half.forward, lambda one: one.ch == AUTOENCODER2_WIDTH, enlarges)
if hasattr(comfy.text_encoders.flux, "Mistral3_24BModel"):  # hosts that know FLUX.2
    mistral = comfy.text_encoders.flux.Mistral3_24BModel
    mistral.__init__ = small_language_model(mistral.__init__)
if hasattr(comfy.text_encoders.flux, "Qwen3_4BModel"):  # … and klein
    qwen = comfy.text_encoders.flux.Qwen3_4BModel
    qwen.__init__ = small_language_model(qwen.__init__)
comfy.sd.load_text_encoder_state_dicts = load_text_encoders
comfy.sd.load_state_dict_guess_config = load_checkpoint
comfy.clip_vision.load_clipvision_from_sd = load_vision
comfy.text_encoders.long_clipl.model_options_long_clip = options_for_long_clip
