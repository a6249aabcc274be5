"""Which files are used, and what people are told when there are none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nodes.flux import files
from nodes.flux.families import Family, Identity, Part
from nodes.flux.headers import read_header
from nodes.flux.identify import identify
from nodes.flux.installed import NothingInstalled, choose, choose_encoders, choose_part, take_inventory

sys.path.insert(0, str(Path(__file__).parent))
import zoo

ZOO = {
    "flux1-dev.safetensors": (zoo.transformer(), Identity(Part.TRANSFORMER, Family.DEV)),
    "renamed by someone.safetensors": (zoo.transformer(), Identity(Part.TRANSFORMER, Family.DEV)),
    "flux1-schnell.safetensors": (zoo.transformer(guidance=False), Identity(Part.TRANSFORMER, Family.SCHNELL)),
    "flux1-krea-dev_fp8_scaled.safetensors": (zoo.transformer(), Identity(Part.TRANSFORMER, Family.KREA)),
    "flux1-dev-kontext_fp8_scaled.safetensors": (zoo.transformer(), Identity(Part.TRANSFORMER, Family.KONTEXT)),
    "flux1-fill-dev.safetensors": (zoo.transformer(channels=96), Identity(Part.TRANSFORMER, Family.FILL)),
    "flux1-canny-dev.safetensors": (zoo.transformer(channels=32), Identity(Part.TRANSFORMER, None)),
    "diffusers prefix.safetensors": (
        zoo.transformer(prefix="model.diffusion_model."),
        Identity(Part.TRANSFORMER, Family.DEV),
    ),
    "flux1-dev-fp8.safetensors": (zoo.CHECKPOINT, Identity(Part.CHECKPOINT, Family.DEV)),
    "t5.safetensors": (zoo.T5, Identity(Part.T5)),
    "clip_l.safetensors": (zoo.CLIP_L, Identity(Part.CLIP_L)),
    "ae.safetensors": (zoo.VAE, Identity(Part.VAE)),
    "redux.safetensors": (zoo.REDUX, Identity(Part.REDUX)),
    "sigclip.safetensors": (zoo.VISION, Identity(Part.VISION)),
    "flux2.safetensors": (zoo.FLUX2, Identity(Part.TRANSFORMER, Family.FLUX2_DEV)),
    "mistral_3_small_flux2_fp8.safetensors": (zoo.MISTRAL, Identity(Part.MISTRAL)),
    "mistral_small_3.1.safetensors": (zoo.OTHER_MISTRAL, None),
    "flux2-vae.safetensors": (zoo.FLUX2_VAE, Identity(Part.FLUX2_VAE)),
    "chroma.safetensors": (zoo.CHROMA, None),
    "sdxl.safetensors": (zoo.SDXL, None),
    "sd-vae.safetensors": (zoo.SD_VAE, None),
    "juggernaut.safetensors": (zoo.SDXL_BASE, Identity(Part.CHECKPOINT, Family.SDXL)),
    "sd_xl_turbo_1.0.safetensors": (zoo.SDXL_BASE, None),
    "juggernaut_lightning.safetensors": (zoo.SDXL_BASE, None),
    "sdxl_inpainting.safetensors": (zoo.SDXL_INPAINT, None),
    "sd_xl_refiner_1.0.safetensors": (zoo.SDXL_REFINER, None),
    "ssd-1b.safetensors": (zoo.SDXL_SMALL, None),
    "playground-v2.5.safetensors": (zoo.PLAYGROUND, None),
}
# Everything people keep beside FLUX.1's files, by folder; nothing of it may ever be chosen.
STRANGERS = {
    "diffusion_models": {
        "flux2-dev": zoo.FLUX2,
        "chroma-unlocked-v50": zoo.CHROMA,
        "hidream_i1_dev": zoo.HIDREAM,
        "qwen_image": zoo.QWEN_IMAGE,
        "wan2.2_t2v": zoo.WAN,
        "lumina_2": zoo.LUMINA2,
        "hunyuan_video": zoo.HUNYUAN_VIDEO,
        "longcat_image": zoo.LONGCAT,
        "flux1-lite-8B": zoo.PRUNED,
        "flux-controlnet": zoo.CONTROLNET,
        "flux1-dev-nf4": zoo.NF4,
        "flux1-canny-dev": zoo.transformer(channels=32),
        "flux-dev-de-distill": zoo.transformer(guidance=False),
        "OpenFLUX.1": zoo.transformer(guidance=False),
        "flux1-dev-kontext": zoo.transformer(),
        "sd3.5_large": zoo.sd35(),
    },
    "checkpoints": {
        "sdxl": zoo.SDXL,
        "sdxl base": zoo.SDXL_BASE,
        "sd3.5_large": zoo.sd35(),
        "flux1-dev-bnb-nf4-v2": {**zoo.CHECKPOINT, **zoo.NF4},
        "transformer alone": zoo.transformer(prefix="model.diffusion_model."),
    },
    "text_encoders": {
        "umt5_xxl_fp16": zoo.t5(256384),
        "umt5_xxl_fp8_e4m3fn_scaled": zoo.t5(256384),
        "mt5-xxl": zoo.t5(250112),
        "renamed t5xxl_fp16": zoo.t5(256384),
        "t5-v1_1-xl": zoo.t5(width=2048),
        "t5_base": zoo.t5(width=768, blocks=12),
        "flan-t5-xxl": zoo.t5(),
        "pile-t5-xl": zoo.t5(width=2048),
        "byt5": zoo.t5(384, 1472, 12),
        "clip_g": zoo.CLIP_G,
        "Long-ViT-L-14": zoo.LONG_CLIP,
        "whole clip": zoo.CLIP_VISION,
        "siglip text": zoo.SIGLIP_TEXT,
    },
    "vae": {
        "sd3_vae": zoo.VAE,
        "sd3.5/vae": zoo.VAE,
        "stable-diffusion-3.5-large": zoo.VAE,
        "diffusion_pytorch_model": zoo.VAE,
        "my favourite": zoo.VAE,
        "taesd3": zoo.TINY_VAE,
        "flux2-vae": zoo.FLUX2_VAE,
        "flux quantised": zoo.QUANTISED_VAE,
        "hunyuan_flux_video": zoo.VIDEO_VAE,
        "wan_2.1_vae": zoo.WAN_VAE,
        "sdxl_vae": zoo.SD_VAE,
        "sd3/ae": zoo.VAE,
    },
    "style_models": {"another": {"redux_down.weight": (2048, 12288)}},
    "clip_vision": {
        "siglip2-so400m-patch14-384": zoo.VISION,
        "siglip-so400m-patch14-224": zoo.SIGLIP_224,
        "clip_vision_l": {"vision_model.embeddings.position_embedding.weight": (257, 1024)},
    },
}


def listing(folder: Path, **files: zoo.Shapes) -> list[tuple[str, str, Path]]:
    """(folder, name, path) of files made for the occasion; `vae__ae` is vae/ae.safetensors."""
    made = []
    for key, shapes in files.items():
        place, name = key.split("__")
        path = zoo.safetensors(folder / place / f"{name}.safetensors", shapes)
        made.append((place, path.name, path))
    return made


ENCODERS = {"text_encoders__t5xxl_fp16": zoo.T5, "text_encoders__clip_l": zoo.CLIP_L, "vae__ae": zoo.VAE}


def strangers(folder: Path) -> list[tuple[str, str, Path]]:
    return [
        (place, f"{name}.safetensors", zoo.safetensors(folder / place / f"{name}.safetensors", shapes))
        for place, kept in STRANGERS.items()
        for name, shapes in kept.items()
    ]


@pytest.mark.parametrize("name", ZOO)
def test_a_file_is_known_by_its_header(tmp_path: Path, name: str) -> None:
    shapes, expected = ZOO[name]
    assert identify(read_header(zoo.safetensors(tmp_path / name, shapes)), name) == expected


def test_a_gguf_transformer_is_known_by_its_header(tmp_path: Path) -> None:
    file = zoo.gguf(tmp_path / "flux1-dev-Q8_0.gguf", "flux", zoo.transformer())
    assert identify(read_header(file), file.name) == Identity(Part.TRANSFORMER, Family.DEV, gguf=True)


def test_the_official_name_wins_over_any_other(tmp_path: Path) -> None:
    files = listing(
        tmp_path,
        **{"diffusion_models__aaa": zoo.transformer(), "diffusion_models__flux1-dev": zoo.transformer(), **ENCODERS},
    )
    assert choose(take_inventory(files), [Family.DEV]).as_info() == {
        "model": "diffusion_models/flux1-dev.safetensors",
        "t5xxl": "text_encoders/t5xxl_fp16.safetensors",
        "clip_l": "text_encoders/clip_l.safetensors",
        "vae": "vae/ae.safetensors",
    }


def test_a_renamed_download_works(tmp_path: Path) -> None:
    files = listing(tmp_path, **{"diffusion_models__my flux": zoo.transformer(), **ENCODERS})
    assert choose(take_inventory(files), [Family.DEV]).as_info()["model"] == "diffusion_models/my flux.safetensors"


def test_an_all_in_one_checkpoint_is_enough(tmp_path: Path) -> None:
    loading = choose(take_inventory(listing(tmp_path, **{"checkpoints__flux1-dev-fp8": zoo.CHECKPOINT})), [Family.DEV])
    assert loading.as_info() == {"model": "checkpoints/flux1-dev-fp8.safetensors"}


def test_schnell_steps_in_where_dev_is_missing(tmp_path: Path) -> None:
    files = listing(tmp_path, **{"diffusion_models__flux1-schnell": zoo.transformer(guidance=False), **ENCODERS})
    assert choose(take_inventory(files), [Family.DEV, Family.KREA, Family.SCHNELL]).family is Family.SCHNELL


def test_kontext_is_never_drawn_with_as_if_it_were_dev(tmp_path: Path) -> None:
    files = listing(tmp_path, **{"diffusion_models__flux1-dev-kontext": zoo.transformer(), **ENCODERS})
    with pytest.raises(NothingInstalled, match=r"FLUX\.1-dev is not installed"):
        choose(take_inventory(files), [Family.DEV])


def test_nothing_installed_lists_every_file_with_folder_size_licence_and_address() -> None:
    with pytest.raises(NothingInstalled) as caught:
        choose(take_inventory([]), [Family.DEV])
    message = str(caught.value)
    for words in (
        "models/diffusion_models/flux1-dev.safetensors (22.2 GB, FLUX.1 [dev] Non-Commercial License, https://",
        "models/text_encoders/t5xxl_fp16.safetensors (9.1 GB",
        "models/text_encoders/clip_l.safetensors",
        "models/vae/ae.safetensors",
    ):
        assert words in message


def test_only_what_is_missing_is_asked_for(tmp_path: Path) -> None:
    files = listing(tmp_path, **{"diffusion_models__flux1-dev": zoo.transformer(), **ENCODERS})
    with pytest.raises(NothingInstalled) as caught:
        choose(take_inventory([file for file in files if file[0] != "vae"]), [Family.DEV])
    assert "ae.safetensors" in str(caught.value)
    assert "flux1-dev" not in str(caught.value)
    assert "t5xxl" not in str(caught.value)


def test_a_truncated_official_file_is_not_used_and_the_message_says_why(tmp_path: Path) -> None:
    file = zoo.safetensors(tmp_path / "flux1-dev.safetensors", zoo.transformer(), promised=2**40)
    with pytest.raises(NothingInstalled, match=r"unusable: diffusion_models/flux1-dev\.safetensors is cut short"):
        choose(take_inventory([("diffusion_models", file.name, file)]), [Family.DEV])


def test_a_file_in_the_wrong_folder_is_named(tmp_path: Path) -> None:
    file = zoo.safetensors(tmp_path / "flux1-dev.safetensors", zoo.transformer())
    inventory = take_inventory([("checkpoints", file.name, file)])
    assert inventory.usable == ()
    assert inventory.rejected == (
        "checkpoints/flux1-dev.safetensors holds transformer weights; move it to diffusion_models.",
    )


def test_a_new_download_under_the_same_name_is_looked_at_again(tmp_path: Path) -> None:
    file = zoo.safetensors(tmp_path / "a.safetensors", zoo.transformer())
    entry = ("diffusion_models", file.name, file)
    assert take_inventory([entry]).usable[0].identity.family is Family.DEV
    zoo.safetensors(file, zoo.transformer(channels=96))
    assert take_inventory([entry]).usable[0].identity.family is Family.FILL


def test_connected_parts_need_no_file() -> None:
    assert choose_encoders(take_inventory([]), Family.DEV, clip=False, vae=False).as_info() == {}


def test_other_files_and_vanished_ones_disturb_nobody(tmp_path: Path) -> None:
    (tmp_path / "old.ckpt").write_bytes(b"pickle")
    gone = tmp_path / "gone.safetensors"
    inventory = take_inventory([("vae", "old.ckpt", tmp_path / "old.ckpt"), ("vae", gone.name, gone)])
    assert inventory.usable == ()
    assert len(inventory.rejected) == 1


def test_nothing_that_is_not_fluxs_is_ever_chosen(tmp_path: Path) -> None:
    inventory = take_inventory(strangers(tmp_path))
    for family in (Family.DEV, Family.KREA, Family.SCHNELL, Family.FILL):
        with pytest.raises(NothingInstalled):
            choose(inventory, [family])
        for clip, vae in ((True, False), (False, True)):
            with pytest.raises(NothingInstalled):
                choose_encoders(inventory, family, clip=clip, vae=vae)
    for part, official in ((Part.REDUX, files.REDUX), (Part.VISION, files.VISION)):
        with pytest.raises(NothingInstalled):
            choose_part(inventory, part, official, Family.DEV)


def test_fluxs_own_files_are_chosen_among_all_others_however_much_smaller(tmp_path: Path) -> None:
    own = [
        (place, name, zoo.safetensors(tmp_path / "own" / name, shapes, dtype="F8_E4M3"))
        for place, name, shapes in (
            ("diffusion_models", "a.safetensors", zoo.SCALED_FP8),
            ("text_encoders", "b.safetensors", zoo.t5()),
            ("text_encoders", "c.safetensors", zoo.CLIP_L),
            ("vae", "FLUX1/vae.safetensors", zoo.VAE),
        )
    ]
    loading = choose(take_inventory([*strangers(tmp_path), *own]), [Family.DEV])
    assert set(loading.as_info().values()) == {f"{place}/{name}" for place, name, _ in own}


@pytest.mark.parametrize("family", [Family.DEV, Family.SCHNELL])
def test_a_transformer_without_encoders_does_not_hide_a_complete_checkpoint(tmp_path: Path, family: Family) -> None:
    checkpoint = {**zoo.CHECKPOINT}
    if family is Family.SCHNELL:
        checkpoint.pop("model.diffusion_model.guidance_in.in_layer.weight")
    found = listing(tmp_path, **{"diffusion_models__flux1-dev": zoo.transformer(), "checkpoints__all": checkpoint})
    loading = choose(take_inventory(found), [Family.DEV, Family.SCHNELL])
    assert (loading.family, loading.as_info()) == (family, {"model": "checkpoints/all.safetensors"})


def test_an_unclear_autoencoder_is_named_and_what_to_do(tmp_path: Path) -> None:
    found = listing(tmp_path, **{**ENCODERS, "diffusion_models__flux1-dev": zoo.transformer(), "vae__mine": zoo.VAE})
    with pytest.raises(
        NothingInstalled, match=r"vae/mine\.safetensors may be FLUX\.1's autoencoder or Stable Diff"
    ) as told:
        choose(take_inventory([file for file in found if file[1] != "ae.safetensors"]), [Family.DEV])
    assert "rename it to ae.safetensors" in str(told.value)


@pytest.mark.parametrize(
    ("said", "part"), [("Flux.1-AE", Part.VAE), ("stable-diffusion-3.5", Part.SD3_VAE), ("autoencoder", Part.UNCLEAR)]
)
def test_metadata_tells_autoencoders_apart_as_well_as_names(tmp_path: Path, said: str, part: Part | None) -> None:
    file = zoo.safetensors(tmp_path / "x.safetensors", zoo.VAE, metadata={"modelspec.architecture": said})
    assert identify(read_header(file), "x.safetensors") == (Identity(part) if part else None)


def test_gguf_names_and_files(tmp_path: Path) -> None:
    """GGUF of a T5-XXL and of FLUX is taken; UMT5's, and an autoencoder that no loader reads, are not."""
    t5 = {"token_embd.weight": (32128, 4096)}
    umt5 = {"token_embd.weight": (256384, 4096)}
    found = {
        "t5-v1_1-xxl-encoder-Q5_K_M": ("t5encoder", t5, Identity(Part.T5, gguf=True)),
        "umt5-xxl-encoder-Q5_K_M": ("t5encoder", umt5, None),
        "flux1-kontext-dev-Q4_K_S": ("flux", zoo.transformer(), Identity(Part.TRANSFORMER, Family.KONTEXT, True)),
        "chroma-Q4": ("flux", zoo.CHROMA, None),
        "pig_flux_vae_fp16": ("pig", zoo.VAE, None),
    }
    for name, (architecture, shapes, expected) in found.items():
        assert identify(read_header(zoo.gguf(tmp_path / f"{name}.gguf", architecture, shapes)), name) == expected, name


@pytest.mark.parametrize("config", [None, {"image_model": "chroma"}, {"image_model": "flux"}])
def test_the_hosts_own_detector_has_a_say(tmp_path: Path, config: dict[str, str] | None) -> None:
    header = read_header(zoo.safetensors(tmp_path / "a.safetensors", zoo.transformer()))
    found = identify(header, "a.safetensors", lambda shapes, prefix: config)
    assert (found is not None) == (config == {"image_model": "flux"})


def nf4(**kind: int) -> zoo.Shapes:
    """A checkpoint whose weights bitsandbytes has packed two to a byte."""
    packed = {
        f"model.diffusion_model.{name}": (shape[0] * shape[1] // 2, 1)
        for name, shape in zoo.transformer(**kind).items()
    }
    return {**zoo.CHECKPOINT, **packed, "model.diffusion_model.x.weight.quant_state.bitsandbytes__nf4": (80,)}


def test_nf4_checkpoints_count_where_their_loader_is_and_last_of_all(tmp_path: Path) -> None:
    packed = zoo.safetensors(tmp_path / "checkpoints" / "dev-nf4.safetensors", nf4(), dtype="U8")
    fill = zoo.safetensors(tmp_path / "checkpoints" / "fill.safetensors", nf4(channels=96), dtype="U8")
    found = [("checkpoints", path.name, path) for path in (packed, fill)]
    with pytest.raises(NothingInstalled, match=r"dev-nf4\.safetensors is in NF4"):
        choose(take_inventory(found), [Family.DEV])
    loader = {"CheckpointLoaderNF4"}
    loading = choose(take_inventory(found, node_types=loader), [Family.DEV])
    assert loading.as_info() == {"model": "checkpoints/dev-nf4.safetensors"}
    assert loading.checkpoint is not None
    assert loading.checkpoint.identity.nf4
    filled = choose(take_inventory(found, node_types=loader), [Family.FILL])
    assert filled.as_info() == {"model": "checkpoints/fill.safetensors"}
    own = listing(tmp_path, checkpoints__other=zoo.CHECKPOINT)
    better = choose(take_inventory([*found, *own], node_types=loader), [Family.DEV])
    assert better.as_info() == {"model": "checkpoints/other.safetensors"}


def test_a_text_encoder_in_nf4_is_no_text_encoder(tmp_path: Path) -> None:
    path = zoo.safetensors(tmp_path / "t5.safetensors", {**zoo.T5, "x.weight.quant_state.bitsandbytes__nf4": (80,)})
    assert identify(read_header(path), path.name) is None
