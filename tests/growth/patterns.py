"""All patterns that the rooms define, found by themselves: what is written in future is among them."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import ModuleType

PACK = Path(__file__).resolve().parents[2] / "nodes"


def _imports_the_host(file: Path) -> bool:
    inside = file.relative_to(PACK)
    return (
        file.name in ("nodes.py", "routes.py") or inside.parts[0] in ("host", "host.py") or str(inside) == "__init__.py"
    )


def modules() -> Iterator[ModuleType]:
    """Every module of the pack that needs neither ComfyUI nor Ray."""
    for file in sorted(PACK.rglob("*.py")):
        if module := _module(file):
            yield module


def _module(file: Path) -> ModuleType | None:
    """None for what cannot be had here: what imports the host, and of the fleet what its own requirements are for."""
    if _imports_the_host(file):
        return None
    name = ".".join(("nodes", *file.relative_to(PACK).with_suffix("").parts))
    try:
        return importlib.import_module(name.removesuffix(".__init__"))
    except ModuleNotFoundError:
        if ".fleet." not in name:
            raise
        return None


def patterns() -> dict[str, re.Pattern[str]]:
    """Name → pattern, whether it stands in a module by itself, in a table, or in a rule."""
    found: dict[re.Pattern[str], str] = {}
    for module in modules():
        for name, value in vars(module).items():
            if not name.startswith("__"):
                for pattern in _in(value, 4):
                    found.setdefault(pattern, f"{module.__name__}.{name}")
    return {f"{name} {number}": pattern for number, (pattern, name) in enumerate(found.items())}


def _in(value: object, depth: int) -> Iterator[re.Pattern[str]]:
    if isinstance(value, re.Pattern):
        if isinstance(value.pattern, str):
            yield value
    elif depth and isinstance(value, (list, tuple, set, frozenset)):
        for one in value:
            yield from _in(one, depth - 1)
    elif depth and isinstance(value, dict):
        for pair in value.items():
            yield from _in(pair, depth - 1)
    elif depth and is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from _in(getattr(value, field.name, None), depth - 1)


def hidden() -> list[str]:
    """Where a pattern is made or used that `patterns` does not find: in a function, or in a module it cannot have."""
    found = []
    for file in sorted(PACK.rglob("*.py")):
        tree, unknown = ast.parse(file.read_text("utf-8")), _module(file) is None
        for scope in tree.body:
            inside = unknown or isinstance(scope, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
            found += [
                f"{file.relative_to(PACK)}:{call.lineno} re.{call.func.attr}"
                for call in ast.walk(scope)
                if isinstance(call, ast.Call) and _is_of_re(call.func) and inside
            ]
    return found


def _is_of_re(called: ast.expr) -> bool:
    return (
        isinstance(called, ast.Attribute)
        and isinstance(called.value, ast.Name)
        and called.value.id in ("re", "regex")
        and called.attr not in ("escape", "purge")
    )
