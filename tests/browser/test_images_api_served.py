"""The page "Images API" in the sidebar, and publishing what is on the canvas."""

from __future__ import annotations

import json
from typing import Any

import pytest
from PIL import Image
from served_images_api import CANVAS, ECHO, SAME, call, client, png, publish, state_of, status, until, with_lora

PAGE = "[data-dalle-flux=images_api]"
PICTURES = f"[...document.querySelector('{PAGE}').shadowRoot.querySelectorAll('.dfi-pictures img')]"
# Of the first picture's first pixel.
COLOUR = f"""(([picture]) => {{
  if (!picture?.naturalWidth) return null;
  const canvas = Object.assign(document.createElement("canvas"), {{ width: 1, height: 1 }}).getContext("2d");
  canvas.drawImage(picture, 0, 0);
  return {{ 0: "black", 765: "white" }}[canvas.getImageData(0, 0, 1, 1).data.slice(0, 3).reduce((a, b) => a + b)];
}})({PICTURES})"""
QUEUE_CHANGED = """() => app.api.dispatchEvent(
  new CustomEvent("status", { detail: { exec_info: { queue_remaining: 0 } } }))"""  # as ComfyUI's own message does
FROM_THE_NODE = """() => {
  const response = app.graph.nodes.find((node) => node.type === "DalleFluxImagesResponse");
  app.collectNodeMenuItems(response).find((item) => item?.content === "Publish as image model").callback();
}"""
# Request → a plain picture of the size and number asked for → response.
BUILD = """() => {
  const [request, picture, response] = ["DalleFluxImagesRequest", "EmptyImage", "DalleFluxImagesResponse"]
    .map((type, place) => { const node = LiteGraph.createNode(type); node.pos = [100 + 400 * place, 100];
      app.graph.add(node); return node; });
  picture.widgets.find((one) => one.name === "color").value = 0xff0000;
  const at = (slots, name) => slots.findIndex((one) => one.name === name);
  const connect = (from, output, to, input) => from.connect(at(from.outputs, output), to, at(to.inputs, input));
  for (const [output, input] of [["width", "width"], ["height", "height"], ["n", "batch_size"]])
    connect(request, output, picture, input);
  connect(picture, "IMAGE", response, "images");
}"""


@pytest.fixture
def panel(canvas):
    """The open page."""
    canvas.page.evaluate("() => app.extensionManager.command.execute('dalletoflux.OpenImagesApi')")
    shown = canvas.page.locator(PAGE)
    shown.get_by_label("Base URL for apps", exact=True).wait_for()
    yield shown
    for model in canvas.comfyui.get(f"{CANVAS}/models")["models"]:
        if model["published"] and model["name"] == model["draws_with"]:
            call(canvas.comfyui, "DELETE", f"{CANVAS}/models/{model['name']}")
    for key in status(canvas.comfyui)["keys"]:
        call(canvas.comfyui, "DELETE", f"{CANVAS}/keys/{key['name']}")


def say_yes(page) -> None:
    """To the host's own question before something is removed."""
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()


def fill_in(panel, *, prompt: str, size: str = "", n: str = "1", seed: str = "") -> None:
    """The trial keeps what was typed before, even while the page is closed."""
    for label, value in {"Prompt": prompt, "Size": size, "Pictures": n, "Seed": seed}.items():
        panel.get_by_label(label, exact=True).fill(value)


def file(name: str, data: bytes) -> dict[str, Any]:
    """For a file field."""
    return {"name": name, "mimeType": "image/png", "buffer": data}


def test_a_workflow_is_published_tried_opened_again_and_removed(canvas, panel, artefacts, request):
    page = canvas.page
    page.evaluate("() => app.extensionManager.command.execute('dalletoflux.PublishImageModel')")
    form = panel.get_by_role("form", name="Publish the open workflow")
    name = form.get_by_label("Apps ask for it as")
    name.fill("house-style")
    form.get_by_role("button", name="Publish").click()
    panel.get_by_text("0 nodes 'Images API Request'").wait_for()

    page.evaluate(BUILD)
    name.fill("House Style")
    form.get_by_role("button", name="Publish").click()
    panel.get_by_text("A model cannot be called 'House Style'").wait_for()
    name.fill("house-style")
    form.get_by_label("Description").fill("Plain <b>red</b>")
    form.get_by_role("button", name="Publish").click()
    panel.get_by_text("Apps can now ask for house-style (version 1).").wait_for()
    entry = panel.locator("[data-model=house-style]")
    assert "Plain <b>red</b>" in entry.inner_text()

    panel.get_by_role("button", name="Try house-style").first.click()
    fill_in(panel, prompt="a red square", size="96x64", n="2", seed="7")
    panel.get_by_role("button", name="Draw").click()
    panel.get_by_text("seed 7 · 96x64").wait_for(timeout=60_000)
    assert page.evaluate(f"() => {PICTURES}.map((one) => [one.naturalWidth, one.naturalHeight])") == [[96, 64]] * 2
    page.screenshot(path=artefacts / f"images-api-published-{request.node.callspec.id}.png")

    publish(canvas.comfyui, "echo", ECHO)
    page.evaluate("() => { app.graph.nodes.find((node) => node.type === 'EmptyImage').title = 'Second'; }")
    page.evaluate(FROM_THE_NODE)
    name.fill("house-style")
    assert "There is version 1 of this name" in form.inner_text()
    form.get_by_role("button", name="Publish").click()
    panel.get_by_text("(version 2)").wait_for()
    panel.get_by_role("combobox", name="Model", exact=True).select_option("echo")
    operation = panel.get_by_role("combobox", name="Operation", exact=True)
    assert operation.locator("option").all_inner_texts() == ["edits", "variations"]
    black = png(Image.new("RGB", (80, 72)))
    panel.get_by_label("Picture", exact=True).set_input_files(file("photo.png", black))
    fill_in(panel, prompt="brighter")
    panel.get_by_label("Mask").set_input_files(file("mask.png", png(Image.new("RGB", (80, 72), "white"))))
    panel.get_by_role("button", name="Draw").click()
    page.wait_for_function(f"() => {COLOUR} === 'white'")  # echo paints what the mask says
    operation.select_option("variations")
    assert not panel.get_by_label("Prompt", exact=True).is_visible()
    assert not panel.get_by_label("Mask").is_visible()
    publish(canvas.comfyui, "echo", SAME)  # which needs no mask
    panel.get_by_label("Pictures", exact=True).fill("2")
    panel.get_by_role("button", name="Draw").click()
    page.wait_for_function(f"() => {PICTURES}.length === 2 && {COLOUR} === 'black'")
    panel.get_by_role("button", name="Clear").click()
    panel.get_by_role("button", name="Draw").click()
    assert panel.locator(".dfi-pictures img").count() == 2, "nothing is drawn from no picture"
    (state_of(canvas.comfyui) / "models" / "echo" / "0002.json").write_text("{}", "utf-8")

    versions = panel.get_by_label("Version of house-style", exact=True)
    versions.select_option("1")
    panel.get_by_label("Open this version of house-style").click()
    page.wait_for_function("() => app.graph.nodes.length === 3 && !app.graph.nodes.some((n) => n.title === 'Second')")
    versions.select_option("2")
    panel.get_by_label("Remove this version of house-style").click()
    say_yes(page)
    panel.get_by_text("Version 2 of house-style is gone.").wait_for()
    assert versions.locator("option").all_inner_texts() == ["Version 1"]
    panel.get_by_text("publish it again, or remove it").wait_for()
    panel.get_by_label("Remove echo").click()
    say_yes(page)
    panel.get_by_text("Version 2 of echo is gone.").wait_for()
    assert [line for line in canvas.complaints if "images_api" in line or "uncaught" in line] == []


def test_a_key_is_shown_once_and_lets_an_app_in_until_it_is_removed(canvas, panel, artefacts, request):
    page = canvas.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    panel.get_by_role("heading", name="Keys").click()
    panel.get_by_label("Name of the app").fill("laptop")
    panel.get_by_text("Limits").click()
    panel.get_by_label("Requests a minute").fill("30")
    panel.get_by_role("button", name="Make a key").click()
    shown = panel.get_by_label("The new key", exact=True)
    shown.wait_for()
    panel.get_by_label("Copy: The new key").click()
    panel.get_by_text("Copied").wait_for()
    key = page.evaluate("() => navigator.clipboard.readText()")
    assert key == shown.input_value()
    page.screenshot(path=artefacts / f"images-api-key-{request.node.callspec.id}.png")
    panel.get_by_label("Done: the key is not shown again").click()
    assert key not in page.content()
    panel.get_by_text("requests a minute: 30").wait_for()
    panel.get_by_text("On, for apps that send one of the keys.").wait_for()
    assert client(canvas.comfyui, key).models.list().data
    assert call(canvas.comfyui, "GET", "/dalle-flux/v1/models")[0] == 401

    panel.get_by_label("Remove the key laptop").click()
    say_yes(page)
    panel.get_by_text("they need no key").wait_for()
    assert call(canvas.comfyui, "GET", "/dalle-flux/v1/models")[0] == 200


def test_jobs_are_seen_with_their_progress_and_can_be_cancelled(canvas, panel, artefacts, request):
    publish(canvas.comfyui, "endless", with_lora(steps=10_000))
    for prompt in ("a <i>castle</i>", "a second one"):
        body = {"operation": "generations", "model": "endless", "prompt": prompt, "size": "64x64"}
        assert call(canvas.comfyui, "POST", "/dalle-flux/v1/jobs", body)[0] == 202
    jobs = panel.get_by_role("list", name="Jobs under way").locator("li")
    first, second = jobs.filter(has_text="a <i>castle</i>"), jobs.filter(has_text="a second one")
    first.get_by_text("drawing").wait_for(timeout=60_000)
    second.get_by_text("waits").wait_for()
    assert "this machine" in first.inner_text()
    page = canvas.page
    page.screenshot(path=artefacts / f"images-api-jobs-{request.node.callspec.id}.png")
    second.get_by_role("button").click()
    second.wait_for(state="detached")
    assert first.count() == 1, "only the one that was cancelled"
    first.get_by_role("button").click()
    first.wait_for(state="detached", timeout=60_000)
    panel.get_by_role("heading", name="Finished jobs").click()
    over = panel.get_by_role("list", name="Finished jobs").locator("li")
    until(lambda: [line for one in over.all() for line in one.inner_text().splitlines() if "cancelled" in line][1:])
    assert "Nothing under way." in panel.locator(".dfi-page").inner_text()


def test_the_page_is_narrow_speaks_by_name_and_is_silent_when_closed(canvas, panel, artefacts, request):
    page = canvas.page
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url) if CANVAS in one.url else None)
    for section in panel.locator("details").all():
        section.evaluate("(one) => { one.open = true; }")
    panel.evaluate("(one) => { one.style.width = '300px'; }")
    assert panel.locator(".dfi-page").evaluate("(one) => one.scrollWidth <= one.clientWidth")
    page.screenshot(path=artefacts / f"images-api-narrow-{request.node.callspec.id}.png")
    nameless = """(page) => [...page.querySelectorAll("button, input, select, textarea")].filter((one) =>
      !one.textContent.trim() && !one.getAttribute("aria-label") && !one.labels?.length).length"""
    assert panel.locator(".dfi-page").evaluate(nameless) == 0

    model = panel.get_by_role("combobox", name="Model", exact=True)
    model.select_option("gpt-image-1")
    fill_in(panel, prompt="a nude man in a walled garden")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    panel.locator(".dfi-error").filter(has_text="held back by the moderation policy").wait_for()
    assert model.input_value() == "gpt-image-1"

    def answer(code: int, body: object) -> None:
        page.unroute(f"**{CANVAS}/status")
        page.route(f"**{CANVAS}/status", lambda route: route.fulfill(status=code, body=json.dumps(body)))
        page.evaluate(QUEUE_CHANGED)

    answer(403, {"error": "The Images API is managed elsewhere.", "code": "not_from_here"})
    panel.get_by_text("The Images API is managed elsewhere.").wait_for(timeout=20_000)
    assert not panel.get_by_label("Base URL for apps", exact=True).is_visible()
    job = {"id": "1", "client": "laptop", "operation": "generations", "model": "dall-e-3", "prompt": "a lighthouse",
           "size": "1024x1024", "n": 1, "status": "in_progress", "progress": 0.4, "position": None}  # fmt: skip
    call_back = {"id": "evt_1", "job": "imgjob_1", "webhook": "mine", "state": "due", "attempts": 2, "due": 2e9,
                 "answered": 503, "complaint": None}  # fmt: skip
    answer(200, {**status(canvas.comfyui), "live": [job], "deliveries": [call_back]})
    panel.get_by_text("drawing, 40 %").wait_for(timeout=20_000)
    assert "answered 503 · attempts: 2" in panel.get_by_role("list", name="Webhook calls").inner_text()

    page.evaluate("() => app.extensionManager.command.execute('Workspace.ToggleSidebarTab.dalletoflux.images_api')")
    panel.wait_for(state="detached")
    page.wait_for_timeout(300)  # a question on its way
    asked.clear()
    page.evaluate(QUEUE_CHANGED)
    page.wait_for_timeout(1500)  # while there are jobs, an open page asks each second
    assert asked == []
    page.unroute(f"**{CANVAS}/status")
