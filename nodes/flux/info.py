"""The `info` output: what was done, as JSON with stable keys, for programs and for a headless run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from .settings import Settings

VERSION = 1


def info_json(
    operation: str,
    settings: Settings,
    files: Mapping[str, str],
    seeds: Sequence[int],
    *,
    model: str,
    asked: Mapping[str, Any],
    notes: Sequence[str] = (),
) -> str:
    """One request's account.

    Args:
        operation: "generate", "edit" or "variation".
        files: part → folder/name of what was chosen; a part that came from a socket is "connected".
        asked: DALL·E's knobs as they were given.
        notes: one sentence for each thing that was mapped by rule.
    """
    return json.dumps(
        {
            "version": VERSION,
            "provider": "local",
            "operation": operation,
            "model": model,
            "files": dict(files),
            **asked,
            "seeds": list(seeds),
            "size": str(settings.canvas.asked),
            "drawn_at": str(settings.canvas.render),
            "steps": settings.steps,
            "guidance": settings.guidance,
            "sampler": settings.sampler,
            "scheduler": settings.scheduler,
            "notes": list(notes),
        },
        ensure_ascii=False,
    )
