"""Which replica draws what."""

from __future__ import annotations

import dataclasses

import pytest

from nodes.endpoint.contract.orders import order_of
from nodes.endpoint.contract.rules import Operation, rules_for
from nodes.endpoint.contract.submissions import Submission
from nodes.endpoint.models import Catalogue
from nodes.endpoint.published import Publications
from nodes.endpoint.settings import EndpointSettings
from nodes.fleet.routing import Seen, ranked, weights_of
from nodes.state import State


def seen(name: str, held: str | None, ongoing: int = 0, since: float = 0.0) -> Seen:
    return Seen(name, held, since, ongoing, slots=2)


@pytest.mark.parametrize(
    ("replicas", "wanted", "patient", "expected"),
    [
        pytest.param([seen("a", "x"), seen("b", "y")], [], True, [["b"]], id="who holds them"),
        pytest.param([seen("a", "x"), seen("b", None)], [], True, [["b"]], id="an empty one before one to be emptied"),
        pytest.param([seen("a", "x", 1), seen("b", "z")], ["z"], True, [], id="what others wait for is left alone"),
        pytest.param([seen("a", "y", 2), seen("b", "z")], [], True, [], id="who holds them is waited for"),
        pytest.param([seen("a", "y", 2), seen("b", "z")], [], False, [["b"]], id="but not for long either"),
        pytest.param([seen("a", "y", 2), seen("b", None)], [], True, [["b"]], id="an empty one need not wait"),
        pytest.param([seen("a", "x", 1), seen("b", "z")], ["z"], False, [["b"]], id="but not for long"),
        pytest.param([seen("a", "y", 1), seen("b", "z", 1)], [], True, [["a"]], id="soon free, and holds them"),
        pytest.param([seen("a", "y", 2), seen("b", "z", 1)], [], True, [], id="all are busy"),
        pytest.param([seen("a", "x", since=2), seen("b", "z", since=1)], [], True, [["b"]], id="the longest unused"),
        pytest.param(
            [seen("a", "x", since=1), seen("b", "z", since=2), seen("c", "z", 1)], [], True, [["b"]],
            id="weights that another one holds, too",
        ),
    ],
)  # fmt: skip
def test_a_request_for_y_goes_to(replicas, wanted, patient, expected):
    assert ranked("y", replicas, wanted, patient=patient) == expected


def test_equal_weights_are_equal_whatever_the_graph_is_called(tmp_path):
    publications = Publications(State(tmp_path))
    request = {"class_type": "DalleFluxImagesRequest", "inputs": {}}
    response = {"class_type": "DalleFluxImagesResponse", "inputs": {}}

    def publish(name: str, file: str) -> str:
        loader = {"class_type": "UNETLoader", "inputs": {"unet_name": file, "weight_dtype": "default"}}
        publications.publish(name, {"1": request, "2": loader, "3": response})
        return weights_of(Catalogue(EndpointSettings(), publications).find(name), order)

    order = order_of(Submission(Operation.GENERATE, {"model": "dall-e-2", "prompt": "x"}), rules_for)
    assert publish("one", "flux1-dev.safetensors") == publish("two", "flux1-dev.safetensors")
    assert publish("three", "sdxl.safetensors") != publish("two", "flux1-dev.safetensors")
    built_in = Catalogue(EndpointSettings(), publications).find("gpt-image-1")
    edit = dataclasses.replace(order, operation=Operation.EDIT)
    assert weights_of(built_in, order) != weights_of(built_in, edit)
    other_name = Catalogue(EndpointSettings(), publications).find("dall-e-3")
    assert weights_of(built_in, order) == weights_of(other_name, order)
