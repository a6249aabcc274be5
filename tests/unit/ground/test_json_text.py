"""JSON of strangers: what becomes of it, and what it costs to refuse it."""

from __future__ import annotations

import json
import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from nodes import json_text
from nodes.json_text import BadJson, read

PLAIN = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats(allow_nan=False, allow_infinity=False) | some.text(),
    lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner),
    max_leaves=15,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PLAIN, some.booleans())
def test_json_is_read_as_everybody_reads_it(value, escaped):
    assert read(json.dumps(value, ensure_ascii=escaped).encode()) == value


@pytest.mark.parametrize("data", [
    b"", b"{", b"nul", b"\xff", b"\xff\xfe[\x00]\x00", b'"\xed\xa0\x80"', b"[1,]", b'"', b'"\\', b"]" * 9,
])  # fmt: skip
def test_what_is_no_json_is_refused(data):
    with pytest.raises(BadJson):
        read(data)


@pytest.mark.parametrize(
    "number", [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999", b"9" * 5000, b"0." + b"9" * 5000]
)
def test_what_is_no_number_is_none_and_costs_nothing_beside_it(number):
    assert read(b'{"picture": "yes", "n": [' + number + b"]}") == {"picture": "yes", "n": [None]}


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(some.binary(max_size=200))
def test_nothing_but_bad_json_is_ever_raised(data):
    with suppress(BadJson):
        read(data)


@pytest.mark.parametrize("text", ['"\\ud800"', '{"\\udc00": ["\\uD83D!"]}', '"\\udc00\\ud800"', '[{"a": "\\uDBFFx"}]'])
def test_half_a_pair_becomes_a_character_that_can_be_written(text):
    found = json.dumps(read(text.encode()), ensure_ascii=False)
    assert "\ufffd" in found
    found.encode("utf-8")


def test_whole_pairs_and_escaped_backslashes_stay():
    assert read(rb'["\ud83d\ude00", "\\ud800"]') == ["\U0001f600", "\\ud800"]


BOMBS = {
    "objects": lambda n: b"[" + b"{}," * (n // 3) + b"{}]",
    "lists": lambda n: b"[" + b"[]," * (n // 3) + b"[]]",
    "numbers": lambda n: b"[" + b"0," * (n // 2) + b"0]",
    "deep lists": lambda n: b"[" * n,
    "deep objects": lambda n: b'{"":' * (n // 4),
    "names": lambda n: b"{" + b",".join(b'"%x":0' % i for i in range(n // 10)) + b"}",
    "quotes": lambda n: b"[" + b'"",' * (n // 3) + b"0]",
    "blanks": lambda n: b"[" + b" 0 , " * (n // 5) + b"0]",
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_refused_before_it_becomes_objects(bomb):
    data = BOMBS[bomb](2 * 2**20)
    tracemalloc.start()
    with pytest.raises(BadJson, match=r"holds more than|lie more than"):
        read(data, most_values=20_000)
    assert tracemalloc.get_traced_memory()[1] < 2 * 2**20
    tracemalloc.stop()


def test_a_long_text_is_one_value_whatever_signs_it_holds():
    text = "{},[]:" * 500_000
    assert read(json.dumps([text]).encode()) == [text]
    assert read(json.dumps(['\\"' * 500_000]).encode()) == ['\\"' * 500_000]


def test_the_limits_are_exact():
    assert read(b"[" * json_text.DEEPEST + b"]" * json_text.DEEPEST)
    with pytest.raises(BadJson, match="deep"):
        read(b"[" * (json_text.DEEPEST + 1) + b"]" * (json_text.DEEPEST + 1))
    assert read(b"[1,2,3]", most_values=3) == [1, 2, 3]
    with pytest.raises(BadJson, match="more than 3 values"):
        read(b"[1,2,3,4]", most_values=3)
