"""Rewritten prompts, kept on disk: the same prompt, seed, model and instructions give the same text again."""

from __future__ import annotations

from ..state import State

_MIGRATIONS = (
    """CREATE TABLE prompts_answers (
    key TEXT PRIMARY KEY,  -- SHA-256 of everything the answer depends on
    model TEXT NOT NULL,
    text TEXT NOT NULL,
    made_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP  -- UTC
)""",
)


def find(state: State, key: str) -> str | None:
    """The text kept under `key`, if there is one."""
    with state.database("prompts", _MIGRATIONS) as database:
        row = database.execute("SELECT text FROM prompts_answers WHERE key = ?", (key,)).fetchone()
    return str(row["text"]) if row else None


def store(state: State, key: str, model: str, text: str) -> None:
    """Keep `text`; what was kept first stays."""
    with state.database("prompts", _MIGRATIONS) as database:
        database.execute(
            "INSERT INTO prompts_answers (key, model, text) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (key, model, text)
        )
