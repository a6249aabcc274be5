"""The node that shows pictures side by side, measures and judges them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from comfy_api.latest import io

from ..host import folders, running, schema
from ..state import write_file
from .align import RULES, Align

if TYPE_CHECKING:
    from .compare import Side
    from .decision import Decision

CATEGORY = f"{schema.CATEGORY}/Compare"
SLOTS = "abcd"


class DalleFluxCompare(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DalleFluxCompare",
            display_name="Side-by-Side Compare",
            category=CATEGORY,
            description="Shows two to four pictures or batches side by side, with slider, overlay, blink and "
            "difference view, measures them, lets you vote, and makes a labelled sheet for saving.",
            is_output_node=True,
            inputs=[
                io.Image.Input("image_a", tooltip="Picture or batch A, for example DALL·E's. Others are laid onto it."),
                io.Image.Input("image_b", tooltip="Picture or batch B, for example FLUX's."),
                io.String.Input("label_a", default="A", tooltip="Name of A above its pictures and in the votes."),
                io.String.Input("label_b", default="B", tooltip="Name of B above its pictures and in the votes."),
                io.Combo.Input(
                    "align",
                    options=[rule.value for rule in Align],
                    default=Align.FIT.value,
                    tooltip="How pictures of another size are laid onto A. "
                    + " ".join(f"{rule.value}: {text}." for rule, text in RULES.items()),
                ),
                io.Image.Input("image_c", optional=True, tooltip="A third picture or batch."),
                io.Image.Input("image_d", optional=True, tooltip="A fourth picture or batch."),
                io.String.Input("label_c", default="C", optional=True, tooltip="Name of C."),
                io.String.Input("label_d", default="D", optional=True, tooltip="Name of D."),
                schema.advanced(io.Combo.Input(
                    "theme", options=["dark", "light"], default="dark", optional=True,
                    tooltip="Colours of the sheet: dark for screens, light for print.",
                )),
                schema.advanced(io.Boolean.Input(
                    "captions", default=True, optional=True,
                    tooltip="Write model, seed, seconds, cost and the prompt really used below the pictures of the "
                    "sheet, as far as info_a … info_d tell them.",
                )),
                schema.advanced(io.Int.Input(
                    "cell_size", default=768, min=64, max=4096, step=8, optional=True,
                    tooltip="Width of a picture on the sheet, in pixels.",
                )),
                schema.advanced(io.Boolean.Input(
                    "measure", default=True, optional=True,
                    tooltip="Compute the metrics. Switch off for large batches that only need the sheet.",
                )),
                schema.advanced(io.Boolean.Input(
                    "html_report", default=False, optional=True,
                    tooltip="Write a self-contained, printable HTML report with the pictures to the output folder; "
                    "`metrics` says where.",
                )),
                io.String.Input(
                    "category", default="", optional=True,
                    tooltip="What kind of picture this is, for example portrait or logo; the votes' summary groups by "
                    "it.",
                ),
                schema.advanced(io.String.Input(
                    "title", default="", optional=True, tooltip="Heading of the sheet and the report."
                )),
                schema.advanced(io.String.Input(
                    "notes", default="", optional=True,
                    tooltip="Stands below the title: what was compared, for whom, under which conditions.",
                )),
                io.String.Input(
                    "prompt", default="", multiline=True, dynamic_prompts=False, optional=True, force_input=True,
                    tooltip="The prompt that all pictures were made from; stored with votes, used by CLIP adherence.",
                ),
                *(
                    io.String.Input(
                        f"info_{slot}", default="", optional=True, force_input=True,
                        tooltip=f"The `info` output of the node that made {slot.upper()}, or any text: its caption.",
                    )
                    for slot in SLOTS
                ),
                io.Clip.Input(
                    "clip", optional=True,
                    tooltip="With clip_vision: measures how well each picture follows the prompt (CLIP ViT-L/14).",
                ),
                io.ClipVision.Input("clip_vision", optional=True, tooltip="CLIP ViT-L/14's vision part; see clip."),
            ],
            outputs=[
                io.Image.Output(display_name="sheet", tooltip="Labelled contact sheet, one row a pair, in pages."),
                io.Image.Output(display_name="difference", tooltip="Heat map of where each picture differs from A."),
                io.String.Output(display_name="metrics", tooltip="JSON: numbers of each pair, and what they mean."),
                *(
                    io.Image.Output(display_name=f"image_{slot}", tooltip=f"Pictures {slot.upper()}, passed on.")
                    for slot in SLOTS
                ),
            ],
            **schema.schema_extras(
                search_aliases=["image compare", "image comparer", "before after", "side by side", "ssim", "psnr",
                                "contact sheet", "difference", "A/B test", "slider"],
            ),
        )  # fmt: skip

    @classmethod
    async def execute(
        cls,
        image_a: Any,
        image_b: Any,
        label_a: str = "A",
        label_b: str = "B",
        align: str = Align.FIT.value,
        image_c: Any = None,
        image_d: Any = None,
        label_c: str = "C",
        label_d: str = "D",
        theme: Literal["dark", "light"] = "dark",
        captions: bool = True,
        cell_size: int = 768,
        measure: bool = True,
        html_report: bool = False,
        category: str = "",
        title: str = "",
        notes: str = "",
        prompt: str = "",
        info_a: str = "",
        info_b: str = "",
        info_c: str = "",
        info_d: str = "",
        clip: Any = None,
        clip_vision: Any = None,
    ) -> io.NodeOutput:
        from .compare import CompareRequest, compare
        from .metrics import measurer
        from .payload import metrics_json, payload, report_rows
        from .report import comparison_report

        images = (image_a, image_b, image_c, image_d)
        labels = (label_a, label_b, label_c, label_d)
        infos = (info_a, info_b, info_c, info_d)
        sides = [
            _side(slot, label, pictures, info)
            for slot, label, pictures, info in zip(SLOTS, labels, images, infos, strict=True)
            if pictures is not None
        ]
        request = CompareRequest(sides, Align(align), theme, captions, cell_size, measure, title, notes)
        numbers, note = measurer()
        progress = running.Progress()
        done = await running.in_thread(lambda: compare(request, numbers, progress.at), progress)
        followed = _adherence(clip, clip_vision, prompt, sides)
        told = [sentence for sentence in (note, _clip_note(clip, clip_vision, prompt)) if sentence]
        metrics = metrics_json(request, done, adherence=followed, notes=told)
        if html_report:

            def write() -> str:
                rows = report_rows(request, done)
                page = comparison_report(rows, metrics, prompt, title.strip() or "Comparison", notes, _decision(sides))
                return _write_report(page)

            metrics["html_report"] = await running.in_thread(write)
        shown = payload(
            request, done, metrics, prompt=prompt, category=category, save=lambda batch: _previews(cls, batch)
        )
        passed_on = [running.block() if pictures is None else pictures for pictures in images]
        return io.NodeOutput(
            done.sheet,
            done.difference,
            json.dumps(metrics, ensure_ascii=False).encode("utf-8", "replace").decode(),
            *passed_on,
            ui={"dalle_flux_compare": [shown]},
        )


def _previews(node: type[io.ComfyNode], images: Any) -> list[dict[str, str]]:
    """Save an IMAGE batch to the host's temp folder for the widget to show.

    Returns:
        One `{filename, subfolder, type}` a picture, to be fetched at `/view`.
    """
    from comfy_api.latest import ui

    return ui.PreviewImage(images, cls=node).as_dict()["images"]


def _side(slot: str, label: str, images: Any, info: str) -> Side:
    from .captions import captions as read_captions
    from .compare import Side, clean

    cleaned, repaired = clean(images)
    return Side(slot, label.strip() or slot.upper(), cleaned, read_captions(info, len(cleaned)), repaired)


def _adherence(clip: Any, clip_vision: Any, prompt: str, sides: list[Side]) -> dict[str, list[float]]:
    from .perception import ClipMismatch, adherence, clip_picture_vectors, clip_prompt_vector

    if clip is None or clip_vision is None or not prompt.strip():
        return {}
    vector = clip_prompt_vector(clip, prompt)
    if vector is None:
        raise ClipMismatch("`clip` holds no CLIP-L text model; connect one loaded from clip_l.safetensors.")
    return {side.slot: adherence(vector, clip_picture_vectors(clip_vision, side.images)) for side in sides}


def _clip_note(clip: Any, clip_vision: Any, prompt: str) -> str:
    """Why there is no prompt adherence although a part of what it needs is connected."""
    missing = [
        name
        for name, there in (("clip", clip), ("clip_vision", clip_vision), ("prompt", prompt.strip()))
        if there is None or there == ""
    ]
    if (clip is None and clip_vision is None) or not missing:
        return ""
    return f"Prompt adherence was not measured: connect {' and '.join(missing)} too."


def _decision(sides: list[Side]) -> Decision:
    """What the report opens with: these pictures' captions, and all votes on these labels."""
    from .decision import of_sides, refusals
    from .votes import votes

    state = folders.state()
    cast = votes(state) if (state.root / "state.sqlite").is_file() else []
    return of_sides(
        [(side.label, [caption.facts for caption in side.captions]) for side in sides], cast, refusals(state)
    )


def _write_report(html: str) -> str:
    """Write the report to the output folder under the next free number; returns its path."""
    folder, name, counter = folders.output_place("dalle_flux_compare", 0, 0)
    while True:
        path = Path(folder) / f"{name}_{counter:05}_.html"
        if not path.exists():
            write_file(path, html.encode("utf-8", "replace"))
            return str(path)
        counter += 1
