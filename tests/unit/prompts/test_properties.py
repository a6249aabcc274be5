"""What holds for every text a person, a program or an attacker could put into the prompt field."""

from __future__ import annotations

import json
import os
import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nodes.prompts.convert import ConversionRequest, convert
from nodes.prompts.quoting import escape, unescape
from nodes.prompts.targets import CLIP_LIMIT, PromptMode, Style, Target
from nodes.prompts.tokens import ESTIMATE

# Pieces that rules look for, to be thrown together in every order.
PIECES = [
    "a red fox", "two owls", "on the left of", "Create an image of", "please", "Thanks!", "no people",
    "without any text", "8k", "masterpiece", "highly detailed", "(red:1.2)", "((fox))", "(", ")", "\\(", "\\)",
    "\\", "{a|b}", "{", "}", "__color__", "--ar 16:9", "--no cars", "--", "—", "1792x1024", "16:9 aspect ratio",
    "#FF0000", "#fff", "red (#FF0000)", "'Hello World'", '"OPEN"', "“x”", '"', "'", "„Nein“", "「東京」",
    "in the style of Monet", ",", ".", "..", ";", ":", "-", "\n", "\n\n", "- ", "# ", "**bold**", "*", "`code`",
    "<b>", "<lora:x:1>", "Prompt:", "Here is a prompt:", "BREAK", "Negative prompt: ugly", "embedding:x", "::2",
    "http://x.y/z", "一只猫", "مرحبا", "😀", "é", "\u200d", "\ufeff", "\x00", "\ue000", "\ue0021\ue003",
    "\ud800", "\udfff", "\u0301", "ﬁ", "200 x 300 meter", "3:2 ratio of", "no hair on top", "zero traffic lights",
    "Vivid, saturated colors and strong contrast.", "Balanced square composition.", "e.g. ", "etc.,",
]  # fmt: skip
anything = st.one_of(
    st.text(max_size=300),
    st.lists(st.sampled_from(PIECES), max_size=25).map(" ".join),
    st.lists(st.sampled_from(PIECES), max_size=25).map("".join),
    st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=6)), max_size=20).map(" ".join),
)
requests = st.builds(
    ConversionRequest,
    prompt=anything,
    style=st.sampled_from(Style),
    size=st.sampled_from(["1024x1024", "1792x1024", "1024x1792", ""]),
    target=st.sampled_from(Target),
    describe_artists=st.booleans(),
)
MANY = settings(max_examples=int(os.environ.get("EXAMPLES", "25")), deadline=None)


@MANY
@given(requests)
def test_nothing_crashes_and_the_report_is_json(request):
    done = convert(request)
    report = json.loads(done.report.json())
    assert report["version"] == 1
    assert done.t5xxl.encode("utf-8") is not None, "no half characters reach a tokenizer"
    assert done.clip_l.encode("utf-8") is not None


@MANY
@given(requests)
def test_the_texts_keep_within_their_limits(request):
    done = convert(request)
    if done.report.mode == "rules":
        assert ESTIMATE.t5(done.text) <= request.target.text_limit
    assert ESTIMATE.clip(unescape(done.clip_l)) <= CLIP_LIMIT


@MANY
@given(requests)
def test_neither_text_is_empty_where_the_prompt_was_not(request):
    done = convert(request)
    if any(character.isalnum() for character in request.prompt):
        assert done.t5xxl.strip()
        assert done.clip_l.strip()


@MANY
@given(requests)
def test_converting_twice_changes_nothing(request):
    once = convert(request)
    if once.report.mode == "as_is":
        return  # the idiom that said so is gone; see the next test
    again = convert(ConversionRequest(once.t5xxl, request.style, request.size, request.target, PromptMode.CONVERT,
                            request.describe_artists))  # fmt: skip
    assert again.t5xxl == once.t5xxl


WORDS = [
    "a red car", "on a road", "sunset", "Sunset", "no people", "e.g", "a", "vs", "8k", "very aesthetic", "using", "x",
    "please", "2", "and", "in", "of", "the image shows", "fox's", "No", "cars", "the end",
]  # fmt: skip
JOINTS = [" ", ". ", ", ", ".. ", ".", "... ", ",", "' "]
PROSE = st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(JOINTS)).map("".join), min_size=1).map("".join)


@MANY
@given(PROSE, st.sampled_from(Style))
@example("a red car on a road. sunset", Style.VIVID)
@example("a red car on a road. it is dawn", Style.NONE)
def test_converting_prose_twice_changes_nothing(text, style):
    for prompt in (text, text.strip()):
        once = convert(ConversionRequest(prompt, style))
        assert convert(ConversionRequest(once.t5xxl, style)).t5xxl == once.t5xxl


@MANY
@given(anything)
def test_an_as_is_text_stays_as_it_is(text):
    once = convert(ConversionRequest(text, mode=PromptMode.AS_IS))
    assert convert(ConversionRequest(once.t5xxl, mode=PromptMode.AS_IS)).t5xxl == once.t5xxl


@MANY
@given(requests)
def test_the_host_reads_no_weight_into_the_texts(request):
    """Every parenthesis is escaped, so that the host's parser (comfy/sd1_clip.py) finds none."""
    done = convert(request)
    for text in (done.t5xxl, done.clip_l):
        left = text.replace("\\(", "").replace("\\)", "")
        assert "(" not in left
        assert ")" not in left


@MANY
@given(requests)
def test_only_expected_characters_come_out(request):
    done = convert(request)
    for text in (done.t5xxl, done.clip_l):
        assert not any("\ue000" <= character <= "\uf8ff" or "\ud800" <= character <= "\udfff" for character in text)
        assert not any(ord(character) < 32 and character not in "\n\t" for character in text)


QUOTABLE = st.text(
    st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"], exclude_characters="\"'“”„«»‹›「」『』‘’\\`#*"),
    min_size=1,
    max_size=40,
).filter(lambda text: any(character.isalnum() for character in text) and text == text.strip())


@MANY
@given(QUOTABLE, st.sampled_from(['"{}"', "“{}”", "'{}'", "«{}»", "「{}」"]), st.sampled_from(list(Target)))
@example("8k, no people (x:1.3) {a|b} --ar 16:9", '"{}"', Target.DEV)
@example("Create an image of #FF0000", "“{}”", Target.DEV)
def test_a_quoted_text_is_kept_to_the_letter(text, marks, target):
    quoted = marks.format(text)
    done = convert(ConversionRequest(f"A neon sign that says {quoted} above a diner door", target=target))
    assert quoted in done.text
    if ESTIMATE.clip(quoted) <= CLIP_LIMIT - 15:  # else there is no room for it and its subject
        assert quoted in unescape(done.clip_l)


@given(st.text(max_size=200))
def test_escaping_is_undone_by_the_host(text):
    assert unescape(escape(unescape(text))) == unescape(text)


def test_the_same_input_gives_the_same_output():
    request = ConversionRequest("Create an image of two (old) owls, no people, #0047AB --ar 3:2", Style.NATURAL)
    assert {convert(request).report.json() for _ in range(20)} == {convert(request).report.json()}


BIG = [
    "word and ", "(", "((((a:1.2", "“", '"a', "'a ", "no people, ", "{a|", ".", "a, ", "A. ", "\n- x", "--ar 16:9 ",
    "#ff0000 ", "一", "8k, ", "*a", "<", "in the style of Monet ", "/*", "__a", "Negative prompt: ",
    "1024x1024 ", ",,", ". .", "\t\n", "embedding:", "http://a/", " ", "\ue002", "\\(",
]  # fmt: skip


@pytest.mark.parametrize("piece", BIG)
def test_a_long_prompt_of_one_thing_stays_within_limits(piece):
    done = convert(ConversionRequest(piece * (6_000 // len(piece)), describe_artists=True))
    assert done.report.tokens.t5xxl <= 512
    assert done.report.tokens.clip_l <= CLIP_LIMIT


def test_a_megabyte_takes_linear_time():
    """Work is counted, not timed: what is measured with the tokenizers must not grow with the text."""
    calls = {}
    for size in (100_000, 1_000_000):
        counted = []

        def count(text: str, counted: list[int] = counted) -> int:
            counted.append(len(text))
            return ESTIMATE.t5(text)

        sentences = (f"Fox number {n} runs over the hill." for n in range(size // 32))
        convert(ConversionRequest(" ".join(sentences)), replace(ESTIMATE, t5=count))
        calls[size] = sum(counted)
    assert calls[1_000_000] <= calls[100_000] * 1.5


def test_a_long_prompt_is_shortened_at_sentence_ends_and_says_so():
    sentences = [f"Sentence number {n} describes a small house beside a quiet river." for n in range(100)]
    sentences[70] = 'On the roof stands the word "HARBOR" in blue letters.'
    done = convert(ConversionRequest(" ".join(sentences), Style.NONE, ""))
    kept = done.t5xxl.split(". ")
    assert done.t5xxl.startswith(sentences[0])
    assert '"HARBOR"' in done.t5xxl, "a text to draw is kept before others"
    assert all(one.rstrip(".") + "." in sentences for one in kept)
    assert done.report.left_out
    assert "shortened" in [warning.code for warning in done.report.warnings]
    assert done.report.tokens.t5xxl > 400, "and the room is used"


def test_schnell_gets_half_the_room():
    text = " ".join(f"Sentence number {n} describes a small house beside a quiet river." for n in range(60))
    assert convert(ConversionRequest(text, target=Target.SCHNELL)).report.tokens.t5xxl <= 256


def test_memory_stays_flat_over_many_prompts():
    for n in range(200):
        convert(ConversionRequest(f"a fox number {n} in #{n:06X} with no people"))
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for n in range(400):
        convert(ConversionRequest(f"a fox number {n} in #{n:06X} with no people"))
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 2_000_000, "bytes; caches are bounded"
