"""Endpoints and graphs that mean no good, or no sense."""

from __future__ import annotations

import base64
import dataclasses
import json
import logging
import tracemalloc

import pytest
from services import Fault
from services.drawing import draw, encode

from nodes.endpoints import Endpoint, MissingKey
from nodes.images_api import arrival, errors
from nodes.images_api.arrival import unpack
from nodes.services.addresses import Unsafe, check_address
from nodes.services.client import azure_address
from nodes.services.spending import UnknownModel
from nodes.sizes import BadSize

from .conftest import no_budget
from .test_money import states

OPENAI = Endpoint("openai", "https://api.openai.com/v1")
PNG = encode(draw("x", 64, 64, 1))


def short(text: str) -> str:
    return repr(text[:16])


async def test_an_error_without_end_is_read_only_so_far(studio, services):
    await studio.make(seed=9)  # everything is loaded
    services.plan(Fault.ENDLESS_ERROR, billed=False)
    tracemalloc.start()
    with pytest.raises(errors.RequestRefused):
        await studio.make()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 * 2**20  # it would send 512 MB


@pytest.mark.parametrize(
    "text",
    ["data: " + "[" * 100_000 + "\n\n", "data: {\"type\"\n\n", "data: \n\n", ": comment\n\nevent: x\n\n",
     "\x00\xff" * 99, 'data: {"type": "image_generation.completed"}\n\n', 'data: 5\n\ndata: "text"\n\n'],
    ids=["deep", "cut", "empty", "comments", "bytes", "no picture", "no object"],
)  # fmt: skip
async def test_garbage_in_a_stream_is_a_bad_reply(studio, services, text):
    studio.settings = no_budget(partial_images=1)
    services.plan(Fault.STREAM_GARBAGE, to=text)
    with pytest.raises(errors.BadReply) as caught:
        await studio.make("gpt-image-2")
    assert caught.value.maybe_billed
    assert len(services.bills) == 1


async def test_more_and_stranger_partial_pictures_than_asked_for_do_no_harm(studio, services):
    from .conftest import Watch

    studio.settings = no_budget(partial_images=1)
    bomb = base64.b64encode(encode(draw("x", 3200, 3200, 1), "png")).decode()
    strange = [{"b64_json": value} for value in (bomb, "!", None, base64.b64encode(b"text").decode())]
    events = [{"type": "image_generation.partial_image", **one} for one in strange]
    events += [{"type": "image_generation.completed", "b64_json": base64.b64encode(PNG).decode()}]
    services.plan(Fault.STREAM_GARBAGE, to="".join(f"data: {json.dumps(event)}\n\n" for event in events))
    watch = Watch()
    assert (await studio.make("gpt-image-2", watch=watch)).images.shape[0] == 1
    assert all(0.0 <= progress.fraction <= 1.0 for progress in watch.shown)
    assert watch.partials() == []


@pytest.mark.parametrize(
    "url",
    ["https://example.com\\@127.0.0.1/a.png", "https://exa mple.com/a.png", "https://x\x00y.example/a.png",
     "https://user:pass@api.openai.com/a.png"],
)  # fmt: skip
def test_addresses_that_programs_read_differently_are_not_opened(url):
    with pytest.raises(Unsafe):
        check_address(url, OPENAI)


@pytest.mark.parametrize("url", [f"https://{'a' * 300}.example/a.png", "https://2130706433/a.png", "https://0x7f.1/a"])
async def test_odd_names_are_not_opened_either(url):
    with pytest.raises(errors.UnsafeAddress):
        await arrival.download(url, OPENAI)


def test_a_redirect_to_nowhere_is_refused():
    with pytest.raises(errors.UnsafeAddress):
        arrival._target("https://example.com/a", "https://[broken")


@pytest.mark.parametrize(
    "encoded", [base64.encodebytes(PNG).decode(), base64.b64encode(PNG).decode().rstrip("=")], ids=short
)
async def test_base64_with_line_breaks_or_without_padding_is_no_lost_picture(encoded):
    assert (await unpack(json.dumps({"data": [{"b64_json": encoded}]}).encode(), OPENAI)).data == PNG


async def test_what_is_said_beside_the_picture_cannot_keep_it_from_being_stored(studio, services):
    item = {"b64_json": base64.b64encode(PNG).decode(), "revised_prompt": "a \ud800 cube"}
    tokens = {"output_tokens": 10**400, "input_tokens_details": {"text_tokens": 1, "image_tokens": True}}
    services.plan(Fault.BODY, to=json.dumps({"data": [item], "usage": tokens}))
    made = await studio.make("gpt-image-2")
    assert made.revised_prompt == "a \N{REPLACEMENT CHARACTER} cube"
    assert made.info.cost_is_estimate
    assert states(studio) == ["done"]


@pytest.mark.parametrize(
    "size", ["NaNxNaN", "-1x5", "1e9x1", "", "0x0", "99999x1", "1024x1024\n512", "x" * 10**6], ids=short
)
async def test_sizes_that_are_none_are_refused_before_anything_is_sent(studio, services, size):
    with pytest.raises(BadSize if size != "1024x1024\n512" else (BadSize, errors.NotPossible)) as caught:
        await studio.make(size=size)
    assert len(str(caught.value)) < 300
    assert services.requests == []


@pytest.mark.parametrize(
    "model", ["dear-model", "../../v1/files", "x\n[openai]\nbase_url = 'https://evil'", "m" * 10**6], ids=short
)
async def test_a_model_that_nobody_named_is_refused_with_the_line_to_add(studio, services, model):
    with pytest.raises(UnknownModel, match=r"under \[studio\] the line: models = \[") as caught:
        await studio.make(model)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500
    assert services.requests == []


async def test_a_deployment_cannot_lead_elsewhere_on_azure():
    base, _ = azure_address("https://x.openai.azure.com", "../../other?x=1#")
    assert base == "https://x.openai.azure.com/openai/deployments/..%2F..%2Fother%3Fx%3D1%23"


@pytest.mark.parametrize("prompt", ["a \ud800 cube", "x" * 5_000_000], ids=["half", "long"])
async def test_prompts_that_no_endpoint_reads_are_refused_before_anything_is_sent(studio, services, prompt):
    with pytest.raises(errors.NotPossible) as caught:
        await studio.make("gpt-image-2", prompt=prompt)
    assert len(str(caught.value)) < 300
    assert services.requests == []


async def test_every_script_and_sign_arrives_as_it_was_written(studio, services):
    prompt = '紅い箱 \u202eعربي‮ 🟥👩‍🚀 e\u0301 \x00 "quoted" \'; DROP TABLE--'
    made = await studio.make("dall-e-3", prompt=prompt)
    assert services.requests[0].fields["prompt"] == prompt
    assert made.info.sent["prompt"] == prompt
    assert made.revised_prompt.startswith(prompt)


@pytest.mark.parametrize("key", ["sk-line\nbreak", "sk-••••••••", "sk-\x7f"])
async def test_what_cannot_be_a_key_is_told_before_anything_is_sent_and_not_shown(studio, services, key):
    plan = studio.plan()
    endpoint = dataclasses.replace(plan.endpoint, stored_key=key)
    studio.plan = lambda *_, **__: dataclasses.replace(plan, endpoint=endpoint)
    with pytest.raises(MissingKey, match="characters that no key has") as caught:
        await studio.make()
    assert key not in str(caught.value)
    assert services.requests == []


async def test_a_request_to_this_machine_goes_through_no_proxy(studio, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert (await studio.make()).images.shape[0] == 1


async def test_the_log_holds_no_line_a_request_and_no_azure_key(studio, services, caplog):
    services.names["my-deployment"] = "gpt-image-2"
    studio.settings = no_budget(models={"my-deployment": "gpt-image-2"}, partial_images=0)
    studio.fields = {"kind": "azure", "base_url": f"{services.root}/openai/v1"}
    caplog.set_level(logging.DEBUG)
    await studio.make("my-deployment", quality="low")
    assert services.key not in caplog.text
    noise = [one for one in caplog.records if one.levelno >= logging.INFO and not one.name.startswith("aiohttp")]
    assert noise == []
