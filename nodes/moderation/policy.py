"""A policy: which checks are asked, from which score a category counts, and what an error means.

Ready-made policies are starting points; thresholds and actions of single categories go over them. A policy may
stand on the user's own `minimum`; then the stricter of the two holds, category by category.

One rule stands above every policy: `sexual/minors` blocks from `MINORS_CEILING` on. No preset, no line of
`categories`, no threshold and no choice of checks turns that off.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from ..errors import DalleFluxError
from .categories import Category


class BadPolicy(DalleFluxError):
    """A policy's settings contradict each other or cannot be read."""

    code = "bad_policy"


class Action(str, Enum):
    """What happens when a category counts as found."""

    BLOCK = "block"
    REVIEW = "review"
    OFF = "off"


class OnError(str, Enum):
    """What a check that cannot answer means."""

    BLOCK = "block"  # fail closed
    ALLOW = "allow"  # fail open, marked for review


class Preset(str, Enum):
    """The ready-made policies."""

    DALLE_LIKE = "DALL·E-like"
    FAMILY_SAFE = "family-safe"
    INTERNAL_REVIEW = "internal review only"
    LOG_ONLY = "log only"


@dataclass(frozen=True)
class CategoryRule:
    """How one category is judged."""

    action: Action
    threshold: float  # 0 < threshold <= 1; a score from here on counts
    own_flags: bool = True  # a service's own flag counts too; off once the user sets a threshold


def _rules(action: Action, threshold: float, **others: CategoryRule) -> dict[Category, CategoryRule]:
    rules = dict.fromkeys(Category, CategoryRule(action, threshold))
    return rules | {Category[name.upper()]: rule for name, rule in others.items()}


# A word of a minor with anything sexual needs less certainty than the rest. Nobody may ask for more certainty.
MINORS_CEILING = 0.3
_MINORS = CategoryRule(Action.BLOCK, MINORS_CEILING)

PRESETS: Mapping[Preset, Mapping[Category, CategoryRule]] = {
    Preset.DALLE_LIKE: _rules(Action.BLOCK, 0.5, sexual_minors=_MINORS),
    Preset.FAMILY_SAFE: _rules(Action.BLOCK, 0.25, sexual_minors=CategoryRule(Action.BLOCK, 0.2)),
    Preset.INTERNAL_REVIEW: _rules(Action.REVIEW, 0.5, sexual_minors=_MINORS),
    # Everything is recorded with its scores; nothing is held back or marked.
    Preset.LOG_ONLY: _rules(Action.OFF, 0.5, sexual_minors=_MINORS),
}

TEXT_CHECKS = ("local", "openai", "llm guard", "google")
IMAGE_CHECKS = ("local", "openai")
IF_INSTALLED = "local if installed"  # the local picture check where its package is there; a hint where it is not
SERVICES = ("openai", "llm guard", "google")  # checks that send what they judge to a named endpoint
NO_CHECK = "none"


def choices(checks: tuple[str, ...]) -> list[str]:
    """Every combination of checks as one word for a node's list, single ones first, and "none"."""
    combinations = [
        [check for bit, check in enumerate(checks) if number >> bit & 1] for number in range(1, 1 << len(checks))
    ]
    return [" + ".join(combination) for combination in sorted(combinations, key=len)] + [NO_CHECK]


@dataclass(frozen=True)
class Policy:
    """What the gate does. Made by `from_preset`, by the node DalleFluxModerationPolicy, or from the user's file."""

    name: str
    text_checks: tuple[str, ...] = ("local",)
    image_checks: tuple[str, ...] = (IF_INSTALLED,)
    rules: Mapping[Category, CategoryRule] = field(default_factory=lambda: dict(PRESETS[Preset.DALLE_LIKE]))
    on_error: OnError = OnError.BLOCK
    endpoint: str = "openai"  # named endpoint of the check "openai"
    model: str = "omni-moderation-latest"
    guard_endpoint: str = "ollama"  # named endpoint of the check "llm guard"
    guard_model: str = "llama-guard3"
    google_endpoint: str = "google"  # named endpoint of the check "google"
    minimum: Policy | None = None  # the user's own, which holds as well

    @classmethod
    def from_preset(cls, preset: Preset = Preset.DALLE_LIKE) -> Policy:
        """A ready-made policy with the local checks, failing closed."""
        return cls(preset.value, rules=dict(PRESETS[preset]))

    @property
    def both(self) -> tuple[Policy, ...]:
        """The policy, and the user's minimum if there is one."""
        return (self,) if self.minimum is None else (self, self.minimum)

    @property
    def fails_closed(self) -> bool:
        """True if a check that cannot answer holds the content back."""
        return any(policy.on_error is OnError.BLOCK for policy in self.both)

    @property
    def judges_pictures(self) -> bool:
        """True if any check looks at pictures."""
        return any(policy.image_checks for policy in self.both)

    def with_threshold(self, threshold: float) -> Policy:
        """The same threshold for every category.

        Raises:
            BadPolicy: not above 0 and at most 1.
        """
        _check_threshold(threshold)
        rules = {c: replace(rule, threshold=threshold, own_flags=False) for c, rule in self.rules.items()}
        return replace(self, rules=rules)

    def with_categories(self, lines: str) -> Policy:
        """Apply lines such as `violence = 0.8`, `hate = off`, `sexual = review`, `illicit = block 0.3`.

        Empty lines and lines that begin with # are skipped.

        Raises:
            BadPolicy: an unknown category or value, or sexual/minors not blocking.
        """
        rules = dict(self.rules)
        for line in lines.splitlines():
            if line.strip() and not line.lstrip().startswith("#"):
                category, rule = _category_line(line, rules)
                rules[category] = rule
        return replace(self, rules=rules)

    def as_json(self) -> dict[str, Any]:
        """The policy as JSON data for reports and the record; keys stable."""
        return {
            "name": self.name,
            "text_checks": list(self.text_checks),
            "image_checks": list(self.image_checks),
            "on_error": self.on_error.value,
            "endpoint": self.endpoint,
            "model": self.model,
            "guard_endpoint": self.guard_endpoint,
            "guard_model": self.guard_model,
            "google_endpoint": self.google_endpoint,
            "categories": {
                c.value: {"action": self.rules[c].action.value, "threshold": self.threshold(c)} for c in Category
            },
            "minimum": None if self.minimum is None else self.minimum.as_json(),
        }

    def threshold(self, category: Category) -> float:
        """The score from which `category` counts, 0…1."""
        threshold = self.rules[category].threshold
        return min(threshold, MINORS_CEILING) if category is Category.SEXUAL_MINORS else threshold


# Where no policy is connected: nothing is judged but what always blocks, and what the user's minimum says.
NO_POLICY = Policy("none", (), (), _rules(Action.OFF, 1.0, sexual_minors=_MINORS))


def make_policy(
    preset: Preset,
    *,
    text_check: str,
    image_check: str,
    threshold: float = 0.0,
    categories: str = "",
    **fields: Any,
) -> Policy:
    """A policy from what the node DalleFluxModerationPolicy asks.

    Args:
        threshold: for every category; 0 keeps the preset's own. `categories` goes over it.
        fields: the other fields of `Policy`.

    Raises:
        BadPolicy: something cannot be read or contradicts itself.
    """
    policy = replace(
        Policy.from_preset(preset),
        text_checks=checks_of(text_check, TEXT_CHECKS),
        image_checks=checks_of(image_check, (IF_INSTALLED, *IMAGE_CHECKS)),
        **fields,
    )
    if threshold:
        policy = policy.with_threshold(threshold)
    return policy.with_categories(categories)


def checks_of(choice: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """A choice such as "local + openai" as names of checks, in the order of `known`.

    Raises:
        BadPolicy: a check that does not exist.
    """
    if choice.strip() == NO_CHECK:
        return ()
    wanted = {part.strip() for part in choice.split("+")}
    if unknown := wanted - set(known):
        raise BadPolicy(
            f"There is no check {sorted(unknown)[0][:40]!r} here; use one or more of {', '.join(known)} joined by "
            f"'+', or {NO_CHECK}."
        )
    return tuple(check for check in known if check in wanted)


def _check_threshold(threshold: float) -> None:
    if not (math.isfinite(threshold) and 0.0 < threshold <= 1.0):
        raise BadPolicy(f"A threshold must be above 0 and at most 1, and {threshold} is not; correct it in the policy.")


_ACTIONS = {action.value for action in Action}


def _threshold(word: str, category: Category) -> float:
    try:
        threshold = float(word)
    except ValueError:
        raise BadPolicy(
            f"The policy's line for {category.value} holds {word[:40]!r}; write block, review, off or a number "
            "above 0 and at most 1."
        ) from None
    _check_threshold(threshold)
    return threshold


def _category_line(line: str, rules: Mapping[Category, CategoryRule]) -> tuple[Category, CategoryRule]:
    name, _, setting = line.partition("=")
    try:
        category = Category(name.strip().lower())
    except ValueError:
        raise BadPolicy(
            f"The policy names the category {name.strip()[:40]!r}, which does not exist; use one of "
            f"{', '.join(c.value for c in Category)}."
        ) from None
    rule = rules[category]
    words = setting.split()
    if not words:
        raise BadPolicy(
            f"The policy's line for {category.value} says nothing; write for example {category.value} = 0.5."
        )
    actions = [Action(word.lower()) for word in words if word.lower() in _ACTIONS]
    thresholds = [_threshold(word, category) for word in words if word.lower() not in _ACTIONS]
    if len(actions) > 1 or len(thresholds) > 1 or (thresholds and actions == [Action.OFF]):
        raise BadPolicy(
            f"The policy's line for {category.value} says {' '.join(words)[:60]!r}, which contradicts itself; write "
            "block or review with at most one number, or off alone."
        )
    if actions:
        rule = replace(rule, action=actions[0])
    if thresholds:
        action = Action.BLOCK if rule.action is Action.OFF else rule.action
        rule = replace(rule, action=action, threshold=thresholds[0], own_flags=False)
    if category is Category.SEXUAL_MINORS and rule.action is not Action.BLOCK:
        raise BadPolicy("sexual/minors always blocks; remove its line from the policy or give it a threshold only.")
    return category, rule
