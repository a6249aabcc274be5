"""Which model draws, and whether it may be used for work."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nodes.endpoints import BadEndpointsFile
from nodes.flux import files
from nodes.flux.families import Family, traits
from nodes.flux.installed import Inventory, NothingInstalled, take_inventory
from nodes.flux.licences import NotForWork, wants_commercial
from nodes.flux.loading import Connected, Wanted, files_used, loading_for
from nodes.flux.settings import BadSetting

from . import zoo
from .test_installed import ENCODERS, listing

DRAWING = (Family.DEV, Family.KREA, Family.SCHNELL)


@pytest.fixture
def both(tmp_path: Path) -> Inventory:
    """dev and schnell, with all that they need."""
    made = {
        "diffusion_models__flux1-dev": zoo.transformer(),
        "diffusion_models__flux1-schnell": zoo.transformer(guidance=False),
        "style_models__flux1-redux-dev": zoo.REDUX,
        "clip_vision__sigclip_vision_patch14_384": zoo.VISION,
    }
    return take_inventory(listing(tmp_path, **ENCODERS, **made))


def test_flux2_is_chosen_with_its_own_encoder_and_vae_and_lists_them_where_they_lack(tmp_path):
    alone = listing(tmp_path, **ENCODERS, **{"diffusion_models__flux2": zoo.FLUX2})
    with pytest.raises(NothingInstalled) as told:
        loading_for(take_inventory(alone), Wanted((Family.FLUX2_DEV,)), Connected())
    assert str(files.MISTRAL) in str(told.value)
    assert str(files.FLUX2_VAE) in str(told.value)
    assert files.T5_FP16.name not in str(told.value)
    rest = listing(tmp_path, **{"text_encoders__mistral": zoo.MISTRAL, "vae__flux2": zoo.FLUX2_VAE})
    found = loading_for(take_inventory([*alone, *rest]), Wanted((Family.DEV, Family.FLUX2_DEV)), Connected())
    assert found.as_info() == {
        "model": "diffusion_models/flux2.safetensors",
        "text_encoder": "text_encoders/mistral.safetensors",
        "vae": "vae/flux2.safetensors",
    }
    assert "text_encoder" in files_used(found, Connected(clip=["1", 0]))
    assert "t5xxl" not in files_used(found, Connected(clip=["1", 0]))


class Model:
    """As much of a loaded MODEL as is looked at."""

    def __init__(self, guidance: bool):
        self.model = self.model_config = self
        self.unet_config = {"image_model": "flux", "guidance_embed": guidance}


class Sdxl:
    """As much of a loaded SDXL as is looked at."""

    def __init__(self) -> None:
        self.model = self.model_config = self
        self.unet_config = {"adm_in_channels": 2816, "context_dim": 2048}


def test_auto_takes_the_first_that_is_installed_and_a_name_takes_that_one(both):
    assert loading_for(both, Wanted(DRAWING), Connected()).family is Family.DEV
    assert loading_for(both, Wanted(DRAWING, draw_with="FLUX.1-schnell"), Connected()).family is Family.SCHNELL


def test_what_is_not_installed_says_which_files_it_needs(both):
    with pytest.raises(NothingInstalled) as told:
        loading_for(both, Wanted(DRAWING, draw_with="FLUX.1-Krea-dev"), Connected())
    assert str(files.KREA) in str(told.value)
    assert "Non-Commercial" in str(told.value)


@pytest.mark.parametrize("name", ["", "FLUX.1", "auto ", "FLUX.1-Fill-dev", pytest.param("x" * 999, id="long")])
def test_an_unknown_name_lists_the_known_ones(both, name):
    with pytest.raises(BadSetting, match=r"auto, FLUX\.1-dev, FLUX\.1-Krea-dev, FLUX\.1-schnell") as told:
        loading_for(both, Wanted(DRAWING, draw_with=name), Connected())
    assert len(str(told.value)) < 300


def test_a_connected_model_of_another_family_than_named_is_refused(both):
    schnell, dev = Connected(model=Model(guidance=False)), Connected(model=Model(guidance=True))
    assert loading_for(both, Wanted(DRAWING, draw_with="FLUX.1-schnell"), schnell).family is Family.SCHNELL
    with pytest.raises(BadSetting, match=r"connected model is FLUX\.1-schnell"):
        loading_for(both, Wanted(DRAWING, draw_with="FLUX.1-dev"), schnell)
    assert loading_for(both, Wanted(DRAWING, draw_with="FLUX.1-Krea-dev"), dev).family is Family.KREA, "looks like dev"
    assert loading_for(both, Wanted(DRAWING), dev).family is Family.DEV


def test_only_what_may_be_used_for_work_draws_where_that_is_wanted(both):
    at_work = Wanted(DRAWING, commercial=True)
    assert loading_for(both, at_work, Connected()).family is Family.SCHNELL
    for wanted, connected in (
        (Wanted(DRAWING, draw_with="FLUX.1-dev", commercial=True), Connected()),
        (at_work, Connected(model=Model(guidance=True))),
    ):
        with pytest.raises(NotForWork, match=r"choose FLUX\.1-schnell in draw_with"):
            loading_for(both, wanted, connected)


def test_sdxl_draws_by_name_only_and_is_offered_where_flux_is_missing(tmp_path):
    sdxl = take_inventory(listing(tmp_path, checkpoints__sd_xl_base=zoo.SDXL_BASE))
    wanted = Wanted((Family.DEV, Family.SCHNELL, Family.SDXL))
    with pytest.raises(NothingInstalled, match="Or choose SDXL in draw_with, which is installed"):
        loading_for(sdxl, wanted, Connected())
    by_name = loading_for(sdxl, replace(wanted, draw_with="SDXL", commercial=True), Connected())
    assert by_name.as_info() == {"model": "checkpoints/sd_xl_base.safetensors"}
    with pytest.raises(NothingInstalled, match="connect its `clip` and `vae`"):
        loading_for(sdxl, wanted_sdxl := replace(wanted, draw_with="SDXL"), Connected(model=Sdxl()))
    assert loading_for(sdxl, wanted_sdxl, Connected(Sdxl(), ["1", 1], ["1", 2])).family is Family.SDXL


def test_redux_binds_whatever_draws_with_it(both):
    assert not Wanted(DRAWING, redux=True).licence(Family.SCHNELL).commercial
    with pytest.raises(NotForWork, match=r"FLUX\.1-schnell with FLUX\.1 Redux"):
        loading_for(both, Wanted((Family.SCHNELL,), redux=True, commercial=True), Connected())


def test_every_family_has_a_licence_with_an_address():
    for family in Family:
        licence = traits(family).licence
        assert licence.url.startswith("https://")
        assert licence.terms
    assert [family for family in Family if traits(family).licence.commercial] == [
        Family.SCHNELL, Family.KLEIN_4B, Family.KLEIN_BASE_4B, Family.SDXL,
    ]  # fmt: skip


@pytest.mark.parametrize("value", ["yes", 1, None, [], {}])
def test_a_wish_that_cannot_be_read_is_not_no_wish(value):
    with pytest.raises(BadEndpointsFile, match="true or false"):
        wants_commercial({"only_commercial": value})
    assert wants_commercial({}) is False
    assert wants_commercial({"only_commercial": True}) is True
