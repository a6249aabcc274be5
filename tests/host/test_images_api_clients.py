"""The pack with older openai clients, as other packs may pin them; the newest one is the environment's own."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack

import pytest
from comfyui.environment import cache_folder
from services import Fault
from services.customer import ROOT, handed, order, order_everywhere
from services.hosted import HOSTED

VERSIONS = ("1.109.1", "2.54.0")


@pytest.fixture(scope="module", params=VERSIONS)
def packages(request):
    """A folder with that client and what it needs, kept between runs."""
    folder = cache_folder() / f"openai-{request.param}"
    if not (folder / "complete").exists():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), "--upgrade"]
        subprocess.run([*command, f"openai=={request.param}"], check=True)
        (folder / "complete").touch()
    return folder


def test_generate_edit_and_variation_with_an_older_client(services, tmp_path, packages):
    made = handed(order(services, tmp_path, packages=packages, n=2))
    assert made["openai"] == packages.name.removeprefix("openai-")
    assert made["shape"] == [2, 1024, 1024, 3]
    services.take(0.6)
    made = handed(order(services, tmp_path, packages=packages, model="gpt-image-2", quality="low"))
    assert made["partials"] == 1
    made = handed(
        order(services, tmp_path, packages=packages, operation="edits", model="gpt-image-2", pictures=2, has_mask=True)
    )
    assert made["shape"] == [1, 1024, 1024, 3]
    made = handed(
        order(services, tmp_path, packages=packages, operation="variations", model="dall-e-2", pictures=1, prompt="")
    )
    assert made["shape"] == [1, 1024, 1024, 3]
    assert len(services.bills) == 5


def test_hosted_services_by_the_connections_of_an_older_client(tmp_path, packages):
    with ExitStack() as stack:
        services = [stack.enter_context(one()) for one in HOSTED.values()]
        made = handed(order_everywhere(services, tmp_path, packages=packages, size="256x256"))
        assert made["shape"] == [1, 256, 256, 3]
        assert [len(one.bills) for one in services] == [1] * len(HOSTED)


def test_errors_and_retries_with_an_older_client(services, tmp_path, packages):
    services.plan(Fault.RATE_LIMIT, seconds=0.1)
    assert handed(order(services, tmp_path, packages=packages))["info"]["pictures"][0]["attempts"] == 2
    for fault, words in (
        (Fault.NO_ANSWER, "NetworkFailure"),
        (Fault.CUT_SHORT, "NetworkFailure"),
        (Fault.REDIRECT, "EndpointFailed"),
    ):
        bills = len(services.bills)
        services.plan(fault, to="https://elsewhere.example/")
        died = order(services, tmp_path, packages=packages, prompt=fault.name)
        assert words in died.stderr
        assert services.key not in died.stderr
        assert len(services.bills) - bills == (fault is not Fault.REDIRECT)
    services.plan(Fault.REFUSE, name="moderation_blocked")
    assert "violence, self-harm" in order(services, tmp_path, packages=packages, prompt="refused").stderr


def test_a_client_without_key_or_organisation_sends_neither(services, tmp_path, packages):
    seen = []
    services._check_key = lambda request: seen.append(str(dict(request.headers)))
    services.key = ""
    mine = {"OPENAI_API_KEY": "sk-mine-alone", "OPENAI_ORG_ID": "org-mine-alone"}
    handed(order(services, tmp_path, packages=packages, variables=mine))
    assert seen
    assert not [headers for headers in seen if "mine-alone" in headers or "uthorization" in headers]


def test_what_holds_for_the_newest_client_holds_for_older_ones(packages):
    """Headers, packed replies, deadlines and addresses, with another client and the HTTP library beneath it."""
    talking = ROOT / "tests" / "unit" / "services" / "test_talking.py"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(talking)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(packages)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:]
