"""The extension: the list of node classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from comfy_api.latest import ComfyExtension


async def comfy_entrypoint() -> ComfyExtension:
    """Called once by ComfyUI when it loads the pack (V3; source: ComfyUI `nodes.load_custom_node`)."""
    from .archive.nodes import DalleFluxArchiveLoad, DalleFluxArchiveSave
    from .archive.routes import register as serve_archive
    from .comparison.nodes import DalleFluxCompare
    from .comparison.routes import routes as votes
    from .endpoint.nodes import DalleFluxImagesRequest, DalleFluxImagesResponse
    from .endpoint.routes import register as serve_images_api
    from .fleet.routes import join as join_fleet
    from .flux.nodes import (
        DalleFluxLocalEdit,
        DalleFluxLocalGenerate,
        DalleFluxLocalVariation,
        DalleFluxMemoryAdvice,
        DalleFluxSettings,
    )
    from .flux.routes import register as revive_old_graphs
    from .flux.routes import routes as flux_files
    from .host import schema, serving
    from .images_api.nodes import DalleFluxEdit, DalleFluxGenerate, DalleFluxVariation
    from .images_api.routes import routes as prices
    from .moderation.nodes import DalleFluxModerateImage, DalleFluxModeratePrompt, DalleFluxModerationPolicy
    from .moderation.routes import routes as moderation_record
    from .prompts.nodes import DalleFluxPrompt, DalleFluxRewriterEndpoint, DalleFluxRewriterLocal
    from .prompts.routes import routes as prompt_conversion
    from .settings.routes import routes as settings_page

    await revive_old_graphs()
    serving.serve(prompt_conversion, flux_files, moderation_record, votes, settings_page, prices)
    serve_images_api(alone=not join_fleet())
    serve_archive()
    return schema.extension(
        [
            DalleFluxGenerate,
            DalleFluxEdit,
            DalleFluxVariation,
            DalleFluxLocalGenerate,
            DalleFluxLocalEdit,
            DalleFluxLocalVariation,
            DalleFluxSettings,
            DalleFluxMemoryAdvice,
            DalleFluxPrompt,
            DalleFluxRewriterEndpoint,
            DalleFluxRewriterLocal,
            DalleFluxModerationPolicy,
            DalleFluxModeratePrompt,
            DalleFluxModerateImage,
            DalleFluxCompare,
            DalleFluxArchiveLoad,
            DalleFluxArchiveSave,
            DalleFluxImagesRequest,
            DalleFluxImagesResponse,
        ]
    )
