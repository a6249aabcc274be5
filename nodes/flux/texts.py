"""From the prompt that was written to the texts that FLUX reads; the conversion itself is the room `prompts`."""

from __future__ import annotations

from dataclasses import dataclass

from ..prompts.convert import Conversion, ConversionRequest
from ..prompts.targets import PromptMode, Style, Target
from .families import Family, traits
from .graphs import Texts
from .settings import BadSetting


@dataclass(frozen=True)
class PromptUsed:
    """What was written and what came of it."""

    written: str
    conversion: Conversion

    @property
    def texts(self) -> Texts:
        """For FLUX's two text encoders."""
        return Texts(self.conversion.t5xxl, self.conversion.clip_l, self.conversion.report.negative)

    @property
    def drawn(self) -> tuple[str, str]:
        """Every text that is drawn, for the moderation gate."""
        return self.conversion.t5xxl, self.conversion.clip_l

    @property
    def revised_prompt(self) -> str:
        """The text that is really drawn, as people read it."""
        return self.conversion.text

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence for each rule that changed the text, and what a person should know about it."""
        rewriting = self.conversion.report.as_dict()["rewriting"] or {}
        if rewriting.get("outcome") != "fell_back":
            return self.conversion.notes
        return (
            *self.conversion.notes,
            f"The rewriter's answer was not used ({'; '.join(rewriting['complaints'])}).",
        )


def prompt_request(prompt: str, mode: PromptMode, style: str | None, size: str, family: Family) -> ConversionRequest:
    """What the room `prompts` is to convert.

    Args:
        style: "vivid", "natural", or None to add nothing.

    Raises:
        BadSetting: there is no prompt.
    """
    if not prompt.strip():
        raise BadSetting("The prompt is empty; write what to draw.")
    return ConversionRequest(prompt, Style(style) if style else Style.NONE, size, Target(traits(family).recipe), mode)
