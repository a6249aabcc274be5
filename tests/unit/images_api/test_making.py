"""Pictures from an endpoint: what is sent, what comes out, what it costs."""

from __future__ import annotations

import json

import pytest
import torch
from services import Fault

from nodes.images_api import jobs
from nodes.images_api.errors import NotPossible
from nodes.images_api.plan import Operation
from nodes.services.ledger import BudgetReached

from .conftest import Watch, no_budget

LIVE = ("gpt-image-2", "gpt-image-2.5-sunburst", "gpt-image-2.5-flare", "gpt-image-2.6-sunburst", "gpt-image-2.6-flare")


@pytest.mark.parametrize(
    ("size", "quality", "style"),
    [("1024x1024", "standard", "vivid"), ("1792x1024", "hd", "natural"), ("1024x1792", "standard", "natural")],
)
async def test_dalle3_is_asked_as_it_always_was(studio, services, size, quality, style):
    made = await studio.make("dall-e-3", size=size, quality=quality, style=style)
    (request,) = services.requests
    assert request.fields == {
        "model": "dall-e-3", "prompt": "a red cube", "n": 1, "size": size, "quality": quality, "style": style,
        "response_format": "b64_json",
    }  # fmt: skip
    width, height = map(int, size.split("x"))
    assert made.images.shape == (1, height, width, 3)
    assert made.images.dtype == torch.float32
    assert made.revised_prompt == "a red cube, drawn in great detail"
    assert made.info.cost_usd == services.billed_usd
    assert made.info.notes == ()


@pytest.mark.parametrize(
    ("model", "size", "asked"),
    [
        ("gpt-image-2", "1024x1024", "1024x1024"),
        ("gpt-image-2", "1792x1024", "1792x1024"),
        ("gpt-image-2", "512x512", "816x816"),
        ("gpt-image-2", "1000x1000", "1008x1008"),
        *((model, "512x512", "816x816") for model in LIVE[1:]),
    ],
)
async def test_a_dalle3_request_becomes_one_that_a_gpt_model_takes(studio, services, model, size, asked):
    made = await studio.make(model, size=size, quality="hd", style="natural")
    (request,) = services.requests
    assert request.fields["size"] == asked
    assert request.fields["quality"] == "high"
    assert request.fields["prompt"].endswith("natural, less hyper-real looking.")
    assert "style" not in request.fields
    assert "response_format" not in request.fields
    width, height = map(int, size.split("x"))
    assert made.images.shape == (1, height, width, 3)
    assert made.revised_prompt == request.fields["prompt"]
    assert any("quality hd is sent as high" in note for note in made.info.notes)
    assert any("style natural" in note for note in made.info.notes)
    assert (size == asked) == (not any("size" in note for note in made.info.notes))
    assert made.info.cost_usd == pytest.approx(services.billed_usd)
    assert made.info.cost_is_estimate == (model not in ("gpt-image-2", "gpt-image-2.6-sunburst"))


async def test_older_gpt_models_get_the_nearest_shape_they_have(studio, services):
    made = await studio.make("gpt-image-1.5", size="1024x1792")
    assert services.requests[0].fields["size"] == "1024x1536"
    assert made.images.shape == (1, 1536, 1024, 3)


async def test_dalle2_is_asked_for_what_it_has(studio, services):
    made = await studio.make("dall-e-2", size="256x256", style="vivid")
    assert services.requests[0].fields == {
        "model": "dall-e-2", "prompt": "a red cube", "n": 1, "size": "256x256", "response_format": "b64_json",
    }  # fmt: skip
    assert made.info.notes == ("style vivid is dropped: dall-e-2 has none.",)
    assert made.info.cost_usd == 0.016


async def test_an_unknown_model_is_asked_like_dalle3(studio, services):
    services.names["house-style"] = "dall-e-3"
    studio.fields["models"] = ["house-style"]
    made = await studio.make("house-style", style="vivid", quality="hd")
    assert services.requests[0].fields["style"] == "vivid"
    assert made.info.cost_usd is None  # nobody knows


@pytest.mark.parametrize(
    ("model", "changes", "words"),
    [
        ("dall-e-3", {"size": "512x512"}, "cannot draw 512x512; choose 1024x1024"),
        ("dall-e-3", {"quality": "max"}, "no quality 'max'"),
        ("dall-e-3", {"prompt": "x" * 4001}, "4,001 characters and dall-e-3 reads 4,000"),
        ("dall-e-2", {"prompt": "x" * 1001}, "shorten it"),
        ("gpt-image-2", {"prompt": "x" * 32_001}, "shorten it"),
        ("gpt-image-2", {"quality": "max"}, "no quality 'max'"),
        ("gpt-image-2", {"size": "4096x4096"}, "choose a size within"),
        ("gpt-image-2", {"size": "4000x1000"}, "beyond 3:1"),
        ("gpt-image-2", {"prompt": "  "}, "prompt is empty"),
        ("dall-e-3", {"n": 11}, "must be 1 to 10"),
        ("dall-e-3", {"operation": Operation.EDIT, "pictures": 1}, "never could edit"),
        ("gpt-image-2", {"operation": Operation.VARIATION, "pictures": 1}, "cannot make variations"),
    ],
)
async def test_what_a_model_cannot_do_stops_before_it_is_sent(studio, services, model, changes, words):
    with pytest.raises(NotPossible, match=words):
        await studio.make(model, **changes)
    assert services.requests == []


async def test_several_pictures_are_asked_for_side_by_side(studio, services):
    services.plan(Fault.HOLD, times=None)
    studio.fields["max_parallel"] = 3
    made = await studio.make(n=6, watch=Watch(on_look=lambda: services.busy == 3 and services.release()))
    assert made.images.shape[0] == 6
    assert services.most_busy == 3
    assert len({picture.sha256 for picture in made.info.pictures}) == 6
    assert made.info.cost_usd == services.billed_usd == 0.096
    assert "n=6 is sent as 6 requests for one picture, side by side." in made.info.notes


async def test_the_same_request_is_answered_from_disk(studio, services):
    first = await studio.make(n=2)
    second = await studio.make(n=2)
    assert torch.equal(first.images, second.images)
    assert second.info.cached
    assert second.info.cost_usd == 0.0
    assert second.info.pictures[0].first_cost_usd == 0.016
    assert second.info.pictures[0].request_id == first.info.pictures[0].request_id
    assert len(services.bills) == 2


async def test_one_more_picture_costs_one_more_picture(studio, services):
    await studio.make(n=2)
    made = await studio.make(n=3)
    assert [picture.cached for picture in made.info.pictures] == [True, True, False]
    assert len(services.bills) == 3


@pytest.mark.parametrize("change", [{"seed": 2}, {"prompt": "a blue cube"}, {"size": "512x512"}, {"again": True}])
async def test_a_new_seed_another_request_or_again_is_paid_for(studio, services, change):
    first = await studio.make()
    second = await studio.make(**change)
    assert len(services.bills) == 2
    assert not second.info.cached
    assert not torch.equal(first.images, second.images)


async def test_after_again_the_newest_picture_is_the_kept_one(studio, services):
    await studio.make()
    again = await studio.make(again=True)
    assert torch.equal((await studio.make()).images, again.images)
    assert len(services.bills) == 2


async def test_a_lost_picture_file_is_asked_for_anew(studio, services):
    made = await studio.make()
    studio.ledger.state.kept(made.info.pictures[0].sha256).unlink()
    assert not (await studio.make()).info.cached
    assert len(services.bills) == 2


async def test_a_stream_shows_partial_pictures_and_counts_their_tokens(studio, services):
    studio.settings = no_budget(partial_images=2)
    services.plan(Fault.HOLD)
    watch = Watch(on_look=lambda: watch.partials() and services.release())
    made = await studio.make("gpt-image-2", watch=watch)
    assert {partial.size for partial in watch.partials()} == {(64, 64)}
    fractions = [progress.fraction for progress in watch.shown]
    assert fractions == sorted(fractions)
    assert any("drawing" in progress.text for progress in watch.shown)
    assert made.info.cost_usd == pytest.approx(services.billed_usd)


async def test_an_endpoint_that_ignores_streaming_is_fine(studio, services):
    studio.settings = no_budget(partial_images=2)
    services.honours_stream = False
    assert (await studio.make("gpt-image-2")).images.shape[0] == 1


@pytest.mark.parametrize("fault", [Fault.JPEG, Fault.WEBP, Fault.ALPHA, Fault.SIXTEEN_BIT, Fault.WRONG_CONTENT_TYPE])
async def test_any_ordinary_picture_is_taken(studio, services, fault):
    services.plan(fault)
    assert (await studio.make()).images.shape == (1, 256, 256, 3)


async def test_a_picture_of_another_size_is_reported(studio, services):
    services.plan(Fault.WRONG_SIZE, size="512x256")
    made = await studio.make()
    assert made.images.shape == (1, 256, 512, 3)
    assert made.info.notes == ("picture 1 came as 512x256 though 256x256 was asked for.",)


async def test_a_budget_stops_before_sending(studio, services):
    studio.settings = no_budget(per_day_usd=0.04, partial_images=0)
    await studio.make(n=2)
    with pytest.raises(BudgetReached, match=r"about \$0.02 would pass your budget per_day_usd = 0.04 USD, of which"):
        await studio.make(seed=2)
    assert len(services.requests) == 2
    assert (await studio.make(n=2)).info.cached  # what is on disk is always given


async def test_a_budget_covers_all_pictures_of_a_node_or_none(studio, services):
    studio.settings = no_budget(per_session_usd=0.04, partial_images=0)
    with pytest.raises(BudgetReached):
        await studio.make(n=3, prompt="too many")
    assert services.requests == []


async def test_a_budget_needs_prices(studio, services):
    services.names["house-style"] = "dall-e-3"
    studio.fields["models"] = ["house-style"]
    studio.settings = no_budget(per_day_usd=1.0)
    with pytest.raises(BudgetReached, match=r"images_api\.prices"):
        await studio.make("house-style")
    studio.settings = no_budget(per_day_usd=1.0, prices={"house-style": 0.03})
    assert (await studio.make("house-style")).info.cost_usd == 0.03


async def test_an_endpoint_says_when_a_model_ends(studio, services):
    services.plan(Fault.HOLD)
    asked = Watch(on_look=lambda: [one for one in jobs.jobs().shutdowns.values() if one.done()] and services.release())
    made = await studio.make("gpt-image-1.5", quality="low", watch=asked)
    assert any("shut down on 2026-12-01" in note for note in made.info.notes)


async def test_azure_v1_and_classic_addresses(studio, services):
    services.names["my-deployment"] = "gpt-image-2"
    studio.settings = no_budget(models={"my-deployment": "gpt-image-2"}, partial_images=0)
    studio.fields = {"kind": "azure", "base_url": f"{services.root}/openai/v1"}
    made = await studio.make("my-deployment")
    assert services.requests[-1].path == "/openai/v1/images/generations"
    assert services.requests[-1].query == {"api-version": "preview"}
    assert made.info.cost_usd == pytest.approx(services.billed_usd)
    studio.fields = {"kind": "azure", "base_url": services.root}
    await studio.make("my-deployment", seed=2)
    assert services.requests[-1].path == "/openai/deployments/my-deployment/images/generations"
    assert services.requests[-1].query == {"api-version": "2025-04-01-preview"}
    assert services.requests[-1].headers["api-key"] == services.key
    assert "authorization" not in services.requests[-1].headers


async def test_info_says_what_was_asked_and_what_was_sent(studio):
    made = await studio.make("gpt-image-2", quality="hd", style="natural", seed=3)
    told = json.loads(made.info.to_json())
    assert (told["provider"], told["endpoint"], told["kind"], told["operation"]) == (
        "service", "studio", "openai", "generate",
    )  # fmt: skip
    assert (told["prompt"], told["quality"], told["style"]) == ("a red cube", "hd", "natural")
    assert (told["sent"]["quality"], told["sent"]["prompt"]) == ("high", told["revised_prompt"])
    assert told["revised_prompt"].startswith("a red cube\n\nStyle: natural")
    assert (told["files"], told["steps"], told["guidance"], told["prompt_mode"]) == (None,) * 4
    assert told["pictures"][0]["seed"] is None
    assert told["request_id"].startswith("req_")
