"""Which files are used, and what people are told when there are none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nodes.flux.headers import read_header
from nodes.flux.installed import (
    Family,
    Identity,
    NothingInstalled,
    Part,
    choose,
    choose_encoders,
    identify,
    take_inventory,
)

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
    "flux2.safetensors": (zoo.FLUX2, None),
    "chroma.safetensors": (zoo.CHROMA, None),
    "sdxl.safetensors": (zoo.SDXL, None),
    "sd-vae.safetensors": (zoo.SD_VAE, None),
}
FOLDERS = {Part.T5: "text_encoders", Part.CLIP_L: "text_encoders", Part.VAE: "vae"}


def listing(folder: Path, **files: zoo.Shapes) -> list[tuple[str, str, Path]]:
    """(folder, name, path) of files made for the occasion; `vae__ae` is vae/ae.safetensors."""
    made = []
    for key, shapes in files.items():
        place, name = key.split("__")
        path = zoo.safetensors(folder / place / f"{name}.safetensors", shapes)
        made.append((place, path.name, path))
    return made


ENCODERS = {"text_encoders__t5xxl_fp16": zoo.T5, "text_encoders__clip_l": zoo.CLIP_L, "vae__ae": zoo.VAE}


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
