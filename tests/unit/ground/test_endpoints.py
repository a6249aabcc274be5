import os

import pytest

from nodes.endpoints import HOSTED, BadEndpointsFile, Endpoints, MissingKey, UnknownEndpoint

STUDIO = """
[studio]
base_url = "https://images.example.com/v1/"
api_key_env = "STUDIO_KEY"
models = ["dall-e-3", "house-style"]
"""


@pytest.fixture
def read(tmp_path):
    def read(text: str) -> Endpoints:
        file = tmp_path / "endpoints.toml"
        file.write_text(text, "utf-8")
        return Endpoints.read(file)

    return read


def test_without_a_file_there_are_the_built_in_endpoints(tmp_path):
    endpoints = Endpoints.read(tmp_path / "endpoints.toml")
    assert endpoints.names() == ["openai", "ollama"]
    assert endpoints.get("openai").base_url == "https://api.openai.com/v1"
    assert endpoints.get("ollama").is_local


def test_the_users_file_names_further_endpoints(read):
    studio = read(STUDIO).get("studio")
    assert studio.base_url == "https://images.example.com/v1"
    assert studio.models == ("dall-e-3", "house-style")
    assert not studio.is_local


def test_a_built_in_endpoint_can_be_given_another_limit_without_naming_its_url_again(read):
    openai = read("[openai]\nmax_parallel = 2").get("openai")
    assert (openai.max_parallel, openai.base_url) == (2, "https://api.openai.com/v1")
    assert openai.api_key_env == "OPENAI_API_KEY"


def test_a_name_that_is_not_in_the_file_is_refused_with_the_lines_to_add(read):
    endpoints = read(STUDIO)
    with pytest.raises(UnknownEndpoint) as refusal:
        endpoints.get("studoi")
    assert "did you mean 'studio'?" in str(refusal.value)
    assert "[studoi] / base_url" in str(refusal.value)
    assert str(endpoints.file) in str(refusal.value)


def test_a_file_that_cannot_be_made_private_is_still_read(read, monkeypatch):
    def refuse(*_):
        raise PermissionError("read-only")

    monkeypatch.setattr("pathlib.Path.chmod", refuse)
    assert read('[studio]\nbase_url = "https://x.example/v1"\napi_key = " sk-x\\n"').get("studio").api_key() == "sk-x"


def test_a_time_that_is_no_number_is_refused(read):
    with pytest.raises(BadEndpointsFile, match="above 0"):
        read("[openai]\ntimeout_s = nan")


def test_a_hostile_name_does_not_shape_the_message(read):
    with pytest.raises(UnknownEndpoint) as refusal:
        read(STUDIO).get("evil]\nbase_url='https://evil.example'\n" + "x" * 1000)
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 600


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[a", "Expected"),
        ("a = 1", "outside of a table"),
        ("[a]\nurl = 'https://x/v1'", "unknown field 'url'"),
        ("[a]\napi_key_env = 'X'", "no base_url"),
        ("[a]\nbase_url = 'ftp://x/v1'", "https://"),
        ("[a]\nbase_url = 'http://images.example.com/v1'", "unencrypted"),
        ("[a]\nbase_url = 'https://user:secret@example.com/v1'", "password"),
        ("[a]\nbase_url = 'https://example.com/v1?x=1'", "'?'"),
        ("[a]\nbase_url = 'https://example.com'\nmodels = [1]", "models"),
        ("[a]\nbase_url = 'https://example.com'\ntimeout_s = true", "wrong type"),
        ("[a]\nbase_url = 'https://example.com'\nmax_parallel = 0", "above 0"),
        ("[a]\nbase_url = 'https://example.com'\nkind = 'x'", "kind must be"),
        ("['a b']\nbase_url = 'https://example.com'", "may hold letters"),
        ("settings = 3", "must be a table"),
        ("[a]\nbase_url = 'https://[::bad/v1'", "cannot be used"),
        ("x" * 1_000_001, "larger than 1 MB"),
    ],
)
def test_a_file_that_says_something_wrong_is_refused_and_named(read, text, complaint):
    with pytest.raises(BadEndpointsFile, match=r"endpoints\.toml cannot be used") as refusal:
        read(text)
    assert complaint in str(refusal.value)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:11434", "[::1]:1", "127.9.9.9"])
def test_plain_http_is_allowed_on_loopback(read, host):
    assert read(f"[a]\nbase_url = 'http://{host}/v1'").get("a").is_local


def test_plain_http_elsewhere_needs_the_users_word(read):
    text = "[lan]\nbase_url = 'http://images.example.com/v1'\nallow_http = true"
    assert not read(text).get("lan").is_local


def test_a_base_url_without_a_path_gets_v1(read):
    assert read("[a]\nbase_url = 'https://example.com'").get("a").base_url == "https://example.com/v1"


def test_azure_is_recognised_by_its_host(read):
    azure = read("[a]\nbase_url = 'https://x.openai.azure.com/openai/v1'").get("a")
    assert azure.kind == "azure"


def test_a_key_comes_from_the_environment_when_it_is_needed(read, monkeypatch):
    studio = read(STUDIO).get("studio")
    monkeypatch.delenv("STUDIO_KEY", raising=False)
    with pytest.raises(MissingKey, match="STUDIO_KEY is not set"):
        studio.api_key()
    monkeypatch.setenv("STUDIO_KEY", " sk-secret \n")
    assert studio.api_key() == "sk-secret"
    assert "sk-secret" not in repr(studio)


def test_a_key_in_the_file_makes_the_file_private_and_stays_out_of_sight(read):
    endpoints = read("[a]\nbase_url = 'https://example.com'\napi_key = 'sk-secret'")
    assert endpoints.get("a").api_key() == "sk-secret"
    assert "sk-secret" not in repr(endpoints)
    if os.name != "nt":
        assert endpoints.file.stat().st_mode & 0o077 == 0


def test_settings_are_no_endpoint(read):
    endpoints = read("[settings.budget]\nday_usd = 5")
    assert endpoints.settings == {"budget": {"day_usd": 5}}
    assert "settings" not in endpoints.names()


def test_a_file_with_a_byte_order_mark_from_notepad_is_read(tmp_path):
    file = tmp_path / "endpoints.toml"
    file.write_bytes(b"\xef\xbb\xbf" + STUDIO.encode())
    assert "studio" in Endpoints.read(file).names()


@pytest.mark.parametrize(
    "url",
    ["https://h:99999/v1", "https://h:-1/v1", "https://h:abc/v1", "https://h:0/v1", "https://h h/v1",
     "https://h\\\\@evil.example/v1", "https://h/\\u0007v1"],
)  # fmt: skip
def test_an_address_that_cannot_be_asked_is_refused_when_the_file_is_read(read, url):
    with pytest.raises(BadEndpointsFile, match=r"\[a\] base_url is no address"):
        read(f'[a]\nbase_url = "{url}"')


@pytest.mark.parametrize("line", ["timeout_s = inf", "timeout_s = 1e9", "timeout_s = -1", "max_parallel = 1.5"])
def test_limits_that_limit_nothing_are_refused(read, line):
    with pytest.raises(BadEndpointsFile, match="above 0"):
        read(f"[openai]\n{line}")


@pytest.mark.parametrize("host", ["x.openai.azure.com", "x.cognitiveservices.azure.com", "x.services.ai.azure.com"])
def test_azure_is_recognised_by_its_hosts_alone(read, host):
    assert read(f"[a]\nbase_url = 'https://{host}/openai/v1'").get("a").kind == "azure"
    assert read(f"[a]\nbase_url = 'https://evil.example/{host}/v1'").get("a").kind == "openai"


@pytest.mark.parametrize("kind", HOSTED)
def test_a_hosted_service_needs_no_more_than_its_kind(read, kind):
    there = read(f'[there]\nkind = "{kind}"').get("there")
    assert (there.base_url, there.api_key_env) == (HOSTED[kind].base_url, HOSTED[kind].api_key_env)
    with pytest.raises(UnknownEndpoint, match=HOSTED[kind].api_key_env):
        read("").get(kind)


def test_fals_key_may_be_set_in_two_halves(read, monkeypatch):
    for name in ("FAL_KEY", "FAL_KEY_ID", "FAL_KEY_SECRET"):
        monkeypatch.delenv(name, raising=False)
    there = read('[there]\nkind = "fal"').get("there")
    monkeypatch.setenv("FAL_KEY_ID", "an-id")
    with pytest.raises(MissingKey, match="FAL_KEY"):
        there.api_key()
    monkeypatch.setenv("FAL_KEY_SECRET", "a-secret\n")
    assert there.api_key() == "an-id:a-secret"
    monkeypatch.setenv("FAL_KEY", "whole")
    assert there.api_key() == "whole"
    monkeypatch.setenv("BFL_API_KEY_ID", "an-id")
    monkeypatch.setenv("BFL_API_KEY_SECRET", "a-secret")
    monkeypatch.delenv("BFL_API_KEY", raising=False)
    with pytest.raises(MissingKey):
        read('[bfl]\nkind = "bfl"').get("bfl").api_key()


def test_the_usual_key_of_a_service_goes_to_its_own_address_only(read):
    proxy = read('[proxy]\nkind = "bfl"\nbase_url = "https://proxy.example.com"').get("proxy")
    assert (proxy.base_url, proxy.api_key_env) == ("https://proxy.example.com/v1", None)
    assert read('[openai]\nkind = "fal"').get("openai").api_key_env == "FAL_KEY"
    theirs = read('[openai]\nkind = "fal"\nbase_url = "https://proxy.example.com"').get("openai")
    assert theirs.api_key_env is None
