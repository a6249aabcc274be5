"""Every test belongs to the level whose folder it lies in: unit, host or browser."""

from __future__ import annotations

from pathlib import Path

import pytest

LEVELS = ("unit", "host", "browser")
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        level = item.path.relative_to(HERE).parts[0]
        if level in LEVELS:
            item.add_marker(getattr(pytest.mark, level))
