"""What people wrap a prompt in when they talk to ChatGPT, and what ChatGPT wraps it in when it answers."""

from __future__ import annotations

import json
import re
from typing import Any

from ..quoting import MARK
from ..rule import RewriteRule, RuleContext

_MAX_JSON = 200_000  # characters; a tool call is far shorter


def _tool_call(text: str, context: RuleContext) -> str:
    whole = context.read(text).strip()
    if not (whole.startswith(("{", "[")) and whole.endswith(("}", "]"))) or len(whole) > _MAX_JSON:
        return text
    try:
        data = json.loads(whole)
    except (ValueError, RecursionError):
        return text
    if isinstance(data, dict) and isinstance(data.get("prompt"), str) and data["prompt"].strip():
        for name in ("size", "n", "quality", "style", "seed"):
            if isinstance(data.get(name), (str, int)) and not isinstance(data.get(name), bool):
                context.asked[name] = data[name]
        prose = data["prompt"]
    else:
        prose = ". ".join(sentence for sentence in _sentences(data, "") if sentence)
    if not prose.strip():
        return text
    context.note(0, text, prose)
    return context.protect(prose)


def _sentences(data: Any, label: str) -> list[str]:
    """JSON as prose: `label: value`, one a sentence; labels that only say "this is the picture" go."""
    if isinstance(data, dict):
        return [line for key, value in data.items() for line in _sentences(value, str(key).replace("_", " "))]
    if isinstance(data, list):
        if all(isinstance(item, (str, int, float)) for item in data):
            return _sentences(", ".join(str(item) for item in data), label)
        return [line for item in data for line in _sentences(item, label)]
    if data is None or isinstance(data, bool) or str(data).strip() == "":
        return []
    value = str(data).strip().rstrip(".")
    return [
        value
        if label.lower() in ("", "subject", "scene", "description", "text prompt")
        else f"{label.capitalize()}: {value}"
    ]


TOOL_CALL = RewriteRule(
    "tool_call",
    "A prompt saved as JSON, such as ChatGPT's call of DALL·E, is read: its text becomes the prompt, its size a "
    "setting. FLUX.1 reads prose, not JSON.",
    _tool_call,
)

_AS_IS = re.compile(
    r"\A[\s\"“']{0,4}(?:prompt:\s{0,3})?"
    r"(?:I\s+NEED\s+to\s+test\s+how\s+the\s+tool\s+works\s+with\s+extremely\s+simple\s+prompts[.,;:]?\s+"
    r"DO\s+NOT\s+add\s+any\s+details?[,;]?\s+just\s+use\s+it\s+AS[-\s]?IS"
    r"|my\s+prompt\s+has\s+full\s+detail\s+so\s+no\s+need\s+to\s+add\s+more"
    r"|(?:please\s+)?use\s+(?:this|the(?:\s+following)?|my)\s+(?:exact\s+)?prompt\s+"
    r"(?:exactly\s+)?(?:as[-\s]is|as\s+(?:it\s+is\s+)?written|verbatim|word\s+for\s+word)"
    r"|(?:please\s+)?(?:do\s+not|don't)\s+(?:change|modify|revise|rewrite|alter|edit)\s+(?:this|the|my)\s+prompt"
    r")\s*[:.,;\-–—]?\s*",
    re.IGNORECASE,
)


def _as_is(text: str, context: RuleContext) -> str:
    match = _AS_IS.match(text[:600])
    if not match or not text[match.end() :].strip():
        return text
    context.note(0, match[0], "")
    context.verbatim = True
    return text[match.end() :]


AS_IS = RewriteRule(
    "as_is",
    "The AS-IS idiom kept GPT-4 from rewriting a prompt; here it means the same: the rest is used to the letter.",
    _as_is,
)

_NAME = r"(?:dall[·•∙.\s-]?e(?:[\s-]?[23])?|chat\s?gpt|gpt-?\d\w?)"
_CHAT_OPENINGS = re.compile(
    rf"\A\s*(?:(?:hi|hello|hey)(?:\s+there)?(?:[,\s]+{_NAME})?\s*[,!.:]\s*"
    rf"|{_NAME}\s*[,:!–—-]\s*"
    r"|(?:sure|certainly|of course|absolutely|great|okay|ok)(?:\s+thing)?\s*[!,.]\s*"
    r"|here(?:['’]s|\s+is|\s+are)\s+(?:an?|the|your|my|one|some|two|three|four)\b[^.:\n]{0,80}:\s*"
    r"|(?:the\s+)?(?:(?:revised|rewritten|dall[·-]?e(?:\s?3)?|image|full|final|original|user)\s+)?prompt"
    r"(?:\s+(?:used|was|is|\d{1,2}))?\s*(?::|=)\s*"
    r"|(?:/imagine)\s+(?:prompt\s*:?\s*)?)",
    re.IGNORECASE,
)
_CHAT_ENDINGS = re.compile(
    r"(?:(?<=[.!?])|\A|(?<=,))\s*(?:(?:please|pls|thanks(?:\s+(?:so much|a lot|in advance))?"
    r"|thank you(?:\s+(?:so much|very much))?)"
    r"|(?:(?:let me know|i hope (?:you|this)|would you like|feel free)\b[^.!?]{0,200}))\s*[.!?]*\s*\Z",
    re.IGNORECASE,
)


_ENDING_HINTS = ("please", "pls", "thank", "let me know", "i hope", "would you like", "feel free")


def _chat(text: str, context: RuleContext) -> str:
    for _ in range(6):
        shorter = text
        whole = MARK.fullmatch(text.strip())
        if whole and len(context.read(text).split()) >= 5:  # a prompt in quotation marks, not a text to draw
            inner = context.read(text).strip()[1:-1]
            context.note(0, text, inner)
            shorter = context.protect(inner)
        elif (match := _CHAT_OPENINGS.match(text[:300])) and match.end() and _says_something(text[match.end() :]):
            context.note(0, match[0], "")
            shorter = text[match.end() :]
        else:
            # Endings stand in the last few words; looking there alone keeps long prompts fast.
            head, tail = text[:-300], text[-300:]
            lower = tail.lower()
            match = _CHAT_ENDINGS.search(tail) if any(hint in lower for hint in _ENDING_HINTS) else None
            if match and match[0] and _says_something(head + tail[: match.start()]):
                context.note(len(head) + match.start(), match[0], "")
                shorter = head + tail[: match.start()]
        if shorter == text:
            break
        text = shorter
    return text


def _says_something(text: str) -> bool:
    return any(character.isalnum() for character in text[:2000]) or bool(MARK.search(text))


CHAT = RewriteRule(
    "chat",
    "Greetings, thanks and ChatGPT's own “Here is …:” are talk, not picture.",
    _chat,
)

_GRACE = r"(?:please\s+|kindly\s+|just\s+)?"
_VERBS = (
    r"(?:create|generate|make|draw|design|render|produce|craft|compose|give|show|depict|visuali[sz]e|imagine|picture)"
)
_BEFORE_VERB = re.compile(
    rf"\A\s*(?:please[,\s]+|(?:can|could|would|will)\s+(?:you|u)\s+{_GRACE}"
    r"|i(?:['’]d|\s+would)?\s+(?:want|need|like|love)(?:\s+you)?\s+to\s+"
    r"|i(?:['’]d|\s+would)?\s+(?:want|need|like|love)\s+(?=an?\s)"
    rf"|help\s+me\s+(?:to\s+)?|let['’]?s\s+)(?={_GRACE}(?:{_VERBS}|paint|illustrate|see|have|an?)\b)",
    re.IGNORECASE,
)
_NUMBER = r"(?:one|two|three|four|five|six|seven|eight|nine|ten|\d{1,3})"
_VERB = re.compile(
    rf"\A\s*{_GRACE}{_VERBS}\s+(?:(?:me|us|for\s+me)\s+)?(?:up\s+)?"
    rf"(?=(?:an?|some|the|{_NUMBER}|this|my)\b|(?:image|picture|photo)s?\s+of\b)",
    re.IGNORECASE,
)
_PAINT = re.compile(r"\A\s*(?:paint|illustrate)\s+(?:(?:me|us)\s+)?(?=an?\s)", re.IGNORECASE)
_EMPTY_PRAISE = (
    r"(?:(?:very|highly|super|extremely)\s+)?(?:detailed|beautiful|stunning|amazing|nice|great"
    r"|cool|awesome|high[- ]quality|high[- ]resolution|captivating|striking|gorgeous|incredible"
    r"|realistic-looking|vivid)"
)
_IMAGE_OF = re.compile(
    rf"\A\s*(?:(?:an?|the|this|one|single)\s+)?(?:{_EMPTY_PRAISE}(?:,\s*|\s+and\s+"
    rf"|\s+)){{0,4}}(?:image|picture|depiction|visual(?:i[sz]ation)?"
    r"|representation)s?\s*"
    r"(?:of|showing|depicting|featuring|portraying|(?:that|which)\s+(?:shows|depicts|features|portrays))\s+(?=\S)",
    re.IGNORECASE,
)
_THE_IMAGE_SHOWS = re.compile(
    r"(?:\A|(?<=[.!?]\s))(?:(?:the|this)\s+(?:image|picture|scene|artwork|visual)\s+(?:should|must|will|needs\s+to)?\s*"
    r"(?:show|depict|feature|portray|display|contain|include)s?\s+"
    r"|in\s+(?:the|this)\s+(?:image|picture)\s*,?\s+(?:there\s+(?:is|are)\s+"
    r"|you\s+(?:can\s+)?see\s+|we\s+(?:can\s+)?see\s+)?)"
    r"(?=\S)",
    re.IGNORECASE,
)


def _request(text: str, context: RuleContext) -> str:
    for pattern in (_BEFORE_VERB, _VERB, _IMAGE_OF):
        head = pattern.match(text[:400])
        if head and _says_something(text[head.end() :]):
            context.note(0, head[0], "")
            text = text[head.end() :]
    medium = _PAINT.match(text[:100])
    if medium:
        word = "A painting of " if "paint" in medium[0].lower() else "An illustration of "
        context.note(0, medium[0], word)
        text = word + text[medium.end() :]
    if "mage" in text or "icture" in text or "cene" in text or "isual" in text or "rtwork" in text:
        text = context.replace(_THE_IMAGE_SHOWS, "", text)
    return text


REQUEST = RewriteRule(
    "request",
    "“Create an image of …” tells an assistant what to do; FLUX does nothing else, and would spend its first and "
    "most effective words on it. Media such as photo or painting stay.",
    _request,
)
