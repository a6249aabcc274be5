"""No pattern of the pack takes more than linear time, whatever the text."""

from __future__ import annotations

import re
from collections import deque

import pytest
from growth.growth import grows_too_fast
from growth.patterns import hidden, patterns
from growth.shapes import of_pattern

PATTERNS = patterns()


def too_slow(pattern: re.Pattern[str]) -> str:
    """The first shape of text for which looking for `pattern` everywhere takes more than linear time, or nothing."""

    def look(text: str) -> object:
        return deque(pattern.finditer(text), maxlen=0)

    for lead, repeated in of_pattern(pattern):
        if said := grows_too_fast(look, lead, repeated):
            return f"{lead[-60:]!r} + {repeated[:60]!r} × n: {said}"
    return ""


def test_every_pattern_stands_where_this_test_finds_it():
    assert len(PATTERNS) > 50
    assert hidden() == [], "give these a name at the top of a module without the host: `_NAME = re.compile(…)`"


@pytest.mark.parametrize("name", PATTERNS)
def test_twice_the_text_takes_twice_the_time(name):
    assert too_slow(PATTERNS[name]) == ""


@pytest.mark.parametrize("bad", [r"\s+x", r"no(?:\s*,?\s*cat)*!", r"<think>.*?</think>", r"[a-z ]+:", r"\w+@x"])
def test_a_slow_pattern_is_found(bad):
    assert too_slow(re.compile(bad, re.DOTALL))
