"""What a weights file holds, read from its header alone: never more than a few MB, never a tensor.

Formats: safetensors, by its own library, and GGUF (source: ggml `docs/gguf.md`). Files come from anywhere on
the internet, so nothing in them is believed: lengths are checked against the file, counts and nesting are bounded.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..errors import DalleFluxError

_MAX_HEADER = 16 * 2**20  # bytes; the longest of any model known stay below 2 MB, vocabularies in GGUF below 8 MB
_MAX_TENSORS = 200_000
_MAX_TEXT = 2**20  # bytes of one GGUF string that is kept
_GGUF_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_BYTES = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "BF16": 2, "F16": 2, "I16": 2}  # of one number; others take 1
_GGUF_STRING, _GGUF_ARRAY = 8, 9


class BadWeights(DalleFluxError):
    """A file that is no whole safetensors or GGUF file."""

    code = "bad_weights"


@dataclass(frozen=True)
class Tensor:
    """One entry of a header."""

    dtype: str  # as the format names it: "BF16", "F8_E4M3" …; GGUF: "GGML-8" …
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Header:
    """Names, types and shapes of all tensors in a file."""

    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str]

    @property
    def is_gguf(self) -> bool:
        """True if the file is in GGUF."""
        return "general.architecture" in self.metadata

    @property
    def is_nf4(self) -> bool:
        """True if bitsandbytes has packed its weights two to a byte."""
        return any(".quant_state." in key for key in self.tensors)

    def shape(self, name: str) -> tuple[int, ...]:
        """A tensor's shape; empty if there is none."""
        tensor = self.tensors.get(name)
        return tensor.shape if tensor else ()

    def bytes_of(self, prefix: str) -> int:
        """Bytes of all tensors whose names begin with `prefix`; not of GGUF, whose tensors have sizes of their own."""
        return sum(
            math.prod(tensor.shape) * _BYTES.get(tensor.dtype, 1)
            for name, tensor in self.tensors.items()
            if name.startswith(prefix)
        )

    def has(self, prefix: str) -> bool:
        """True if any tensor's name begins with `prefix`."""
        return any(key.startswith(prefix) for key in self.tensors)


def read_header(path: Path) -> Header:
    """Read a weights file's header.

    Raises:
        BadWeights: not such a file, damaged, or shorter than its header says.
        OSError: the file cannot be opened.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        try:
            if start[:4] == b"GGUF":
                file.seek(4)
                return _read_gguf(file)
            return _read_safetensors(path, file, start, size)
        except BadWeights as error:
            raise BadWeights(f"{path.name} {error}") from None
        except (ValueError, OverflowError, struct.error):
            raise BadWeights(f"{path.name} is no readable safetensors or GGUF file; download it again.") from None


def _read_safetensors(path: Path, file: BinaryIO, start: bytes, size: int) -> Header:
    from safetensors import SafetensorError, safe_open

    if len(start) < 8:
        raise BadWeights("is too short to be a weights file; download it again.")
    (length,) = struct.unpack("<Q", start)
    if length > _MAX_HEADER:
        raise BadWeights("is no safetensors file; download it again.")
    if 8 + length > size:
        raise BadWeights("is cut short within its header; download it again.")
    try:
        with safe_open(path, framework="numpy") as opened:  # maps the file and checks every offset; reads no tensor
            slices = {name: opened.get_slice(name) for name in opened.keys()}  # noqa: SIM118, it is no dict
            tensors = {name: Tensor(one.get_dtype(), tuple(one.get_shape())) for name, one in slices.items()}
            return Header(tensors, dict(opened.metadata() or {}))
    except SafetensorError:
        whole = 8 + length + _data_end(file.read(length))
        if whole <= size:
            raise ValueError from None
        raise BadWeights(f"is cut short: {_gib(size)} of {_gib(whole)} GB are there; download it again.") from None


def _data_end(header: bytes) -> int:
    """Bytes of data that a header promises; the library refuses a file without saying how much is missing."""
    try:
        entries = json.loads(header)
        return max(int(entry["data_offsets"][1]) for name, entry in entries.items() if name != "__metadata__")
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError, OverflowError):
        return 0


def _read_gguf(file: BinaryIO) -> Header:
    version, tensor_count, value_count = struct.unpack("<IQQ", _exactly(file, 20))
    if version not in (2, 3) or tensor_count > _MAX_TENSORS or value_count > _MAX_TENSORS:
        raise BadWeights("is a GGUF file of a kind this version does not know.")
    metadata = {}
    for _ in range(value_count):
        key = _gguf_text(file)
        value = _gguf_value(file, *struct.unpack("<I", _exactly(file, 4)))
        if value is not None:
            metadata[key] = value
        if file.tell() > _MAX_HEADER:
            raise BadWeights("has a header larger than any model's.")
    tensors = {}
    for _ in range(tensor_count):
        name = _gguf_text(file)
        (dimensions,) = struct.unpack("<I", _exactly(file, 4))
        if dimensions > 8:
            raise BadWeights("lists a tensor of more than 8 dimensions.")
        shape = struct.unpack(f"<{dimensions}Q", _exactly(file, 8 * dimensions))
        kind, _offset = struct.unpack("<IQ", _exactly(file, 12))
        tensors[name] = Tensor(f"GGML-{kind}", tuple(reversed(shape)))  # GGUF lists the fastest dimension first
    return Header(tensors, metadata)


def _gguf_value(file: BinaryIO, kind: int, depth: int = 0) -> str | None:
    """The value as text; None for arrays, which are skipped."""
    if kind in _GGUF_NUMBERS:
        code = "<" + _GGUF_NUMBERS[kind]
        return str(struct.unpack(code, _exactly(file, struct.calcsize(code)))[0])
    if kind == _GGUF_STRING:
        return _gguf_text(file)
    if kind != _GGUF_ARRAY or depth > 3:
        raise BadWeights("holds a GGUF value of an unknown kind.")
    element, count = struct.unpack("<IQ", _exactly(file, 12))
    if count > _MAX_HEADER:
        raise BadWeights("has a header larger than any model's.")
    if element in _GGUF_NUMBERS:
        _exactly(file, count * struct.calcsize("<" + _GGUF_NUMBERS[element]))
    else:
        for _ in range(count):
            _gguf_value(file, element, depth + 1)
    return None


def _gguf_text(file: BinaryIO) -> str:
    (length,) = struct.unpack("<Q", _exactly(file, 8))
    if length > _MAX_TEXT:
        raise BadWeights("holds a text longer than any model's.")
    return _exactly(file, length).decode("utf-8", "replace")


def _exactly(file: BinaryIO, count: int) -> bytes:
    if count > _MAX_HEADER:
        raise BadWeights("has a header larger than any model's.")
    data = file.read(count)
    if len(data) != count:
        raise BadWeights("is cut short within its header; download it again.")
    return data


def _gib(count: int) -> str:
    return f"{count / 2**30:.1f}"
