"""Graphs in API format with retired DALL·E nodes."""

from __future__ import annotations

import copy

import pytest

from nodes.flux.revive import Graph, retired_nodes, revive

GENERATE = {"prompt", "size", "quality", "style", "n", "seed", "prompt_mode", "model", "clip", "vae", "rewriter"}
EDIT = {"image", "mask", "prompt", "size", "quality", "n", "seed", "model", "clip", "vae"}
VARIATION = {"image", "size", "n", "seed", "strength", "model", "clip", "vae", "style_model", "clip_vision"}
OPTIONAL = {"image", "mask", "model", "clip", "vae", "rewriter", "style_model", "clip_vision"}
SOCKETS = {
    "DalleFluxLocalGenerate": GENERATE,
    "DalleFluxLocalEdit": EDIT,
    "DalleFluxLocalVariation": VARIATION,
}


def with_save(class_type: str, output: int = 0, **inputs: object) -> Graph:
    return {
        "1": {"class_type": class_type, "inputs": inputs},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", output], "filename_prefix": "x"}},
    }


def test_dalle_3_keeps_prompt_seed_size_quality_and_style() -> None:
    graph = with_save("OpenAIDalle3", prompt="a fox", seed=3, quality="hd", style="vivid", size="1792x1024")
    revived = revive(graph, SOCKETS, present=())
    assert revived["1"] == {
        "class_type": "DalleFluxLocalGenerate",
        "inputs": {"prompt": "a fox", "seed": 3, "quality": "hd", "style": "vivid", "size": "1792x1024", "n": 1,
                   "prompt_mode": "convert"},
    }  # fmt: skip
    assert revived["2"] == graph["2"]


def test_dalle_2_with_a_picture_becomes_an_edit_with_its_mask() -> None:
    graph = with_save("OpenAIDalle2", prompt="p", seed=1, size="512x512", n=2, image=["9", 0], mask=["9", 1])
    node = revive(graph, SOCKETS, present=())["1"]
    assert node["class_type"] == "DalleFluxLocalEdit"
    assert node["inputs"]["image"] == ["9", 0]
    assert node["inputs"]["mask"] == ["9", 1]
    assert (node["inputs"]["n"], node["inputs"]["size"]) == (2, "512x512")


def test_dalle_2_without_a_picture_draws() -> None:
    node = revive(with_save("OpenAIDalle2", prompt="p", seed=1, size="256x256", n=4), SOCKETS, present=())["1"]
    assert node["class_type"] == "DalleFluxLocalGenerate"
    assert node["inputs"]["n"] == 4


def test_a_prompt_that_comes_by_link_still_comes_by_link() -> None:
    node = revive(with_save("OpenAIDalle3", prompt=["7", 0], seed=1), SOCKETS, present=())["1"]
    assert node["inputs"]["prompt"] == ["7", 0]


def test_values_that_were_spelled_differently_are_translated() -> None:
    graph = with_save("FL_Dalle3", prompt="p", resolution="1024x1792", dummy_seed=5, quality="HD", style="natural",
                      batch_size=2, retry=0)  # fmt: skip
    inputs = revive(graph, SOCKETS, present=())["1"]["inputs"]
    assert inputs["quality"] == "hd"
    assert (inputs["size"], inputs["seed"], inputs["n"]) == ("1024x1792", 5, 2)
    assert "retry" not in inputs


def test_outputs_that_moved_are_followed_and_lost_ones_cut() -> None:
    graph = with_save("FL_Dalle3", prompt="p")
    graph["3"] = {"class_type": "ShowText", "inputs": {"text": ["1", 3]}}
    graph["4"] = {"class_type": "ShowInt", "inputs": {"value": ["1", 1]}}
    revived = revive(graph, SOCKETS, present=())
    assert revived["3"]["inputs"]["text"] == ["1", 1]
    assert revived["4"]["inputs"] == {}


def test_a_mask_that_was_a_picture_becomes_a_mask() -> None:
    graph = with_save("DalleImageEdit", prompt="p", size="1024x1024", n=1, image=["8", 0], mask=["9", 0])
    revived = revive(graph, SOCKETS, present=())
    assert revived["1"]["inputs"]["image"] == ["8", 0]
    (made, output) = revived["1"]["inputs"]["mask"]
    assert (revived[made]["class_type"], output) == ("ImageToMask", 0)
    assert revived[made]["inputs"]["image"] == ["9", 0]


@pytest.mark.parametrize("old", retired_nodes())
def test_every_retired_node_keeps_all_that_its_successor_can_take(old: str) -> None:
    entry = retired_nodes()[old]
    given = {name: f"old {name}" for name in entry.inputs if name not in entry.images_as_masks}
    node = revive(with_save(old, **given, api_key="sk-secret"), SOCKETS, present=())["1"]
    due = {
        entry.inputs[name]: value for name, value in given.items() if entry.inputs[name] in SOCKETS[node["class_type"]]
    }
    assert due.items() <= node["inputs"].items()
    assert {"prompt", "image"} & due.keys()
    assert "sk-secret" not in str(node)


def test_a_node_that_this_host_still_has_is_left_alone() -> None:
    graph = with_save("OpenAIDalle3", prompt="a fox")
    assert revive(graph, SOCKETS, present={"OpenAIDalle3"}) is graph


def test_the_graph_that_was_sent_is_not_changed() -> None:
    graph = with_save("OpenAIDalle3", prompt="a fox")
    before = copy.deepcopy(graph)
    revive(graph, SOCKETS, present=())
    assert graph == before


@pytest.mark.parametrize("graph", [{}, {"1": None}, {"1": "text"}, {"1": {"class_type": "KSampler", "inputs": {}}}])
def test_any_other_graph_passes(graph: Graph) -> None:
    assert revive(graph, SOCKETS, present=()) is graph


def test_every_successor_has_every_socket_that_is_mapped() -> None:
    for entry in retired_nodes().values():
        assert set(entry.inputs.values()) <= SOCKETS[entry.new] | {"style"}, entry.old
        assert set(entry.inputs) <= {*entry.widgets, "prompt", "image", "mask"}, entry.old
        assert set(entry.set) | set(entry.inputs.values()) >= SOCKETS[entry.new] - OPTIONAL, entry.old
