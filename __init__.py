"""DALL·E to FLUX: DALL·E pipelines on FLUX.1-dev, inside ComfyUI.

ComfyUI imports this folder under whatever name it was unzipped as, so everything below is imported
relatively. Nothing heavy happens here: nodes are imported when ComfyUI calls `comfy_entrypoint`.
"""

from .nodes import comfy_entrypoint

WEB_DIRECTORY = "./js"

__all__ = ["WEB_DIRECTORY", "comfy_entrypoint"]
