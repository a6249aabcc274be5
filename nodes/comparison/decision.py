"""What a decision between two sides needs, on a report's first screen: votes, money, time, refusals.

Nothing is guessed: what no caption told is said to be unknown, with how many pictures told it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..services.ledger import MIGRATIONS, ROOM
from ..state import State
from .summary import Tally, tallies
from .votes import Vote

Facts = Mapping[str, str]  # of one picture, see `captions`


@dataclass(frozen=True)
class Refusals:
    """How often a service refused a model's requests by its content policy."""

    refused: int
    asked: int  # refused, or answered with a picture


@dataclass(frozen=True)
class SideFigures:
    """One label."""

    label: str
    pictures: int
    cost_usd: float | None  # mean of those whose cost is known; what it was when the picture was made
    priced: int
    seconds: float | None  # mean of those whose time is known
    timed: int
    refusals: Refusals | None  # None: no service drew it, or none of its requests is on record

    def rows(self) -> tuple[str, str, str]:
        """Cost, time and refusals in words."""
        cost = "not known" if self.cost_usd is None else f"${self.cost_usd:.3f}{self._of(self.priced)}"
        seconds = "not known" if self.seconds is None else f"{self.seconds:.1f} s{self._of(self.timed)}"
        if self.refusals is None:
            return cost, seconds, "none on record"
        share = self.refusals.refused / self.refusals.asked
        return cost, seconds, f"{self.refusals.refused} of {self.refusals.asked} requests ({share:.0%})"

    def _of(self, known: int) -> str:
        return "" if known == self.pictures else f" (known of {known} of {self.pictures} pictures)"


@dataclass(frozen=True)
class Decision:
    """The first screen."""

    tallies: tuple[Tally, ...]  # of all votes on these labels, however they were grouped
    sides: tuple[SideFigures, ...]


def of_votes(votes: Sequence[Vote], refused: Mapping[str, Refusals]) -> Decision:
    """Of all pictures that were voted on; each counts once, however often it was judged."""
    facts: dict[str, dict[str, Facts]] = {}
    for vote in votes:
        for side in vote.sides:
            facts.setdefault(side.label, {})[side.sha256 or f"{vote.comparison} {vote.pair}"] = side.facts
    sides = [figures(label, pictures.values(), refused) for label, pictures in facts.items()]
    return Decision(tuple(tallies(votes)), tuple(sides))


def of_sides(
    sides: Sequence[tuple[str, Sequence[Facts]]], votes: Iterable[Vote], refused: Mapping[str, Refusals]
) -> Decision:
    """Of one run's pictures, (label, facts of each), with all votes ever cast between their labels."""
    labels = [label for label, _ in sides]
    met = [tally for tally in tallies(votes) if {tally.reference, tally.challenger} <= set(labels)]
    return Decision(tuple(met), tuple(figures(label, facts, refused) for label, facts in sides))


def figures(label: str, pictures: Iterable[Facts], refused: Mapping[str, Refusals]) -> SideFigures:
    """One side's numbers."""
    told = list(pictures)
    costs = _numbers(told, "first_cost", "cost")
    seconds = _numbers(told, "seconds")
    models = {facts["model"] for facts in told if "model" in facts}
    found = [refused[model] for model in sorted(models) if model in refused]
    total = Refusals(sum(one.refused for one in found), sum(one.asked for one in found)) if found else None
    return SideFigures(label, len(told), _mean(costs), len(costs), _mean(seconds), len(seconds), total)


def refusals(state: State) -> dict[str, Refusals]:
    """By model, from the ledger of requests to services."""
    if not (state.root / "state.sqlite").is_file():  # looking makes no database
        return {}
    with state.database(ROOM, MIGRATIONS) as database:
        rows = database.execute(
            "SELECT model, sum(coalesce(error, '') = 'refused_by_policy') AS refused, count(*) AS asked "
            "FROM images_api_calls WHERE state = 'done' OR error = 'refused_by_policy' GROUP BY model"
        ).fetchall()
    return {row["model"]: Refusals(row["refused"], row["asked"]) for row in rows}


def _numbers(pictures: Iterable[Facts], *names: str) -> list[float]:
    """The first of these facts of each picture that is a number."""
    found = []
    for facts in pictures:
        for name in names:
            try:
                found.append(float(facts[name]))
            except (KeyError, ValueError):
                continue
            break
    return found


def _mean(numbers: Sequence[float]) -> float | None:
    return sum(numbers) / len(numbers) if numbers else None
