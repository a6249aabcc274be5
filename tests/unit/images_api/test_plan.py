"""The model table against the stand-in's own rules: what a plan sends is never refused for its parameters."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from services import checking, rules

from nodes.endpoints import Endpoint, Endpoints
from nodes.images_api import prices
from nodes.images_api.errors import NotPossible
from nodes.images_api.models import MODELS, ModelFamily, choices, fits_freely, model_named, next_larger
from nodes.images_api.plan import Ask, Operation, cost_before, known_models, make_plan
from nodes.services.settings import ServiceSettings
from nodes.sizes import DALLE3_SIZES, Size

SERVER = Endpoint("server", "https://images.example.com/v1")
TODAY = date(2026, 11, 21)
SHOP = checking.Shop(TODAY, dalle_alive=True)
SIZES = [*DALLE3_SIZES, "1536x1024", "1024x1536", "512x512", "256x256", "640x480", "3840x2160"]
QUALITIES = ["standard", "hd", "low", "medium", "high", "xhigh", "max", "auto"]


@pytest.mark.parametrize("name", [name for name in MODELS if name in rules.IMAGE_MODELS])
@pytest.mark.parametrize("operation", [Operation.GENERATE, Operation.EDIT])
def test_every_row_size_and_quality_is_either_refused_here_or_accepted_there(name, operation):
    accepted = 0
    for size in SIZES:
        for quality in QUALITIES:
            pictures = int(operation is Operation.EDIT)
            ask = Ask(operation, name, size, 1, 0, "a cube", quality, "vivid", "low", pictures, bool(pictures))
            try:
                plan = make_plan(ask, SERVER, ServiceSettings(), TODAY)
            except NotPossible:
                continue
            body = dict(plan.parameters)
            if operation is Operation.GENERATE:
                order = checking.generation(body, SHOP)
            else:
                allowed = rules.DALLE2_EDIT_FIELDS if name == "dall-e-2" else rules.EDIT_FIELDS
                assert set(body) <= allowed
                assert rules.IMAGE_MODELS[name].size(body["size"]) is None
                order = None
            accepted += 1
            assert plan.estimate_usd
            if order:
                assert (order.width, order.height) == tuple(plan.sent_size)
    assert accepted or (name == "dall-e-3" and operation is Operation.EDIT)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 5000), st.integers(1, 5000))
def test_the_next_larger_size_is_valid_larger_and_of_the_same_shape(width, height):
    asked = Size(width, height)
    larger = next_larger(asked)
    if larger is None:
        assert max(asked) > 2.8 * min(asked) or max(asked) > 3800 or width * height > 8_000_000
        return
    assert rules.free_size(str(larger)) is None
    assert fits_freely(larger)
    assert larger.width >= width
    assert larger.height >= height
    scale = max(1.0, (655_360 / (width * height)) ** 0.5)
    assert larger.width - width * scale <= 16
    assert larger.height - height * scale <= 16


def test_the_nodes_offer_no_dead_gpt_model_and_keep_dalle_for_compatible_servers():
    assert choices(TODAY)[0] == "gpt-image-2"
    assert "gpt-image-1" not in choices(TODAY)
    assert "gpt-image-1.5" in choices(TODAY)
    assert "gpt-image-1.5" not in choices(date(2026, 12, 1))
    assert {"dall-e-2", "dall-e-3"} < set(choices(date(2030, 1, 1)))


def test_the_nodes_offer_every_model_that_the_users_file_names(tmp_path):
    own = {
        "images_api": {"models": {"my-deployment": "gpt-image-2"}, "prices": {"house-style": 0.03, "dall-e-3": 0.05}}
    }
    studio = Endpoint("studio", "https://images.example.com/v1", models=("house-style", "dall-e-2", "other"))
    assert known_models(Endpoints({"studio": studio}, own, tmp_path)) == ["house-style", "other", "my-deployment"]
    assert known_models(Endpoints({"studio": studio}, {"images_api": 3}, tmp_path)) == ["house-style", "other"]


def test_snapshots_and_the_users_own_names_find_their_row():
    assert model_named("gpt-image-2-2026-04-21").name == "gpt-image-2"
    assert model_named("gpt-image-1.5-2025-12-16").name == "gpt-image-1.5"
    assert model_named("gpt-image-2.6-flare").name == "gpt-image-2.6-flare"
    assert model_named("my-deployment", {"my-deployment": "dall-e-3"}).family is ModelFamily.DALLE3
    assert model_named("flux").family is ModelFamily.UNKNOWN


@pytest.mark.parametrize(
    ("size", "quality", "usd"),
    [("1024x1024", "standard", 0.04), ("1792x1024", "standard", 0.08), ("1024x1024", "hd", 0.08),
     ("1024x1792", "hd", 0.12)],
)  # fmt: skip
def test_dalle3_costs_what_it_cost(size, quality, usd):
    width, height = map(int, size.split("x"))
    price = prices.estimate(MODELS["dall-e-3"], Size(width, height), quality, prompt="", inputs=0, partials=0)
    assert price == usd


@pytest.mark.parametrize(("quality", "usd"), [("low", 0.006), ("medium", 0.053), ("high", 0.211), (None, 0.211)])
def test_gpt_image_2_is_estimated_by_its_published_prices_and_larger_pictures_by_their_pixels(quality, usd):
    def price(width: int, height: int) -> float:
        estimate = prices.estimate(MODELS["gpt-image-2"], Size(width, height), quality, prompt="", inputs=0, partials=0)
        assert estimate is not None
        return estimate

    assert price(1024, 1024) == pytest.approx(usd, abs=1e-4)
    assert price(816, 816) == price(1024, 1024)  # never less
    assert price(2048, 2048) == pytest.approx(4 * usd, abs=1e-4)


@pytest.mark.parametrize(
    ("model", "n", "usd"),
    [("gpt-image-2", 1, 0.05901), ("gpt-image-2", 3, 0.17702), ("house-style", 2, 0.06), ("dall-e-3", 1, None),
     ("nobody-knows-it", 1, None), ("gpt-image-2", 99, None)],
)  # fmt: skip
def test_what_a_run_would_cost_is_known_before_it_where_a_run_is_possible(tmp_path, model, n, usd):
    openai = Endpoints.read(tmp_path / "endpoints.toml").get("openai")
    ask = Ask(Operation.GENERATE, model, "1024x1024", n, 0, "…", "standard")
    own = ServiceSettings(prices={"house-style": 0.03}, models={"house-style": "gpt-image-2"})
    assert cost_before(ask, openai, own, date(2026, 11, 21)) == (usd and pytest.approx(usd, abs=1e-5))
