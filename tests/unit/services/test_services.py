"""The stand-in for paid services keeps OpenAI's contract, asked by the official client."""

from __future__ import annotations

import base64
import io

import openai
import pytest
from PIL import Image
from services import Fault
from services.moderations import CATEGORIES
from services.refusals import REFUSALS


@pytest.fixture(scope="module")
def http():
    """Connections for every client here; there are no certificates to load."""
    with openai.DefaultHttpxClient(verify=False) as shared:
        yield shared


@pytest.fixture
def client(services, http):
    return openai.OpenAI(api_key=services.key, base_url=services.base_url, max_retries=0, http_client=http)


def png(size=(1024, 1024), mode="RGBA", colour=(10, 20, 30, 0)) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size, colour[: len(mode)]).save(buffer, "PNG")
    return buffer.getvalue()


def opened(reply) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(reply.data[0].b64_json)))


def test_dalle3_serves_a_url_by_default_with_a_revised_prompt_and_bills_its_price(services, client):
    import urllib.request

    reply = client.images.generate(model="dall-e-3", prompt="a cube", size="1792x1024", quality="hd")
    with urllib.request.urlopen(reply.data[0].url) as served:
        assert Image.open(served).size == (1792, 1024)
    assert reply.data[0].revised_prompt
    assert services.billed_usd == 0.12
    services.expire_urls()
    with pytest.raises(urllib.request.HTTPError, match="403"):
        urllib.request.urlopen(reply.data[0].url)


def test_a_gpt_model_sends_base64_and_usage_and_no_revised_prompt(services, client):
    reply = client.images.generate(model="gpt-image-2", prompt="a cube", size="1792x1024", quality="medium", n=2)
    assert opened(reply).size == (1792, 1024)
    assert len(reply.data) == 2
    assert reply.data[0].revised_prompt is None
    assert reply.usage.output_tokens_details.image_tokens > 2000
    assert 0.1 < services.billed_usd < 0.2


REFUSED = [
    ({"model": "gpt-image-2", "response_format": "b64_json"}, "Unknown parameter: 'response_format'."),
    ({"model": "gpt-image-2", "style": "vivid"}, "Unknown parameter: 'style'."),
    ({"model": "gpt-image-2", "size": "512x512"}, "pixel budget"),
    ({"model": "gpt-image-2", "size": "1000x1000"}, "divisible by 16"),
    ({"model": "gpt-image-2", "quality": "hd"}, "Supported values"),
    ({"model": "gpt-image-2", "quality": "max"}, "Supported values"),
    ({"model": "gpt-image-1.5", "size": "1792x1024"}, "Supported values"),
    ({"model": "gpt-image-2", "stream": False, "partial_images": 2}, "'stream' is true"),
    ({"model": "dall-e-3", "n": 2}, "integer above maximum value"),
    ({"model": "dall-e-3", "size": "512x512"}, "Supported values"),
    ({"model": "dall-e-3", "prompt": "x" * 4001}, "string too long"),
    ({"model": "dall-e-2", "style": "vivid"}, "Unknown parameter"),
    ({"model": "dall-e-2", "prompt": "x" * 1001}, "string too long"),
    ({"model": "dall-e-2", "size": "1792x1024"}, "Supported values"),
    ({"model": "dall-e-3", "extra_body": {"seed": 1}}, "Unknown parameter: 'seed'."),
]


@pytest.mark.parametrize(("parameters", "words"), REFUSED)
def test_what_openai_would_refuse_is_refused_and_not_billed(services, client, parameters, words):
    with pytest.raises(openai.BadRequestError, match=words):
        client.images.generate(**{"prompt": "a cube", **parameters})
    assert services.bills == []


def test_the_newest_models_take_the_highest_qualities(client):
    assert client.images.generate(model="gpt-image-2.6-flare", prompt="a cube", quality="max").data


def test_a_retired_model_does_not_exist_whatever_else_is_wrong(services, client):
    services.dalle_alive = False
    with pytest.raises(openai.BadRequestError, match="The model 'dall-e-3' does not exist") as caught:
        client.images.generate(model="dall-e-3", prompt="a cube", n=9)
    assert caught.value.type == "image_generation_user_error"
    assert (
        client.models.with_raw_response.retrieve("gpt-image-1.5").http_response.json()["shutdown_date"] == "2026-12-01"
    )
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("dall-e-3")


def test_the_key_is_checked_first(services, http):
    stranger = openai.OpenAI(api_key="sk-wrong", base_url=services.base_url, max_retries=0, http_client=http)
    with pytest.raises(openai.AuthenticationError) as caught:
        stranger.images.generate(model="no-such-model", prompt="")
    assert caught.value.code == "invalid_api_key"


@pytest.mark.parametrize("name", REFUSALS)
def test_every_known_error_body_can_be_asked_for(services, client, name):
    services.plan(Fault.REFUSE, name=name)
    with pytest.raises(openai.APIStatusError) as caught:
        client.images.generate(model="gpt-image-2", prompt="a cube")
    assert caught.value.status_code == REFUSALS[name].status
    assert caught.value.code == REFUSALS[name].code
    assert caught.value.request_id.startswith("req_")
    assert services.bills == []


def test_a_stream_brings_partials_and_one_completed_picture(services, client):
    stream = client.images.generate(model="gpt-image-2", prompt="a cube", stream=True, partial_images=2)
    events = list(stream)
    assert [event.type.split(".")[-1] for event in events] == ["partial_image", "partial_image", "completed"]
    assert [event.partial_image_index for event in events[:2]] == [0, 1]
    assert events[-1].usage.output_tokens > 4160


def test_edits_take_several_named_pictures_and_a_mask_of_the_same_size(services, client):
    pictures = [("a.png", png(), "image/png"), ("b.png", png((64, 64)), "image/png")]
    client.images.edit(model="gpt-image-2", image=pictures, prompt="join them", mask=("m.png", png(), "image/png"))
    assert [name for name in services.requests[0].files] == ["image[]:a.png", "image[]:b.png", "mask:m.png"]
    with pytest.raises(openai.BadRequestError, match="mask size does not match"):
        client.images.edit(
            model="gpt-image-2", image=pictures[0], prompt="x", mask=("m.png", png((64, 64)), "image/png")
        )
    with pytest.raises(openai.BadRequestError, match="alpha channel"):
        client.images.edit(
            model="gpt-image-2", image=pictures[0], prompt="x", mask=("m.png", png(mode="RGB"), "image/png")
        )


def test_dalle2_edits_one_square_png_below_4_mb(services, client):
    def edit(data: bytes, **more):
        return client.images.edit(model="dall-e-2", image=("a.png", data, "image/png"), prompt="x", **more)

    assert edit(png()).data
    with pytest.raises(openai.BadRequestError, match="square"):
        edit(png((512, 256)))
    with pytest.raises(openai.BadRequestError, match="format must be in"):
        edit(png(mode="RGB"))
    noise = io.BytesIO()
    Image.effect_noise((1040, 1040), 90).convert("RGBA").save(noise, "PNG", compress_level=0)
    with pytest.raises(openai.BadRequestError, match="less than 4 MB"):
        edit(noise.getvalue())


def test_dalle3_has_neither_edits_nor_variations(services, client):
    picture = ("a.png", png(), "image/png")
    with pytest.raises(openai.BadRequestError):
        client.images.edit(model="dall-e-3", image=picture, prompt="x")
    with pytest.raises(openai.BadRequestError):
        client.images.create_variation(model="dall-e-3", image=picture)
    assert client.images.create_variation(model="dall-e-2", image=picture, n=2).data
    services.variations = False
    with pytest.raises(openai.NotFoundError):
        client.images.create_variation(model="dall-e-2", image=picture)


def test_azure_wants_its_own_header_and_a_deployment(services, http):
    services.names["my-pictures"] = "gpt-image-1.5"
    azure = openai.AzureOpenAI(
        azure_endpoint=services.root, api_key=services.key, api_version="2025-04-01-preview", max_retries=0,
        http_client=http,
    )  # fmt: skip
    assert azure.images.generate(model="my-pictures", prompt="a cube").data
    with pytest.raises(openai.NotFoundError, match="deployment"):
        azure.images.generate(model="gpt-image-2", prompt="a cube")
    bearer = openai.OpenAI(
        api_key=services.key, base_url=f"{services.root}/openai/v1", max_retries=0,
        default_query={"api-version": "preview"}, http_client=http,
    )  # fmt: skip
    with pytest.raises(openai.AuthenticationError):
        bearer.images.generate(model="my-pictures", prompt="a cube")


def test_faults_before_work_bill_nothing_and_faults_after_it_do(services, client):
    services.plan(Fault.RATE_LIMIT, seconds=2)
    with pytest.raises(openai.RateLimitError) as caught:
        client.images.generate(model="gpt-image-2", prompt="a cube")
    assert caught.value.response.headers["retry-after"] == "2"
    assert services.bills == []
    for fault in (Fault.NO_ANSWER, Fault.CUT_SHORT):
        services.plan(fault)
        with pytest.raises(openai.APIConnectionError):
            client.images.generate(model="gpt-image-2", prompt="a cube")
    assert len(services.bills) == 2
    assert not any(bill.delivered for bill in services.bills)


def test_an_idempotent_service_bills_one_key_once(services, client):
    services.idempotent = True
    replies = [
        client.images.generate(model="gpt-image-2", prompt="a cube", extra_headers={"Idempotency-Key": "one"})
        for _ in range(2)
    ]
    assert replies[0].data == replies[1].data
    assert len(services.bills) == 1


def test_moderation_scores_thirteen_categories_for_text_and_six_for_pictures(services, client):
    (text,) = client.moderations.create(model="omni-moderation-latest", input="a [violence] scene").results
    assert text.flagged
    assert text.categories.violence
    assert len(text.category_scores.model_dump(by_alias=True, exclude_unset=True).keys() & CATEGORIES) == 13
    red = base64.b64encode(png((8, 8), "RGB", (255, 0, 0, 0))).decode()
    (picture,) = client.moderations.create(
        model="omni-moderation-latest",
        input=[{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{red}"}}],
    ).results
    assert picture.categories.violence
    assert picture.category_applied_input_types.violence == ["image"]
    assert picture.category_applied_input_types.hate == []
    assert len(client.moderations.create(input=["one", "two"]).results) == 2
    assert services.bills == []


def test_text_moderation_models_are_gone(client):
    with pytest.raises(openai.NotFoundError):
        client.moderations.create(model="text-moderation-latest", input="x")
