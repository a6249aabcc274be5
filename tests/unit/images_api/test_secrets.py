"""The key is nowhere but in the header it is sent in."""

from __future__ import annotations

import logging
import traceback

import pytest
from services import Fault

from nodes.errors import DalleFluxError
from nodes.images_api import provenance
from nodes.images_api.errors import BadKey
from nodes.images_api.provenance import records
from nodes.pictures import to_pil


def written(folder) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file() and file.name != "endpoints.toml")


async def test_neither_state_nor_info_nor_log_nor_pictures_hold_the_key(studio, services, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    made = await studio.make("dall-e-2", n=2)
    services.plan(Fault.BROKEN_BASE64)
    with pytest.raises(DalleFluxError):
        await studio.make(seed=5)
    out = tmp_path / "out"
    provenance.save(to_pil(made.images)[0], records(made.info)[0], out / "a.png", {"workflow": "{}"})
    secret = services.key
    assert secret.encode() not in written(studio.root) + written(out)
    assert secret not in str(made.info)
    assert secret not in caplog.text
    assert services.base_url.encode() not in written(out)


async def test_an_endpoint_that_echoes_the_key_does_not_get_it_into_the_error(studio, services):
    right = services.key
    services.key = "sk-another-key-that-the-service-expects"  # ours is now wrong, and is echoed whole
    studio.endpoints()
    file = studio.root / "endpoints.toml"

    def endpoints():
        from nodes.endpoints import Endpoints

        file.write_text(f'[studio]\nbase_url = "{services.base_url}"\napi_key = "{right}"\n', "utf-8")
        return Endpoints.read(file)

    studio.endpoints = endpoints
    with pytest.raises(BadKey) as caught:
        await studio.make()
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value.__dict__)
    assert right not in told
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


async def test_an_endpoint_without_a_key_gets_none_from_the_environment(studio, services, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-belongs-to-openai-only")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-belongs-to-openai-only")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-belongs-to-openai-only")
    file = studio.root / "endpoints.toml"

    def endpoints():
        from nodes.endpoints import Endpoints

        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f'[studio]\nbase_url = "{services.base_url}"\n', "utf-8")
        return Endpoints.read(file)

    studio.endpoints = endpoints
    seen = []
    services._check_key = lambda request: seen.append(dict(request.headers))
    made = await studio.make()
    assert "belongs-to-openai-only" not in str(seen)
    assert all("Authorization" not in headers for headers in seen)
    assert made.info.cost_usd == 0.0  # a server on this machine without a key sends no bill


async def test_a_saved_picture_tells_where_it_comes_from(studio, tmp_path):
    made = await studio.make("dall-e-3", seed=7)
    (record,) = records(made.info)
    provenance.save(to_pil(made.images)[0], record, tmp_path / "out" / "a.png", {})
    told = provenance.read(tmp_path / "out" / "a.png")
    assert told == record
    assert told["prompt"] == "a red cube"
    assert told["revised_prompt"] == "a red cube, drawn in great detail"
    assert told["seed"] == 7
    row = studio.ledger.row(told["ledger_row"])
    assert (row["request_id"], row["image_sha256"], row["state"]) == (told["request_id"], told["sha256"], "done")
    assert (tmp_path / "out" / "a.json").exists()


@pytest.mark.parametrize(
    "table",
    [{"per_day": 1}, {"per_day_usd": "1"}, {"per_day_usd": True}, {"per_day_usd": -1}, {"partial_images": 9},
     {"prices": {"x": "cheap"}}, {"models": {"x": 1}}, 3],
)  # fmt: skip
def test_a_mistyped_budget_is_not_no_budget(table):
    from nodes.endpoints import BadEndpointsFile
    from nodes.services.settings import ServiceSettings

    with pytest.raises(BadEndpointsFile, match=r"settings\.images_api"):
        ServiceSettings.read({"images_api": table})
