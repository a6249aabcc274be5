"""pytest fixtures: a stand-in service, fresh for every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from . import Services


@pytest.fixture
def services() -> Iterator[Services]:
    """A strict stand-in for OpenAI and Azure on loopback, with nothing billed yet."""
    with Services() as running:
        yield running
