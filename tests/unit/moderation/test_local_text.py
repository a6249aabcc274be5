"""What the local prompt check catches and lets pass, on the labelled set and on single points."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodes.moderation.categories import ALL, Category
from nodes.moderation.lexicon import FOLDER, load
from nodes.moderation.local_text import LocalTextCheck
from nodes.moderation.policy import Preset
from nodes.moderation.reading import fold

from .labelled_set import Counts, Labelled, found, measure, read

FILES = ("positive.txt", "disguised.txt", "negative.txt", "held_out.txt", "held_out_later.txt")
# Floors, not aims: below them the build fails. Measured figures stand in js/docs/moderation.md.
RECALL = dict.fromkeys(Category, 0.95)
PRECISION = dict.fromkeys(Category, 0.95)
HELD_OUT_RECALL = dict.fromkeys(Category, 0.9)
HELD_OUT_PRECISION = dict.fromkeys(Category, 0.9)


@pytest.fixture(scope="module")
def every_row() -> list[Labelled]:
    return [row for name in FILES for row in read(name)]


@cache
def measured(files: tuple[str, ...]) -> dict[Category, Counts]:
    return measure(row for name in files for row in read(name))


def test_the_set_is_large_enough_to_mean_something(every_row):
    assert len(every_row) >= 600
    assert len({row.prompt for row in every_row}) == len(every_row), "no prompt twice"
    assert len({row.language for row in every_row}) >= 5
    assert all(row.why for row in every_row)
    per_category = Counter(category for row in every_row for category in row.labels)
    assert min(per_category[category] for category in Category) >= 20
    for category in Category:
        languages = {row.language for row in every_row if category in row.labels}
        assert len(languages) >= 5, category
    assert sum(not row.labels for row in every_row) >= 200


@pytest.mark.parametrize("category", Category, ids=lambda category: category.value)
def test_recall_and_precision_stay_above_their_floors(category):
    counts = measured(FILES[:3])[category]
    assert counts.recall >= RECALL[category]
    assert counts.precision >= PRECISION[category]


@pytest.mark.parametrize("category", Category, ids=lambda category: category.value)
def test_the_parts_that_were_held_out_stay_above_their_floors(category):
    counts = measured(FILES[3:])[category]
    assert counts.recall >= HELD_OUT_RECALL[category]
    assert counts.precision >= HELD_OUT_PRECISION[category]


@pytest.mark.parametrize(
    "prompt",
    [
        "the hills of Sussex", "a cock pheasant", "a bloody mary cocktail", "a shooting star", "nude lipstick",
        "Scunthorpe United", "a killer whale", "shot on 35mm film", "the Dead Sea", "a photo shoot",
    ],
)  # fmt: skip
def test_harmless_words_pass_even_the_strictest_preset(prompt):
    assert found(prompt, Preset.FAMILY_SAFE) == frozenset()


def test_a_harmless_phrase_covers_only_itself():
    assert found("a shooting star and a cock pheasant") == frozenset()
    assert found("nude lipstick on a nude woman") == {Category.SEXUAL}


@pytest.mark.parametrize(
    "spelling",
    [
        "naked man", "NAKED man", "n4ked man", "nak3d man", "n a k e d man", "n.a.k.e.d man", "n-a-k-e-d man",
        "naaaaked man", "n*ked man", "nаkеd man", "ｎａｋｅｄ man", "𝓃𝒶𝓀ℯ𝒹 man", "ɴᴀᴋᴇᴅ man", "na\u200bked man",
        "na\u00adked man", "n\u0336a\u0336k\u0336e\u0336d\u0336 man", "nakedwoman", "naked_man", "NaKeD man",
    ],
)  # fmt: skip
def test_a_disguised_word_is_read_as_the_word(spelling):
    assert found(spelling) == {Category.SEXUAL}


@pytest.mark.parametrize(
    "spelling",
    [
        "卩ㄖ尺几 scene", "₦₳₭ɆĐ man", "⒩⒰⒟⒠ man", "ภย๔є man", "пopнo кадр", "г0лая женщина", "о6наженная женщина",
        "|\\|ude man", "p()rn scene", "na ked man", "masturb ating man", "nakeed man", "naekd man", "pornogaphic photo",
        "couple 🍆💦", "golaya zhenshchina",
    ],
)  # fmt: skip
def test_what_people_try_is_read_as_the_word(spelling):
    assert found(spelling) == {Category.SEXUAL}


@pytest.mark.parametrize(
    "prompt",
    [
        "a man walking as the sun is setting", "a named road, a baked cake", "por no llover", "massa crua na mesa",
        "he was to be headed home", "pop corn, a top hat", "grass on a hill", "гвоздь и молоток", "a moose", "two pens",
    ],
)  # fmt: skip
def test_everyday_words_are_no_misspelt_or_cut_ones(prompt):
    assert {finding.rule for finding in LocalTextCheck().check(prompt).findings} <= {"described/model"}


def test_words_of_other_scripts_are_not_taken_for_latin_ones():
    assert found("сосна и рак на столе") == frozenset()  # letters that look like "cocha" and "pak"


def test_negation_and_stage_weigh_less_but_never_for_minors():
    assert found("a queen, no nudity") == frozenset()
    assert found("a corpse") == {Category.VIOLENCE}
    assert found("a corpse, halloween decoration") == frozenset()
    assert Category.SEXUAL_MINORS in found("a child, not naked")


@pytest.mark.parametrize(
    "prompt",
    [
        "no nude woman on a bed", "a lake without naked people", "the woman is not naked", "never topless women",
        "do not include nude men", "eine Frau, nicht nackt", "pas de femme nue", "a street without dead bodies",
        "a floor without a mutilated corpse", "женщина, не голая",
    ],
)  # fmt: skip
def test_a_thing_is_drawn_although_the_prompt_says_no_to_it(prompt):
    assert found(prompt) & {Category.SEXUAL, Category.VIOLENCE, Category.VIOLENCE_GRAPHIC}


@pytest.mark.parametrize(
    "prompt",
    [
        "a queen, no nudity", "without any nudity", "family friendly, no violence, no gore", "no sexual content",
        "no graphic violence", "not bloody, not gory", "keine Nacktheit", "sans violence", "sin sangre", "没有血腥",
        "no porn", "a party without violence or blood",
    ],
)  # fmt: skip
def test_a_disclaimer_is_no_thing(prompt):
    assert found(prompt) == frozenset()


@pytest.mark.parametrize(
    "prompt",
    [
        "a woman --no clothes", "a woman without clothes", "eine Frau --no Kleidung", "eine Frau ohne Kleidung",
        "une femme --no vêtements", "une femme sans vêtements", "una mujer --no ropa", "una mujer sin ropa",
        "una donna --no vestiti", "una donna senza vestiti", "uma mulher --no roupas", "uma mulher sem roupa",
        "женщина --no одежда", "женщина без одежды", "女人 --no 衣服", "没穿衣服的女人", "女性 --no 服", "服なしの女性",
    ],
)  # fmt: skip
def test_no_clothes_is_read_as_what_is_drawn(prompt):
    assert Category.SEXUAL in found(prompt)


@pytest.mark.parametrize("prompt", ["an empty wardrobe, no clothes", "une armoire sans vêtements", "没有衣服的衣柜"])
def test_a_wardrobe_wears_nothing(prompt):
    assert not found(prompt)


def test_distance_matters():
    near = "a child and a nude adult"
    far = "a child on a swing. " + "The garden is green and wide and full of light. " * 4 + "A nude adult."
    assert Category.SEXUAL_MINORS in found(near)
    assert Category.SEXUAL_MINORS not in found(far)


def test_people_and_brands_are_hints_and_no_reason_to_block():
    verdict = LocalTextCheck().check("Taylor Swift drinking Coca Cola, photo")
    assert {hint.kind for hint in verdict.hints} == {"real_person", "brand"}
    assert verdict.scores == {}
    assert found("Taylor Swift drinking Coca Cola, photo") == frozenset()


def test_family_safe_is_stricter_than_dalle_like():
    for prompt in ("a woman in sexy lingerie", "a bloody sword", "a bar fight"):
        assert found(prompt) == frozenset(), prompt
        assert found(prompt, Preset.FAMILY_SAFE), prompt


def test_every_category_has_rules_and_the_version_names_the_data():
    verdict = LocalTextCheck().check("a tree")
    assert verdict.judges == ALL
    assert len(verdict.version) == 12
    assert verdict.version == load().version


def test_a_key_that_is_no_language_is_an_error(tmp_path):
    for bad in ('emoji = ["x"]', 'xx = ["x"]', 'english = ["x"]'):
        (tmp_path / "bad.toml").write_text(f'[[allow]]\nrule = "r"\n{bad}\n', "utf-8")
        with pytest.raises(ValueError, match="unknown key"):
            load.__wrapped__(tmp_path)
    (tmp_path / "bad.toml").write_text('[[alow]]\nrule = "r"\n', "utf-8")
    with pytest.raises(ValueError, match="unknown kind"):
        load.__wrapped__(tmp_path)


def test_term_files_can_be_reviewed_line_by_line():
    for file in FOLDER.glob("*.toml"):
        for line in file.read_text("utf-8").splitlines():
            assert len(line) <= 160, file.name
            if line.startswith("  "):
                assert line.count('"') == 2, "one pattern a line"


def test_the_same_text_gets_the_same_verdict(every_row):
    first, second = LocalTextCheck(), LocalTextCheck(load.__wrapped__(FOLDER))
    for row in every_row[::7]:
        assert first.check(row.prompt) == second.check(row.prompt)


LONG = {
    "one word": "a",
    "spelled out": "n u d e ",
    "two flagged words": "child naked ",
    "marks": "n" + "\u0336\u0301" * 40,
    "half a phrase": "shooting a the ",
}


@pytest.mark.parametrize("shape", LONG)
def test_a_hundred_thousand_characters_are_judged(shape):
    text = LONG[shape] * (100_000 // len(LONG[shape]))
    verdict = LocalTextCheck().check(text + " nude")
    assert verdict.failure is None
    assert verdict.scores[Category.SEXUAL] >= 0.5
    assert len(json.dumps(verdict.as_report())) < 50_000


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.characters(), max_size=200))
def test_any_text_is_judged(text):
    verdict = LocalTextCheck().check(text)
    assert all(0.0 < score <= 1.0 for score in verdict.scores.values())


@given(st.text(max_size=100))
def test_folding_twice_changes_nothing(text):
    assert fold(fold(text)) == fold(text)
