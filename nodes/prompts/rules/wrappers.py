"""What people wrap a prompt in when they talk to ChatGPT, and what ChatGPT wraps it in when it answers."""

from __future__ import annotations

import json
import re
from typing import Any

from ..quoting import MARK, clean, says_something
from ..rule import RewriteRule, RuleContext

_MAX_JSON = 200_000  # characters; a tool call is far shorter


def _tool_call(text: str, context: RuleContext) -> str:
    whole = context.read(text).strip()
    if not (whole.startswith(("{", "[")) and whole.endswith(("}", "]"))) or len(whole) > _MAX_JSON:
        return text
    try:
        data = json.loads(whole)
        if isinstance(data, dict) and isinstance(data.get("prompt"), str) and data["prompt"].strip():
            prose = data["prompt"]
        else:
            prose = ". ".join(sentence for sentence in _sentences(data, "") if sentence)
    except (ValueError, RecursionError):
        return text
    prose = clean(prose)  # "\ud800" is a character in JSON and none in a text
    if not prose.strip():
        return text
    if isinstance(data, dict) and prose == clean(str(data.get("prompt"))):
        for name in ("size", "n", "quality", "style", "seed"):
            if isinstance(data.get(name), (str, int)) and not isinstance(data.get(name), bool):
                context.asked[name] = clean(data[name]) if isinstance(data[name], str) else data[name]
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
    content=False,
)

_AS_IS = re.compile(
    r"\A[ \"“']{0,4}(?:prompt: ?)?"
    r"(?:I NEED to test how the tool works with extremely simple prompts[.,;:]? "
    r"DO NOT add any details?[,;]? just use it AS[- ]?IS"
    r"|my prompt has full detail so no need to add more"
    r"|(?:please )?use (?:this|the(?: following)?|my) (?:exact )?prompt "
    r"(?:exactly )?(?:as[- ]is|as (?:it is )?written|verbatim|word for word)"
    r"|(?:please )?(?:do not|don't) (?:change|modify|revise|rewrite|alter|edit) (?:this|the|my) prompt"
    r") ?[:.,;\-–—]? ?",
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

_NAME = r"(?:dall[·•∙. -]?e(?:[ -]?[23])?|chat ?gpt|gpt-?\d\w?)"
_CHAT_OPENINGS = re.compile(
    rf"\A ?(?:(?:hi|hello|hey)(?: there)?(?:(?:,| |, ){_NAME})? ?[,!.:] ?"
    rf"|{_NAME} ?[,:!–—-] ?"
    r"|(?:sure|certainly|of course|absolutely|great|okay|ok)(?: thing)? ?[!,.] ?"
    r"|here(?:['’]s| is| are) (?:an?|the|your|my|one|some|two|three|four)\b[^.:\n]{0,80}: ?"
    r"|(?:the )?(?:(?:revised|rewritten|dall[·-]?e(?: ?3)?|image|full|final|original|user) )?prompt"
    r"(?: (?:used|was|is|\d{1,2}))? ?(?::|=) ?"
    r"|(?:/imagine) (?:prompt ?:? ?)?)",
    re.IGNORECASE,
)
_CHAT_ENDINGS = re.compile(
    r"(?:(?<=[.!?])|\A|(?<=,)) ?(?:(?:please|pls|thanks(?: (?:so much|a lot|in advance))?"
    r"|thank you(?: (?:so much|very much))?)"
    r"|(?:(?:let me know|i hope (?:you|this)|would you like|feel free)\b[^.!?]{0,200})) ?[.!?]{0,9} ?\Z",
    re.IGNORECASE,
)


def _chat(text: str, context: RuleContext) -> str:
    while True:
        shorter = text
        whole = MARK.fullmatch(text.strip())
        if whole and len(context.read(text).split()) >= 5:  # a prompt in quotation marks, not a text to draw
            inner = context.read(text).strip()[1:-1]
            context.note(0, text, inner)
            shorter = context.protect(inner)
        elif (match := _CHAT_OPENINGS.match(text[:300])) and match.end() and says_something(text[match.end() :]):
            context.note(0, match[0], "")
            shorter = text[match.end() :]
        else:
            head, tail = text[:-300], text[-300:]  # endings stand in the last few words
            match = _CHAT_ENDINGS.search(tail)
            if match and match[0] and says_something(head + tail[: match.start()]):
                context.note(len(head) + match.start(), match[0], "")
                shorter = head + tail[: match.start()]
        if shorter == text:
            return text
        text = shorter


CHAT = RewriteRule(
    "chat",
    "Greetings, thanks and ChatGPT's own “Here is …:” are talk, not picture.",
    _chat,
    content=False,
)

_GRACE = r"(?:please |kindly |just )?"
_VERBS = (
    r"(?:create|generate|make|draw|design|render|produce|craft|compose|give|show|depict|visuali[sz]e|imagine|picture)"
)
_BEFORE_VERB = re.compile(
    rf"\A ?(?:please(?:,| |, )|(?:can|could|would|will) (?:you|u) {_GRACE}"
    r"|i(?:['’]d| would)? (?:want|need|like|love)(?: you)? to "
    r"|i(?:['’]d| would)? (?:want|need|like|love) (?=an? )"
    rf"|help me (?:to )?|let['’]?s )(?={_GRACE}(?:{_VERBS}|paint|illustrate|see|have|an?)\b)",
    re.IGNORECASE,
)
_NUMBER = r"(?:one|two|three|four|five|six|seven|eight|nine|ten|\d{1,3})"
_VERB = re.compile(
    rf"\A ?{_GRACE}{_VERBS} (?:(?:me|us|for me) )?(?:up )?"
    rf"(?=(?:an?|some|the|{_NUMBER}|this|my)\b|(?:image|picture|photo)s? of\b)",
    re.IGNORECASE,
)
_PAINT = re.compile(r"\A ?(?:paint|illustrate) (?:(?:me|us) )?(?=an? )", re.IGNORECASE)
_EMPTY_PRAISE = (
    r"(?:(?:very|highly|super|extremely) )?(?:detailed|beautiful|stunning|amazing|nice|great"
    r"|cool|awesome|high[- ]quality|high[- ]resolution|captivating|striking|gorgeous|incredible"
    r"|realistic-looking|vivid)"
)
_IMAGE_OF = re.compile(
    rf"\A ?(?:(?:an?|the|this|one|single) )?(?:{_EMPTY_PRAISE}(?:, ?| and "
    rf"| )){{0,4}}(?:image|picture|depiction|visual(?:i[sz]ation)?"
    r"|representation)s? ?"
    r"(?:of|showing|depicting|featuring|portraying|(?:that|which) (?:shows|depicts|features|portrays)) (?=\S)",
    re.IGNORECASE,
)
_THE_IMAGE_SHOWS = re.compile(
    r"(?:\A|(?<=[.!?] ))(?:(?:the|this) (?:image|picture|scene|artwork|visual) (?:should|must|will|needs to)? ?"
    r"(?:show|depict|feature|portray|display|contain|include)s? "
    r"|in (?:the|this) (?:image|picture) ?,? (?:there (?:is|are) "
    r"|you (?:can )?see |we (?:can )?see )?)"
    r"(?=\S)",
    re.IGNORECASE,
)


def _request(text: str, context: RuleContext) -> str:
    before = ""
    while text != before:
        before = text
        for pattern in (_BEFORE_VERB, _VERB, _IMAGE_OF):
            head = pattern.match(text[:400])
            if head and says_something(text[head.end() :]):
                context.note(0, head[0], "")
                text = text[head.end() :]
    medium = _PAINT.match(text[:100])
    if medium:
        word = "A painting of " if "paint" in medium[0].lower() else "An illustration of "
        context.note(0, medium[0], word)
        text = word + text[medium.end() :]
    return context.replace(_THE_IMAGE_SHOWS, "", text)


REQUEST = RewriteRule(
    "request",
    "“Create an image of …” tells an assistant what to do; FLUX does nothing else, and would spend its first and "
    "most effective words on it. Media such as photo or painting stay.",
    _request,
)
