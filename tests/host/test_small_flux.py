"""The trained small FLUX in a real ComfyUI: what a prompt asks for is in the picture, told by its pixels.

How much of what it draws is right is measured over hundreds of prompts in tests/small_flux/README.md; here is asked for
what it draws well, with a margin.
"""

from __future__ import annotations

import io
import json
import os
import random
import subprocess
from typing import Any

import numpy as np
import pytest
from comfyui import weights
from comfyui.environment import PACK
from PIL import Image, ImageChops
from small_flux import evaluation
from small_flux.captions import caption
from small_flux.evaluation import Seen, look
from tour import generate

DALLE2_SIZES = ("512x512", "256x256")
HELD_OUT = 8


@pytest.fixture(scope="module")
def comfyui(start_comfyui):
    return start_comfyui(models=weights.small_flux())


def drawn(comfyui, prompt: str, size: str = "256x256", **knobs: Any) -> list[Image.Image]:
    run = comfyui.run(generate(prompt, size=size, **knobs))
    assert run.succeeded, run.error
    saved = [picture for output in run.outputs.values() for picture in output.get("images", [])]
    return [Image.open(io.BytesIO(comfyui.view(picture))).convert("RGB") for picture in saved]


def seen(comfyui, prompt: str, size: str = "256x256", **knobs: Any) -> Seen:
    (picture,) = drawn(comfyui, prompt, size, **knobs)
    return look(picture)


def largest(one: Seen) -> evaluation.Found:
    return max(one.things, key=lambda found: found.width * found.height)


def test_the_host_computes_what_was_trained(environment):
    """Text encoders, transformer and encoder, each against the second implementation that training has."""
    found = subprocess.run(
        [str(environment.python), "-m", "small_flux.in_host", str(environment.comfyui)], cwd=PACK / "tests",
        env={**os.environ, "PYTHONPATH": f"{PACK}{os.pathsep}{PACK / 'tests'}"}, capture_output=True, text=True,
    )  # fmt: skip
    assert not found.returncode, found.stderr
    differences = json.loads(found.stdout)
    assert differences["t5"] < 0.06  # its widest values are about 5, and the trained side is in half precision
    assert differences["clip_l"] < 0.001
    assert differences["flux"] < 0.05
    assert differences["encoder"] < 0.001


def test_the_check_knows_true_renderings():
    """Its own error, which bounds what can be said of a model."""
    from small_flux import world

    scenes = evaluation.held_out(200)
    judged = [evaluation.judge(look(world.smooth(one, 160, 160)), one) for one in scenes]
    assert evaluation.shares(judged)["all"][0] > 0.97


def test_prompts_never_trained_on_are_followed(comfyui):
    """Of combinations that were held out: background, and where and how large a single thing is."""
    rng, judged = random.Random(7), []
    for one in evaluation.held_out(HELD_OUT):
        judged.append(evaluation.judge(seen(comfyui, caption(rng, one), prompt_mode="as is"), one))
    right = evaluation.shares(judged)
    assert right["background"][0] >= 0.9, right


@pytest.mark.parametrize("size", DALLE2_SIZES)
def test_a_size_of_dalle_2_shows_what_was_asked(comfyui, size):
    (picture,) = drawn(comfyui, "a big red circle on a yellow background", size)
    assert f"{picture.width}x{picture.height}" == size
    found = look(picture)
    assert found.background == "yellow"
    thing = largest(found)
    assert thing.thing.color == "red"
    assert abs(thing.x - 0.5) < 0.15
    assert abs(thing.y - 0.5) < 0.15


@pytest.mark.parametrize(("place", "x", "y"), [("left", 0.27, 0.5), ("top", 0.5, 0.27), ("bottom right", 0.73, 0.73)])
def test_a_thing_is_where_it_was_asked_for(comfyui, place, x, y):
    thing = largest(seen(comfyui, f"a blue square at the {place} on a white background"))
    assert thing.thing.color == "blue"
    assert abs(thing.x - x) < 0.15
    assert abs(thing.y - y) < 0.15


def test_several_pictures_differ_and_each_is_right(comfyui):
    pictures = drawn(comfyui, "a green circle on a pink background", n=3)
    assert len({picture.tobytes() for picture in pictures}) == 3
    assert [look(picture).background for picture in pictures] == ["pink"] * 3
    assert [largest(look(picture)).thing.color for picture in pictures] == ["green"] * 3


def test_the_same_seed_draws_the_same(comfyui):
    prompt = "an orange star on a blue background"
    (first,), (other,) = (drawn(comfyui, prompt, seed=seed) for seed in (3, 4))
    comfyui.post("/free", {"unload_models": True, "free_memory": True})
    (again,) = drawn(comfyui, prompt, seed=3)
    assert not ImageChops.difference(first, again).getbbox()
    assert np.abs(np.asarray(first, float) - np.asarray(other, float)).max() > 16


def test_conversion_loses_nothing_that_was_asked(comfyui):
    prompt = "Please draw me a purple circle on a green background"
    as_is, converted = (seen(comfyui, prompt, prompt_mode=mode) for mode in ("as is", "convert"))
    for found in (as_is, converted):
        assert found.background == "green"
        assert largest(found).thing.color == "purple"


def test_what_is_not_wanted_is_not_drawn(comfyui):
    found = seen(comfyui, "a blue circle on a white background, no frog, no apple")
    assert found.background == "white"
    assert largest(found).thing.color == "blue"
