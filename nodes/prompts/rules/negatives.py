"""What the prompt does not want, said as what it wants: FLUX has no negative prompt and draws what is named."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import islice

from ..quoting import MARK
from ..rule import RewriteRule, RuleContext

# What is not wanted (a regular expression for the noun, singular or plural) → what is to be seen instead, said so that
# it fits after a comma. Order matters where two could match: the longer comes first.
POSITIVES: tuple[tuple[str, str], ...] = (
    (r"(?:other|additional|extra) (?:people|persons?|humans?|figures?|characters?)", "alone"),
    (r"(?:other|additional|extra|unnecessary) (?:objects?|items?|elements?|things?)", "the subject alone in the frame"),
    (r"people|persons?|humans?|human (?:figures?|beings?|presence)|crowds?|pedestrians?|passersby"
     r"|bystanders?|tourists?",
     "empty and deserted"),
    (r"watermarks?|signatures?|logos?|copyright(?: (?:marks?|notices?|text))?|stamps?|usernames?|artist names?"
     r"|texts?|words?|letters?|lettering|writings?|captions?|typography|labels?|subtitles?|inscriptions?",
     "clean, unmarked surfaces"),
    (r"distractions?|background (?:clutter|distractions?|elements?|details?|objects?)|clutter|mess",
     "a plain, tidy setting"),
    (r"backgrounds?", "isolated on a plain white background"),
    (r"clouds?", "under a clear sky"),
    (r"shadows?", "in flat, even light"),
    (r"blur(?:riness|ring)?|bokeh|depth of field|out[- ]of[- ]focus (?:areas?|parts?)", "everything in sharp focus"),
    (r"colou?rs?", "in black and white"),
    (r"borders?|frames?|margins?|edges?|white space|letterbox(?:ing)?", "filling the picture from edge to edge"),
    (r"cars?|vehicles?|traffic", "with quiet, empty roads"),
    (r"make-?up", "with bare, natural skin"),
    (r"beards?|facial hair|m(?:o)?ustaches?|stubble", "clean-shaven"),
    (r"hair", "bald"),
    (r"(?:eye|sun)?glasses|spectacles", "with uncovered eyes"),
    (r"hats?|headwear|headgear|helmets?|caps?", "bare-headed"),
    (r"shoes?|footwear|socks|sandals", "barefoot"),
    (r"smiles?|smiling", "with a neutral expression"),
    (r"leaves|foliage", "with bare branches"),
    (r"trees|vegetation", "on open, treeless ground"),
    (r"buildings?|houses?|architecture", "in open, unbuilt land"),
    (r"furniture", "unfurnished"),
    (r"(?:film )?grain|(?:image )?noise|artifacts?|artefacts?", "smooth and clean"),
    (r"wrinkles|creases", "smooth"),
    (r"reflections?|glare|shine", "with matte surfaces"),
    (r"waves|ripples", "with mirror-calm water"),
    (r"fog|mist|haze|smog", "in crisp, clear air"),
    (r"gradients?|shading", "in flat, solid colors"),
    (r"patterns?|prints?", "in one plain, solid color"),
    (r"textures?", "with smooth surfaces"),
    (r"decorations?|ornaments?|embellishments?", "plain and undecorated"),
    (r"windows", "with solid, windowless walls"),
    (r"sleeves", "sleeveless"),
    (r"rain", "in dry weather"),
    (r"(?:artificial|electric) lights?|lamps|lights", "dark and unlit"),
    (r"(?:bad|poor|wrong) anatomy|deformed|deformities|distort(?:ed|ions?)|disfigured|mutat(?:ed"
     r"|ions?)|malformed(?: \w+)?"
     r"|(?:bad|deformed|mutated|extra|missing|fused|poorly drawn"
     r"|too many) (?:hands?|fingers?|limbs?|arms?|legs?|faces?|eyes?|feet)",
     "with natural, correct anatomy"),
    (r"blurry|blurred|out of focus|low[- ]?(?:quality|res(?:olution)?)|lowres|worst quality"
     r"|bad quality|jpeg artifacts?|pixelated",
     "in sharp focus"),
    (r"cropped|cut off|out of frame", "entirely within the frame"),
)  # fmt: skip

_NOUN = re.compile(
    "|".join(f"(?P<n{index}>\\b(?:{noun})\\b)" for index, (noun, _) in enumerate(POSITIVES)), re.IGNORECASE
)
_BARE = "|".join(noun for noun, _ in POSITIVES)
_DETERMINER = r"(?:any|visible|unwanted|a|an|the|single|sign of|signs of|kind of|kinds of|of)"
_ITEM = rf"(?:{_DETERMINER}\s+){{0,3}}(?:{_BARE})\b"
_MORE = rf"(?:\s*,?\s*(?:,|or|and|nor|/|\b(?:with)?out\b)\s*(?:no\s+|any\s+|without\s+){{0,2}}{_ITEM}){{0,9}}"
_WHERE = (
    r"(?:\s+(?:visible\s+)?(?:(?:any|else)where\s+)?(?:in|on|within)\s+(?:the|this)\s+(?:image"
    r"|picture|photo|scene|shot|composition|frame|background))?(?:\s+(?:at\s+all|whatsoever|please"
    r"|anywhere|around|visible|present|in\s+sight))?"
)
# Left alone where an exception follows, or where the list goes on with something unknown: "no people, dogs or cars".
_UNLESS = (
    r"(?!\s+(?:except|other\s+than|but|besides|apart|(?:is|are)\s+(?:allowed"
    r"|needed))\b)(?!(?:\s*,\s*[\w-]+(?:\s[\w-]+)?){0,3}\s*,?\s+(?:n?or)\s)(?![\w-])"
)
_PHRASE = re.compile(
    r"(?P<lead>\A\s*|[.!?;]\s+|\s*[,(–—-]\s+|\s+)"
    r"(?:(?:and|but|also|please|ensure|make\s+sure|be\s+sure|absolutely|completely|entirely)[,\s]+(?:that\s+)?){0,3}"
    r"(?:"
    r"(?:there\s+(?:is|are|should\s+be|must\s+be|will\s+be)\s+|(?:it|they|he|she|which"
    r"|that)\s+(?:has|have|should\s+have)\s+|with\s+|and\s+|has\s+|having\s+|contains?\s+"
    r"|containing\s+)?"
    r"(?:absolutely\s+)?(?:no|without(?:\s+any)?|zero|free\s+(?:of|from)|devoid\s+of)"
    r"|(?:do\s+not|don['’]t|never|should\s+not|must\s+not)\s+(?:include|add|show|use|have|put|draw"
    r"|render|write|generate|contain|depict)"
    r"|avoid(?:\s+(?:using|adding|including|showing))?|exclude"
    r")\s+"
    rf"(?P<things>{_ITEM}{_MORE}){_WHERE}{_UNLESS}",
    re.IGNORECASE,
)
_NOBODY = re.compile(
    r"(?P<lead>\s*,?\s+)(?:with\s+)?(?:nobody|no\s+one)(?:\s+(?:around|in\s+sight|visible|there"
    r"|present))?(?=\s*(?:[,.;!]|\Z))",
    re.I,
)
_LEFT = re.compile(
    r"\b(?:(?:no|without(?:\s+any)?|not|never|avoid|exclude|don['’]t|do\s+not)\s+)(?!longer\b"
    r"|matter\b|doubt\b|only\b|less\b|more\b|nonsense|\d)(?:[\w'’-]+)(?:\s+[\w'’-]+)?",
    re.I,
)
_SUSPECTS = re.compile(r"\b(?:no|without|not|never|avoid|exclude|zero|free|devoid|nobody|don['’]t)\b", re.IGNORECASE)

_HINTS = ("no ", "not ", "n't", "n’t", "without", "never", "avoid", "exclude", "zero", "free", "devoid", "nobody")


@lru_cache(maxsize=512)
def positive_for(thing: str) -> str | None:
    """What to say instead of "no `thing`", or None where this table knows nothing."""
    match = _NOUN.fullmatch(re.sub(rf"\A(?:{_DETERMINER}\s+){{1,3}}", "", thing.strip(), flags=re.IGNORECASE))
    return POSITIVES[int((match.lastgroup or "n0")[1:])][1] if match else None


def _negatives(text: str, context: RuleContext) -> str:
    lower = text.lower()
    if not any(hint in lower for hint in _HINTS) or not _SUSPECTS.search(text):
        return text
    has_text_to_draw = bool(MARK.search(text))

    def turn(match: re.Match[str]) -> str:
        said: list[str] = []
        for noun in _NOUN.finditer(match["things"]):
            positive = POSITIVES[int((noun.lastgroup or "n0")[1:])][1]
            if positive == "clean, unmarked surfaces" and has_text_to_draw:
                positive = "with only the quoted text in the picture"
            if positive not in said and positive not in text:
                said.append(positive)
        lead = match["lead"]
        starts_sentence = (not lead.strip() and match.start() == 0) or lead.strip() in (".", "!", "?", ";")
        if not said:
            return lead.rstrip() if lead.strip() in (".", "!", "?", ";") else ""
        phrase = _joined(said)
        if starts_sentence:
            phrase = phrase.removeprefix("with ")
            return lead + phrase[0].upper() + phrase[1:]
        return (lead if lead.strip() == "(" else ", ") + phrase

    text = context.replace(_PHRASE, turn, text)
    text = context.replace(_NOBODY, ", empty and deserted", text)
    if len(text) < 20_000:
        for left in islice(_LEFT.finditer(text), 8):
            context.warn(
                "negative_kept",
                f"“{context.read(left[0])}” stays as it is: FLUX tends to draw what is named, so say what is "
                f"there instead.",
            )
    return text


def _joined(phrases: list[str]) -> str:
    return phrases[0] if len(phrases) == 1 else ", ".join(phrases[:-1]) + " and " + phrases[-1]


NEGATIVES = RewriteRule(
    "negatives",
    "FLUX has no negative prompt and draws what it reads, so “no people” brings people; an empty street does not.",
    _negatives,
    english=True,
)
