"""The user's own weights where they exist, stand-ins otherwise, in a real ComfyUI with the pack installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import environment as host_environment
from . import samples, weights
from .environment import PACK, Environment, say
from .installation import install
from .server import ComfyUI

# What the shipped workflow loads (source: official template flux_dev_full_text_to_image).
NEEDED = (
    "diffusion_models/flux1-dev.safetensors", "text_encoders/t5xxl_fp16.safetensors",
    "text_encoders/clip_l.safetensors", "vae/ae.safetensors",
)  # fmt: skip
MODELS_VARIABLE = "COMFYUI_MODELS"  # a models folder elsewhere than in the ComfyUI checkout


@dataclass(frozen=True)
class Stage:
    """What a demo runs on."""

    environment: Environment
    comfyui: ComfyUI  # not yet started
    real_weights: bool
    accelerator: str  # "cuda", "mps", "xpu" or "cpu"

    @property
    def flux(self) -> str:
        """What a picture of it is called in captions."""
        return "FLUX.1-dev" if self.real_weights else "FLUX, small stand-in"

    def what_is_real(self) -> list[str]:
        """One line each saying what was real and what was a stand-in."""
        host = "your own" if self.environment.own_checkout else "real, from PyPI"
        if self.real_weights:
            flux = f"real weights from {self.comfyui.installation.models}"
        else:
            flux = (
                "STAND-IN weights: a small FLUX of 5 million parameters, trained on flat shapes and a few emoji "
                "(tests/small_flux), so a prompt of anything else draws something of that; "
                f"for real ones set COMFYUI_PATH or {MODELS_VARIABLE} to where {', '.join(NEEDED)} are"
            )
        return [
            f"ComfyUI {self.environment.version}: {host}, running on {self.accelerator}",
            f"FLUX.1-dev: {flux}",
            "Moderation, prompt conversion, comparison: real, on this machine",
            "DALL·E 3 picture and its prompt: genuine, shipped with ComfyUI's workflow templates",
            "Paid services: none called, no key needed",
        ]


def set_up(base: Path, *, port: int | None = None) -> Stage:
    """Install the pack into `base` and choose weights and device."""
    environment = host_environment.prepare()
    models = Path(os.environ.get(MODELS_VARIABLE) or environment.comfyui / "models")
    real = set(NEEDED) <= set(weights.real_weights(models))
    if not real:
        models = weights.small_flux(progress=say)
    accelerator = _accelerator(environment) if real else "cpu"
    installation = install(base, models, stand_ins=not real)
    samples.put_example(environment, base / "input")
    shutil.copy(samples.template(environment, samples.DALLE3_PICTURE), base / "input")
    comfyui = ComfyUI(
        environment, installation, arguments=["--cpu"] if accelerator == "cpu" else [], keep_keys=True, port=port
    )
    return Stage(environment, comfyui, real, accelerator)


def dalle3_vs_flux(environment: Environment) -> dict[str, Any]:
    """The shipped workflow in API format, with the genuine DALL·E 3 prompt and picture filled in."""
    graph: dict[str, Any] = json.loads((PACK / "workflows" / "api" / "dalle3-vs-flux.json").read_text("utf-8"))
    only(graph, "PrimitiveStringMultiline")["value"] = samples.dalle3_prompt(environment)
    only(graph, "LoadImage")["image"] = samples.DALLE3_PICTURE
    return graph


def only(graph: dict[str, Any], class_type: str) -> dict[str, Any]:
    """Inputs of the one node of this type in an API-format graph."""
    (node,) = [node for node in graph.values() if node["class_type"] == class_type]
    inputs: dict[str, Any] = node["inputs"]
    return inputs


def _accelerator(environment: Environment) -> str:
    code = "import torch; a = torch.accelerator; print(a.current_accelerator().type if a.is_available() else 'cpu')"
    return subprocess.run([str(environment.python), "-c", code], capture_output=True, text=True).stdout.strip() or "cpu"
