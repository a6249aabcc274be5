"""A base directory for ComfyUI with this pack installed in it, as a user's would look.

Nothing is written into the ComfyUI checkout, nor into a user's own ComfyUI: custom nodes, input, output
and user folder are this directory's, models come from wherever `models` says.
"""

from __future__ import annotations

import fnmatch
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from .environment import PACK

MODEL_FOLDERS = (
    "checkpoints", "clip_vision", "controlnet", "diffusion_models", "loras", "style_models", "text_encoders", "vae",
)  # fmt: skip
STAND_IN_PLUGIN = Path(__file__).parent / "stand_in_plugin"


@dataclass(frozen=True)
class Installation:
    """What `--base-directory` gets."""

    base: Path
    models: Path  # a folder with diffusion_models, text_encoders, vae …

    @property
    def model_paths_file(self) -> Path:
        """For `--extra-model-paths-config`."""
        return self.base / "model_paths.yaml"


def install(base: Path, models: Path, *, stand_ins: bool, pack_name: str = "comfyui-dalle-flux") -> Installation:
    """Lay out `base` and put the pack into it the way the registry would: without what .comfyignore names.

    Args:
        models: folder with the model folders.
        stand_ins: True if `models` holds stand-in weights, which the host reads with the help of a plugin.
        pack_name: the folder's name; users unzip packs under any name.
    """
    for name in ("custom_nodes", "models", "input", "output", "temp", "user"):
        (base / name).mkdir(parents=True, exist_ok=True)
    copy_pack(base / "custom_nodes" / pack_name)
    if stand_ins:
        plugin = base / "custom_nodes" / "stand_in_weights"
        shutil.copytree(STAND_IN_PLUGIN, plugin, dirs_exist_ok=True)
        shutil.copy(PACK / "tests" / "small_flux" / "latents.py", plugin)
    # JSON is YAML; quoting of Windows paths comes for free.
    folders = {name: name for name in MODEL_FOLDERS}
    installation = Installation(base, models)
    installation.model_paths_file.write_text(
        json.dumps({"dalle_flux": {"base_path": str(models), **folders}}), encoding="utf-8"
    )
    return installation


def copy_pack(target: Path) -> None:
    """Copy what a user gets; an older copy is replaced."""
    ignored = [".git", "__pycache__", ".*cache"]
    comfyignore = PACK / ".comfyignore"
    if comfyignore.is_file():
        lines = comfyignore.read_text("utf-8").splitlines()
        ignored += [line.strip().strip("/") for line in lines if line.strip() and not line.startswith("#")]

    def leave_out(folder: str, names: list[str]) -> set[str]:
        relative = Path(folder).relative_to(PACK)
        return {
            name
            for name in names
            for pattern in ignored
            if fnmatch.fnmatch(name, pattern) or fnmatch.fnmatch((relative / name).as_posix(), pattern)
        }

    if target.exists():
        shutil.rmtree(target)
    shutil.copytree(PACK, target, ignore=leave_out)
