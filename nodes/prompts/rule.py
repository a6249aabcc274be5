"""What a rule is, and the context it works at."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from ..sizes import Size
from .quoting import Quotes, protect, restore
from .targets import Style, Target

MOST_TOLD = 200  # entries of each list of a report; a long prompt may have thousands of changes
_SHOWN = 400  # characters of a change that a report repeats


@dataclass(frozen=True)
class Change:
    """One place that a rule rewrote. Texts are as people read them, quoted texts included."""

    rule: str
    at: int  # character offset in the text as the rule met it
    before: str
    after: str


@dataclass(frozen=True)
class Notice:
    """Something a person should know, with a stable code for programs."""

    code: str
    message: str


@dataclass
class RuleContext:
    """One prompt on its way through the rules: what it is for, and what has been found so far."""

    style: Style
    size: Size | None
    target: Target
    language: str = "en"  # BCP 47, "und" where it cannot be told
    describe_artists: bool = False
    quotes: Quotes = field(default_factory=Quotes)
    verbatim: bool = False
    declined: bool = False  # a rule would have left nothing
    changes: list[Change] = field(default_factory=list)
    warnings: list[Notice] = field(default_factory=list)
    asked: dict[str, str | int | float] = field(default_factory=dict)  # settings written in the prompt
    negative: list[str] = field(default_factory=list)  # what is not wanted, for a model that is told so apart
    left_out: list[str] = field(default_factory=list)  # what was not read at all
    rule: str = ""  # the one at work

    def read(self, text: str) -> str:
        """`text` as people read it."""
        return restore(text, self.quotes)

    def protect(self, text: str) -> str:
        """Mark quoted texts that came to light, for example when an outer wrapper went."""
        text, self.quotes = protect(text, self.quotes)
        return text

    def note(self, at: int, before: str, after: str) -> None:
        """Write a change down."""
        if before != after:
            self.changes.append(Change(self.rule, at, self.read(before), self.read(after)))

    def warn(self, code: str, message: str) -> None:
        """Tell the person, once."""
        warning = Notice(code, message)
        if len(self.warnings) < MOST_TOLD and warning not in self.warnings:
            self.warnings.append(warning)

    def replace(
        self, pattern: re.Pattern[str], by: str | Callable[[re.Match[str]], str], text: str, *, most: int = 0
    ) -> str:
        """`pattern.sub` that writes every change down."""

        def one(match: re.Match[str]) -> str:
            after = match.expand(by) if isinstance(by, str) else by(match)
            self.note(match.start(), match[0], after)
            return after

        return pattern.sub(one, text, most)

    def cut(self, pattern: re.Pattern[str], text: str) -> str:
        """`replace` by nothing."""
        return self.replace(pattern, "", text)


@dataclass(frozen=True)
class RewriteRule:
    """One named rule: what it is called, why it exists, what it does."""

    name: str
    reason: str
    apply: Callable[[str, RuleContext], str]
    english: bool = False  # True: knows English words, and is left out for other languages
    content: bool = True  # False: takes talk, settings and layout, which were never meant to be in the picture
    rewords: bool = True  # False: only adds a sentence or mends punctuation, so that nothing said can be lost by it


def shorten_for_report(text: str) -> str:
    """A change's text, cut in the middle where it is very long."""
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN // 2]} … {text[-_SHOWN // 2 :]}"
