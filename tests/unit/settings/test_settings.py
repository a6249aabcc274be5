"""The user's file, changed by the settings page: nothing else in it is touched, and no key comes out."""

from __future__ import annotations

import json
import os
import stat
import sys
import threading

import pytest
from services.wire import Wire, reply

from nodes.endpoints import BadEndpointsFile, Endpoints, MissingKey
from nodes.errors import DalleFluxError
from nodes.replies import BadRequest
from nodes.services import asking
from nodes.services.failures import ServiceFailed
from nodes.services.ledger import CallState, Ledger, Wanted
from nodes.services.settings import ServiceSettings
from nodes.settings.costs import month
from nodes.settings.document import CannotChange
from nodes.settings.page import change_settings, put_endpoint, remove_endpoint, shown
from nodes.settings.trial import try_endpoint
from nodes.state import State

BY_HAND = """\
# my endpoints

[studio]              # the one at work
base_url = "https://images.example.com/v1"
api_key  = "sk-secret-1"   # do not lose
models = [ "house-style", ]

[settings]
only_commercial = true
[settings.images_api]
# enough for a day
per_day_usd = 3.5

[settings.images_api.prices]
house-style = 0.03

[zeta]
base_url = "http://127.0.0.1:9/v1"

[settings.moderation]
minimum = "family-safe"
"""


@pytest.fixture
def state(tmp_path) -> State:
    return State(tmp_path / "dalle_flux")


def write(state: State, text: str = BY_HAND) -> None:
    state.root.mkdir(exist_ok=True)
    state.endpoints_file.write_bytes(text.encode())


def text(state: State) -> str:
    return state.endpoints_file.read_bytes().decode()


def test_a_change_touches_one_line(state):
    write(state)
    change_settings(state, {"per_day_usd": 8})
    assert text(state) == BY_HAND.replace("per_day_usd = 3.5", "per_day_usd = 8")
    change_settings(state, {"per_day_usd": None, "minimum": "DALL·E-like"})
    assert text(state) == BY_HAND.replace("per_day_usd = 3.5\n", "").replace("family-safe", "DALL·E-like")


def test_everything_on_the_page_can_be_set_and_is_read_back(state):
    wanted = {
        "per_session_usd": 1.5, "per_day_usd": 0, "only_commercial": True, "minimum": "strict",
        "archive_folders": [str(state.root)], "served": False,
    }  # fmt: skip
    wanted["minimum"] = shown(state)["presets"][-1]
    change_settings(state, wanted)
    assert shown(state)["settings"] == wanted
    change_settings(state, dict.fromkeys(wanted))
    assert shown(state)["settings"] == {
        "per_session_usd": None, "per_day_usd": 5.0, "only_commercial": False, "minimum": None,
        "archive_folders": [], "served": True,
    }  # fmt: skip


def test_an_endpoint_is_added_changed_and_removed_and_the_rest_stays(state):
    write(state)
    put_endpoint(state, {"name": "new", "base_url": "https://new.example/v1", "api_key": " sk-new ", "models": ["a"]})
    assert text(state).startswith(BY_HAND)
    assert Endpoints.read(state.endpoints_file).get("new").api_key() == "sk-new"
    put_endpoint(state, {"name": "new", "api_key": None, "api_key_env": "NEW_KEY"})
    assert Endpoints.read(state.endpoints_file).get("new").stored_key is None
    remove_endpoint(state, "new")
    assert text(state).rstrip() == BY_HAND.rstrip()
    remove_endpoint(state, "studio")
    assert "sk-secret-1" not in text(state)
    assert "# enough for a day" in text(state)


def test_a_key_is_stored_for_the_user_alone_and_never_shown(state):
    put_endpoint(state, {"name": "openai", "api_key": "sk-very-secret"})
    page = shown(state)
    assert "sk-very-secret" not in json.dumps(page)
    assert {"name": "openai", "key": "stored", "is_built_in": False}.items() <= page["endpoints"][0].items()
    if os.name != "nt":
        assert stat.S_IMODE(state.endpoints_file.stat().st_mode) == 0o600
        assert stat.S_IMODE(state.root.stat().st_mode) == 0o700
    remove_endpoint(state, "openai")
    assert shown(state)["endpoints"][0]["is_built_in"]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": "x", "base_url": "http://far.example/v1"}, "sends your key unencrypted"),
        ({"name": "x"}, "Nothing was said"),
        ({"name": "x", "api_key": "k"}, "has no base_url"),
        ({"name": "a b", "base_url": "https://x.example"}, "may hold letters"),
        ({"name": "settings", "base_url": "https://x.example"}, "cannot be called"),
        ({"name": "webhooks", "base_url": "https://x.example"}, "cannot be called"),
        ({"name": "x", "base_url": "https://x.example", "timeout_s": 1}, "write it into the file"),
        ({"name": "x", "base_url": 5}, "look at the field"),
        ({"name": "x", "base_url": "https://\ud800"}, "look at the field"),
        ({}, "needs a name"),
    ],
)
def test_what_would_not_be_read_is_refused_with_the_readers_sentence_and_nothing_changes(state, fields, sentence):
    write(state)
    with pytest.raises(DalleFluxError) as told:
        put_endpoint(state, fields)
    assert sentence in str(told.value)
    assert text(state) == BY_HAND


@pytest.mark.parametrize(
    "wanted",
    [
        {"per_day_usd": -1},
        {"per_day_usd": "a"},
        {"minimum": "none"},
        {"nothing": 1},
        {"archive_folders": ["relative"]},
        {"served": 1},
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(state, wanted):
    write(state)
    with pytest.raises(DalleFluxError):
        change_settings(state, wanted)
    assert text(state) == BY_HAND


def test_a_file_that_cannot_be_read_is_shown_with_its_complaint_and_left_alone(state):
    write(state, "[studio\nbase_url = 1")
    assert "line 1" in shown(state)["complaint"]
    with pytest.raises(BadEndpointsFile):
        change_settings(state, {"per_day_usd": 1})
    assert text(state) == "[studio\nbase_url = 1"


@pytest.mark.parametrize(
    "written",
    [
        "settings = { only_commercial = true, images_api = { per_day_usd = 1 } }\n",
        "settings.images_api.per_day_usd = 1\n[a]\nbase_url = 'https://a.example'\n",
        "[settings.images_api]\nper_day_usd = 1\r\n# last line without an end",
        "\ufeff[settings]\nimages_api.per_day_usd = 1\n",
    ],
)
def test_however_the_file_is_written_the_change_is_right_or_refused(state, written):
    write(state, written)
    try:
        change_settings(state, {"per_day_usd": 2, "served": False})
    except CannotChange:
        assert text(state) == written
    else:
        told = shown(state)["settings"]
        assert (told["per_day_usd"], told["served"]) == (2, False)
        assert ("# last line" in written) == ("# last line" in text(state))


def test_changes_at_the_same_time_are_all_kept(state):
    def add(number: int) -> None:
        put_endpoint(state, {"name": f"e{number}", "base_url": "https://e.example"})

    threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {f"e{number}" for number in range(8)} <= set(Endpoints.read(state.endpoints_file).by_name)


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_stays_a_link(state, tmp_path):
    write(state)
    real = tmp_path / "dotfiles.toml"
    state.endpoints_file.rename(real)
    state.endpoints_file.symlink_to(real)
    change_settings(state, {"served": False})
    assert state.endpoints_file.is_symlink()
    assert "enabled = false" in real.read_text("utf-8")


def test_only_what_is_in_the_file_can_be_removed(state):
    with pytest.raises(BadRequest):
        remove_endpoint(state, "settings")
    with pytest.raises(BadRequest):
        remove_endpoint(state, "nobody")


# --- trying an endpoint


def test_an_endpoint_that_takes_its_key_says_so(state, services):
    put_endpoint(state, {"name": "studio", "base_url": services.base_url, "api_key": services.key})
    said = try_endpoint(Endpoints.read(state.endpoints_file).get("studio"))
    assert "answers, takes the key and lists" in said
    assert services.requests == []


def test_a_wrong_key_and_a_wrong_address_are_told_apart(state, services, monkeypatch):
    monkeypatch.setattr(asking, "_BACKOFF_S", ())
    put_endpoint(state, {"name": "wrong", "base_url": services.base_url, "api_key": "sk-wrong-0000"})
    put_endpoint(state, {"name": "away", "base_url": "http://127.0.0.1:9/v1", "api_key_env": "NOT_SET_ANYWHERE"})
    known = Endpoints.read(state.endpoints_file)
    with pytest.raises(ServiceFailed, match="does not accept the key") as told:
        try_endpoint(known.get("wrong"))
    assert "sk-wrong-0000" not in str(told.value)
    with pytest.raises(MissingKey, match="NOT_SET_ANYWHERE"):
        try_endpoint(known.get("away"))


def test_a_server_without_a_list_of_models_is_no_failure(state):
    with Wire(lambda _: reply(b"{}", status=404)) as wire:
        put_endpoint(state, {"name": "plain", "base_url": wire.base_url})
        assert "has no list of models" in try_endpoint(Endpoints.read(state.endpoints_file).get("plain"))


# --- what it has cost


def test_a_months_cost_is_what_was_counted_else_what_was_expected(state):
    ledger = Ledger(state)

    def pay(endpoint: str, estimate: float | None, cost: float | None, ends: CallState = CallState.DONE) -> str:
        wanted = Wanted(f"{endpoint}{estimate}{cost}{ends}", endpoint, "generations", "m", estimate, "picture", "")
        (call,) = ledger.claim([wanted], ServiceSettings(per_day_usd=None), again=True)
        if ends is CallState.UNSENT:
            ledger.give_back([call])
        else:
            ledger.mark_sent(call)
            ledger.settled(call, cost)
        return ledger.row(call.id)["day"]

    assert month(state, "")["days"] == []
    today = pay("a", 0.04, 0.05)
    pay("a", 0.04, None)
    pay("b", None, None)
    pay("b", 9.0, None, CallState.UNSENT)
    told = month(state, today[:7])
    assert told["usd"] == pytest.approx(0.09)
    assert [(day["endpoint"], day["requests"], day["estimates"], day["unknown"]) for day in told["days"]] == [
        ("a", 2, 1, 0),
        ("b", 1, 1, 1),
    ]
    assert [row["endpoint"] for row in told["rows"]] == ["b", "a", "a"]
    assert month(state, "1999-01")["rows"] == []
    with pytest.raises(BadRequest):
        month(state, "%-%")
