"""What each family expands into, held against ComfyUI's own template for it: node types, links, settings, files.

Two things are put differently on purpose, and counted as the same: KSampler is taken apart, so that each picture of a
batch has a seed of its own, and ImageScaleToTotalPixels, whose inputs differ between hosts, is an ImageScale.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from typing import Any

import pytest
from comfyui import environment as host_environment
from comfyui.environment import PACK

TEMPLATES = "comfyui-workflow-templates-json==0.1.123"
# Template, and how many pictures it is shown.
OFFICIAL = {
    "FLUX.2-dev": ("image_flux2_fp8.json", 2),
    "FLUX.2-klein-base-4B": ("image_flux2_klein_text_to_image.json", 0),
    "FLUX.2-klein-base-9B": ("image_flux2_text_to_image_9b.json", 0),
    "FLUX.2-klein-4B": ("image_flux2_klein_image_edit_4b_distilled.json", 1),
    "FLUX.2-klein-9B": ("image_flux2_klein_image_edit_9b_distilled.json", 1),
    "SD3.5-large": ("sd3.5_simple_example.json", 0),
    "SDXL": ("sdxl_simple_example.json", 0),
}
# Values of a node's widgets, in the order in which a template stores them.
WIDGETS = {
    "UNETLoader": ("unet_name", "weight_dtype"),
    "CLIPLoader": ("clip_name", "type", "device"),
    "CheckpointLoaderSimple": ("ckpt_name",),
    "FluxGuidance": ("guidance",),
    "Flux2Scheduler": ("steps",),
    "KSamplerSelect": ("sampler_name",),
    "CFGGuider": ("cfg",),
    "KSampler": ("seed", "control", "steps", "cfg", "sampler_name", "scheduler", "denoise"),
    "KSamplerAdvanced": ("add_noise", "seed", "control", "steps", "cfg", "sampler_name", "scheduler"),
}
COMPARED = {
    "unet_name", "weight_dtype", "clip_name", "type", "device", "ckpt_name", "guidance", "steps", "sampler_name",
    "cfg", "scheduler",
}  # fmt: skip
ASIDE = ("PrimitiveNode", "PrimitiveInt", "PrimitiveStringMultiline", "PrimitiveBoolean", "LoadImage", "SaveImage",
         "GetImageSize", "MarkdownNote", "Note", "ComfySwitchNode", "LoraLoaderModelOnly")  # fmt: skip

Wires = Counter[tuple[str, str, str, int]]  # (node type, input, source's type, source's output)


def official(name: str) -> tuple[Wires, dict[str, dict[str, Any]]]:
    """Wires and settings of a template: of its first subgraph that is not switched off, where it has some."""
    folder = host_environment.package(TEMPLATES) / "comfyui_workflow_templates_json" / "templates"
    graph = json.loads((folder / name).read_text("utf-8"))
    inside = {one["id"]: one for one in graph.get("definitions", {}).get("subgraphs", [])}
    graph = next((inside[one["type"]] for one in graph["nodes"] if one["type"] in inside and not one["mode"]), graph)
    keys = ("origin_id", "origin_slot", "target_id", "target_slot")
    links = [[link[key] for key in keys] if isinstance(link, dict) else link[1:5] for link in graph["links"]]
    refined = refiner(graph, links)
    every = {node["id"]: node for node in graph["nodes"]}
    kept = {key: node for key, node in every.items() if node["type"] not in ASIDE and key not in refined}
    switched_off = {target: (source, output) for source, output, target, place in links if place == 0}  # on_false
    wires: Wires = Counter()
    for source, output, target, place in links:
        while source in every and every[source]["type"] == "ComfySwitchNode":
            source, output = switched_off[source]
        if source in kept and target in kept:
            wires[(kept[target]["type"], kept[target]["inputs"][place]["name"], kept[source]["type"], output)] += 1
    settings = {
        node["type"]: dict(zip(WIDGETS[node["type"]], node.get("widgets_values") or (), strict=False))
        for node in kept.values()
        if node["type"] in WIDGETS
    }
    return wires, settings


def refiner(graph: dict[str, Any], links: list[list[int]]) -> set[int]:
    """What of SDXL's template draws the last steps with a second model; here one model draws them all."""
    types = {node["id"]: node["type"] for node in graph["nodes"]}
    second = {node["id"] for node in graph["nodes"] if "refiner" in str(node.get("widgets_values"))}
    fed = {target for source, _, target, _ in links if source in second and types[target] != "VAEDecode"}
    return second | fed


def ours(family_name: str, shown: int) -> tuple[Wires, dict[str, dict[str, Any]]]:
    """The same of what the node expands into."""
    sys.path.insert(0, str(PACK))
    import torch

    from nodes.flux import graphs
    from nodes.flux.families import Family, Identity, Part, traits
    from nodes.flux.installed import AUTOENCODERS, Installed, Loading
    from nodes.flux.settings import settings_for

    nodes: list[tuple[str, dict[str, Any]]] = []

    class Added:
        def __init__(self) -> None:
            self.place = len(nodes) - 1

        def out(self, index: int) -> list[Any]:
            return [self.place, index]

    class Graph:
        def node(self, class_type: str, id: str | None = None, **inputs: Any) -> Added:
            nodes.append((class_type, inputs))
            return Added()

    def file(part: Part, name: str) -> Installed:
        return Installed("", name, Identity(part), 1)

    family = Family(family_name)
    known = traits(family)
    model = known.official[0]
    # A template that draws with an fp8 file where the list begins with the full one is the same graph.
    whole = model.folder == "checkpoints"
    beside = {} if whole else {part: file(part, names[0].name) for part, names in known.beside.items()}
    loading = Loading(
        family,
        transformer=None if whole else file(Part.TRANSFORMER, model.name),
        checkpoint=file(Part.CHECKPOINT, model.name) if whole else None,
        text_encoder=next((one for part, one in beside.items() if part not in AUTOENCODERS), None),
        vae=next((one for part, one in beside.items() if part in AUTOENCODERS), None),
    )
    graph = Graph()
    models = graphs.load(graph, loading)
    settings, texts = settings_for("1024x1024", "standard", "vivid", 1, family), graphs.Texts("a fox", "a fox")
    if shown:
        graphs.by_reference(graph, models, settings, texts, [(1,)], torch.zeros(shown, 1024, 1024, 3))
    else:
        graphs.text_to_images(graph, models, settings, texts, [(1,)])
    names = {"ImageScale": "ImageScaleToTotalPixels"} if shown else {}
    wires: Wires = Counter(
        (names.get(kind, kind), name, names.get(nodes[value[0]][0], nodes[value[0]][0]), value[1])
        for kind, inputs in nodes
        for name, value in inputs.items()
        if isinstance(value, list)
    )
    return wires, {kind: inputs for kind, inputs in nodes}


def put_together(wires: Wires, settings: dict[str, dict[str, Any]], sampler: str) -> tuple[Wires, Any]:
    """SamplerCustomAdvanced, guider, scheduler and noise as the one node that they are elsewhere."""
    parts = ("CFGGuider", "KSamplerSelect", "BasicScheduler", "RandomNoise", "SamplerCustomAdvanced")
    joined: Wires = Counter()
    for (kind, name, source, output), count in wires.items():
        if (kind in parts and source in parts) or (kind, name) == ("BasicScheduler", "model"):
            continue
        joined[(sampler if kind in parts else kind, name, sampler if source in parts else source, output)] += count
    together = {key: value for part in parts for key, value in settings.get(part, {}).items()}
    return joined, {**settings, sampler: together}


@pytest.mark.parametrize("family", OFFICIAL)
def test_a_family_expands_into_its_official_template(family: str) -> None:
    name, shown = OFFICIAL[family]
    their_wires, their_settings = official(name)
    our_wires, our_settings = ours(family, shown)
    for sampler in ("KSampler", "KSamplerAdvanced"):
        if sampler in their_settings:
            our_wires, our_settings = put_together(our_wires, our_settings, sampler)
    if family == "SDXL":  # the refiner's VAE decodes in the template, and is the same one
        decoded = {wire: count for wire, count in their_wires.items() if wire[0] == "VAEDecode"}
        our_decoded = {wire: count for wire, count in our_wires.items() if wire[0] == "VAEDecode"}
        their_wires, our_wires = their_wires - Counter(decoded), our_wires - Counter(our_decoded)
    assert our_wires == their_wires
    for node, values in their_settings.items():
        for key in COMPARED & set(values):
            if key in ("unet_name", "clip_name") and "fp8" in str(values[key]):
                assert str(our_settings[node][key]).split(".")[0].split("_fp8")[0] in str(values[key])
            else:
                assert our_settings[node][key] == values[key], (node, key)
