"""From the prompt that was written to the texts that FLUX reads; the conversion itself is the room `prompts`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ..prompts.convert import Request, convert
from ..prompts.targets import PromptMode, Style, Target
from .graphs import Texts
from .settings import BadSetting, Family


@dataclass(frozen=True)
class PromptUsed:
    """What was written and what came of it."""

    written: str
    texts: Texts
    report: str  # JSON of the conversion

    def as_info(self) -> dict[str, Any]:
        """For `info`."""
        return {"prompt": self.written, "t5xxl": self.texts.t5xxl, "clip_l": self.texts.clip_l} | {
            "prompt_report": json.loads(self.report)
        }


async def texts_for(
    prompt: str, mode: PromptMode, style: str | None, size: str, family: Family, rewriter: Any = None
) -> PromptUsed:
    """Convert a prompt for a FLUX model.

    Args:
        style: "vivid", "natural", or None to add nothing.

    Raises:
        BadSetting: there is no prompt.
    """
    if not prompt.strip():
        raise BadSetting("The prompt is empty; write what to draw.")
    done = convert(Request(prompt, Style(style) if style else Style.NONE, size, Target(family.value)))
    return PromptUsed(prompt, Texts(done.t5xxl, done.clip_l), done.report)
