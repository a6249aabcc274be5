"""Our addresses in a real ComfyUI: every one that is registered is walked, so that none can be forgotten.

Who may ask is written in `nodes/guard.py`; that no question, however odd, is answered 500 or with a traceback holds
for addresses added later, too.
"""

from __future__ import annotations

import http.client
import json
import re
from dataclasses import dataclass
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

LISTER = """
from aiohttp import web
from server import PromptServer
NODE_CLASS_MAPPINGS = {}

@PromptServer.instance.routes.get("/registered")
async def registered(request):
    return web.json_response([
        [route.method, route.resource.canonical, route.handler.__module__] for route in request.app.router.routes()
        if route.resource
    ])
"""
PACK = "our-pack"
EVERY = {"*": "PUT"}  # one method for an address that takes all
IN_OPENAIS_SHAPE = "/dalle-flux/v1"  # {"error": {message, type, param, code}}; elsewhere {error, code}
FORMS = "multipart/form-data; boundary=x"


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes
    headers: dict[str, str]


@pytest.fixture(scope="module")
def server(start_comfyui):
    """Reachable from the local network and by a name that the user allowed, as behind a reverse proxy."""

    def prepare(installation) -> None:
        lister = installation.base / "custom_nodes" / "lister"
        lister.mkdir()
        (lister / "__init__.py").write_text(LISTER, "utf-8")
        state = installation.base / "user" / "dalle_flux"
        state.mkdir(parents=True, exist_ok=True)
        (state / "endpoints.toml").write_text('[settings]\nallowed_hosts = ["comfy.example.com"]\n', "utf-8")

    # ComfyUI looks strange names up; without a network that ends sooner so.
    quick = {"RES_OPTIONS": "attempts:1 timeout:1"}
    listening = ("--cpu", "--listen", "0.0.0.0")
    return start_comfyui(pack_name=PACK, prepare=prepare, arguments=listening, variables=quick)


@pytest.fixture(scope="module")
def addresses(server) -> list[tuple[str, str]]:
    found = [(EVERY.get(method, method), path) for method, path, module in server.get("/registered") if PACK in module]
    assert len(found) >= 2 * 13, "each address stands under /api, too"
    return found


def ask(server, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        sent = {"Host": f"127.0.0.1:{server.port}"} | {name.replace("_", "-"): it for name, it in headers.items()}
        if body is not None:
            sent = {"Content-Length": str(len(body)), "Content-Type": "application/json"} | sent
        for name, value in sent.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        reply = connection.getresponse()
        return Reply(reply.status, reply.read(), dict(reply.headers))
    finally:
        connection.close()


def filled(path: str, value: str = "1") -> str:
    return re.sub(r"\{[^}]*\}", value, path)


def body_for(method: str) -> bytes | None:
    return b"{}" if method in ("POST", "PUT", "PATCH") else None


def told(reply: Reply) -> dict[str, str]:
    """An error of either shape, as {error, code}."""
    body = json.loads(reply.body)
    if isinstance(body["error"], dict):
        assert set(body["error"]) >= {"message", "type", "param", "code"}
        return {"error": body["error"]["message"], "code": body["error"]["code"]}
    assert set(body) == {"error", "code"}
    return dict(body)


def test_every_address_refuses_a_page_of_another_site(server, addresses):
    own = f"http://127.0.0.1:{server.port}"
    for method, path in addresses:
        body = body_for(method)
        for headers in (
            {"Host": "evil.example", "Origin": "http://evil.example"},
            {"Host": f"evil.example:{server.port}"},
            {"Host": "127.0.0.1.evil.example", "Origin": "http://127.0.0.1.evil.example"},
            {"Host": "192.168.1.20:8188", "Origin": "http://evil.example"},
            {"Origin": "null"},
            {"Origin": own, "Sec_Fetch_Site": "cross-site"},
        ):
            assert ask(server, method, filled(path), body, **headers).status == 403, (method, path, headers)
        if body is not None:
            for kind in ("text/plain", "application/x-www-form-urlencoded", FORMS):
                if kind == FORMS and IN_OPENAIS_SHAPE in path:
                    continue
                reply = ask(server, method, filled(path), body, Content_Type=kind)
                assert (reply.status, told(reply)["code"]) == (400, "bad_request"), (method, path, kind)


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:{port}", "http://127.0.0.1:{port}"),
        ("localhost:{port}", "http://localhost:{port}"),
        ("192.168.1.20:{port}", "http://192.168.1.20:{port}"),
        ("comfy.example.com", "https://comfy.example.com"),
        ("comfy.example.com:8443", "https://comfy.example.com:8443"),
        ("192.168.1.20:{port}", "https://comfy.example.com"),  # a proxy that does not pass on the name
        ("127.0.0.1:{port}", ""),
    ],
)
def test_every_address_answers_comfyuis_own_pages(server, addresses, host, origin):
    headers = {"Host": host.format(port=server.port)}
    if origin:
        headers["Origin"] = origin.format(port=server.port)
    for method, path in addresses:
        reply = ask(server, method, filled(path), body_for(method), **headers)
        assert reply.status in (200, 400, 403, 404, 405), (method, path, reply)
        assert method == "HEAD" or b"foreign_request" not in reply.body


def test_what_is_private_is_kept_by_no_cache(server, addresses):
    for method, path in addresses:
        if method == "GET":
            headers = ask(server, method, filled(path)).headers
            assert headers["Cache-Control"] == "no-store", path
            assert headers["X-Content-Type-Options"] == "nosniff", path


@pytest.mark.parametrize("headers", [{"Host": "192.168.1.20:8188"}, {"X_Forwarded_For": "192.168.1.30"}], ids=str)
def test_settings_are_for_the_person_at_this_machine(server, addresses, headers):
    ours = [(method, path) for method, path in addresses if "/dalle_flux/settings" in path]
    assert len(ours) >= 2 * 6
    for method, path in ours:
        reply = ask(server, method, filled(path), body_for(method), **headers)
        assert reply.status == 403, (method, path)
        assert method == "HEAD" or told(reply)["code"] == "not_from_here", (method, path)


NUMBERS = some.sampled_from(["0", "-1", "9" * 9, str(2**63), str(10**22), "9" * 500, "1e9", "nan", "१", "1_0", " 1 "])
ODD = some.text(alphabet=some.characters(codec=None), max_size=30) | NUMBERS
NAMES = ("before", "limit", "outcome", "comparison", "pair", "by", "id")
IN_JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | ODD,
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(ODD, inner, max_size=4),
    max_leaves=8,
)
FIELDS = some.sampled_from(
    ["prompt", "style", "size", "target", "prompt_mode", "describe_artists", "frozen", "comparison", "pair", "choice",
     "blind", "sides", "category", "verdict", "reviewer", "note"]
)  # fmt: skip
FILE = some.fixed_dictionaries(
    {"type": some.just("temp"), "filename": ODD | some.sampled_from(["\0", "../x", r"\\evil\share\x", "a" * 5000])},
    optional={"subfolder": ODD},
)
SIDE = some.fixed_dictionaries(
    {"slot": some.sampled_from("abcd"), "width": some.integers(1), "height": some.integers(1), "label": ODD},
    optional={"sha256": ODD, "facts": some.dictionaries(ODD, ODD, max_size=2), "file": IN_JSON | FILE},
)
VOTE = some.fixed_dictionaries(
    {
        "comparison": ODD,
        "pair": some.integers(1, 9),
        "choice": some.just("tie"),
        "sides": some.lists(SIDE, min_size=2, max_size=4, unique_by=lambda side: side["slot"]),
    },
    optional={"prompt": ODD, "category": ODD},
)
OVERRULE = some.fixed_dictionaries({"verdict": some.sampled_from(["allow", "block"]), "reviewer": ODD, "note": ODD})
CONVERT = some.fixed_dictionaries({"prompt": ODD}, optional={"size": ODD, "frozen": ODD, "style": IN_JSON})
BODIES = (
    (some.dictionaries(FIELDS, IN_JSON, max_size=6) | VOTE | OVERRULE | CONVERT).map(lambda it: json.dumps(it).encode())
    | IN_JSON.map(lambda it: json.dumps(it, ensure_ascii=True).encode())
    | some.binary(max_size=60)
    | some.sampled_from([b"[" * 100_000, b'{"a":' * 50_000, b"[" + b"{}," * 60_000 + b"{}]", b'{"a": ' + b"9" * 60_000])
)
IN_PATH = some.binary(max_size=12).map(lambda raw: quote(raw, safe="")) | NUMBERS.map(quote) | some.just("%ED%A0%80")


def answered(server, method: str, address: str, body: bytes | None, **headers: str) -> Reply:
    reply = ask(server, method, address, body, **headers)
    assert reply.status < 500, (method, address, body, reply)
    assert b"Traceback" not in reply.body
    return reply


@pytest.mark.parametrize(
    "value",
    ["9" * 22, "-" + "9" * 22, "9" * 500, "%00", "a%00b", "%ED%A0%80", "%FF", "%uD800"],
    ids=lambda text: ascii(text)[:20],
)
def test_no_value_in_an_address_is_answered_with_a_failure(server, addresses, value):
    for method, path in addresses:
        for name in NAMES:
            answered(server, method, f"{filled(path, value)}?{name}={value}&pair=1", body_for(method))


@pytest.mark.parametrize(
    "text", ["\ud800", "\0", "a" * 5000, r"\\evil\share\x", "9" * 400], ids=lambda text: ascii(text)[:20]
)
def test_no_text_in_a_body_is_answered_with_a_failure(server, addresses, text):
    side = {"width": 10**30, "height": 1, "label": text, "sha256": text, "facts": {text: text}}
    file = {"type": "temp", "filename": text, "subfolder": text}
    body = {
        "comparison": text[:64], "pair": 1, "choice": "tie", "prompt": text, "category": text, "size": text,
        "sides": [{"slot": "a", "file": file, **side}, {"slot": "b", "file": text, **side}],
        "verdict": "allow", "reviewer": text, "note": text, "frozen": text,
    }  # fmt: skip
    for method, path in addresses:
        if body_for(method):
            answered(server, method, filled(path), json.dumps(body).encode())


BROKEN_FORMS = (b"", b"--x", b"--x\r\nNone--x--\r\n", b"--x\r\n\r\nx\r\n--x--", b"--x\r\n\0: \0\r\n\r\n--x--")


@pytest.mark.parametrize("body", BROKEN_FORMS, ids=range(len(BROKEN_FORMS)))
def test_no_broken_form_is_answered_with_a_failure(server, addresses, body):
    for method, path in addresses:
        if body_for(method) and IN_OPENAIS_SHAPE in path:
            answered(server, method, filled(path), body, Content_Type=FORMS)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(data=some.data())
def test_no_question_however_odd_is_answered_with_a_failure(server, addresses, data):
    method, path = data.draw(some.sampled_from(addresses))
    query = "&".join(
        f"{name}={value}"
        for name, value in data.draw(some.lists(some.tuples(some.sampled_from(NAMES) | IN_PATH, IN_PATH), max_size=3))
    )
    body = data.draw(BODIES) if method in ("POST", "PUT", "PATCH") else None
    address = filled(path, data.draw(IN_PATH) or "1") + "?" + query
    reply = answered(server, method, address, body)
    if reply.status >= 400 and b'"code"' in reply.body:
        assert len(told(reply)["error"]) < 1000


def test_none_of_it_left_a_traceback_in_the_log(server):
    assert "Traceback" not in server.log


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "odd"])
def test_no_body_that_is_not_what_its_head_says_is_answered_with_a_failure(server, addresses, encoding):
    """The last one here: aiohttp itself logs a traceback when what is left of such a body is thrown away."""
    for method, path in addresses:
        if body_for(method):
            answered(server, method, filled(path), b"{}", Content_Encoding=encoding)
