"""No way that a text takes through the pack needs more than linear time, whatever the text."""

from __future__ import annotations

import dataclasses
import math
import random
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import pytest
from growth.growth import MOST, grows_too_fast, seconds
from growth.patterns import patterns
from growth.shapes import FILLERS, pumps, text_of

from nodes.comparison.captions import captions
from nodes.comparison.lettering import Lettering, lacking, printable
from nodes.csv_cells import harmless
from nodes.errors import DalleFluxError
from nodes.moderation.gate import check_prompt
from nodes.moderation.llm_guard import read_llama_guard, read_policy_answer, read_shield_gemma
from nodes.moderation.local_text import LocalTextCheck
from nodes.moderation.policy import Policy
from nodes.prompts.bulk import count, rows
from nodes.prompts.convert import ConversionRequest, convert
from nodes.prompts.fidelity import items, missing
from nodes.prompts.frozen import thaw
from nodes.prompts.rewriting import complaint, prompt_in
from nodes.prompts.rule import RewriteRule, RuleContext
from nodes.prompts.rules import in_order
from nodes.prompts.rules.length import LONGEST
from nodes.prompts.targets import PromptMode, Style, Target
from nodes.prompts.tokens import ESTIMATE

# What the patterns look for, each with something that is repeated behind it or with it.
SHAPES = [("", filler) for filler in FILLERS] + [
    random.Random(name.split()[0]).choice(found) for name, pattern in patterns().items() if (found := pumps(pattern))
]
NESTED = [('{"prompt": ' + opening, opening) for opening in ("[", '{"a":', '"', "\\", '"a", ')]


def _read_file(kind: str) -> Callable[[str], object]:
    def read(text: str) -> object:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"a.{kind}"
            file.write_text(text, "utf-8", "replace", newline="")
            try:
                return count(file), list(rows(file, ConversionRequest("")))
            except DalleFluxError as error:
                return error

    return read


def _forgiving(work: Callable[[str], object]) -> Callable[[str], object]:
    def done(text: str) -> object:
        try:
            return work(text)
        except DalleFluxError as error:
            return error

    return done


@lru_cache(maxsize=1)
def _lettering() -> Lettering:
    return Lettering(24)


WAYS: dict[str, Callable[[str], object]] = {
    "converting": lambda text: convert(ConversionRequest(text, describe_artists=True)),
    "as it is": lambda text: convert(ConversionRequest(text, mode=PromptMode.AS_IS)),
    "frozen": _forgiving(lambda text: convert(ConversionRequest("a fox", frozen=text))),
    "frozen JSON": _forgiving(lambda text: thaw('{"' + text, "a fox")),
    "what must stay": lambda text: missing(items(text), text[: len(text) // 2]),
    "a rewriter's answer": lambda text: complaint(
        prompt_in(text, prose_allowed=True), items(text), text, Target.DEV, ESTIMATE
    ),
    "the local check": lambda text: LocalTextCheck().check(text),
    "the gate": lambda text: check_prompt(text, Policy.from_preset(), [LocalTextCheck()]),
    "llama guard's answer": read_llama_guard,
    "shieldgemma's answer": read_shield_gemma,
    "a policy model's answer": read_policy_answer,
    "a label": lambda text: (_lettering().wrap(text, 400.0, 3), printable(text), lacking(text)),
    "a cell": harmless,
    "captions": lambda text: captions(text, 1),
    "a text file": _read_file("txt"),
    "a CSV file": _read_file("csv"),
    "a file of JSON lines": _read_file("jsonl"),
}


@pytest.mark.parametrize("part", range(8))
@pytest.mark.parametrize("way", WAYS)
def test_twice_the_text_takes_twice_the_time(way, part):
    slow = {}
    for lead, repeated in (SHAPES + NESTED)[part::8]:
        if said := grows_too_fast(WAYS[way], lead, repeated):
            slow[lead[-60:], repeated[:60]] = said
    assert not slow


@pytest.mark.parametrize("length", [40, 400, 30_000])
def test_converting_a_result_again_changes_nothing_whatever_the_text(length):
    for number, (lead, repeated) in enumerate(SHAPES + NESTED):
        style, size = ((Style.NONE, ""), (Style.VIVID, "1792x1024"))[number % 2]
        once = convert(ConversionRequest(text_of(lead, repeated, length), style, size)).t5xxl
        assert convert(ConversionRequest(once, style, size)).t5xxl == once, (lead, repeated)


@pytest.mark.parametrize("way", ["converting", "as it is", "a rewriter's answer"])
def test_a_megabyte_of_anything_takes_no_longer_than_its_length(way):
    work = WAYS[way]
    for lead, repeated in random.Random(1).sample(SHAPES, 12):
        short, long = text_of(lead, repeated, 100_000), text_of(lead, repeated, 1_000_000)
        once = took = math.inf
        for _ in range(3):  # the best of several, if need be: whatever else the machine does must not decide
            once, took = min(once, seconds(work, short)), min(took, seconds(work, long))
            if took <= 10 * MOST * once:
                break
        assert took <= 10 * MOST * once, (lead[-60:], repeated[:60])


def test_no_rule_sees_more_than_flux_could_read(monkeypatch):
    """So a rule holds the machine for as long as it takes for this many characters, and no longer."""
    seen: dict[str, int] = {}

    def spied(rule: RewriteRule) -> RewriteRule:
        def apply(text: str, context: RuleContext) -> str:
            seen[rule.name] = max(len(text), seen.get(rule.name, 0))
            return rule.apply(text, context)

        return dataclasses.replace(rule, apply=apply)

    monkeypatch.setattr("nodes.prompts.convert.in_order", tuple(map(spied, in_order)))
    for text in ("a fox " * 200_000, '{"prompt": "' + "a fox " * 30_000 + '"}', '"OPEN" ' * 150_000, "ab" * 500_000):
        convert(ConversionRequest(text, Style.NONE))
    reads_all = {"tool_call", "length"}  # they find the prompt in it, and cut it
    assert set(seen) == {rule.name for rule in in_order}
    assert {name: length for name, length in seen.items() if length > LONGEST * 1.1}.keys() <= reads_all
