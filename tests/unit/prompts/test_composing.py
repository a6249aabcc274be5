"""The two texts: what is left out of a long prompt, and what makes it into the short one."""

from __future__ import annotations

import pytest

from nodes.prompts.clauses import clauses_of, sentences
from nodes.prompts.composing import compose_long, compose_short
from nodes.prompts.convert import ConversionRequest, convert
from nodes.prompts.quoting import protect, restore
from nodes.prompts.targets import CLIP_LIMIT, Style
from nodes.prompts.tokens import ESTIMATE, measured

UPSAMPLED = (
    "A yellow book and a red vase. A sunlit wooden table holds a vibrant yellow book with intricate golden "
    "lettering on its cover, open to a page filled with flowing calligraphy. Beside it sits a crimson red "
    "vase, adorned with delicate white floral patterns and housing a bouquet of fresh roses and tulips, adding"
    " a touch of elegance to the scene. In the background, a row of tall windows looks out on a quiet garden, "
    "where an old gardener rakes leaves. The whole is painted in the manner of an oil painting, with visible "
    "brushwork."
)


def words(text: str) -> int:
    return len(text.split())


def test_sentences_end_where_sentences_end():
    assert sentences("A fox. It runs! Does it? Yes.") == ["A fox.", "It runs!", "Does it?", "Yes."]
    assert sentences("Mr. Fox met Dr. No at 3.5 m, e.g. there. He ran.") == [
        "Mr. Fox met Dr. No at 3.5 m, e.g. there.",
        "He ran.",
    ]
    assert sentences("一只猫。它在跑。") == ["一只猫。", "它在跑。"]


def test_a_short_prompt_is_both_texts():
    done = convert(ConversionRequest("a fox in snow"))
    assert done.clip_l == done.t5xxl


def test_the_short_text_keeps_subject_style_and_cue():
    done = convert(ConversionRequest(UPSAMPLED))
    assert done.clip_l.startswith("A yellow book and a red vase")
    assert "oil painting" in done.clip_l
    assert "Vivid colors" in done.clip_l
    assert done.report.tokens.clip_l <= CLIP_LIMIT
    assert done.report.tokens.clip_l > CLIP_LIMIT * 0.7, "the room is used"


def test_the_short_text_is_composed_of_whole_clauses():
    done = convert(ConversionRequest(UPSAMPLED, Style.NONE, ""))
    for sentence in done.clip_l.rstrip(".").split(". "):
        assert sentence in UPSAMPLED


def test_a_quoted_text_late_in_the_prompt_is_in_the_short_text():
    done = convert(ConversionRequest(UPSAMPLED + ' On the wall hangs a sign that says "READING ROOM".'))
    assert '"READING ROOM"' in done.clip_l


def test_adjectives_stay_with_their_noun():
    done = convert(ConversionRequest("A white, sleek sports car is parked on a meadow. " + UPSAMPLED, Style.NONE, ""))
    assert done.clip_l.startswith("A white, sleek sports car is parked on a meadow")


@pytest.mark.parametrize(
    "clauses",
    [
        ["A red fox runs home", " its tail held high", " by an old mill"],
        ["A red fox sits under soft, warm light", " near an old mill"],
        ["A red fox sits by the tree", " gazing up at a bird"],
        ["The fox's large, pointed ears are up"],
        ["A road is lined with signs, lamps, and tall old trees"],
        ["Shades of blue, purple, and pink shine on it"],
        ["In the background, a red fox sits"],
        ["Surrounded by tall birches, a red fox sits"],
        ["The old fox, tired but happy", " curls up in the snow"],
        ["A man grins as the fox, wide-eyed, runs off", " with a hat"],
        ["A large crowd passes by", " and inside, a fox sleeps"],
        ["It shows many animals, such as foxes, wolves, and owls"],
    ],
)
def test_a_sentence_is_cut_only_where_both_parts_can_stand(clauses):
    assert [clause for _, clause in clauses_of(",".join(clauses))] == [clause.strip() for clause in clauses]


def test_a_quoted_text_comes_with_what_says_it():
    long = "A bear reads a newspaper on a bench in a small park between tall grey houses. " * 2
    text = f'{long}A fox tips his hat, and answers with a loud "GOOD DAY" over the noise of the street.'
    marked, quotes = protect(text)
    short = restore(compose_short(marked, 40, lambda part: words(restore(part, quotes))), quotes)
    assert 'A fox tips his hat, and answers with a loud "GOOD DAY"' in short


def test_a_quoted_sentence_needs_no_second_stop():
    done = convert(ConversionRequest(f'A fox holds a sign that reads "COME HOME." {UPSAMPLED}'))
    assert '"COME HOME." A' in done.clip_l


def test_a_style_counts_wherever_it_stands_but_not_what_only_sounds_like_one():
    head = "A fox crosses a wide wooden bridge over a slow green river. "
    tail = "Crows watch it from the roof of an old mill beside the water, {}."
    assert "in soft watercolor" in compose_short(head + tail.format("in soft watercolor"), 20, words)
    assert "photos" not in compose_short(head + tail.format("taking photos"), 20, words)


def test_one_endless_clause_ends_at_a_phrase():
    text = "A fox " + "that runs past an old mill with a broken wheel beside a slow green river " * 12
    short = compose_short(text.strip(), 20, words)
    assert words(short) <= 20
    assert text.startswith(short)
    assert not short.endswith(("a", "an", "the"))


def test_a_quoted_text_is_never_cut():
    marked, quotes = protect('A wall with the words "ONE TWO THREE FOUR FIVE SIX SEVEN" on it')
    for limit in range(1, 20):
        for text in (
            compose_long(marked, limit, lambda part: words(restore(part, quotes))).text,
            compose_short(marked, limit, lambda part: words(restore(part, quotes))),
        ):
            plain = restore(text, quotes)
            assert words(plain) <= limit
            assert '"' not in plain or '"ONE TWO THREE FOUR FIVE SIX SEVEN"' in plain


def test_what_is_left_out_is_told_and_nothing_else_is_gone():
    text = " ".join(f"Sentence {n} has exactly seven words here." for n in range(30))
    long = compose_long(text, 80, words)
    assert words(long.text) <= 80
    assert f"{long.text} {' '.join(long.left_out)}" == text


def test_cues_survive_shortening():
    text = " ".join(f"Sentence {n} describes one more small house by the river." for n in range(200))
    done = convert(ConversionRequest(text, Style.NATURAL, "1792x1024"))
    assert done.t5xxl.endswith("understated colors. Wide landscape composition.")
    assert done.report.tokens.t5xxl <= 512


def test_measured_counts_leave_out_what_the_host_adds():
    def tokenizer(marks: list[int]):
        return lambda text, verbose: {"input_ids": marks[:1] * (len(marks) > 1) + [7] * words(text) + marks[-1:]}

    counts = measured(tokenizer([1]), tokenizer([49406, 49407]), t5_unknown_id=7)
    assert counts.measured
    assert counts.t5("a red fox") == 4, "T5's end mark counts towards its limit"
    assert counts.clip("a red fox") == 3, "CLIP's two marks do not count towards 75"
    assert counts.t5_unknown("a red fox") == 3
    assert not ESTIMATE.measured
