"""The texts that stand in the code itself: what the pages show, and what Python says to people."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

PACK = Path(__file__).parents[2]
# Whose sentences have translations: those that people meet first. The others are told in English.
SPOKEN = (
    "archive/loading.py",
    "archive/places.py",
    "archive/source.py",
    "archive/uploads.py",
    "comparison/metrics.py",
    "comparison/summary.py",
    "endpoint/admission.py",
    "endpoint/limits.py",
    "endpoints.py",
    "errors.py",
    "flux/installed.py",
    "flux/licences.py",
    "flux/loading.py",
    "guard.py",
    "host/queue.py",
    "images_api/failures.py",
    "moderation/gate.py",
    "prompts/convert.py",
    "replies.py",
    "services/ledger.py",
    "services/spending.py",
    "settings/page.py",
    "settings/routes.py",
    "settings/trial.py",
)
# What stands in them as a value.
PHRASES = (
    "good enough",
    "not good enough",
    "too few votes to tell",
    "no verdict",
    "{0} won, {1} lost, {2} tied, {3} both bad",
    "The prompt was",
)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')


def page_texts() -> list[str]:
    """What js/ asks `t` for, in the order of the files."""
    files = sorted((PACK / "js").rglob("*.js"))
    return list(dict.fromkeys(text for file in files for text in asked_for(file.read_text("utf-8"))))


def asked_for(source: str) -> Iterator[str]:
    """The texts in the first argument of every call of `t`, such as both of t(yes ? "a" : "b", 3)."""
    for call in re.finditer(r"(?<![\w.])t\(", source):
        at, depth = call.end(), 1
        while depth and not (depth == 1 and source[at] == ","):
            if quoted := _QUOTED.match(source, at):
                yield json.loads(quoted[0])
                at = quoted.end()
                continue
            depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(source[at], 0)
            at += 1


def messages() -> list[str]:
    """The sentences of SPOKEN, with {0}, {1} … where a value goes, and PHRASES."""
    found = [text for name in SPOKEN for text in said_in((PACK / "nodes" / name).read_text("utf-8"))]
    return list(dict.fromkeys([*found, *PHRASES]))


def said_in(source: str) -> Iterator[str]:
    """Every sentence in the strings of a module; docstrings are none."""
    tree = ast.parse(source)
    inner: set[int] = set()
    for node in ast.walk(tree):  # outer nodes come before inner ones
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            inner.add(id(node.value))
        if id(node) in inner or not isinstance(node, (ast.Constant, ast.JoinedStr, ast.BinOp)):
            continue
        pieces = _pieces(node)
        if any(isinstance(piece, str) for piece in pieces):
            inner.update(id(part) for part in ast.walk(node))
            numbers = iter(range(len(pieces)))
            text = "".join(piece if isinstance(piece, str) else f"{{{next(numbers)}}}" for piece in pieces)
            if text.count(" ") >= 3 and text.endswith(".") and re.match(r"[A-Z{'\"]", text):
                yield text


def _pieces(node: ast.AST) -> list[str | None]:
    """What a string is put together from; None where a value goes."""
    if isinstance(node, ast.JoinedStr):
        return [piece for value in node.values for piece in _pieces(value)]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _pieces(node.left) + _pieces(node.right)
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else [None]
