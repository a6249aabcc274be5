"""The checklist on a node's face says what a run with the same settings would say."""

from __future__ import annotations

from pathlib import Path

import pytest

from nodes.flux import files
from nodes.flux.checklist import can_be_named, checklist, families_for_edit
from nodes.flux.families import Family
from nodes.flux.installed import Inventory, NothingInstalled, take_inventory
from nodes.flux.licences import NotForWork
from nodes.flux.loading import Connected, Wanted, loading_for

from . import zoo
from .test_installed import ENCODERS, listing

DRAWING = (Family.DEV, Family.SCHNELL, Family.SDXL)


def have(folder: Path, **made) -> Inventory:
    return take_inventory(listing(folder, **made))


def missing(list_) -> list[str]:
    return [one.file.name for one in list_.needed if not one.found]


def test_with_nothing_installed_every_file_is_named_and_the_one_that_does_for_all(tmp_path):
    told = checklist(have(tmp_path), Wanted(DRAWING), ())
    assert missing(told) == [one.name for one in (files.DEV, files.T5_FP16, files.CLIP_L, files.VAE)]
    assert told.instead is files.DEV_CHECKPOINT
    shown = told.as_json()
    assert not shown["complete"]
    assert shown["files"][0]["licence"] == files.DEV.licence.as_info()
    assert {"folder": "diffusion_models", "size_gib": 22.2, "found": None}.items() <= shown["files"][0].items()


def test_what_is_there_is_ticked_under_its_own_name_and_the_rest_is_what_a_run_asks_for(tmp_path):
    installed = have(tmp_path, **{"diffusion_models__my schnell": zoo.transformer(guidance=False), "vae__ae": zoo.VAE})
    told = checklist(installed, Wanted(DRAWING), ())
    assert told.model == "FLUX.1-schnell"
    assert [one.found for one in told.needed] == [
        "diffusion_models/my schnell.safetensors",
        None,
        None,
        "vae/ae.safetensors",
    ]
    assert told.instead is None
    with pytest.raises(NothingInstalled) as refused:
        loading_for(installed, Wanted(DRAWING), Connected())
    assert all(name in str(refused.value) for name in missing(told))


@pytest.mark.parametrize(
    "made", [{"diffusion_models__flux1-dev": zoo.transformer(), **ENCODERS}, {"checkpoints__all": zoo.CHECKPOINT}]
)
def test_a_complete_model_is_complete_from_one_file_or_four(tmp_path, made):
    told = checklist(have(tmp_path, **made), Wanted(DRAWING), ())
    assert told.as_json()["complete"]
    assert len(told.needed) == len(made)
    assert told.unusable == ()


def test_what_comes_through_a_socket_is_not_asked_for(tmp_path):
    nothing = have(tmp_path)
    assert missing(checklist(nothing, Wanted(DRAWING), {"clip", "vae"})) == [files.DEV.name]
    assert missing(checklist(nothing, Wanted(DRAWING), {"model"})) == [
        files.T5_FP16.name,
        files.CLIP_L.name,
        files.VAE.name,
    ]
    assert checklist(nothing, Wanted(DRAWING), {"model", "clip", "vae"}).as_json()["complete"]


def test_it_follows_draw_with_and_the_wish_for_commercial_weights(tmp_path):
    nothing = have(tmp_path)
    assert missing(checklist(nothing, Wanted(DRAWING, draw_with="SDXL"), ())) == [files.SDXL.name]
    assert checklist(nothing, Wanted(DRAWING, commercial=True), ()).model == "FLUX.1-schnell"
    with pytest.raises(NotForWork):
        checklist(nothing, Wanted(DRAWING, draw_with="FLUX.1-dev", commercial=True), ())


def test_a_variation_needs_redux_and_its_eye(tmp_path):
    told = checklist(
        have(tmp_path, **{"diffusion_models__flux1-dev": zoo.transformer(), **ENCODERS}),
        Wanted(DRAWING, redux=True),
        (),
    )
    assert missing(told) == [files.REDUX.name, files.VISION.name]
    assert missing(
        checklist(have(tmp_path), Wanted(DRAWING, redux=True), {"style_model", "clip_vision", "clip", "vae"})
    ) == [files.DEV.name]


def test_an_edit_needs_what_its_sockets_ask_for():
    assert Family.FILL in families_for_edit({"image", "mask"})
    assert Family.KONTEXT in families_for_edit({"image"})
    assert Family.DEV in families_for_edit(())
    assert can_be_named("FLUX.1-Kontext-dev", families_for_edit({"image", "mask"})) == "auto"


def test_a_file_that_cannot_be_used_is_told_of_while_something_lacks(tmp_path):
    (tmp_path / "flux1-dev.safetensors").write_bytes(b"<html>not found</html>")
    installed = take_inventory([("diffusion_models", "flux1-dev.safetensors", tmp_path / "flux1-dev.safetensors")])
    (sentence,) = checklist(installed, Wanted(DRAWING), ()).unusable
    assert "flux1-dev.safetensors" in sentence


def test_a_model_whose_first_choice_is_one_file_with_everything_asks_for_that_file_only() -> None:
    told = checklist(take_inventory([]), Wanted((Family.SD35_LARGE,), draw_with="SD3.5-large"), ())
    assert [one.file for one in told.needed] == [files.SD35_LARGE]


def test_a_checkpoint_that_brings_everything_is_not_named_twice(tmp_path):
    told = checklist(have(tmp_path), Wanted((Family.SD35_LARGE,), draw_with="SD3.5-large"), ())
    assert len(told.needed) == 1
    assert told.instead is None
