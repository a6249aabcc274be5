"""What many votes say: how often one label beats another, and how sure that is."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

from .votes import BAD, TIE, Vote

Z_95 = 1.959963984540054  # normal quantile of a two-sided 95 % interval
GROUPINGS = ("", "style", "size", "category", "model", "quality")


@dataclass(frozen=True)
class Interval:
    """A share and its 95 % confidence interval, all 0…1."""

    share: float
    low: float
    high: float


@dataclass(frozen=True)
class Tally:
    """One label (`challenger`, such as FLUX) against another (`reference`, such as DALL·E) in one group of votes."""

    group: str  # "" when the votes were not grouped
    reference: str
    challenger: str
    wins: int  # the challenger was better
    losses: int
    ties: int
    both_bad: int
    blind: int  # votes among them that were cast blind

    @property
    def win_rate(self) -> Interval | None:
        """Wins among the votes that preferred one; None without such a vote."""
        return wilson(self.wins, self.wins + self.losses)

    @property
    def good_enough(self) -> Interval | None:
        """Votes in which the challenger was as good or better, among all but "both bad"; None without one."""
        return wilson(self.wins + self.ties, self.wins + self.losses + self.ties)

    @property
    def votes(self) -> int:
        return self.wins + self.losses + self.ties + self.both_bad

    @property
    def verdict(self) -> str:
        """Whether the challenger is as good or better in more than half of the votes, as far as they can tell."""
        rate = self.good_enough
        if rate is None:
            return "no verdict"
        if rate.low > 0.5:
            return "good enough"
        return "not good enough" if rate.high < 0.5 else "too few votes to tell"

    @property
    def sentence(self) -> str:
        """The answer to "is it good enough for us?"."""
        counts = f"{self.wins} won, {self.losses} lost, {self.ties} tied, {self.both_bad} both bad"
        rate, wins = self.good_enough, self.win_rate
        if rate is None:
            return f"{self.challenger} against {self.reference}: {counts}; nothing to tell yet."
        won = f"; win rate {_percent(wins)}" if wins else ""
        return (
            f"{self.challenger} against {self.reference}: {self.verdict}. As good or better in {_percent(rate)} of "
            f"{self.votes} votes ({counts}, {self.blind} blind){won}."
        )


def wilson(successes: int, trials: int) -> Interval | None:
    """Wilson's score interval (1927) for a share; None without trials. Good also for few votes and for 0 or 100 %."""
    if trials == 0:
        return None
    share = successes / trials
    square = Z_95 * Z_95
    middle = (share + square / (2 * trials)) / (1 + square / trials)
    reach = Z_95 / (1 + square / trials) * math.sqrt(share * (1 - share) / trials + square / (4 * trials * trials))
    return Interval(share, max(0.0, middle - reach), min(1.0, middle + reach))


def tallies(votes: Iterable[Vote], by: str = "") -> list[Tally]:
    """Count votes for every two labels that met, in groups.

    A vote on three or four pictures counts as one meeting for each two of them that it decides: the chosen one
    won against all others; a tie is a tie of all. Pictures under the same label do not meet.

    Args:
        by: one of `GROUPINGS`; "" for all votes together.
    """
    counted: dict[tuple[str, str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for vote in votes:
        group = vote.group(by) if by else ""
        for one, other in combinations(vote.sides, 2):
            if one.label == other.label or vote.choice not in (TIE, BAD, one.slot, other.slot):
                continue
            # Always the same way round, whichever socket each was connected to: the first seen is the reference.
            turned = (group, other.label, one.label) in counted
            reference, challenger = (other, one) if turned else (one, other)
            counts = counted[group, reference.label, challenger.label]
            kind = {challenger.slot: "wins", reference.slot: "losses", TIE: "ties", BAD: "both_bad"}[vote.choice]
            counts[kind] += 1
            counts["blind"] += vote.blind
    found = [
        Tally(group, reference, challenger, c["wins"], c["losses"], c["ties"], c["both_bad"], c["blind"])
        for (group, reference, challenger), c in counted.items()
    ]
    return sorted(found, key=lambda tally: (tally.group, -tally.votes))


def _percent(rate: Interval) -> str:
    return f"{rate.share:.0%} (95 % interval {rate.low:.0%} to {rate.high:.0%})"
