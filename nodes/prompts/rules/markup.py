"""Markdown, HTML and lists: how a prompt was laid out, which FLUX would try to read."""

from __future__ import annotations

import re

from ..rule import RewriteRule, RuleContext

_BLANKS = re.compile("[ \t\xa0\u1680\u2000-\u200a\u202f\u205f\u3000]{2,}|[\t\xa0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_FENCE = re.compile(r"^ ?(?:```|~~~) ?\w{0,20} ?$\n?", re.MULTILINE)
_IMAGE_LINK = re.compile(r"!?\[([^\[\]\n]{0,300})\]\((?:https?:|/|data:|sandbox:)[^()\s]{0,2000}\)")
_HEADING = re.compile(r"^ ?#{1,6} ", re.MULTILINE)
_RULE_LINE = re.compile(r"^ ?(?:-{3,}|\*{3,}|_{3,}|={3,}) ?$\n?", re.MULTILINE)
_BLOCK_QUOTE = re.compile(r"^ ?> ", re.MULTILINE)
_BOLD = re.compile(r"(?<!\*)\*{2,}(?=[^\s*])([^*\n]{1,300})(?<=\S)\*{2,}")
_ITALIC = re.compile(r"(?<![\w*])\*(?=[^\s*])([^*\n]{1,300})(?<=\S)\*(?![\w*])")
_CODE = re.compile(r"(?<!`)`+([^`\n]{1,300})`+")
_TAG = re.compile(r"</?(?:b|i|u|em|strong|p|br|span|div|h[1-6]|ul|ol|li|code|pre|sup|sub)\b[^<>\n]{0,200}/?>", re.I)
_ENTITY = re.compile(r"&(?:amp;)*(amp|quot|nbsp|#39|apos);")
_ENTITIES = {"amp": "&", "quot": '"', "nbsp": " ", "#39": "'", "apos": "'"}
_BULLET = re.compile(r"^ ?(?:[-*•‣·–] |\d{1,2}[.)] )(?=\S)", re.MULTILINE)
_LABEL_LINE = re.compile(r"\A ?[A-Z][\w /-]{0,30}: ")
_OPEN_END = re.compile(r"\b(?:of|with|and|or|in|on|by|for|featuring|showing|including)\Z", re.IGNORECASE)
_ENDED = re.compile(r"[.!?:;,。！？，、；：]\Z")


def _markdown(text: str, context: RuleContext) -> str:
    text = _BLANKS.sub(" ", text)  # so that the patterns of all rules need to look for one
    if "```" in text or "~~~" in text:
        text = context.cut(_FENCE, text)
    if "](" in text:
        text = context.replace(_IMAGE_LINK, r"\1", text)
    if "#" in text:
        text = context.cut(_HEADING, text)
    if "*" in text:
        text = context.replace(_ITALIC, r"\1", context.replace(_BOLD, r"\1", text))
    if "`" in text:
        text = context.replace(_CODE, r"\1", text)
    if "<" in text:
        text = context.replace(_TAG, " ", text)
    if "&" in text:
        text = context.protect(context.replace(_ENTITY, lambda match: _ENTITIES[match[1]], text))
    if "\n" in text:
        text = _one_paragraph(text, context)
    return text


def _one_paragraph(text: str, context: RuleContext) -> str:
    """Lines become one paragraph: items of a list are joined by commas, paragraphs by full stops."""
    text = context.cut(_RULE_LINE, text)
    if ">" in text:
        text = context.cut(_BLOCK_QUOTE, text)
    parts: list[str] = []
    gap = False  # an empty line stood before this one
    after_item = False
    for line in text.split("\n"):
        bullet = _BULLET.match(line)
        content = line[bullet.end() :].strip() if bullet else line.strip()
        if not content:
            gap = bool(parts)
            continue
        if bullet:
            context.note(0, bullet[0], "")
        if parts and not _ENDED.search(parts[-1]):
            if bullet and not gap:
                parts[-1] += "," if after_item else "" if _OPEN_END.search(parts[-1]) else ":"
            elif gap or after_item or bullet or _LABEL_LINE.match(content):
                parts[-1] += "."
        parts.append(content)
        gap, after_item = False, bullet is not None
    return " ".join(parts)


MARKDOWN = RewriteRule(
    "markdown",
    "Asterisks, headings, bullets and tags are for the eye; FLUX reads one paragraph of prose.",
    _markdown,
    content=False,
)
