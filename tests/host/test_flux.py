"""DALL·E on local FLUX, in a real ComfyUI: the official graph, its pixels, seeds, masks, caching, old graphs."""

from __future__ import annotations

import dataclasses
import io
import json
import re
import sys
from typing import Any

import numpy as np
import pytest
from comfyui import samples
from comfyui.environment import PACK
from PIL import Image

from nodes.info import Info

KNOBS = {"size": "256x256", "quality": "standard", "style": "vivid", "n": 1, "seed": 5, "prompt_mode": "as is"}
PROMPT = "a fox in the snow"


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def generate(**knobs: Any) -> dict[str, Any]:
    return {
        "1": node("DalleFluxLocalGenerate", prompt=PROMPT, **{**KNOBS, **knobs}),
        "2": node("SaveImage", images=["1", 0], filename_prefix="flux"),
        "3": node("PreviewAny", source=["1", 2]),
    }


def edit(picture: str = "round.png", *, masked: bool = True, **knobs: Any) -> dict[str, Any]:
    inputs = {"size": "auto", "quality": "standard", "n": 1, "seed": 5, "image": ["4", 0], **knobs}
    return {
        "4": node("LoadImage", image=picture),
        "1": node("DalleFluxLocalEdit", prompt=PROMPT, **inputs, **({"mask": ["4", 1]} if masked else {})),
        "2": node("SaveImage", images=["1", 0], filename_prefix="flux"),
        "3": node("PreviewAny", source=["1", 2]),
    }


def pictures(comfyui, run) -> list[np.ndarray]:
    """What SaveImage saved, as integers."""
    assert run.succeeded, run.error
    saved = [p for output in run.outputs.values() for p in output.get("images", []) if p["type"] == "output"]
    return [np.asarray(Image.open(io.BytesIO(comfyui.view(p))).convert("RGB"), dtype=int) for p in saved]


def info(run) -> dict[str, Any]:
    """The `info` output, which has the same keys whichever node drew."""
    assert run.succeeded, run.error
    text = run.outputs["3"]["text"][0]
    assert Info.from_json(text)
    assert list(json.loads(text)) == [field.name for field in dataclasses.fields(Info)]
    return dict(json.loads(text))


@pytest.fixture(scope="module")
def picture(comfyui) -> np.ndarray:
    """input/round.png, 200x136 with a transparent square, and input/plain.png, the same without; its pixels."""
    pixels = np.random.default_rng(3).integers(0, 255, (136, 200, 3)).astype(np.uint8)
    alpha = np.full((136, 200, 1), 255, np.uint8)
    alpha[40:90, 60:120] = 0
    folder = comfyui.installation.base / "input"
    Image.fromarray(np.concatenate([pixels, alpha], axis=2)).save(folder / "round.png")
    Image.fromarray(pixels).save(folder / "plain.png")
    return pixels.astype(int)


def official_text_to_image(environment, seed: int) -> dict[str, Any]:
    """`flux_dev_full_text_to_image.json`, as it ships with the host, in API format with our prompt and seed."""
    template = samples.graph(environment, samples.FLUX_GRAPH)
    by_type = {n["type"]: n for n in template["nodes"]}
    if "CLIPTextEncodeFlux" not in by_type:
        pytest.skip("this host ships the official graph in another layout than 0.3.75")
    links = {link[0]: link for link in template["links"]}
    widgets = {
        "UNETLoader": ["unet_name", "weight_dtype"],
        "DualCLIPLoader": ["clip_name1", "clip_name2", "type", "device"],
        "VAELoader": ["vae_name"],
        "EmptySD3LatentImage": ["width", "height", "batch_size"],
        "CLIPTextEncodeFlux": ["clip_l", "t5xxl", "guidance"],
        "KSampler": ["seed", "control_after_generate", "steps", "cfg", "sampler_name", "scheduler", "denoise"],
        "SaveImage": ["filename_prefix"],
    }
    graph = {}
    for name, one in by_type.items():
        if name == "MarkdownNote":
            continue
        inputs = dict(zip(widgets.get(name, []), one.get("widgets_values") or [], strict=False))
        inputs.pop("control_after_generate", None)
        for socket in one["inputs"]:
            if socket.get("link") is not None:
                link = links[socket["link"]]
                inputs[socket["name"]] = [str(link[1]), link[2]]
        graph[str(one["id"])] = {"class_type": name, "inputs": inputs}
    encoder, sampler = str(by_type["CLIPTextEncodeFlux"]["id"]), str(by_type["KSampler"]["id"])
    graph[encoder]["inputs"] |= {"clip_l": PROMPT, "t5xxl": PROMPT}
    graph[sampler]["inputs"]["seed"] = seed
    return graph


def wiring(graph: dict[str, Any]) -> set[tuple[str, str, str, int]]:
    """(node type, input, source type, output) of every link of an API-format graph."""
    return {
        (one["class_type"], name, graph[value[0]]["class_type"], value[1])
        for one in graph.values()
        for name, value in one["inputs"].items()
        if isinstance(value, list)
    }


def test_the_expansion_is_wired_like_the_official_graphs(environment):
    """Loaders and texts as in the text-to-image template, the sampling half as in Redux's, less Redux itself."""
    sys.path.insert(0, str(PACK))
    from nodes.flux import graphs
    from nodes.flux.families import Family, Identity, Part
    from nodes.flux.installed import Installed, Loading
    from nodes.flux.settings import settings_for

    expanded: dict[str, Any] = {}

    class Added:
        def __init__(self, key: str):
            self.key = key

        def out(self, index: int) -> list[Any]:
            return [self.key, index]

    class Graph:
        def node(self, class_type: str, id: str | None = None, **inputs: Any) -> Added:
            expanded[str(len(expanded))] = {"class_type": class_type, "inputs": inputs}
            return Added(str(len(expanded) - 1))

    def file(part: Part, name: str) -> Installed:
        return Installed("", name, Identity(part), 1)

    loading = Loading(
        Family.DEV, file(Part.TRANSFORMER, "flux1-dev.safetensors"), None, file(Part.T5, "t5xxl_fp16.safetensors"),
        file(Part.CLIP_L, "clip_l.safetensors"), file(Part.VAE, "ae.safetensors"),
    )  # fmt: skip
    settings = settings_for("1024x1024", "standard", "vivid", 1)
    graph = Graph()
    models = graphs.load(graph, loading)
    graphs.text_to_images(graph, models, settings, graphs.Texts(PROMPT, PROMPT), [(11,)])

    official = official_text_to_image(environment, 11)
    for class_type in ("UNETLoader", "DualCLIPLoader", "VAELoader", "EmptySD3LatentImage", "CLIPTextEncodeFlux"):
        (theirs,) = [n["inputs"] for n in official.values() if n["class_type"] == class_type]
        (ours,) = [n["inputs"] for n in expanded.values() if n["class_type"] == class_type]
        plain = {name: value for name, value in theirs.items() if not isinstance(value, list)}
        assert {name: value for name, value in ours.items() if not isinstance(value, list)} == plain, class_type

    template = samples.graph(environment, "flux_redux_model_example.json")
    types = {n["id"]: n["type"] for n in template["nodes"]}
    names = {(n["id"], place): s["name"] for n in template["nodes"] for place, s in enumerate(n.get("inputs", []))}
    half = {"ModelSamplingFlux", "BasicGuider", "BasicScheduler", "SamplerCustomAdvanced", "VAEDecode"}
    theirs_wired = {
        (types[link[3]], names[link[3], link[4]], types[link[1]], link[2])
        for link in template["links"]
        if types[link[3]] in half and "Primitive" not in types[link[1]] and types[link[1]] != "StyleModelApply"
    }
    ours_wired = {one for one in wiring(expanded) if one[0] in half}
    assert theirs_wired == ours_wired - {("BasicGuider", "conditioning", "CLIPTextEncodeFlux", 0)}
    values = {n["type"]: n.get("widgets_values") for n in template["nodes"]}
    (shift,) = [n["inputs"] for n in expanded.values() if n["class_type"] == "ModelSamplingFlux"]
    assert [shift["max_shift"], shift["base_shift"], shift["width"], shift["height"]] == values["ModelSamplingFlux"]
    (schedule,) = [n["inputs"] for n in expanded.values() if n["class_type"] == "BasicScheduler"]
    assert [schedule["scheduler"], schedule["steps"], schedule["denoise"]] == values["BasicScheduler"]


def test_one_node_draws_the_very_pixels_of_the_official_graph(comfyui, environment):
    ours = pictures(comfyui, comfyui.run(generate(size="1024x1024", seed=11)))
    official = pictures(comfyui, comfyui.run(official_text_to_image(environment, 11)))
    assert np.abs(ours[0] - official[0]).max() <= 1
    assert ours[0].std() > 5  # a flat picture would prove nothing


def test_the_same_seed_draws_the_same_pixels_and_another_does_not(comfyui):
    first = pictures(comfyui, comfyui.run(generate(seed=21)))[0]
    comfyui.post("/free", {"unload_models": True, "free_memory": True})
    again = pictures(comfyui, comfyui.run(generate(seed=21)))[0]
    other = pictures(comfyui, comfyui.run(generate(seed=22)))[0]
    assert (first == again).all()
    assert (first != other).mean() > 0.5


def test_four_pictures_are_four_seeds(comfyui):
    run = comfyui.run(generate(n=4, seed=30))
    four = pictures(comfyui, run)
    assert [picture["seed"] for picture in info(run)["pictures"]] == [30, 31, 32, 33]
    for index in range(4):
        alone = pictures(comfyui, comfyui.run(generate(seed=30 + index)))[0]
        assert np.abs(four[index] - alone).max() <= 2  # a batch is multiplied in another order
    assert (four[0] != four[1]).mean() > 0.5


@pytest.mark.parametrize("size", ["256x256", "500x333", "512x768"])
def test_pictures_come_out_at_exactly_the_size_asked_for(comfyui, size):
    (drawn,) = pictures(comfyui, comfyui.run(generate(size=size)))
    assert f"{drawn.shape[1]}x{drawn.shape[0]}" == size


def test_info_says_what_was_chosen_and_mapped(comfyui):
    told = info(comfyui.run(generate(size="500x333", style="natural")))
    assert told["model"] == "FLUX.1-dev"
    assert told["files"]["model"] == "diffusion_models/flux1-dev.safetensors"
    assert (told["steps"], told["guidance"], told["size"]) == (20, 2.5, "500x333")
    assert told["prompt"] == PROMPT
    assert any("FLUX drew" in note for note in told["notes"])


def test_a_second_run_with_another_seed_loads_and_encodes_nothing_again(comfyui):
    words = ("Requested to load", "model_type")  # the host's own for: weights go to the device, weights are read
    pictures(comfyui, comfyui.run(generate(seed=40)))
    before = comfyui.log
    assert all(word in before for word in words)
    run, events = comfyui.run_watched(generate(seed=41))
    assert run.succeeded, run.error
    assert not any(word in comfyui.log[len(before) :] for word in words)
    ran = {event["data"]["node"] for event in events if event["type"] == "executing"}
    assert len([key for key in ran if key and "." in key]) == 4  # noise, sampler, decoder, and scaling to 256x256
    progress = [event for event in events if event["type"] == "progress"]
    assert max(event["data"]["max"] for event in progress) == 20
    assert {event["data"]["node"].split(".")[0] for event in progress} == {"1"}


def test_a_connected_schnell_gets_schnells_settings(comfyui):
    graph = generate(model=["8", 0])
    graph["8"] = node("UNETLoader", unet_name="flux1-schnell.safetensors", weight_dtype="default")
    told = info(comfyui.run(graph))
    assert (told["model"], told["steps"], told["guidance"]) == ("FLUX.1-schnell", 4, None)
    assert told["files"]["model"] == "connected"


def test_a_model_that_cannot_do_it_is_refused_by_name(comfyui):
    graph = generate(model=["8", 0])
    graph["8"] = node("UNETLoader", unet_name="flux1-fill-dev.safetensors", weight_dtype="default")
    run = comfyui.run(graph)
    assert "The connected model is FLUX.1-Fill-dev" in run.error


def test_an_all_in_one_checkpoint_connected_draws(comfyui):
    graph = generate(model=["8", 0], clip=["8", 1], vae=["8", 2])
    graph["8"] = node("CheckpointLoaderSimple", ckpt_name="flux1-dev-fp8.safetensors")
    assert info(comfyui.run(graph))["files"] == dict.fromkeys(("model", "t5xxl", "clip_l", "vae"), "connected")


def test_an_empty_prompt_and_an_impossible_size_are_errors_not_pictures(comfyui):
    graph = generate()
    graph["1"]["inputs"]["prompt"] = "  "
    assert "The prompt is empty" in comfyui.run(graph).error
    assert "4 times" in comfyui.run(generate(size="2000x200")).error


def test_unmasked_pixels_come_back_identical(comfyui, picture):
    run = comfyui.run(edit(n=2))
    results = pictures(comfyui, run)
    assert len(results) == 2
    for result in results:
        kept = np.ones(picture.shape[:2], bool)
        kept[40:90, 60:120] = False
        assert (result[kept] == picture[kept]).all()
        assert (result[45:85, 65:115] != picture[45:85, 65:115]).mean() > 0.5
    assert (results[0] != results[1]).any()
    assert info(run)["model"] == "FLUX.1-Fill-dev"


def test_a_larger_size_is_outpainted_and_the_picture_stays(comfyui, picture):
    run = comfyui.run(edit("plain.png", masked=False, size="320x200"))
    (result,) = pictures(comfyui, run)
    assert result.shape[:2] == (200, 320)
    assert (result[32:168, 60:260] == picture).all()
    assert (result[:32] != 128).mean() > 0.5
    assert info(run)["model"] == "FLUX.1-Fill-dev"


def test_without_a_mask_kontext_changes_the_whole_picture(comfyui, picture):
    run = comfyui.run(edit("plain.png"))  # LoadImage's mask of a picture without alpha is empty
    (result,) = pictures(comfyui, run)
    assert result.shape == picture.shape
    assert info(run)["model"] == "FLUX.1-Kontext-dev"


def test_variations_differ_and_strength_matters(comfyui, picture):
    def vary(**knobs: Any) -> dict[str, Any]:
        inputs = {"size": "256x256", "n": 2, "seed": 5, "strength": 0.9, **knobs}
        return {
            "4": node("LoadImage", image="plain.png"),
            "1": node("DalleFluxLocalVariation", image=["4", 0], **inputs),
            "2": node("SaveImage", images=["1", 0], filename_prefix="flux"),
            "3": node("PreviewAny", source=["1", 2]),
        }

    run = comfyui.run(vary())
    near = pictures(comfyui, run)
    assert (near[0] != near[1]).any()
    assert info(run)["files"]["redux"] == "style_models/flux1-redux-dev.safetensors"
    loose = pictures(comfyui, comfyui.run(vary(strength=0.1)))
    assert (near[0] != loose[0]).any()


def test_nothing_installed_says_what_to_install(start_comfyui, tmp_path):
    comfyui = start_comfyui(models=tmp_path)
    run = comfyui.run(generate())
    assert not run.succeeded
    for words in ("flux1-dev.safetensors", "t5xxl_fp16.safetensors", "ae.safetensors", "22.2 GB", "https://"):
        assert words in run.error
    comfyui.stop()


@pytest.fixture(scope="module")
def without_dalle(start_comfyui):
    """A host that has no OpenAIDalle2 and 3 any more, as hosts since September 2026."""
    return start_comfyui(arguments=("--cpu", "--disable-api-nodes"))


@pytest.mark.parametrize("connected", [False, True], ids=["text", "edit"])
def test_an_old_dalle_2_graph_sent_to_prompt_still_draws(without_dalle, connected):
    assert "OpenAIDalle2" not in without_dalle.get("/object_info")
    graph = {
        "1": node("OpenAIDalle2", prompt=PROMPT, seed=1, size="256x256", n=1),
        "2": node("SaveImage", images=["1", 0], filename_prefix="flux"),
    }
    if connected:
        graph["4"] = node("LoadImage", image="example.png")
        graph["1"]["inputs"] |= {"image": ["4", 0]}
    (drawn,) = pictures(without_dalle, without_dalle.run(graph))
    assert drawn.shape == (256, 256, 3)


def test_the_real_dalle_3_graph_sent_to_prompt_still_draws(without_dalle, environment):
    old = samples.graph(environment, samples.DALLE3_GRAPH)
    (dalle,) = [n for n in old["nodes"] if n["type"] == "OpenAIDalle3"]
    prompt, seed, _, quality, style, size = dalle["widgets_values"]
    graph = {
        "21": node("OpenAIDalle3", prompt=prompt, seed=seed, quality=quality, style=style, size=size),
        "24": node("SaveImage", images=["21", 0], filename_prefix="DALL-E3"),
    }
    (drawn,) = pictures(without_dalle, without_dalle.run(graph, limit_s=600))
    assert drawn.shape == (1024, 1024, 3)


def test_draw_with_chooses_the_model_and_info_says_under_which_licence(comfyui):
    drawn = comfyui.run(generate(draw_with="FLUX.1-schnell", seed=61))
    assert (info(drawn)["model"], info(drawn)["steps"]) == ("FLUX.1-schnell", 4)
    assert info(drawn)["licence"]["commercial"] is True
    by_default = info(comfyui.run(generate(seed=61)))
    assert (by_default["model"], by_default["licence"]["commercial"]) == ("FLUX.1-dev", False)
    assert "use one of: auto, FLUX.1-dev" in comfyui.run(generate(draw_with="FLUX.1-Fill-dev")).error


@pytest.mark.parametrize("n", [1, 2])
def test_when_it_has_drawn_the_node_says_what_in_how_many_seconds_and_for_nothing(comfyui, n):
    run, events = comfyui.run_watched(generate(draw_with="FLUX.1-schnell", seed=63, n=n))
    assert run.succeeded, run.error
    # A text's kind and the length of the node's id take 4 bytes each, the id 1.
    texts = [event["data"][9:].decode("utf-8", "replace") for event in events if event["type"] == "binary"]
    begun, done = (text for text in texts if "Apache-2.0" in text)
    assert begun.startswith("FLUX.1-schnell · 256x256 · seed 63 · Apache-2.0: ")
    assert re.fullmatch(r"\$0 · \d+\.\d s · (.*)", done)[1] == begun


def test_only_commercial_holds_from_the_moment_it_is_written(comfyui, picture):
    graph = generate(seed=62)
    assert info(comfyui.run(graph))["model"] == "FLUX.1-dev"
    named = comfyui.installation.base / "user" / "dalle_flux" / "endpoints.toml"
    named.parent.mkdir(parents=True, exist_ok=True)
    named.write_text("[settings]\nonly_commercial = true\n", "utf-8")
    try:
        assert info(comfyui.run(graph))["model"] == "FLUX.1-schnell", "not the picture from the host's cache"
        for refused in (generate(draw_with="FLUX.1-dev", seed=62), edit(seed=62)):
            assert "may not be used commercially" in comfyui.run(refused).error
    finally:
        named.unlink()


def test_flux2_draws_edits_by_several_pictures_and_varies(comfyui, picture):
    drawn = comfyui.run(generate(draw_with="FLUX.2-dev", seed=71))
    assert (info(drawn)["model"], info(drawn)["steps"], info(drawn)["guidance"]) == ("FLUX.2-dev", 20, 4.0)
    assert set(info(drawn)["files"]) == {"model", "text_encoder", "vae"}
    assert info(drawn)["licence"]["name"].startswith("FLUX [dev] Non-Commercial License v2")
    (one,) = pictures(comfyui, drawn)
    assert one.shape == (256, 256, 3)
    graph = edit("plain.png", masked=False, draw_with="FLUX.2-dev", image=["6", 0])
    graph["5"] = node("EmptyImage", width=200, height=136, batch_size=1, color=0xFF0000)
    graph["6"] = node("ImageBatch", image1=["4", 0], image2=["5", 0])
    edited = comfyui.run(graph)
    assert info(edited)["model"] == "FLUX.2-dev"
    assert pictures(comfyui, edited)[0].shape == (136, 200, 3)
    inputs = {"size": "256x256", "n": 1, "seed": 5, "strength": 0.9, "draw_with": "FLUX.2-dev"}
    graph["1"] = node("DalleFluxLocalVariation", image=["4", 0], **inputs)
    varied = comfyui.run(graph)
    assert pictures(comfyui, varied)[0].shape == (256, 256, 3)
    assert any("told, by strength: The same picture" in note for note in info(varied)["notes"])


def test_an_edit_with_a_mask_is_left_to_fill_and_says_so(comfyui, picture):
    told = info(comfyui.run(edit(draw_with="FLUX.2-dev", seed=72)))
    assert told["model"] == "FLUX.1-Fill-dev"
    assert "FLUX.2-dev cannot do this edit, so FLUX.1-Fill-dev did." in told["notes"]


def test_sdxl_draws_by_name(comfyui):
    graph = generate(draw_with="SDXL", seed=81, prompt_mode="convert")
    graph["1"]["inputs"]["prompt"] = "a street in the rain, no people"
    drawn = comfyui.run(graph)
    assert (info(drawn)["model"], info(drawn)["steps"], info(drawn)["guidance"]) == ("SDXL", 25, 8.0)
    assert info(drawn)["licence"]["commercial"] is True
    assert "people" not in info(drawn)["revised_prompt"]
    assert pictures(comfyui, drawn)[0].shape == (256, 256, 3)


def official_sd35(seed: int) -> dict[str, Any]:
    """`sd3.5_simple_example.json` in API format, with medium, at 512x512 (tests/host/test_flux_templates.py)."""
    name = "sd3.5_medium_incl_clips_t5xxlfp8scaled.safetensors"
    return {
        "1": node("CheckpointLoaderSimple", ckpt_name=name),
        "2": node("CLIPTextEncode", clip=["1", 1], text=PROMPT),
        "3": node("CLIPTextEncode", clip=["1", 1], text=""),
        "4": node("EmptySD3LatentImage", width=512, height=512, batch_size=1),
        "5": node("KSampler", model=["1", 0], positive=["2", 0], negative=["3", 0], latent_image=["4", 0], seed=seed,
                  steps=20, cfg=4.01, sampler_name="euler", scheduler="sgm_uniform", denoise=1.0),
        "6": node("VAEDecode", samples=["5", 0], vae=["1", 2]),
        "7": node("SaveImage", images=["6", 0], filename_prefix="sd35"),
    }  # fmt: skip


def test_sd35_draws_the_very_pixels_of_its_official_graph_and_redraws_by_mask(comfyui, picture):
    drawn = comfyui.run(generate(draw_with="SD3.5-medium", seed=91, size="512x512"))
    official = pictures(comfyui, comfyui.run(official_sd35(91)))
    assert np.abs(pictures(comfyui, drawn)[0] - official[0]).max() <= 1
    assert official[0].std() > 5, "a flat picture would prove nothing"
    assert (info(drawn)["model"], info(drawn)["steps"], info(drawn)["guidance"]) == ("SD3.5-medium", 20, 4.01)
    assert info(drawn)["licence"]["commercial"] is False
    redrawn = comfyui.run(edit(draw_with="SD3.5-medium", seed=91))
    (result,) = pictures(comfyui, redrawn)
    assert info(redrawn)["model"] == "SD3.5-medium"
    assert (result[:40] == picture[:40]).all()
    assert (result[45:85, 65:115] != picture[45:85, 65:115]).mean() > 0.5


def test_klein_draws_where_the_host_knows_it_and_else_says_which_does(comfyui):
    run = comfyui.run(generate(draw_with="FLUX.2-klein-4B", seed=92))
    if run.error:
        assert "newer than this ComfyUI, which must be 0.9.2 or newer" in run.error
    else:
        assert (info(run)["steps"], info(run)["guidance"]) == (4, 1.0)
        assert pictures(comfyui, run)[0].shape == (256, 256, 3)


def test_a_device_that_runs_out_of_memory_is_told_what_to_do(comfyui):
    graph = generate(model=["8", 0])
    graph["6"] = node("UNETLoader", unet_name="flux1-schnell.safetensors", weight_dtype="default")
    graph["7"] = node("StandInOutOfMemory", model=["6", 0])
    graph["8"] = node("DalleFluxMemoryAdvice", model=["7", 0], advice="Use models/diffusion_models/smaller.gguf.")
    assert "Use models/diffusion_models/smaller.gguf." in comfyui.run(graph).error
    assert comfyui.run(generate(draw_with="FLUX.1-schnell", seed=95)).succeeded, "and the host is none the worse"
