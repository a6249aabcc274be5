"""Errors are read in terminals, logs and web pages: what they quote must not act there."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nodes
from nodes.errors import DalleFluxError
from nodes.prompts.bulk import find_file

HOSTILE = "a\x1b[2J\x1b]0;owned\x07\r\nERROR fake line\x9b31m\u202egnp.exe\ud800\0b"


def classes() -> list[type[DalleFluxError]]:
    """Every error of the pack that can be had without a host."""
    for module in pkgutil.walk_packages(nodes.__path__, "nodes."):
        if module.name.rsplit(".", 1)[-1] not in ("nodes", "routes") and ".host" not in module.name:
            try:
                importlib.import_module(module.name)
            except ModuleNotFoundError:
                if ".fleet." not in module.name:  # it has requirements of its own, which are not installed here
                    raise
    found, new = set(), {DalleFluxError}
    while new:
        found |= new
        new = {child for kind in new for child in kind.__subclasses__()} - found
    return sorted(found, key=lambda kind: kind.__name__)


def test_no_message_steers_a_terminal_or_fakes_a_line_in_a_log():
    told = [
        str(kind(f"There is no file '{HOSTILE}'; put it there."))
        for kind in classes()
        if kind.__init__ is DalleFluxError.__init__ or "message" in inspect.signature(kind).parameters
    ]
    assert len(told) > 30
    for message in told:
        assert message.startswith("There is no file 'a [2J")
        assert not any(character in message for character in "\x1b\x07\r\n\x9b\u202e\0"), message
        message.encode("utf-8")


@pytest.mark.parametrize("name", [HOSTILE, HOSTILE + ".txt", "\x1b[2J.csv"])
def test_a_hostile_file_name_is_quoted_harmlessly(tmp_path, name):
    with pytest.raises(DalleFluxError) as told:
        find_file(tmp_path, name)
    assert "\x1b" not in str(told.value)


@settings(deadline=None)
@given(st.text(st.characters()))
def test_no_error_of_the_pack_steers_a_terminal_whatever_it_quotes(quoted):
    from nodes.prompts.bulk import BadPromptFile

    for kind in (DalleFluxError, BadPromptFile):
        text = str(kind(f"There is no file '\x1b]0;owned\x07{quoted}\ud800'."))
        assert text.isprintable()
        text.encode()


def test_no_error_says_its_sentence_in_another_way():
    assert all("__str__" not in vars(kind) for kind in classes() if kind is not DalleFluxError)
