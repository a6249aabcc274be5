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


@pytest.fixture(scope="module")
def new_comfyui(start_comfyui, empty_models):
    return start_comfyui(models=empty_models)


@pytest.fixture
def new_user(new_comfyui, show_canvas):
    """The canvas of somebody who has just installed the pack."""
    return show_canvas(new_comfyui)


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
    assert new_user.barriers("[data-notice=missing_files]") == []
    values = new_user.serialize()["nodes"][0]["widgets_values"]
    assert not any("safetensors" in str(value) for value in values)

    shutil.copy(models / "vae" / "ae.safetensors", empty_models / "vae" / "my vae of flux.safetensors")
    shown.get_by_role("button", name="Look again").click()
    shown.get_by_text("here: vae/my vae of flux.safetensors").wait_for()
    new_user.page.evaluate(
        """() => { app.graph.nodes[0].widgets.find((one) => one.name === "draw_with").value = "SDXL"; }"""
    )
    shown.get_by_text("Files that SDXL needs: 1").wait_for()
    shutil.copy(models / "checkpoints" / "sd_xl_base_1.0.safetensors", empty_models / "checkpoints")
    shown.get_by_role("button", name="Look again").click()
    shown.get_by_text("Everything that SDXL needs is here").wait_for()


SET_UP = """(values) => {
  const node = app.graph.nodes.find((one) => one.type === "DalleFluxGenerate");
  for (const [name, value] of Object.entries(values)) node.widgets.find((one) => one.name === name).value = value;
  node.connect(0, app.graph.nodes.find((one) => one.type === "PreviewImage"), 0);
}"""


def test_an_endpoint_gets_its_key_on_the_node_and_what_it_cost_is_shown(new_user, services, artefacts):
    page = new_user.page
    page.evaluate("() => app.extensionManager.command.execute('Comfy.ShowSettingsDialog')")
    page.get_by_role("dialog").get_by_text("DALL·E to FLUX").first.click()
    page.get_by_role("button", name="Open the page").click()
    settings = page.locator("[data-dalle-flux=settings]")
    settings.get_by_text("Add an endpoint").click()
    form = settings.get_by_role("form", name="Add an endpoint")
    form.get_by_label("Name that workflows use").fill("studio")
    form.get_by_label("Address", exact=True).fill("http://far.example/v1")
    form.get_by_label("or environment variable").fill("STUDIO_KEY")
    form.get_by_role("button", name="Save").click()
    settings.get_by_text("sends your key unencrypted").wait_for()
    form.get_by_label("Address", exact=True).fill(services.base_url)
    form.get_by_role("button", name="Save").click()
    settings.locator("[data-endpoint=studio]").get_by_text("STUDIO_KEY is not set").wait_for()
    page.evaluate("() => app.extensionManager.sidebarTab.toggleSidebarTab('dalletoflux.settings')")

    new_user.add("DalleFluxGenerate")
    new_user.add("PreviewImage", at=(700, 100))
    page.evaluate(SET_UP, {"prompt": "a red cube", "endpoint": "studio", "model": "gpt-image-2", "quality": "low"})
    assert not new_user.queue().succeeded
    page.keyboard.press("Escape")  # ComfyUI's own message
    new_user.show_node("DalleFluxGenerate")
    asked = page.locator("[data-notice=key]").get_by_role("form", name="API key for the endpoint “studio”")
    asked.get_by_label("API key for").fill("sk-wrong-0000")
    asked.get_by_role("button", name="Save and check").click()
    asked.get_by_text("does not accept the key").wait_for()
    asked.get_by_label("API key for").fill(services.key)
    asked.get_by_role("button", name="Save and check").click()
    asked.get_by_text("takes the key").wait_for()
    page.screenshot(path=artefacts / "first-key.png")
    assert new_user.barriers("[data-notice=key]") == []
    assert services.key not in page.content() + str(new_user.serialize())
    run = new_user.queue()
    assert run.succeeded, run.error

    page.evaluate("() => app.extensionManager.command.execute('dalletoflux.OpenSettings')")
    settings.get_by_text("Requests", exact=True).click()
    settings.get_by_text("gpt-image-2, generations", exact=True).wait_for()
    assert settings.get_by_text("gpt-image-2, generations").count() == 1
    assert settings.locator("svg rect").count() == 1
    page.screenshot(path=artefacts / "settings.png")
    assert new_user.barriers("[data-dalle-flux=settings]") == []
