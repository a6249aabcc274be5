"""Small things that once went wrong, each with its relatives."""

from __future__ import annotations

import asyncio
import io
import struct
import zlib
from datetime import date

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from services import Fault

from nodes import pictures
from nodes.endpoints import Endpoint
from nodes.images_api import errors
from nodes.images_api.failures import worded
from nodes.images_api.inputs import files_for
from nodes.images_api.models import MODELS, ModelFamily, model_named
from nodes.images_api.plan import Ask, Operation, make_plan
from nodes.services.failures import of_reply
from nodes.services.settings import ServiceSettings
from nodes.services.spending import UnknownModel
from nodes.sizes import Size

from .conftest import TODAY, Watch, no_budget

OPENAI = Endpoint("openai", "https://api.openai.com/v1", models=("gone", "my-deployment"))
AZURE = Endpoint("azure", "https://x.openai.azure.com/openai/v1", kind="azure", models=("gone", "my-deployment"))


# ── names of models


@settings(deadline=None)
@given(st.sampled_from(sorted(MODELS)), st.text(min_size=1, max_size=30))
def test_only_a_date_makes_a_known_model_of_a_longer_name(name, more):
    asked = f"{name}-2{more}"
    if asked not in MODELS:
        assert model_named(asked).family is ModelFamily.UNKNOWN
    assert model_named(f"{name}-2026-04-21").name == name


@pytest.mark.parametrize("name", ["gpt-image-2-2/../../files", "gpt-image-2-2026-04-21/../x", "gpt-image-2-20260421"])
def test_a_name_that_would_shape_an_address_is_unknown(name):
    with pytest.raises(UnknownModel):
        make_plan(Ask(Operation.GENERATE, name, "1024x1024", 1, 0, "x"), OPENAI, ServiceSettings(), TODAY)


# ── models that are gone, or not there


def told(endpoint: Endpoint, model: str, **more) -> errors.ImagesApiError:
    ask = Ask(Operation.GENERATE, model, "1024x1024", 1, 0, "x")
    plan = make_plan(ask, endpoint, no_budget(), date(2026, 4, 1))
    return worded(of_reply(404, {"error": {"code": "model_not_found"}}, {}, endpoint), plan, **more)


def test_a_model_whose_day_has_not_come_was_not_retired():
    future = date(date.today().year + 1, 12, 1)
    error = told(OPENAI, "gone", shutdown=future)
    assert isinstance(error, errors.NotFound)
    assert f"to be shut down on 1 December {future.year}" in str(error)
    for name, model in MODELS.items():
        if (day := model.shutdown.get("openai")) and day > date.today():
            assert isinstance(told(OPENAI, name), errors.NotFound), name


@pytest.mark.parametrize("model", ["my-deployment", "gpt-image-2", "gpt-image-1.5"])
def test_a_mistyped_deployment_is_not_retired_by_azure(model):
    error = told(AZURE, model)
    assert isinstance(error, errors.NotFound)
    assert f"has no deployment '{model}'" in str(error)


def test_a_request_that_the_endpoint_still_works_at_is_waited_for(studio):
    error = worded(of_reply(409, {"error": {"message": "key in progress"}}, {}, studio.plan().endpoint), studio.plan())
    assert isinstance(error, errors.StillAtWork)
    assert error.maybe_billed
    assert "wait a minute" in str(error)
    assert "change that input" not in str(error)


# ── what several nodes share


async def test_two_nodes_that_wait_for_one_failing_job_are_each_told_once(studio, services):
    services.plan(Fault.HOLD)
    services.plan(Fault.REFUSE, name="invalid_api_key", times=None)
    studio.fields["max_parallel"] = 1
    services.plan(Fault.REFUSE, name="invalid_api_key", times=None)
    watch = Watch(on_look=lambda: len(watch.shown) >= 2 and services.release())
    results = await asyncio.gather(*(studio.make(n=2, watch=watch) for _ in range(3)), return_exceptions=True)
    for result in results:
        assert isinstance(result, errors.BadKey)
        assert str(result).count("pictures came") == 1


async def test_a_node_without_previews_shows_none_of_anothers_job(studio, services):
    services.plan(Fault.HOLD)
    studio.settings = no_budget(partial_images=2)
    open_watch = Watch()
    shown = asyncio.create_task(studio.make("gpt-image-2", watch=open_watch))
    while not services.busy:
        await asyncio.sleep(0.01)
    studio.settings = no_budget(partial_images=0)
    judged = Watch(on_look=lambda: len(judged.shown) >= 2 and services.release())
    await asyncio.gather(shown, studio.make("gpt-image-2", watch=judged))
    assert judged.partials() == []
    assert len(services.bills) == 1


def test_what_must_be_judged_is_asked_for_without_previews(studio):
    ask = studio.ask("gpt-image-2")
    endpoint = studio.endpoints().get("studio")
    assert make_plan(ask, endpoint, ServiceSettings(), TODAY).partial_images == 2
    assert make_plan(ask, endpoint, ServiceSettings(), TODAY, previews=False).partial_images == 0


# ── pictures: what is said about them must not cost them


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(*more: bytes) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 4), (200, 30, 30)).save(buffer, "PNG")
    data = buffer.getvalue()
    return data[:33] + b"".join(more) + data[33:]  # behind IHDR


def with_exif(kind: str, exif: bytes) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 4), (200, 30, 30)).save(buffer, kind, exif=exif)
    return buffer.getvalue()


TIFF = b"Exif\x00\x00MM\x00*\x00\x00\x00\x08"
EXIFS = [
    TIFF + b"\xff\xff" + b"\x01\x12" * 40,
    TIFF + b"\x00\x01\x01\x12\x00\x05\x00\x00\x00\x01\xff\xff\xff\xff\x00\x00\x00\x00",
    TIFF + b"\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01",
    TIFF + b"\x00\x01\x01\x12\x00\x02\x00\x00\x00\x04abcd\x00\x00\x00\x00",
    b"Exif\x00\x00II\x2a\x00", b"Exif\x00\x00", b"Exif\x00\x00\xff\xfe garbage",
]  # fmt: skip


@pytest.mark.parametrize("exif", EXIFS, ids=range(len(EXIFS)))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_no_exif_costs_a_picture(kind, exif):
    data = png(chunk(b"eXIf", exif[6:])) if kind == "PNG" else with_exif(kind, exif)
    assert sorted(pictures.decode(data).size) == [4, 8]


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@settings(deadline=None)
@given(st.binary(max_size=60))
def test_no_exif_at_all(noise):
    for kind in ("JPEG", "PNG"):
        data = png(chunk(b"eXIf", noise)) if kind == "PNG" else with_exif(kind, TIFF + noise)
        assert sorted(pictures.decode(data).size) == [4, 8]


@pytest.mark.parametrize(
    "words",
    [chunk(b"zTXt", b"a\x00\x00" + zlib.compress(bytes(2**22))), chunk(b"iTXt", b"a\x00\x01\x00\x00\x00broken"),
     chunk(b"iCCP", b"a\x00\x07nothing"), chunk(b"pHYs", b"\x00"), chunk(b"gAMA", b""), chunk(b"tEXt", b"\xff" * 9)],
    ids=["packed", "broken", "profile", "size", "gamma", "text"],
)  # fmt: skip
def test_no_text_in_a_png_costs_a_picture(words):
    assert pictures.decode(png(words)).getpixel((1, 1)) == (200, 30, 30)


async def test_a_paid_picture_with_broken_exif_arrives_and_that_is_said(studio, services, monkeypatch):
    def refuse(*_):
        raise SyntaxError("bad EXIF")

    monkeypatch.setattr(pictures.ImageOps, "exif_transpose", refuse)
    made = await studio.make()
    assert made.images.shape[0] == 1
    assert any("damaged metadata" in note for note in made.info.notes)


# ── batches without pictures


@pytest.mark.parametrize("shape", [(0, 64, 64, 3), (1, 0, 64, 3), (1, 64, 0, 3), (0, 0, 0, 3)])
@pytest.mark.parametrize("model", ["dall-e-2", "gpt-image-2"])
def test_a_batch_without_pixels_is_refused_in_words(model, shape):
    with pytest.raises(errors.NotPossible, match="No picture came"):
        files_for(MODELS[model], torch.zeros(shape), None, Size(256, 256))


@pytest.mark.parametrize("shape", [(0, 64, 64), (1, 0, 64), (0, 0)])
def test_a_mask_without_pixels_is_refused_in_words(shape):
    with pytest.raises(errors.NotPossible, match="mask has no pixels"):
        files_for(MODELS["gpt-image-2"], torch.zeros(1, 64, 64, 3), torch.zeros(shape), Size(256, 256))


async def test_an_empty_batch_ends_in_a_sentence(studio, services):
    empty = torch.zeros(0, 64, 64, 3)
    for operation in (Operation.EDIT, Operation.VARIATION):
        with pytest.raises(errors.NotPossible):
            await studio.make("dall-e-2", operation=operation, style=None, image=empty)
    assert services.requests == []
