"""The first minutes: a ComfyUI in which nothing is set up yet."""

from __future__ import annotations

import shutil

import pytest
from comfyui.installation import MODEL_FOLDERS

FILES = "[data-notice=missing_files] .dfn"


@pytest.fixture(scope="module")
def empty_models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for name in MODEL_FOLDERS:
        (folder / name).mkdir()
    return folder


@pytest.fixture
def new_user(start_comfyui, empty_models, show_canvas):
    """The canvas of somebody who has just installed the pack."""
    return show_canvas(start_comfyui(models=empty_models))


def test_what_a_local_node_lacks_is_ticked_on_it_as_it_arrives(new_user, empty_models, models, artefacts):
    new_user.add("DalleFluxLocalGenerate")
    shown = new_user.page.locator(FILES)
    shown.wait_for()
    new_user.show_node("DalleFluxLocalGenerate")
    missing = shown.locator("[data-found=no]")
    assert missing.count() == 5  # four, and the one that does for all
    line = shown.locator("[data-file='flux1-dev.safetensors']")
    assert "models/diffusion_models · 22.2 GB · FLUX.1 [dev] Non-Commercial License" in line.inner_text()
    assert line.get_by_role("link", name="Download").get_attribute("href").endswith("/flux1-dev.safetensors")
    new_user.page.screenshot(path=artefacts / "missing-files.png")
    values = new_user.serialize()["nodes"][0]["widgets_values"]
    assert not any("safetensors" in str(value) for value in values)

    shutil.copy(models / "vae" / "ae.safetensors", empty_models / "vae" / "my vae of flux.safetensors")
    shown.get_by_role("button", name="Look again").click()
    shown.get_by_text("here: vae/my vae of flux.safetensors").wait_for()
    new_user.page.evaluate(
        """() => { app.graph.nodes[0].widgets.find((one) => one.name === "draw_with").value = "SDXL"; }"""
    )
    shown.get_by_text("SDXL needs a file").wait_for()
    shutil.copy(models / "checkpoints" / "sd_xl_base_1.0.safetensors", empty_models / "checkpoints")
    shown.get_by_role("button", name="Look again").click()
    shown.get_by_text("Everything that SDXL needs is here").wait_for()
