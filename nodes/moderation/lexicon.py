"""The curated terms and rules of the local check, read from `terms/*.toml`.

A file holds tables of five kinds, each with a list of patterns a language (`LANGUAGES`), one pattern a line:

    [[terms]]   rule, category, weight, also sets the terms belong to
    [[sets]]    name: words that mean something only near others
    [[near]]    rule, category, weight, all = [sets], within = words between them, [unless = [sets]]; no patterns
    [[allow]]   harmless phrases: what is found inside of one does not count
    [[hints]]   rule, kind: for review, never a reason to block

A key that is neither a language nor a field of its table is an error.

A pattern is words with spaces: `word` as it stands, `word*` any word that begins so, `a|b` one of them,
`a_b` two words where one may stand, `{0-17}` a number. Everything is folded as texts are (`reading.fold`).
"""

from __future__ import annotations

import hashlib
import sys
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from .categories import Category
from .described import WEIGHTS
from .lookalikes import DRAWN, TABLE
from .reading import Reader, fold, words

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = Path(__file__).parent / "terms"
ORDINARY = FOLDER / "ordinary.txt"
LANGUAGES = (
    *("en", "de", "fr", "es", "it", "pt", "ru", "zh", "ja"),
    *("nl", "pl", "tr", "ko", "ar", "uk", "id", "vi", "sv", "cs"),  # plain forms only
)
_FIELDS = {
    "terms": {"rule", "category", "weight", "sets"},
    "sets": {"name"},
    "near": {"rule", "category", "weight", "all", "within", "unless"},
    "allow": {"rule"},
    "hints": {"rule", "kind"},
}


@dataclass(frozen=True)
class Meaning:
    """What a pattern stands for."""

    rule: str
    category: Category | None = None
    weight: float = 0.0
    sets: tuple[str, ...] = ()
    allow: bool = False
    hint: str = ""


@dataclass(frozen=True)
class Near:
    """Sets whose members together mean something."""

    rule: str
    category: Category
    weight: float
    all: tuple[str, ...]
    within: int  # words between neighbours at most
    unless: tuple[str, ...] = ()


@dataclass(frozen=True)
class TermMatch:
    """Words `start` to `end` (exclusive) of a text carry `meaning`."""

    start: int
    end: int
    meaning: Meaning


class _Node:
    __slots__ = ("meanings", "prefixes", "words")

    def __init__(self) -> None:
        self.words: dict[str, _Node] = {}
        self.prefixes: dict[str, _Node] = {}
        self.meanings: list[Meaning] = []


@dataclass
class Lexicon:
    """All patterns as one tree of words, and the rules over sets."""

    version: str  # changes whenever a data file does, the model's weights too
    near: tuple[Near, ...]
    categories: frozenset[Category]
    reader: Reader
    _root: _Node

    def matches(self, text_words: Sequence[str]) -> Iterator[TermMatch]:
        """Every match at every place, also inside of one another."""
        for start in range(len(text_words)):
            states = [self._root]
            for end in range(start, len(text_words)):
                states = [after for state in states for after in _step(state, text_words[end])]
                if not states:
                    break
                for state in states:
                    for meaning in state.meanings:
                        yield TermMatch(start, end + 1, meaning)


def _step(state: _Node, word: str) -> Iterator[_Node]:
    if (after := state.words.get(word)) is not None:
        yield after
    if state.prefixes:
        for length in range(2, min(len(word), 24) + 1):
            if (after := state.prefixes.get(word[:length])) is not None:
                yield after


def nearest(positions: Sequence[int], place: int) -> int | None:
    """The entry of a sorted list that is closest to `place`."""
    if not positions:
        return None
    index = bisect_left(positions, place)
    around = positions[max(0, index - 1) : index + 1]
    return min(around, key=lambda position: abs(position - place))


@cache
def load(folder: Path = FOLDER) -> Lexicon:
    """Read the data files; about a quarter of a second, once."""
    files = sorted(folder.glob("*.toml"))
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in (TABLE, DRAWN, ORDINARY, WEIGHTS)))
    root = _Node()
    near: list[Near] = []
    vocabulary: set[str] = set()
    telling: set[str] = set()
    stems: set[str] = set()
    for file in files:
        data = file.read_bytes()
        digest.update(data)
        tables = tomllib.loads(data.decode("utf-8"))
        _check_keys(tables, file.name)
        near += [_near(table, file.stem) for table in tables.pop("near", [])]
        for kind, entries in tables.items():
            for entry in entries:
                meaning, patterns = _entry(kind, entry, file.stem)
                for pattern in patterns:
                    path = [_alternatives(part) for part in pattern.split()]
                    _insert(root, path, meaning)
                    if meaning.allow:
                        continue
                    for word in (word for step in path for word in step):
                        plain = fold(word.rstrip("*"))
                        (stems if word.endswith("*") else vocabulary).add(plain)
                        if len(path) == 1 and meaning.weight >= 0.5:
                            telling.add(plain)
    categories = {rule.category for rule in near} | {m.category for m in _meanings(root) if m.category}
    _check_sets(near, root)
    ordinary = [line for line in ORDINARY.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    reader = Reader(vocabulary, telling, stems, ordinary)
    return Lexicon(digest.hexdigest()[:12], tuple(near), frozenset(categories), reader, root)


def _check_keys(tables: dict[str, Any], file: str) -> None:
    for kind, entries in tables.items():
        if kind not in _FIELDS:
            raise ValueError(f"terms/{file} holds a table of unknown kind: {kind}")
        known = _FIELDS[kind] | (set() if kind == "near" else set(LANGUAGES))
        for entry in entries:
            if unknown := set(entry) - known:
                raise ValueError(f"terms/{file}: [[{kind}]] has the unknown key {sorted(unknown)[0]}")


def _near(table: dict[str, Any], stem: str) -> Near:
    return Near(
        f"{stem}/{table['rule']}",
        Category(table["category"]),
        table["weight"],
        tuple(table["all"]),
        table["within"],
        tuple(table.get("unless", ())),
    )


def _entry(kind: str, entry: dict[str, Any], stem: str) -> tuple[Meaning, list[str]]:
    patterns = [pattern for language in LANGUAGES for pattern in entry.get(language, ())]
    name = entry.get("rule") or entry.get("name", "")
    rule = f"{stem}/{name}"
    if kind == "terms":
        meaning = Meaning(rule, Category(entry["category"]), entry["weight"], tuple(entry.get("sets", ())))
    elif kind == "sets":
        meaning = Meaning(rule, sets=(entry["name"],))
    elif kind == "allow":
        meaning = Meaning(rule, allow=True)
    else:
        meaning = Meaning(rule, hint=entry["kind"])
    return meaning, patterns


def _alternatives(part: str) -> list[str]:
    """One step of a pattern → the words it stands for; a trailing * is kept."""
    spread: list[str] = []
    for choice in part.split("|"):
        before, brace, rest = choice.partition("{")
        if brace:
            bounds, after = rest.split("}")
            first, last = map(int, bounds.split("-"))
            spread += [f"{before}{number}{after}" for number in range(first, last + 1)]
        else:
            spread.append(choice)
    return spread


def _insert(root: _Node, path: list[list[str]], meaning: Meaning) -> None:
    nodes = [root]
    for alternatives in path:
        reached: list[_Node] = []
        for alternative in alternatives:
            star = alternative.endswith("*")
            # Characterwise scripts fold into several steps.
            steps = words(fold(alternative.rstrip("*")))
            for node in nodes:
                for index, step in enumerate(steps):
                    branch = node.prefixes if star and index == len(steps) - 1 else node.words
                    node = branch.setdefault(step, _Node())
                reached.append(node)
        nodes = list(dict.fromkeys(reached))
    for node in nodes:
        if meaning not in node.meanings:
            node.meanings.append(meaning)


def _meanings(root: _Node) -> Iterator[Meaning]:
    pending = [root]
    while pending:
        node = pending.pop()
        yield from node.meanings
        pending += [*node.words.values(), *node.prefixes.values()]


def _check_sets(near: list[Near], root: _Node) -> None:
    known: dict[str, int] = defaultdict(int)
    for meaning in _meanings(root):
        for name in meaning.sets:
            known[name] += 1
    for rule in near:
        if missing := {*rule.all, *rule.unless} - set(known):
            raise ValueError(f"{rule.rule} speaks of sets that do not exist: {', '.join(sorted(missing))}")
