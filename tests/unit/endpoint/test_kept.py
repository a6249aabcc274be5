"""What outlives a request: served files, jobs, published workflows."""

from __future__ import annotations

import contextlib
import os
import time

import pytest

from nodes.endpoint.admission import Caller
from nodes.endpoint.contract.errors import ApiError
from nodes.endpoint.contract.rules import Operation
from nodes.endpoint.contract.submissions import File, Submission
from nodes.endpoint.jobs import JobStore
from nodes.endpoint.limits import Limits
from nodes.endpoint.models import Catalogue
from nodes.endpoint.published import BadPublication, NoSuchPublication, Publications
from nodes.endpoint.served import Served
from nodes.endpoint.settings import EndpointSettings, Key
from nodes.state import State

GRAPH = {
    "1": {"class_type": "DalleFluxImagesRequest", "inputs": {}},
    "2": {"class_type": "DalleFluxImagesResponse", "inputs": {"images": ["1", 1]}},
}


def test_a_served_file_ends_and_its_name_is_nowhere_on_the_disk(tmp_path):
    served = Served(tmp_path)
    name = served.put(b"picture", "png", 60)
    found = served.find(name, 60)
    assert found
    assert (found.path.read_bytes(), found.mime) == (b"picture", "image/png")
    assert name.split(".")[0] not in str(list(tmp_path.rglob("*")))
    assert served.find(name.replace(".png", ".jpg"), 60) is None
    for other in ("", "x.png", "../state.sqlite", name + "/..", "\0" * 43 + ".png"):
        assert served.find(other, 60) is None
    an_hour_ago = time.time() - 3601
    os.utime(found.path, (an_hour_ago, an_hour_ago))
    assert served.find(name, 60) is None
    served.sweep(60, now=True)
    assert not found.path.exists()


def test_a_job_keeps_its_request_and_its_reply_and_one_key_stands_for_one_job(tmp_path):
    store = JobStore(State(tmp_path))
    asked = Submission(Operation.EDIT, {"prompt": "x"}, (File("image", b"\x00png"), File("mask", b"m")), True)
    record = store.add("imgjob_1", "me", "dall-e-2", asked, site="http://x", webhook="mine", idempotency_key="k")
    assert store.submission("imgjob_1") == asked
    assert store.add("imgjob_2", "me", "dall-e-2", asked, idempotency_key="k").id == "imgjob_1"
    assert store.add("imgjob_3", "you", "dall-e-2", asked, idempotency_key="k").id == "imgjob_3"
    assert [one.id for one in store.unfinished()] == ["imgjob_1", "imgjob_3"]
    store.end("imgjob_1", "completed", 200, {"data": []}, "mine")
    assert store.reply("imgjob_1") == {"data": []}
    assert [one.id for one in store.unfinished()] == ["imgjob_3"]
    assert [one.id for one in JobStore(State(tmp_path)).newest(9, "me")] == [record.id]
    store.end("imgjob_3", "cancelled", 409, {}, None)
    store.sweep(0.0)
    assert store.get("imgjob_3") is None
    assert store.get("imgjob_1")  # its webhook is still to be called
    assert not (tmp_path / "jobs" / "imgjob_3").exists()


def test_a_day_has_so_many_pictures(tmp_path):
    limits, key = Limits(State(tmp_path)), Key("", pictures_per_day=3)

    def counts(name: str, request: str, pictures: int) -> bool:
        with contextlib.suppress(ApiError):
            limits.count(Caller(name, key, request), pictures)
            return True
        return False

    assert counts("me", "1", 2)
    assert not counts("me", "2", 2)
    assert counts("me", "3", 1)
    assert counts("me", "3", 1)  # the same request
    assert not counts("me", "4", 1)
    assert counts("you", "5", 3)
    limits.give_back(Caller("me", key, "1"))
    limits.give_back(Caller("me", key, "1"))
    assert not counts("me", "6", 3)
    assert counts("me", "7", 2)


def test_a_minute_has_so_many_requests(tmp_path):
    limits, key = Limits(State(tmp_path)), Key("", requests_per_minute=2)
    for request in ("1", "2", "2"):
        limits.count(Caller("me", key, request), 1)
    with pytest.raises(ApiError) as caught:
        limits.count(Caller("me", key, "3"), 1)
    assert (caught.value.status, caught.value.code) == (429, "rate_limit_exceeded")
    assert 1 <= int(caught.value.headers["Retry-After"]) <= 60
    limits.count(Caller("you", key, "4"), 1)


def test_published_workflows_have_versions(tmp_path):
    models = Publications(State(tmp_path))
    assert models.publish("house-style", GRAPH, description="first").version == 1
    second = models.publish("house-style", GRAPH, operations=["generations", "edits"])
    assert second.version == 2
    assert second.operations == {Operation.GENERATE, Operation.EDIT}
    first = models.get("house-style", 1)
    assert first
    assert first.operations == {Operation.EDIT, Operation.VARIATION}  # its image is connected
    assert models.names() == ["house-style"]
    models.remove("house-style", 2)
    newest = models.get("house-style")
    assert newest
    assert newest.version == 1
    models.remove("house-style")
    assert models.names() == []
    with pytest.raises(NoSuchPublication):
        models.remove("house-style")


def test_the_number_of_a_removed_version_is_never_given_again(tmp_path):
    models = Publications(State(tmp_path))
    for expected in (1, 2):
        assert models.publish("house-style", GRAPH).version == expected
    models.remove("house-style", 2)
    assert models.publish("house-style", GRAPH).version == 3
    assert models.versions("house-style") == [1, 3]
    models.remove("house-style")
    assert models.get("house-style") is None
    assert models.publish("house-style", GRAPH).version == 4
    assert models.versions("house-style") == [4]


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "a\\b", "A", "con", "nul.x", "lpt1", "a.", "-a", "x" * 65, "é", "a\n"]
)
def test_names_that_no_folder_may_have_are_refused(tmp_path, name):
    with pytest.raises(BadPublication):
        Publications(State(tmp_path)).publish(name, GRAPH)
    assert Publications(State(tmp_path)).get(name) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("graph", [None, [], {"1": 1}, {"1": {"class_type": 1, "inputs": {}}}, {}, {"1": GRAPH["1"]}])
def test_what_is_no_graph_with_both_nodes_is_refused(tmp_path, graph):
    with pytest.raises(BadPublication):
        Publications(State(tmp_path)).publish("x", graph)


def test_a_published_file_that_was_spoilt_is_told(tmp_path):
    models = Publications(State(tmp_path))
    models.publish("x", GRAPH)
    (tmp_path / "models" / "x" / "0001.json").write_text("{}", "utf-8")
    with pytest.raises(BadPublication):
        models.get("x")


def test_a_spoilt_file_hides_no_other_model(tmp_path):
    models = Publications(State(tmp_path))
    models.publish("house-style", GRAPH)
    models.publish("x", GRAPH)
    (tmp_path / "models" / "x" / "0001.json").write_text("{}", "utf-8")
    catalogue = Catalogue(EndpointSettings(), models)
    names = [model.name for model in catalogue]
    assert {"dall-e-3", "house-style"} < set(names)
    assert "x" not in names
    assert list(catalogue.spoilt()) == ["x"]
    assert "publish it again, or remove it" in catalogue.spoilt()["x"]
