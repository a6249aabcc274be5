"""The rules, one file a kind. `in_order` is the pipeline."""

from __future__ import annotations

from ..rule import RewriteRule
from . import artists, boilerplate, colours, cues, host_syntax, length, markup, negatives, parameters, tidying, wrappers

in_order: tuple[RewriteRule, ...] = (
    wrappers.TOOL_CALL,
    length.LENGTH,
    markup.MARKDOWN,
    wrappers.AS_IS,
    wrappers.CHAT,
    parameters.OTHER_TOOLS,
    parameters.WEIGHTS,
    parameters.SIZE_AND_QUALITY,
    wrappers.REQUEST,
    host_syntax.PLACEHOLDERS,
    boilerplate.QUALITY,
    negatives.NEGATIVES,
    artists.ARTISTS,
    colours.HEX,
    tidying.PUNCTUATION,
    tidying.REPETITION,
    cues.STYLE,
    cues.FORMAT,
)
