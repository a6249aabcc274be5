"""Weights files are read by their headers, and nothing in them is believed."""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodes.flux.headers import BadWeights, read_header

sys.path.insert(0, str(Path(__file__).parent))
import zoo


def test_names_types_and_shapes_are_read(tmp_path: Path) -> None:
    header = read_header(zoo.safetensors(tmp_path / "a.safetensors", zoo.T5, metadata={"format": "pt"}))
    assert header.tensors["shared.weight"].shape == (32128, 4096)
    assert header.tensors["shared.weight"].dtype == "BF16"
    assert header.metadata == {"format": "pt"}


def test_gguf_dimensions_are_turned_round(tmp_path: Path) -> None:
    header = read_header(zoo.gguf(tmp_path / "a.gguf", "flux", {"img_in.weight": (3072, 64)}))
    assert header.tensors["img_in.weight"].shape == (3072, 64)
    assert header.metadata["general.architecture"] == "flux"


def test_a_download_that_stopped_says_how_much_is_there(tmp_path: Path) -> None:
    file = zoo.safetensors(tmp_path / "flux1-dev.safetensors", zoo.transformer(), promised=22 * 2**30)
    with pytest.raises(BadWeights, match=r"flux1-dev\.safetensors is cut short: 0\.0 of 22\.0 GB"):
        read_header(file)


HOSTILE = {
    "empty": b"",
    "seven bytes": b"\0" * 7,
    "a web page": b"<!DOCTYPE html><html>Please log in</html>",
    "git-lfs pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 23802932552\n",
    "endless header": struct.pack("<Q", 2**63) + b"{}",
    "header longer than the file": struct.pack("<Q", 1000) + b"{}",
    "no JSON": struct.pack("<Q", 4) + b"oops",
    "a list": struct.pack("<Q", 2) + b"[]",
    "null": struct.pack("<Q", 4) + b"null",
    "deep nesting": struct.pack("<Q", 200_000) + b"[" * 200_000,
    "no shape": struct.pack("<Q", 24) + b'{"a": {"dtype": "BF16"}}',
    "a shape of words": struct.pack("<Q", 49) + b'{"a":{"dtype":"X","shape":["w"],"data_offsets":[0]}}',
    "a name twice": struct.pack("<Q", 122) + b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},'
    b'"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}'.ljust(69) + b"\0\0",
    "one place for two tensors": struct.pack("<Q", 108) + b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},'
    b'"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'.ljust(55) + b"\0",
    "a shape of 2^63": struct.pack("<Q", 71)
    + b'{"a":{"dtype":"U8","shape":[9223372036854775808],"data_offsets":[0,1]}}\0',
    "a longer shape than its data": struct.pack("<Q", 52) + b'{"a":{"dtype":"U8","shape":[9],"data_offsets":[0,1]}}\0',
    "not UTF-8": struct.pack("<Q", 4) + b"\xff\xfe\xfd\xfc",
    "gguf, cut": b"GGUF" + struct.pack("<I", 3),
    "gguf, version 99": b"GGUF" + struct.pack("<IQQ", 99, 0, 0),
    "gguf, endless text": b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 2**62),
    "gguf, endless list": b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1) + b"k"
    + struct.pack("<IIQ", 9, 4, 2**60),
    "gguf, nested lists": b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1) + b"k"
    + struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 50,
    "gguf, 99 dimensions": b"GGUF" + struct.pack("<IQQ", 3, 1, 0) + struct.pack("<Q", 1) + b"t" + struct.pack("<I", 99),
}  # fmt: skip


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_refused_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(content)
    with pytest.raises(BadWeights, match=r"^model\.safetensors ") as caught:
        read_header(file)
    assert "Traceback" not in str(caught.value)


def read_or_refused(file: Path) -> bool:
    """False for a message that does not begin with the file's name; any other exception comes through."""
    try:
        read_header(file)
    except BadWeights as error:
        return str(error).startswith("a.safetensors ")
    return True


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400))
def test_no_bytes_bring_it_down(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.mktemp("fuzz") / "a.safetensors"
    for start in (b"", b"GGUF\3\0\0\0", struct.pack("<Q", len(content))):
        file.write_bytes(start + content)
        assert read_or_refused(file)


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
        max_leaves=10,
    )
)
def test_no_json_brings_it_down(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    file = zoo.raw(tmp_path_factory.mktemp("fuzz") / "a.safetensors", json.dumps(value).encode())
    assert read_or_refused(file)
