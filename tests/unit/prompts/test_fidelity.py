"""The check that nothing gets lost: what counts as said, and what counts as said again."""

from __future__ import annotations

import pytest

from nodes.prompts.fidelity import Item, items, missing


def test_what_must_survive():
    found = items('Two owls and 3 foxes left of a red barn, with Ada Lovelace and the sign "OPEN (24h)" above')
    assert found == [
        Item("quoted", "OPEN (24h)"),
        Item("number", "3"),
        Item("number", "Two"),
        Item("colour", "red"),
        Item("place", "left"),
        Item("place", "above"),
        Item("name", "Ada Lovelace"),
    ]


@pytest.mark.parametrize(
    ("said", "again"),
    [
        ("three owls", "3 owls"),
        ("3 owls", "three owls"),
        ("a pair of owls", "two owls"),
        ("a grey owl", "a gray owl"),
        ("an owl under a bridge", "an owl below a bridge"),
        ("an owl beside a fox", "an owl next to a fox"),
        ("a man named Ada", "ADA the man"),
    ],
)
def test_the_same_in_other_words_is_not_lost(said, again):
    assert missing(items(said), again) == []


@pytest.mark.parametrize(
    ("said", "again", "kind"),
    [
        ("three owls", "owls", "number"),
        ("a red owl", "an owl", "colour"),
        ("an owl left of a fox", "an owl and a fox", "place"),
        ("a photo of Ada", "a photo of a woman", "name"),
        ('a sign "OPEN"', 'a sign "CLOSED"', "quoted"),
        ('a sign "OPEN"', 'a sign "Open"', "quoted"),
        ("30 owls", "3 owls", "number"),
    ],
)
def test_what_is_gone_is_found(said, again, kind):
    assert [item.kind for item in missing(items(said), again)] == [kind]


def test_other_languages_are_checked_for_quotes_and_numbers_alone():
    assert items("Drei Eulen 3 „JA“", words=False) == [Item("quoted", "JA"), Item("number", "3")]
