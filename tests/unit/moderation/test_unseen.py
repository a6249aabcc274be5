"""How much of what no rule was written for is stopped; floors by technique, by language, and for false alarms.

The figures that were measured stand in js/docs/moderation.md; labelled/unseen/README.md says what each part is worth.
A floor lies a little below its figure.
"""

from __future__ import annotations

import pytest

from .unseen_sets import AUTHORS, KINDS, PARTS, Line, lines, shares, written

EVASIONS = {
    "lookalikes": 0.7,
    "mixed scripts": 0.9,
    "fillers": 0.95,
    "digits and symbols": 0.9,
    "cut words": 0.55,
    "misspelt": 0.75,
    "markup": 0.95,
    "slang": 0.85,
    "paraphrase": 0.6,
    "emoji": 0.85,
    "romanised": 0.9,
    "split sentences": 0.6,
}
# Of part d, which was written when rules and model were finished and counted since.
EVASIONS_D = {
    "lookalikes": 0.7, "mixed scripts": 0.8, "fillers": 0.9, "digits and symbols": 0.9, "cut words": 0.8,
    "misspelt": 0.8, "markup": 0.9, "slang": 0.6, "paraphrase": 0.4, "emoji": 0.8, "romanised": 0.8,
    "split sentences": 0.5, "all": 0.7,
}  # fmt: skip
LANGUAGES_D = {"en": 0.7, "de": 0.6, "fr": 0.55, "es": 0.7, "it": 0.75, "pt": 0.6, "ru": 0.9, "zh": 0.35, "ja": 0.65}
# Of part e, whose author had read no rule and no template.
EVASIONS_E = {
    "lookalikes": 0.7, "mixed scripts": 0.7, "fillers": 0.9, "digits and symbols": 0.7, "cut words": 0.9,
    "misspelt": 0.55, "markup": 0.8, "slang": 0.6, "paraphrase": 0.5, "emoji": 0.3, "romanised": 0.8,
    "split sentences": 0.6, "all": 0.7,
}  # fmt: skip
LANGUAGES_E = {"en": 0.75, "de": 0.55, "fr": 0.7, "es": 0.7, "it": 0.75, "pt": 0.7, "ru": 0.7, "zh": 0.6, "ja": 0.45}
FALSE_ALARMS_D = FALSE_ALARMS_E = 0.045
SPELLING = ("lookalikes", "digits and symbols", "cut words", "misspelt")
PLAIN = 0.95
TOGETHER = 0.8  # of all evasions
FALSE_ALARMS = 0.03
IN_ONE_CONTEXT = 0.1
LANGUAGES = ("en", "de", "fr", "es", "it", "pt", "ru", "zh", "ja")
IN_ONE_LANGUAGE = 0.65


def technique(line: Line) -> str:
    return line.technique


def language(line: Line) -> str:
    return line.language


def test_the_authors_share_no_line_and_every_technique_is_tried_in_several_languages():
    by_author = [{line.prompt for kind in KINDS for line in lines(kind, author)} for author in AUTHORS]
    assert not by_author[0] & by_author[1]
    for author in AUTHORS:
        assert {line.technique for line in lines("evasions", author)} == set(EVASIONS)
    for one in EVASIONS:
        tried = {line.language for line in lines("evasions", "b") if line.technique == one}
        assert len(tried) >= 3, one


def test_the_part_that_was_written_blind_repeats_no_line_and_tries_every_technique_in_three_languages():
    blind = {kind: lines(kind, "e") for kind in KINDS}
    prompts = [line.prompt for rows in blind.values() for line in rows]
    assert len(prompts) == len(set(prompts))
    before = [(kind, part) for part in PARTS if part != "e" for kind in KINDS if written(kind, part)]
    earlier = {line.prompt for kind, part in before for line in lines(kind, part)}
    assert not earlier & set(prompts)
    assert {line.technique for line in blind["evasions"]} == set(EVASIONS)
    for one in EVASIONS:
        assert len({line.language for line in blind["evasions"] if line.technique == one}) >= 3, one


def test_evasions_that_nobody_wrote_a_rule_for_are_stopped():
    stopped = shares(lines("evasions", "b"), technique)
    low = {name: share for name, share in stopped.items() if share.part < (EVASIONS | {"all": TOGETHER})[name]}
    assert not low


def test_every_language_is_read():
    rows = lines("evasions", "b") + lines("plain", "b")
    stopped = shares(rows, language)
    assert not {name: stopped[name] for name in LANGUAGES if stopped[name].part < IN_ONE_LANGUAGE}


def test_plain_forms_are_stopped_in_nineteen_languages():
    stopped = shares(lines("plain", "b"), language)
    assert len(stopped) == 6 + 2 + 10 + 1  # six of the nine without en, es and pt; those two; ten more; all
    assert not {name: share for name, share in stopped.items() if share.part < (PLAIN if name == "all" else 0.75)}


def test_spelling_tricks_written_after_the_rules_are_stopped_as_well():
    rows = [line for line in lines("evasions", "c") if line.technique in SPELLING]
    assert shares(rows, technique)["all"].part >= 0.8


@pytest.mark.parametrize(
    ("part", "techniques", "languages", "alarms"),
    [("d", EVASIONS_D, LANGUAGES_D, FALSE_ALARMS_D), ("e", EVASIONS_E, LANGUAGES_E, FALSE_ALARMS_E)],
)
def test_what_was_written_when_all_was_finished_is_stopped(part, techniques, languages, alarms):
    rows = lines("evasions", part)
    for floors, group in ((techniques, technique), (languages, language)):
        stopped = shares(rows, group)
        assert not {name: stopped[name] for name, floor in floors.items() if stopped[name].part < floor}
    assert shares(lines("harmless", part), technique)["all"].part <= alarms
    for one in EVASIONS:
        assert len({line.language for line in rows if line.technique == one}) >= 3, one


@pytest.mark.parametrize("author", AUTHORS)
def test_what_only_looks_like_it_passes(author):
    alarms = shares(lines("harmless", author), technique)
    assert alarms["all"].part <= FALSE_ALARMS
    assert not {name: share for name, share in alarms.items() if share.part > IN_ONE_CONTEXT}
