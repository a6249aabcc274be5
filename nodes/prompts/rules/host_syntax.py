"""Characters that ComfyUI, its frontend or node packs would take for commands."""

from __future__ import annotations

import re

from ..rule import RewriteRule, RuleContext

_CHOICE = re.compile(r"\{([^{}]{1,300})\}")
_HOW_MANY = re.compile(r"\A\d+(?:-\d+)?\$\$(?:[^|$]{0,20}\$\$)?")  # {2$$a|b}
_HOW_OFTEN = re.compile(r"\A ?\d{0,4}\.?\d{1,4}::")  # {0.5::a|b}
_BAR = re.compile(r"(?<!\\)\|")
_ESCAPED_BRACE = re.compile(r"\\[{}]")
_LOOSE_BRACE = re.compile(r"[{}]")
_WILDCARD = re.compile(r"(?<![\w])__([A-Za-z0-9][\w/ .-]{0,60}?)__(?![\w])")
_EMBEDDING = re.compile(r"\bembedding:(?=\S)", re.IGNORECASE)
_COMMENT = re.compile(r"/\*|\*/|(?<=\s)//(?=\s)")


def _placeholders(text: str, context: RuleContext) -> str:
    if "{" in text or "}" in text:
        text = context.cut(_ESCAPED_BRACE, text)
        for _ in range(4):
            flat = context.replace(_CHOICE, lambda match: _choice(match[1], context), text)
            if flat == text:
                break
            text = flat
        text = context.cut(_LOOSE_BRACE, text)
        text = text.replace("\\|", "|")
    if "__" in text:
        text = context.replace(_WILDCARD, lambda match: match[1].replace("_", " ").replace("/", " "), text)
    if ":" in text:
        text = context.replace(_EMBEDDING, "embedding ", text)
    if "/*" in text or "*/" in text or "//" in text:
        text = context.replace(_COMMENT, " ", text)
    return text


def _choice(inside: str, context: RuleContext) -> str:
    if not _BAR.search(inside):
        return inside
    context.warn(
        "alternatives", f"{{{context.read(inside)[:100]}}} is not chosen from: DALL·E read it all, and so does FLUX."
    )
    choices = (_HOW_OFTEN.sub("", choice).strip() for choice in _BAR.split(_HOW_MANY.sub("", inside)))
    return " or ".join(choice for choice in choices if choice)


PLACEHOLDERS = RewriteRule(
    "host_syntax",
    "{a|b}, __wildcards__, embedding:names and comments are commands to ComfyUI and its packs, not words; T5 cannot "
    "read braces at all. Parentheses are escaped last, so that the host does not read weights into them.",
    _placeholders,
)
