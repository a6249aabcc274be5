"""Parameters of other tools, written into the prompt: they become settings in the report, or go."""

from __future__ import annotations

import re

from ..rule import RewriteRule, RuleContext
from .negatives import positive_for

# Midjourney's (source: docs.midjourney.com, "Parameter list"), by whether a value follows.
_WITH_VALUE = (
    "ar", "aspect", "v", "version", "q", "quality", "s", "stylize", "c", "chaos", "seed", "niji", "iw", "style", "w",
    "h", "weird", "stop", "sref", "cref", "oref", "ow", "cw", "sw", "p", "profile", "repeat", "r", "exp", "sv",
)  # fmt: skip
_ALONE = ("tile", "hd", "raw", "turbo", "fast", "relax", "video", "draft", "uplight", "upbeta", "test", "creative")
_FLAG = re.compile(
    rf"(?:(?<=\s)|\A)(?:--|[—–])(?P<name>{'|'.join(sorted(_WITH_VALUE, key=len, reverse=True))}|{'|'.join(_ALONE)})"
    r"\b(?:[ =](?P<value>\d[\w.:]{0,20}|raw\b|cute\b|scenic\b|expressive\b|original\b|https?://\S{1,500}))?",
    re.IGNORECASE,
)
_NO_FLAG = re.compile(r"(?:(?<=\s)|\A)(?:--|—)no (?P<things>[^\n-]{1,300}?)(?=\s--|\n|\Z)", re.IGNORECASE)
_WEB_ADDRESS = re.compile(r"(?<!\w)https?://[^\s\"”)]{3,2000}")
_NETWORK = re.compile(r"<(?:lora|lyco|lycoris|hypernet|ti):[^<>\n]{1,200}>", re.IGNORECASE)
_BREAK = re.compile(r"(?<=[\w,.]) (?:BREAK|ADDCOMM|ADDROW) ")
_NEGATIVE_PART = re.compile(
    r"(?:\A|\s)negative[ _]prompt\s{0,3}[:=]\s{0,3}(?P<things>.*?)(?=\sSteps: ?\d|\Z)", re.I | re.S
)
_LIST = re.compile(r"[,;\n]+")
_A1111 = re.compile(
    r"(?:\A|\s)Steps: ?(?P<steps>\d{1,3}), (?:Sampler|CFG scale|Size|Seed|Schedule type): [^\n]{0,2000}\Z"
)
_A1111_PAIR = re.compile(r"(Sampler|CFG scale|Seed|Size): ([^,\n]{1,60})")
_SETTING_OF_FLAG = {
    "ar": "aspect_ratio",
    "aspect": "aspect_ratio",
    "seed": "seed",
    "q": "quality",
    "quality": "quality",
}


def _other_tools(text: str, context: RuleContext) -> str:
    if "Steps:" in text:
        text = context.replace(_A1111, lambda match: _keep_a1111(match, context), text)
    if "egative" in text or "EGATIVE" in text:
        text = context.replace(_NEGATIVE_PART, lambda match: _as_negatives(match["things"], context), text)
    if "--" in text or "—" in text or "–" in text:
        text = context.replace(_NO_FLAG, lambda match: _as_negatives(match["things"], context), text)
        text = context.replace(_FLAG, lambda match: _keep_flag(match, context), text)
    if "://" in text:
        text = context.cut(_WEB_ADDRESS, text)
    if "<" in text:
        text = context.cut(_NETWORK, text)
    if "BREAK" in text or "ADD" in text:
        text = context.replace(_BREAK, ". ", text)
    return text


def _keep_flag(match: re.Match[str], context: RuleContext) -> str:
    name, value = match["name"].lower(), match["value"]
    if match[0].lstrip()[0] in "—–" and not value:
        return match[0]  # a dash before an ordinary word
    if name in _SETTING_OF_FLAG and value:
        context.asked[_SETTING_OF_FLAG[name]] = value
    return ""


def _keep_a1111(match: re.Match[str], context: RuleContext) -> str:
    context.asked["steps"] = int(match["steps"])
    names = {"Sampler": "sampler", "CFG scale": "cfg", "Seed": "seed", "Size": "size"}
    for name, value in _A1111_PAIR.findall(match[0]):
        context.asked[names[name]] = value.strip()
    return ""


def _as_negatives(things: str, context: RuleContext) -> str:
    """A list of what is not wanted, in the words that the rule `negatives` reads."""
    wanted_not = [thing.strip(" .\n") for thing in _LIST.split(things, 60)[:60]]
    if context.target.has_negative_prompt:
        context.negative += [context.read(thing) for thing in wanted_not if thing]
        return ""
    known = [thing for thing in wanted_not if thing and context.language == "en" and positive_for(thing)]
    unknown = [thing for thing in wanted_not if thing and thing not in known]
    if unknown:
        context.warn(
            "negative_dropped",
            f"FLUX has no negative prompt; left out without a replacement: {context.read(', '.join(unknown))[:300]}.",
        )
    return f". No {', no '.join(known)}." if known else ""


OTHER_TOOLS = RewriteRule(
    "other_tools",
    "Midjourney's --flags, Stable Diffusion's negative prompt, LoRA tags and generation line, and web addresses mean "
    "nothing to FLUX; what is a setting is kept in the report.",
    _other_tools,
    content=False,
)

# Small numbers alone: "(John 3:16)" and "(2:1)" are no weights.
_NUMBER = r"(?<!\d):\s{0,2}-?(?:[0-4](?:\.\d{1,4})?|\.\d{1,4})"
_WEIGHT = re.compile(rf"\(((?:[^()]|\([^()]{{1,100}}\)){{1,300}}?){_NUMBER}\)")
_DOUBLE = re.compile(rf"\({{2,6}}([^()]{{1,300}}?)(?:{_NUMBER})?\){{2,6}}")
_PART_WEIGHT = re.compile(r"(?<=\w)::(?:-?\d{0,3}(?:\.\d{1,3})?)(?=[\s,]|\Z)")


def _weights(text: str, context: RuleContext) -> str:
    if "((" in text:
        text = context.replace(_DOUBLE, r"\1", text)
    if "(" in text and ":" in text:
        for _ in range(6):  # weights inside weights
            lighter = context.replace(_WEIGHT, r"\1", text)
            if lighter == text:
                break
            text = lighter
    if "::" in text:
        text = context.replace(_PART_WEIGHT, ",", text)
    return text


WEIGHTS = RewriteRule(
    "weights",
    "(word:1.3), ((word)) and word::2 are weights of other tools; FLUX reads emphasis from the words themselves.",
    _weights,
    content=False,
)

# A picture is named behind it, or nothing: what else follows is what is measured ("200 x 300 meter field").
_PICTURE = (
    r"(?:image|picture|photo(?:graph)?|wallpaper|render(?:ing)?|thumbnail|screenshot|banner|artwork|illustration)"
)
_PHRASE_ENDS = rf"(?= ?(?:[,;!?)]|\.(?!\d)|\Z|--| (?:{_PICTURE}s?)\b(?! (?:frame|film|book)s?\b)))"
_NAMED_BEHIND = re.compile(rf" {_PICTURE}", re.IGNORECASE)
_PIXELS = re.compile(
    r"(?P<before>(?:[,(] ?)?(?:\b(?:in|at|with|of) )?(?:\b(?:an?|the) )?"
    r"(?P<named>\b(?:image size|size|resolution|dimensions?) ?(?:of|is|[:=])? ?)?)"
    r"(?<![\w.,:/x×-])(?P<width>\d{3,5}) ?[x×] ?(?P<height>\d{3,5})"
    r"(?:(?P<unit> ?(?:px|pixels?)\b)|(?![\w×]|\.\d|,\d{3}| ?[x×] ?\d))"
    r"(?P<said> (?:resolution|format|size|image size)\b)?"
    rf"(?: ?\))?{_PHRASE_ENDS}",
    re.IGNORECASE,
)
_NUMBER_OF_PIXELS = re.compile(r"\d{3}")
_RATIO = re.compile(
    r"(?P<before>(?:[,(] ?)?(?:\b(?:in|with|at|using) )?(?:\ban? )?)"
    r"(?:\baspect ratio ?(?:of|is|[:=])? ?(?P<named>\d{1,2}:\d{1,2})(?![\d:])"
    r"|(?<![\d:])(?P<ratio>\d{1,2}:\d{1,2}) (?P<word>aspect ratio|aspect|ratio|format)\b)"
    rf"(?: ?\))?{_PHRASE_ENDS}",
    re.IGNORECASE,
)
_SCREENS = ("16:9", "9:16", "21:9", "16:10")  # nothing but a picture has these
_DALLE = re.compile(
    r"(?:\A|(?<=[,;.(\s]))(?:quality ?[:=] ?(?P<quality>hd|standard)|style ?[:=] ?(?P<style>vivid|natural)"
    r"|seed ?[:=] ?(?P<seed>\d{1,19})|n ?= ?(?P<n>\d{1,2}))(?= ?(?:[,;.)]|\Z|--))",
    re.IGNORECASE,
)


def _size_and_quality(text: str, context: RuleContext) -> str:
    if _NUMBER_OF_PIXELS.search(text):
        text = context.replace(_PIXELS, lambda match: _keep_size(match, context), text)
    if ":" in text:
        text = context.replace(_RATIO, lambda match: _keep_ratio(match, context), text)
    if "=" in text or ":" in text:
        text = context.replace(_DALLE, lambda match: _keep_dalle(match, context), text)
    return text


def _keep_size(match: re.Match[str], context: RuleContext) -> str:
    """Takes what can only be the size of a picture: a room, a carpet and a field have sizes, too."""
    width, height = int(match["width"]), int(match["height"])
    said = f"{match['named'] or ''}{match['said'] or ''}".lower()
    sure = match["unit"] or "resolution" in said or "image" in said
    if not sure and (min(width, height) < 256 or (not said and (width % 8 or height % 8))):
        return match[0]
    context.asked["size"] = f"{width}x{height}"
    return _before_a_picture(match)


def _keep_ratio(match: re.Match[str], context: RuleContext) -> str:
    ratio = match["named"] or match["ratio"]
    stands_alone = match.start() == 0 or match["before"].startswith((",", "("))
    if (match["word"] or "").lower() == "ratio" and ratio not in _SCREENS and not stands_alone:
        return match[0]  # "mixed in a 3:2 ratio"
    context.asked["aspect_ratio"] = ratio
    return _before_a_picture(match)


def _before_a_picture(match: re.Match[str]) -> str:
    """ "a 1024x1024 photo" → "a photo"; nothing where the size was a phrase of its own."""
    named = "named" in match.re.groupindex and match["named"]
    return "" if named or not _NAMED_BEHIND.match(match.string, match.end()) else match["before"].rstrip()


def _keep_dalle(match: re.Match[str], context: RuleContext) -> str:
    context.asked.update({name: value for name, value in match.groupdict().items() if value})
    return ""


SIZE_AND_QUALITY = RewriteRule(
    "size_and_quality",
    "“1792x1024”, “16:9 aspect ratio”, “quality: hd” are settings, set on the nodes; as words they are drawn.",
    _size_and_quality,
    content=False,
)
