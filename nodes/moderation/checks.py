"""Which checks a policy asks."""

from __future__ import annotations

from .gate import TextCheck
from .local_text import LocalTextCheck
from .policy import Policy


def text_checks(policy: Policy) -> list[TextCheck]:
    """The checks that judge prompts under `policy`, in its order."""
    return [LocalTextCheck() for name in policy.text_checks if name == "local"]
