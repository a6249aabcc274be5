"""Keys in the user's file, and who is let in."""

from __future__ import annotations

import math

import pytest
from multidict import CIMultiDict

from nodes.endpoint import keys
from nodes.endpoint.admission import Admission
from nodes.endpoint.contract.errors import ApiError
from nodes.endpoint.settings import BadEndpointSettings, EndpointSettings, Key, settings_of
from nodes.endpoints import Endpoints

HERE = {"Host": "127.0.0.1:8188"}


def test_a_key_is_shown_once_kept_as_a_hash_and_removed_without_touching_the_rest(tmp_path, capsys):
    file = tmp_path / "endpoints.toml"
    before = '# mine\n[scheduler]\nbase_url = "https://images.example.com/v1"  # here\n'
    file.write_text(before, "utf-8")
    assert keys.main(["--file", str(file), "add", "laptop", "--requests-per-minute", "5", "--models", "dall-e-3"]) == 0
    key = capsys.readouterr().out.strip()
    assert key.startswith("df-")
    assert key not in file.read_text("utf-8")
    read = Endpoints.read(file)
    table = settings_of(read.settings, read.webhooks).keys
    assert keys.owner_of(key, table) == "laptop"
    assert keys.owner_of(key[:-1], table) is None
    assert table["laptop"].requests_per_minute == 5
    assert keys.main(["--file", str(file), "add", "laptop"]) == 1
    assert keys.main(["--file", str(file), "add", "no name"]) == 1
    assert keys.main(["--file", str(file), "list"]) == 0
    assert "laptop: requests_per_minute 5" in capsys.readouterr().out
    assert keys.main(["--file", str(file), "remove", "laptop"]) == 0
    assert file.read_text("utf-8") == before
    assert keys.main(["--file", str(file), "remove", "laptop"]) == 1


def admitted(settings: EndpointSettings, headers: dict[str, str], remote: str = "127.0.0.1") -> object:
    """The caller's name, or the status of the refusal."""
    try:
        return Admission().admit(settings, CIMultiDict({**HERE, **headers}), remote).name
    except ApiError as error:
        return error.status


OPEN = EndpointSettings()
KEYED = EndpointSettings(keys={"laptop": Key(sha256=keys.hashed("df-right"))})
RIGHT = {"Authorization": "Bearer df-right"}


@pytest.mark.parametrize(
    ("settings", "headers", "remote", "expected"),
    [
        (OPEN, {}, "127.0.0.1", "this machine"),
        (OPEN, {"Host": "localhost:8188"}, "::1", "this machine"),
        (OPEN, {"Authorization": "Bearer anything"}, "127.0.0.1", "this machine"),
        (OPEN, {}, "192.168.1.5", 403),
        (OPEN, {"Host": "192.168.1.2:8188"}, "127.0.0.1", 403),
        (OPEN, {"Host": "evil.example"}, "127.0.0.1", 403),
        (OPEN, {"Host": ""}, "127.0.0.1", 403),
        (OPEN, {"Host": "[::1"}, "127.0.0.1", 403),
        (OPEN, {"Forwarded": "for=1.2.3.4"}, "127.0.0.1", 403),
        (KEYED, {}, "127.0.0.1", 401),
        (KEYED, {"Authorization": "Bearer df-wrong"}, "127.0.0.1", 401),
        (KEYED, {"Authorization": "Basic df-right"}, "127.0.0.1", 401),
        (KEYED, {"Authorization": "Bearer"}, "127.0.0.1", 401),
        (KEYED, RIGHT, "127.0.0.1", "laptop"),
        (KEYED, {"api-key": "df-right"}, "127.0.0.1", "laptop"),
        (KEYED, {**RIGHT, "Host": "192.168.1.2:8188"}, "192.168.1.5", "laptop"),
        (EndpointSettings(enabled=False), {}, "127.0.0.1", 403),
    ],
)  # fmt: skip
def test_who_is_let_in(settings, headers, remote, expected):
    assert admitted(settings, headers, remote) == expected


@pytest.mark.parametrize(
    "table",
    [
        {"endpoint": 3},
        {"endpoint": {"unknown": 1}},
        {"endpoint": {"max_waiting": 0}},
        {"endpoint": {"max_waiting": "8"}},
        {"endpoint": {"max_waiting": True}},
        {"endpoint": {"timeout_s": math.nan}},
        {"endpoint": {"timeout_s": 0}},
        {"endpoint": {"public_url": "https://me:secret@x"}},
        {"endpoint": {"aliases": {"gpt-image-1": 1}}},
        {"endpoint": {"keys": []}},
        {"endpoint": {"keys": {"a": 1}}},
        {"endpoint": {"keys": {"a": {"sha256": "0" * 64, "requests_per_minute": 0}}}},
        {"endpoint": {"keys": {"a": {"sha256": "0" * 64, "models": "dall-e-3"}}}},
        {"endpoint": {"keys": {"a": {}}}},
        {"endpoint": {"keys": {"a": {"sha256": "df-the-key-itself"}}}},
    ],
)
def test_settings_that_cannot_be_used_are_named(table):
    with pytest.raises(BadEndpointSettings, match=r"\[settings.endpoint") as caught:
        settings_of(table, {})
    assert "df-the-key-itself" not in str(caught.value)


SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


@pytest.mark.parametrize(
    "table",
    [
        *({"url": url, "secret": SECRET} for url in ("ftp://x", "https://", "https://me:hidden@x", "x", "http://[", 1)),
        *({"url": "https://x", "secret": hidden} for hidden in ("hidden", "whsec_hidden", "hidden==" * 9, 1)),
        {"url": "https://x"},
        {"secret": SECRET},
        {"url": "https://x", "secret": SECRET, "retries": 3},
        "https://x",
    ],
)
def test_webhooks_have_a_web_address_and_a_secret(table):
    with pytest.raises(BadEndpointSettings, match=r"\[webhooks\.mine\]") as caught:
        settings_of({}, {"mine": table})
    assert "hidden" not in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_webhook_is_read():
    hook = settings_of({}, {"mine": {"url": "https://x/y", "secret": SECRET}}).webhooks["mine"]
    assert (hook.url, hook.secret) == ("https://x/y", SECRET)
    assert SECRET not in repr(hook)
