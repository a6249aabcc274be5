"""The nodes that do on local FLUX what DALL·E did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from comfy_api.latest import io

from .. import host
from .settings import MAX_N, QUALITIES, SIZES, STYLES, Family, settings_for

if TYPE_CHECKING:
    import torch

CATEGORY = f"{host.CATEGORY}/FLUX"
TARGETS = [Family.DEV.value, Family.SCHNELL.value, Family.KREA.value]


class DalleFluxSettings(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DalleFluxSettings",
            display_name="DALL·E Settings to FLUX",
            category=CATEGORY,
            description="Translates DALL·E's size, quality, style and n into what FLUX's own nodes take: an empty "
            "latent, width, height, steps and guidance.",
            inputs=[
                io.Combo.Input(
                    "size",
                    options=list(SIZES),
                    default="1024x1024",
                    tooltip="Size as the Images API writes it. Through the API any WIDTHxHEIGHT is taken; width and "
                    "height come out as the multiples of 16 that FLUX draws.",
                ),
                io.Combo.Input(
                    "quality",
                    options=list(QUALITIES),
                    default="standard",
                    tooltip="standard: 20 steps on FLUX.1-dev, 4 on schnell. hd: 50 and 8.",
                ),
                io.Combo.Input(
                    "style",
                    options=list(STYLES),
                    default="vivid",
                    tooltip="vivid: guidance 3.5. natural: guidance 2.5, less glossy. schnell takes no guidance.",
                ),
                io.Int.Input("n", default=1, min=1, max=MAX_N, tooltip="How many pictures; the latent's batch size."),
                io.Combo.Input(
                    "target",
                    options=TARGETS,
                    default=TARGETS[0],
                    optional=True,
                    tooltip="The FLUX model that the settings are for.",
                ),
            ],
            outputs=[
                io.Latent.Output("latent", tooltip="Empty latent of n pictures."),
                io.Int.Output("width", tooltip="Width in pixels that FLUX draws."),
                io.Int.Output("height", tooltip="Height in pixels that FLUX draws."),
                io.Int.Output("steps", tooltip="Sampling steps."),
                io.Float.Output("guidance", tooltip="Guidance for CLIPTextEncodeFlux or FluxGuidance."),
            ],
            **host.schema_extras(search_aliases=["dall-e size", "dalle quality", "hd", "vivid", "flux settings"]),
        )

    @classmethod
    def validate_inputs(cls, size: str) -> bool | str:
        return True  # any WIDTHxHEIGHT; the list is what the widget offers

    @classmethod
    def execute(cls, size: str, quality: str, style: str, n: int, target: str = Family.DEV.value) -> io.NodeOutput:
        settings = settings_for(size, quality, style, n, Family(target))
        width, height = settings.canvas.render
        latent = _empty_latent(width, height, n)
        # A model without guidance ignores the number; 3.5 is what the host itself assumes then.
        return io.NodeOutput(latent, width, height, settings.steps, settings.guidance or 3.5)


def _empty_latent(width: int, height: int, n: int) -> dict[str, torch.Tensor]:
    """LATENT of n empty FLUX.1 pictures: 16 channels, an eighth of each edge in pixels."""
    import comfy.model_management
    import torch

    device = comfy.model_management.intermediate_device()
    return {"samples": torch.zeros([n, 16, height // 8, width // 8], device=device)}
