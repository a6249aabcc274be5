"""The main job, headless: a DALL·E 3 request is moderated, converted, generated and set beside DALL·E's picture."""

from __future__ import annotations

import io
import json
import shutil

import numpy as np
import pytest
from comfyui import samples, stage
from PIL import Image


@pytest.fixture(scope="module")
def run(comfyui, environment):
    shutil.copy(samples.template(environment, samples.DALLE3_PICTURE), comfyui.installation.base / "input")
    run = comfyui.run(stage.dalle3_vs_flux(environment))
    assert run.succeeded, run.error
    return run


def saved_sheet(comfyui, run) -> Image.Image:
    pictures = [p for output in run.outputs.values() for p in output.get("images", []) if p["type"] == "output"]
    assert len(pictures) == 1
    return Image.open(io.BytesIO(comfyui.view(pictures[0])))


def test_the_comparison_comes_out_as_a_png_with_both_pictures(comfyui, environment, run, artefacts):
    sheet = saved_sheet(comfyui, run)
    sheet.save(artefacts / "dalle3-vs-flux-sheet.png")
    assert sheet.format == "PNG"
    assert sheet.width > 1.8 * sheet.height * 0.5
    # The genuine picture is in the left half, to the pixel or scaled: its colours are there.
    original = Image.open(samples.template(environment, samples.DALLE3_PICTURE)).convert("RGB")
    left = np.asarray(sheet.convert("RGB").crop((0, 0, sheet.width // 2, sheet.height)), dtype=float)
    right = np.asarray(sheet.convert("RGB").crop((sheet.width // 2, 0, sheet.width, sheet.height)), dtype=float)
    middle = np.asarray(original, dtype=float)[150:250, 150:250].reshape(-1, 3).mean(0)

    def nearest(half: np.ndarray) -> float:
        height, width, _ = half.shape
        centre = half[height // 2 - 50 : height // 2 + 50, width // 2 - 50 : width // 2 + 50].reshape(-1, 3).mean(0)
        return float(np.abs(centre - middle).max())

    assert nearest(left) < 25
    assert nearest(left) < nearest(right)


def test_the_texts_that_reached_flux_are_the_converted_prompt(comfyui, environment):
    graph = stage.dalle3_vs_flux(environment)
    (converter,) = [key for key, node in graph.items() if node["class_type"] == "DalleFluxPrompt"]
    graph = {key: node for key, node in graph.items()}
    graph["show"] = {"class_type": "PreviewAny", "inputs": {"source": [converter, 0]}}
    graph["report"] = {"class_type": "PreviewAny", "inputs": {"source": [converter, 3]}}
    run = comfyui.run(graph)
    assert run.succeeded, run.error
    text = run.outputs["show"]["text"][0]
    assert not text.startswith("Create a")
    assert "pastel" in text
    assert json.loads(run.outputs["report"]["text"][0])


def test_a_refused_prompt_costs_no_generation(comfyui, environment):
    graph = stage.dalle3_vs_flux(environment)
    stage.only(graph, "PrimitiveStringMultiline")["value"] = "a gory decapitated corpse, blood everywhere"
    gates = [node["inputs"] for node in graph.values() if node["class_type"] == "DalleFluxModeratePrompt"]
    assert len(gates) == 2, "one a text that FLUX reads"
    for gate in gates:
        gate["on_flag"] = "block"
    stage.only(graph, "RandomNoise")["noise_seed"] = 987654321  # nothing of this is cached
    run, events = comfyui.run_watched(graph)
    assert run.succeeded, run.error
    sampled = [event["data"]["node"] for event in events if event["type"] == "progress"]
    assert [graph[node]["class_type"] for node in sampled if node in graph] == []
    saved = [p for output in run.outputs.values() for p in output.get("images", []) if p["type"] == "output"]
    assert saved == []


def test_an_allowed_prompt_is_sampled_so_that_the_test_above_can_fail(comfyui, environment):
    graph = stage.dalle3_vs_flux(environment)
    stage.only(graph, "RandomNoise")["noise_seed"] = 987654322
    run, events = comfyui.run_watched(graph)
    assert run.succeeded, run.error
    sampled = {event["data"]["node"] for event in events if event["type"] == "progress"}
    assert {graph[node]["class_type"] for node in sampled if node in graph} == {"SamplerCustomAdvanced"}
