"""The check "local" for prompts: curated terms and rules and a small model; no network, nothing to install.

Its scores are the rules' weights, not probabilities: 0.9 says it outright, 0.6 is clear from the words,
0.3 is mild and counts only for a strict policy.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from .categories import Category
from .decision import Finding, Hint, Verdict
from .described import model
from .lexicon import Lexicon, Near, TermMatch, load, nearest

NEGATED = 0.25  # what is left of a weight after "no", "without"
# An image model draws what it reads, "no" or not: here only a disclaimer ("no nudity") weighs less, and no thing
# ("no nude woman on a bed").
DRAWN = frozenset({Category.SEXUAL, Category.VIOLENCE, Category.VIOLENCE_GRAPHIC})
STAGED = 0.45  # … near "zombie", "movie prop", "Halloween", and hate near "museum", "against racism"
STAGED_WITHIN = 6  # words
_NEGATORS = "negators"
_DISCLAIMERS = "disclaimers"
_MINOR = "minor"
_PERSON = "person"
# Category → the set of words near which it weighs less; sexual and hate/threatening have none.
_SETTINGS = dict.fromkeys(Category, "stage") | {Category.HATE: "counter_speech"}
del _SETTINGS[Category.SEXUAL], _SETTINGS[Category.SEXUAL_MINORS], _SETTINGS[Category.HATE_THREATENING]
_MOST_FINDINGS = 40  # in a report
TOLD = 0.6  # the weight of what the model finds
CLEAR = 0.5  # from here on the lists have found something
_TOLD_RULE = "described/model"


class LocalTextCheck:
    """Judges prompts by `terms/*.toml` and by the model of `described`."""

    name = "local"

    def __init__(self, lexicon: Lexicon | None = None):
        self._lexicon = lexicon or load()
        self._model = model()

    def check(self, text: str) -> Verdict:
        """Deterministic, linear in the length of the text; raises nothing."""
        read = self._lexicon.reader.read(text)
        every = list(self._lexicon.matches(read))
        matches = _without_allowed(every)
        sets: dict[str, list[TermMatch]] = defaultdict(list)
        for match in matches:
            for name in match.meaning.sets:
                sets[name].append(match)
        around = Surroundings(
            {match.end for match in sets[_NEGATORS]},
            {place for match in sets[_DISCLAIMERS] for place in range(match.start, match.end)},
            {name: [match.start for match in sets[name]] for name in set(_SETTINGS.values())},
        )
        findings = [
            Finding(
                match.meaning.category,
                _weight(match.meaning.weight, match.meaning.category, match, around),
                match.meaning.rule,
                _quote(read, match.start, match.end),
            )
            for match in matches
            if match.meaning.category is not None
        ]
        for rule in self._lexicon.near:
            findings += _together(rule, sets, around, read)
        findings += self._told(read, every, any(finding.score >= CLEAR for finding in findings))
        hints = {match.meaning.hint: match for match in reversed(matches) if match.meaning.hint}
        scores: dict[Category, float] = {}
        for finding in findings:
            scores[finding.category] = max(finding.score, scores.get(finding.category, 0.0))
        return Verdict(
            self.name,
            self._lexicon.version,
            self._lexicon.categories,
            scores,
            findings=tuple(sorted(dict.fromkeys(findings), key=lambda f: -f.score)[:_MOST_FINDINGS]),
            hints=tuple(
                Hint(kind, match.meaning.rule, _quote(read, match.start, match.end)) for kind, match in hints.items()
            ),
        )

    def _told(self, read: list[str], matches: Sequence[TermMatch], found: bool) -> list[Finding]:
        """What the model finds; sexual content beside words of a minor is both.

        Where the lists found something, only sexual content counts (the policy may let pass what they found): which
        kind of violence, threat or crime it reads the model cannot tell well enough.
        """
        minors = [match for match in matches if _MINOR in match.meaning.sets]
        starts = [match.start for match in minors]
        findings = []
        for told in self._model.told(people_alike(read, minors)):
            categories = [told.category] if told.category is Category.SEXUAL or not found else []
            if told.category is Category.SEXUAL and _any_within(starts, told.start, told.end):
                categories.append(Category.SEXUAL_MINORS)
            quote = _quote(read, told.start, told.end)
            findings += [Finding(category, TOLD, _TOLD_RULE, quote) for category in categories]
        return findings


def _any_within(places: Sequence[int], start: int, end: int) -> bool:
    """True if a sorted list holds a place from `start` to before `end`."""
    index = bisect_left(places, start)
    return index < len(places) and places[index] < end


def people_alike(words: Sequence[str], matches: Iterable[TermMatch]) -> list[str]:
    """The words as the model reads them: whether a person is a minor is for the rules."""
    alike = list(words)
    for match in matches:
        if _MINOR in match.meaning.sets:
            alike[match.start : match.end] = [_PERSON] * (match.end - match.start)
    return alike


def _without_allowed(matches: list[TermMatch]) -> list[TermMatch]:
    """Drop what lies inside of a harmless phrase; names stay hints."""
    reach: dict[int, int] = {}  # start → furthest end of an allowed phrase
    for match in matches:
        if match.meaning.allow:
            reach[match.start] = max(match.end, reach.get(match.start, 0))
    if not reach:
        return matches
    last = max(match.end for match in matches)
    covered = [0] * (last + 1)  # word → furthest end of an allowed phrase that begins at or before it
    furthest = 0
    for place in range(last + 1):
        furthest = max(furthest, reach.get(place, 0))
        covered[place] = furthest
    return [m for m in matches if m.meaning.hint or (not m.meaning.allow and covered[m.start] < m.end)]


@dataclass(frozen=True)
class Surroundings:
    """Words that change what other words weigh."""

    negated: set[int]  # places right after a negator
    disclaimers: set[int]  # places of words that name a kind of content and no thing
    settings: Mapping[str, Sequence[int]]  # name of a set in _SETTINGS → the places of its words


def _weight(weight: float, category: Category, match: TermMatch, around: Surroundings) -> float:
    if category is Category.SEXUAL_MINORS:
        return weight
    negated = not around.negated.isdisjoint((match.start, match.start - 1))
    if negated and (category not in DRAWN or around.disclaimers.issuperset(range(match.start, match.end))):
        return weight * NEGATED
    if category in _SETTINGS:
        near = nearest(around.settings[_SETTINGS[category]], match.start)
        if near is not None and abs(near - match.start) <= STAGED_WITHIN:
            return weight * STAGED
    return weight


def _together(rule: Near, sets: dict[str, list[TermMatch]], around: Surroundings, read: list[str]) -> list[Finding]:
    first, *others = rule.all
    if not all(sets[name] for name in rule.all):
        return []
    starts = {name: [match.start for match in sets[name]] for name in (*others, *rule.unless)}
    found: list[Finding] = []
    for match in sets[first]:
        partners = [_partner(match, sets[name], starts[name], rule.within) for name in others]
        if None in partners:
            continue
        if any(_partner(match, sets[name], starts[name], rule.within) for name in rule.unless):
            continue
        group = [match, *(partner for partner in partners if partner)]
        weight = min(_weight(rule.weight, rule.category, member, around) for member in group)
        start, end = min(m.start for m in group), max(m.end for m in group)
        found.append(Finding(rule.category, weight, rule.rule, _quote(read, start, end)))
        if len(found) >= _MOST_FINDINGS:
            break
    return found


def _partner(match: TermMatch, candidates: Sequence[TermMatch], starts: list[int], within: int) -> TermMatch | None:
    """A candidate beside `match`, with at most `within` words between, that does not overlap it."""
    index = bisect_left(starts, match.start)
    for near in chain(range(index, min(index + 4, len(candidates))), range(index - 1, max(index - 5, -1), -1)):
        other = candidates[near]
        gap = other.start - match.end if other.start >= match.start else match.start - other.end
        if 0 <= gap <= within:
            return other
    return None


def _quote(read: list[str], start: int, end: int) -> str:
    text = " ".join(read[start:end])
    return text if len(text) <= 80 else text[:79] + "…"
