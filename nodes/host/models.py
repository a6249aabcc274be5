"""Model files as this host finds them, and the memory its models live in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import folder_paths


def model_files(folders: Iterable[str]) -> Iterator[tuple[str, str, Path]]:
    """Every file in those model folders as (folder, name, path); extra_model_paths.yaml's places included."""
    for folder in folders:
        if folder in folder_paths.folder_names_and_paths:
            for name in folder_paths.get_filename_list(folder):
                if path := folder_paths.get_full_path(folder, name):
                    yield folder, name, Path(path)


def transformer_config(shapes: Mapping[str, tuple[int, ...]], prefix: str) -> Mapping[str, Any] | None:
    """What this host's own detector makes of a file's tensors: its `unet_config`, None if it knows no such model.

    Args:
        shapes: of all tensors of the file.
        prefix: with which the transformer's names begin.
    """
    import torch
    from comfy.model_detection import detect_unet_config

    try:
        weights = {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}
        found: Mapping[str, Any] | None = detect_unet_config(weights, prefix)
        return found
    except Exception:  # it is made for files that load; a stranger's header may break it anywhere
        return None


def knows_klein() -> bool:
    """Whether this host reads FLUX.2 klein's text encoder: 0.9.2 and newer do."""
    import comfy.text_encoders.flux

    return hasattr(comfy.text_encoders.flux, "klein_te")


def device_memory() -> int:
    """Bytes of the device that samples."""
    import comfy.model_management

    return int(comfy.model_management.get_total_memory(comfy.model_management.get_torch_device()))


def memory_kept_free() -> int:
    """Bytes of it that the host does not fill with weights."""
    import comfy.model_management

    return int(comfy.model_management.minimum_inference_memory())


def is_gpu() -> bool:
    """Whether the device that samples has a memory of its own."""
    import comfy.model_management

    return comfy.model_management.get_torch_device().type != "cpu"


def tell_out_of_memory(model: Any, advice: str) -> Any:
    """A copy of a MODEL whose sampling ends with `advice` where the device runs out of memory.

    It raises the host's own exception, so that the host frees the device as it always does.
    """
    import comfy.model_management as memory
    from comfy.patcher_extension import WrappersMP

    def sample(executor: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return executor(*args, **kwargs)
        except memory.OOM_EXCEPTION as error:
            raise memory.OOM_EXCEPTION(advice) from error

    copy = model.clone()
    copy.add_wrapper_with_key(WrappersMP.OUTER_SAMPLE, "dalle_flux", sample)
    return copy


def leave_device(clip: Any) -> None:
    """Move a CLIP's weights off the device that samples, so that what runs next finds it empty."""
    import comfy.model_management as memory

    others = [loaded for loaded in memory.current_loaded_models if loaded.model is not clip.patcher]
    memory.free_memory(1e30, clip.patcher.load_device, others)
