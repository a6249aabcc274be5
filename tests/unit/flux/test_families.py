"""Every family: known by its header in every precision, by nothing else; loaded and drawn as its template says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nodes.flux import files, graphs
from nodes.flux.families import Edits, Family, Identity, Negative, Part, family_of_model, traits
from nodes.flux.graphs import Models, Texts
from nodes.flux.headers import read_header
from nodes.flux.identify import identify
from nodes.flux.installed import NothingInstalled, choose, take_inventory
from nodes.flux.loading import Connected, HostTooOld, Wanted, loading_for
from nodes.flux.settings import BadSetting, settings_for
from nodes.prompts.targets import Target
from nodes.recipes import RECIPES

from . import zoo
from .test_graphs import Graph, file
from .test_installed import ENCODERS, listing, strangers

OWN: dict[str, tuple[zoo.Shapes, Identity]] = {
    "flux-2-klein-4b": (zoo.KLEIN, Identity(Part.TRANSFORMER, Family.KLEIN_4B)),
    "flux-2-klein-base-4b": (zoo.KLEIN, Identity(Part.TRANSFORMER, Family.KLEIN_BASE_4B)),
    "flux-2-klein-9b-fp8": (zoo.KLEIN_9B, Identity(Part.TRANSFORMER, Family.KLEIN_9B)),
    "FLUX.2-klein-base-9B": (zoo.KLEIN_9B, Identity(Part.TRANSFORMER, Family.KLEIN_BASE_9B)),
    "flux2_dev_fp8mixed": (zoo.FLUX2, Identity(Part.TRANSFORMER, Family.FLUX2_DEV)),
    "sd3.5_large_fp8_scaled": (zoo.sd35(), Identity(Part.CHECKPOINT, Family.SD35_LARGE)),
    "sd3.5_large": (zoo.sd35(encoders=False), Identity(Part.WITHOUT_ENCODERS, Family.SD35_LARGE)),
    "sd3.5_large-transformer": (zoo.mmdit(), Identity(Part.TRANSFORMER, Family.SD35_LARGE)),
    "sd3.5_medium_incl_clips": (zoo.sd35(**zoo.MEDIUM), Identity(Part.CHECKPOINT, Family.SD35_MEDIUM)),
    "sd3.5_medium": (zoo.mmdit(**zoo.MEDIUM), Identity(Part.TRANSFORMER, Family.SD35_MEDIUM)),
    "qwen_3_4b": (zoo.qwen3(), Identity(Part.QWEN_4B)),
    "qwen_3_8b_fp8mixed": (zoo.qwen3(4096), Identity(Part.QWEN_8B)),
    "clip_g": (zoo.CLIP_G, Identity(Part.CLIP_G)),
    "full_encoder_small_decoder": (zoo.FLUX2_VAE, Identity(Part.FLUX2_VAE)),
    "sd3_vae": (zoo.VAE, Identity(Part.SD3_VAE)),
}
LOOKALIKES: dict[str, zoo.Shapes] = {
    "flux-2-klein-9b-kv-fp8": zoo.KLEIN_9B,
    "flux-2-klein-lora": {**zoo.KLEIN, "double_blocks.0.img_attn.qkv.lora_A.weight": (16, 3072)},
    "sd3.5_large_turbo": zoo.sd35(),
    "sd3.5m_turbo": zoo.sd35(**zoo.MEDIUM),
    "sd3_medium_incl_clips": zoo.SD3,
    "sd3.5_large_controlnet_canny": {**zoo.mmdit(), "controlnet_blocks.0.weight": (2432, 2432)},
    "sd3.5 pruned": zoo.mmdit(blocks=20),
    "qwen3vl_4b": zoo.QWEN3_VL,
    "qwen_2.5_vl_7b": zoo.QWEN25,
    "gemma_3_4b_it": zoo.GEMMA3,
    "z_image_turbo": zoo.Z_IMAGE,
    "qwen_image": zoo.QWEN_IMAGE,
    "wan2.2": zoo.WAN,
    "lumina_2": zoo.LUMINA2,
    "chroma": zoo.CHROMA,
    "umt5": zoo.t5(256384),
}


@pytest.mark.parametrize("dtype", ["BF16", "F32", "F8_E4M3"])
@pytest.mark.parametrize("name", OWN)
def test_each_part_of_each_family_is_known_in_every_precision(tmp_path: Path, name: str, dtype: str) -> None:
    shapes, expected = OWN[name]
    shapes = {**shapes, "scaled_fp8": (2,)} if dtype.startswith("F8") else shapes
    path = zoo.safetensors(tmp_path / f"{name}.safetensors", shapes, dtype=dtype)
    assert identify(read_header(path), path.name) == expected


@pytest.mark.parametrize(("name", "architecture"), [("flux-2-klein-4b", "flux"), ("sd3.5_medium", "sd3")])
def test_each_transformer_is_known_as_gguf(tmp_path: Path, name: str, architecture: str) -> None:
    shapes, expected = OWN[name]
    path = zoo.gguf(tmp_path / f"{name}-Q4_K_M.gguf", architecture, shapes)
    assert identify(read_header(path), path.name) == Identity(expected.part, expected.family, gguf=True)


@pytest.mark.parametrize("name", LOOKALIKES)
def test_what_only_looks_alike_is_left_alone(tmp_path: Path, name: str) -> None:
    path = zoo.safetensors(tmp_path / f"{name}.safetensors", LOOKALIKES[name])
    assert identify(read_header(path), path.name) is None


def test_no_family_draws_with_anothers_files(tmp_path: Path) -> None:
    """Each with its model and everything that others need, and nothing of its own beside it."""
    own = {one.family: (name, shapes) for name, (shapes, one) in OWN.items() if one.part is Part.TRANSFORMER}
    kept = [one for one in strangers(tmp_path) if one[0] in ("text_encoders", "vae") and "flux2" not in one[1]]
    kept = [one for one in kept if "clip_g" not in one[1]]
    for family, (name, shapes) in own.items():
        model = ("diffusion_models", f"{name}.safetensors", zoo.safetensors(tmp_path / f"{name}.safetensors", shapes))
        with pytest.raises(NothingInstalled, match=f"{family.value} lacks a file"):
            choose(take_inventory([*kept, *listing(tmp_path, **ENCODERS), model]), [family])


KLEIN = {
    "diffusion_models__flux-2-klein-4b": zoo.KLEIN,
    "diffusion_models__flux-2-klein-base-4b": zoo.KLEIN,
    "text_encoders__qwen_3_4b": zoo.qwen3(),
    "vae__flux2-vae": zoo.FLUX2_VAE,
}


def test_klein_and_its_base_are_told_apart_and_read_with_qwen(tmp_path: Path) -> None:
    installed = take_inventory(listing(tmp_path, **KLEIN))
    for family, name in ((Family.KLEIN_4B, "flux-2-klein-4b"), (Family.KLEIN_BASE_4B, "flux-2-klein-base-4b")):
        assert choose(installed, [family]).as_info() == {
            "model": f"diffusion_models/{name}.safetensors",
            "text_encoder": "text_encoders/qwen_3_4b.safetensors",
            "vae": "vae/flux2-vae.safetensors",
        }


def test_a_host_that_does_not_know_klein_says_so_and_passes_it_over(tmp_path: Path) -> None:
    installed = take_inventory(listing(tmp_path, **KLEIN, **ENCODERS, **{"diffusion_models__dev": zoo.transformer()}))
    wanted = Wanted((Family.KLEIN_4B, Family.DEV), unknown=(Family.KLEIN_4B,))
    assert loading_for(installed, wanted, Connected()).family is Family.DEV
    with pytest.raises(HostTooOld, match=r"must be 0\.9\.2 or newer"):
        loading_for(
            installed, Wanted(wanted.families, draw_with="FLUX.2-klein-4B", unknown=wanted.unknown), Connected()
        )
    assert loading_for(installed, Wanted(wanted.families), Connected()).family is Family.KLEIN_4B


def test_at_work_klein_4b_draws_by_itself_and_sd35_does_not(tmp_path: Path) -> None:
    found = listing(tmp_path, **KLEIN, checkpoints__sd35=zoo.sd35())
    wanted = Wanted(tuple(family for family in Family if traits(family).draws), commercial=True)
    assert loading_for(take_inventory(found), wanted, Connected()).family is Family.KLEIN_4B


class Loaded:
    """As much of a loaded MODEL as is looked at."""

    def __init__(self, **config: Any) -> None:
        self.model = self.model_config = self
        self.unet_config = config


SD35_CONFIG = {"qk_norm": "rms", "pos_embed_scaling_factor": None, "in_channels": 16}


@pytest.mark.parametrize(
    ("config", "family"),
    [
        ({"image_model": "flux2", "context_in_dim": 7680}, Family.KLEIN_4B),
        ({"image_model": "flux2", "context_in_dim": 12288}, Family.KLEIN_9B),
        ({"image_model": "flux2", "context_in_dim": 15360, "guidance_embed": True}, Family.FLUX2_DEV),
        ({**SD35_CONFIG, "x_block_self_attn_layers": []}, Family.SD35_LARGE),
        ({**SD35_CONFIG, "x_block_self_attn_layers": [0, 1]}, Family.SD35_MEDIUM),
        ({"pos_embed_scaling_factor": None, "in_channels": 16}, None),
        ({"image_model": "flux", "in_channels": 16, "guidance_embed": True}, Family.DEV),
        ({"image_model": "flux", "in_channels": 16, "guidance_embed": False}, Family.SCHNELL),
        ({"image_model": "flux", "in_channels": 96, "guidance_embed": True}, Family.FILL),
        ({"image_model": "flux", "in_channels": 32, "guidance_embed": True}, None),  # Canny, Depth
        ({"image_model": "qwen_image"}, None),
        ({"image_model": "chroma"}, None),
        ({}, None),
    ],
)
def test_a_connected_model_is_known_by_what_the_host_read(config: dict[str, Any], family: Family | None) -> None:
    assert family_of_model(config) is family


def test_a_connected_base_counts_as_what_it_is_named(tmp_path: Path) -> None:
    installed = take_inventory(listing(tmp_path, **KLEIN))
    klein = Connected(Loaded(image_model="flux2", context_in_dim=7680))
    drawing = (Family.KLEIN_4B, Family.KLEIN_BASE_4B)
    assert loading_for(installed, Wanted(drawing), klein).family is Family.KLEIN_4B
    named = Wanted(drawing, draw_with="FLUX.2-klein-base-4B")
    assert loading_for(installed, named, klein).family is Family.KLEIN_BASE_4B
    with pytest.raises(BadSetting, match=r"The connected model is FLUX\.2-klein-4B"):
        loading_for(installed, Wanted((Family.DEV,)), klein)


def test_sd35_draws_with_one_file_or_with_its_parts(tmp_path: Path) -> None:
    whole = take_inventory(listing(tmp_path / "whole", checkpoints__all=zoo.sd35()))
    assert choose(whole, [Family.SD35_LARGE]).as_info() == {"model": "checkpoints/all.safetensors"}
    parts = {**ENCODERS, "text_encoders__clip_g": zoo.CLIP_G}
    model_and_vae = {"checkpoints__sd3.5_large": zoo.sd35(encoders=False)}
    loading = choose(take_inventory(listing(tmp_path / "parts", **parts, **model_and_vae)), [Family.SD35_LARGE])
    graph = Graph()
    models = graphs.load(graph, loading)
    assert graph.types() == ["CheckpointLoaderSimple", "TripleCLIPLoader"]
    assert graph.only("TripleCLIPLoader") == {
        "clip_name1": "clip_l.safetensors",
        "clip_name2": "clip_g.safetensors",
        "clip_name3": "t5xxl_fp16.safetensors",
    }
    assert (models.clip[0].type, models.vae) == ("TripleCLIPLoader", (graph.nodes[0], 2))
    loose = {"diffusion_models__sd35": zoo.mmdit(), "vae__sd3_vae": zoo.VAE}
    loading = choose(take_inventory(listing(tmp_path / "loose", **parts, **loose)), [Family.SD35_LARGE])
    assert loading.as_info()["vae"] == "vae/sd3_vae.safetensors", "and not FLUX's ae"
    with pytest.raises(NothingInstalled) as told:
        choose(take_inventory(listing(tmp_path / "alone", **model_and_vae)), [Family.SD35_LARGE])
    assert str(files.CLIP_G) in str(told.value)
    with pytest.raises(NothingInstalled) as told:
        choose(take_inventory([]), [Family.SD35_LARGE])
    assert str(files.SD35_LARGE) in str(told.value)
    assert files.CLIP_G.name not in str(told.value), "the checkpoint has its own"


def test_sd35_takes_what_is_not_wanted_apart_and_large_draws_a_megapixel() -> None:
    graph = Graph()
    settings = settings_for("1792x1024", "standard", "vivid", 1, Family.SD35_LARGE)
    assert abs(settings.canvas.render.width * settings.canvas.render.height / 1024**2 - 1) < 0.03
    assert settings_for("256x256", "hd", "natural", 1, Family.SD35_MEDIUM).canvas.render == (512, 512)
    graphs.text_to_images(graph, Models("m", "c", "v"), settings, Texts("wanted", "", "unwanted"), [(1,)])
    guider = graph.only("CFGGuider")
    assert [guider[side][0].inputs["text"] for side in ("positive", "negative")] == ["wanted", "unwanted"]
    assert (guider["cfg"], graph.only("BasicScheduler")["scheduler"]) == (4.01, "sgm_uniform")
    assert any("SD 3.5 drew" in note for note in settings.notes)


@pytest.mark.parametrize(("family", "opposite"), [(Family.KLEIN_4B, "ConditioningZeroOut"), (Family.KLEIN_BASE_9B, "")])
def test_klein_is_shown_pictures_on_both_sides_of_its_guider(family: Family, opposite: str) -> None:
    import torch

    graph = Graph()
    settings = settings_for("512x512", "standard", "vivid", 1, family)
    pictures = torch.rand(2, 64, 64, 3)
    graphs.by_reference(graph, Models("m", "c", "v"), settings, Texts("make it night", ""), [(1,)], pictures)
    assert graph.types().count("VAEEncode") == 2
    assert graph.types().count("ReferenceLatent") == 4
    assert graph.only("CFGGuider")["cfg"] == (1.0 if opposite else 5.0)
    assert ("ConditioningZeroOut" in graph.types()) == bool(opposite)
    assert graph.types().count("CLIPTextEncode") == (1 if opposite else 2)


def test_every_family_has_a_recipe_a_target_and_a_way() -> None:
    for family in Family:
        known = traits(family)
        assert known.recipe in RECIPES
        assert Target(known.recipe)
        assert known.draws or known.edits
        assert known.official
        assert (known.negative is Negative.TEXT) >= Target(known.recipe).has_negative_prompt
        if known.looks_like:
            assert traits(known.looks_like).beside == known.beside
    assert [one for one in Family if traits(one).edits is Edits.MASK and traits(one).unasked] == [Family.FILL]


def test_one_encoder_or_two_or_three_are_loaded_by_the_hosts_loader_of_so_many() -> None:
    def loaders(*encoders: Any) -> list[str]:
        graph = Graph()
        graphs._load_encoders(graph, encoders, "sd3")
        return graph.types()

    one, quantised = file(Part.T5, "t"), file(Part.T5, "t.gguf", gguf=True)
    assert [loaders(one), loaders(one, one), loaders(one, one, one)] == [
        ["CLIPLoader"], ["DualCLIPLoader"], ["TripleCLIPLoader"],
    ]  # fmt: skip
    assert [loaders(one, quantised), loaders(one, one, quantised)] == [["DualCLIPLoaderGGUF"], ["TripleCLIPLoaderGGUF"]]
