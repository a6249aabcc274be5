"""How much of a prompt is read."""

from __future__ import annotations

from ..quoting import MARK
from ..rule import RewriteRule, RuleContext

# Characters. T5's longest piece has 16 and FLUX reads 512 of them, so nothing behind this is ever drawn. It also bounds
# what the other rules look at, and so how long a prompt of a megabyte can keep the machine busy.
LONGEST = 24_000


def _length(text: str, context: RuleContext) -> str:
    end = LONGEST
    for mark in MARK.finditer(text):  # a quoted text is longer than its mark
        if mark.end() > end:
            end = min(end, mark.start())
            break
        end = max(mark.end(), end - len(context.read(mark[0])) + len(mark[0]))
    if len(text) <= end:
        return text
    at_word = max(text.rfind(" ", end // 2, end), text.rfind("\n", end // 2, end))
    end = end if at_word < 0 else at_word
    context.left_out.append(context.read(text[end:]).strip())
    context.note(end, text[end:], "")
    return text[:end]


LENGTH = RewriteRule(
    "length",
    "FLUX reads no more than 512 tokens, so nothing that stands after 24,000 characters could be drawn.",
    _length,
)
