"""Edits and variations: which files travel, and how the reply comes back into the picture's shape."""

from __future__ import annotations

import io

import pytest
import torch
from PIL import Image

from nodes.images_api.errors import NotFound, NotPossible, TooLarge
from nodes.images_api.plan import Operation

from .conftest import no_budget

EDIT = {"operation": Operation.EDIT, "style": None}
VARIATION = {"operation": Operation.VARIATION, "style": None, "prompt": ""}


def picture(height: int, width: int, count: int = 1) -> torch.Tensor:
    return torch.linspace(0, 1, height * width * 3).reshape(1, height, width, 3).repeat(count, 1, 1, 1)


def right_half(height: int, width: int) -> torch.Tensor:
    mask = torch.zeros(1, height, width)
    mask[:, :, width // 2 :] = 1.0
    return mask


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


async def test_mask_one_becomes_alpha_zero_of_the_pictures_size(studio, services):
    made = await studio.make("gpt-image-2", image=picture(96, 160), mask=right_half(48, 80), quality="low", **EDIT)
    (request,) = services.requests
    assert list(request.files) == ["image:image-1.png", "mask:mask.png"]
    mask = opened(request.files["mask:mask.png"])
    assert mask.format == "PNG"
    assert mask.size == (160, 96)
    alpha = mask.getchannel("A")
    assert "the mask is scaled to 160x96, the picture's size." in made.info.notes
    assert alpha.getpixel((10, 50)) == 255  # 0 = keep
    assert alpha.getpixel((150, 50)) == 0  # 1 = change
    assert "style" not in request.fields
    assert "moderation" not in request.fields


async def test_gpt_models_take_a_batch_as_several_files(studio, services):
    made = await studio.make("gpt-image-2", image=picture(64, 64, 3), quality="low", **EDIT)
    assert list(services.requests[0].files) == ["image[]:image-1.png", "image[]:image-2.png", "image[]:image-3.png"]
    assert made.images.shape == (1, 1024, 1024, 3)
    with pytest.raises(NotPossible, match="at most 16"):
        await studio.make("gpt-image-2", image=picture(8, 8, 17), **EDIT)


async def test_dalle2_gets_a_square_and_gives_the_shape_back(studio, services):
    made = await studio.make("dall-e-2", image=picture(100, 200), mask=right_half(100, 200), **EDIT)
    sent = opened(services.requests[0].files["image:image-1.png"])
    assert sent.size == (256, 256)
    assert made.images.shape == (1, 128, 256, 3)
    assert any("padded to 256x256" in note for note in made.info.notes)
    mask = opened(services.requests[0].files["mask:mask.png"]).getchannel("A")
    assert mask.getpixel((200, 128)) == 0
    assert mask.getpixel((200, 5)) == 255, "the padding is kept"


async def test_dalle2_needs_a_mask_and_the_mask_must_change_something(studio, services):
    with pytest.raises(NotPossible, match="connect `mask`"):
        await studio.make("dall-e-2", image=picture(64, 64), **EDIT)
    with pytest.raises(NotPossible, match="mask is empty"):
        await studio.make("dall-e-2", image=picture(64, 64), mask=torch.zeros(64, 64), **EDIT)
    with pytest.raises(NotPossible, match=r"nowhere 1 \(its highest value is 0.30\)"):
        await studio.make("dall-e-2", image=picture(64, 64), mask=torch.full((64, 64), 0.3), **EDIT)
    with pytest.raises(NotPossible, match="No picture came"):
        await studio.make("gpt-image-2", image=torch.zeros(0, 64, 64, 3), **EDIT)
    assert services.requests == []


async def test_of_several_masks_the_first_is_used_and_that_is_said(studio):
    masks = right_half(64, 64).repeat(2, 1, 1)
    made = await studio.make("gpt-image-2", image=picture(64, 64), mask=masks, quality="low", **EDIT)
    assert "only the first of 2 masks is used; it belongs to the first picture." in made.info.notes
    assert not any("scaled" in note for note in made.info.notes)


async def test_a_file_above_the_limit_is_refused_before_sending(studio, services, monkeypatch):
    from nodes.images_api import inputs

    monkeypatch.setattr(inputs, "MAX_FILE", 100)
    with pytest.raises(TooLarge, match="scale the picture down"):
        await studio.make("gpt-image-2", image=picture(64, 64), **EDIT)
    assert services.requests == []


async def test_another_picture_is_another_request_and_the_same_one_is_not(studio, services):
    for image in (picture(64, 64), picture(64, 64), 1 - picture(64, 64)):
        await studio.make("gpt-image-2", image=image, quality="low", **EDIT)
    assert len(services.bills) == 2
    await studio.make("gpt-image-2", image=picture(64, 64), mask=right_half(64, 64), quality="low", **EDIT)
    assert len(services.bills) == 3


async def test_an_edit_streams_too(studio, services):
    studio.settings = no_budget(partial_images=1)
    made = await studio.make("gpt-image-2", image=picture(64, 64), quality="low", **EDIT)
    assert made.info.cost_usd == pytest.approx(services.billed_usd)


async def test_a_variation_sends_one_square_png(studio, services):
    made = await studio.make("dall-e-2", image=picture(300, 200), n=2, **VARIATION)
    assert services.requests[0].path == "/v1/images/variations"
    assert services.requests[0].fields == {
        "model": "dall-e-2", "n": "1", "size": "256x256", "response_format": "b64_json",
    }  # fmt: skip
    assert made.images.shape[0] == 2
    assert made.images.shape[1:3] == (256, 170) or made.images.shape[1:3] == (256, 171)
    assert made.revised_prompt == ""


async def test_an_endpoint_without_variations_says_what_to_use(studio, services):
    services.variations = False
    with pytest.raises(NotFound, match='has no variations; use "DALL·E Edit"'):
        await studio.make("dall-e-2", image=picture(64, 64), **VARIATION)
