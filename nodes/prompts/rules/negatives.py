"""What the prompt does not want, said as what it wants: FLUX has no negative prompt and draws what is named."""

from __future__ import annotations

import re
from dataclasses import dataclass
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

_NOUN = re.compile("|".join(f"(?P<n{index}>{noun})" for index, (noun, _) in enumerate(POSITIVES)), re.IGNORECASE)
_WORDS = re.compile(r"[\w-]{1,30}(?: [\w-]{1,30}){0,3}")
_LETTER = re.compile(r"[\w'’-]")
_DETERMINERS = re.compile(
    r"(?:(?:any|visible|unwanted|a|an|the|single|signs? of|kinds? of|of) ){0,3}", re.IGNORECASE
)  # fmt: skip
_NEGATOR = re.compile(
    r"(?P<lead>\A|[.!?;] | ?\( ?| ?[,–—-] | )"
    r"(?:(?:and|but|also|please|ensure|make sure|be sure|absolutely|completely|entirely)(?: |, ?)(?:that )?){0,3}"
    r"(?:(?:(?:there (?:is|are|should be|must be|will be)|(?:it|they|he|she|which|that) (?:has|have|should have)"
    r"|with|and|has|having|contains?|containing) )?(?:absolutely )?(?:no|without|zero|free (?:of|from)|devoid of)"
    r"|(?:do not|don['’]t|never|should not|must not)"
    r" (?:include|add|show|use|have|put|draw|render|write|generate|contain|depict)"
    r"|avoid(?: (?:using|adding|including|showing))?|exclude) ",
    re.IGNORECASE,
)
_AND_NOT = re.compile(
    r"(?: ?,)? (?:or|and|nor)(?: without| with no| no)? | ?, ?(?:without|with no|no) | ?/ ?", re.IGNORECASE
)
# Behind a bare comma the list may go on or the picture: "without text, logos" and "without a hat, smiling".
_COMMA = re.compile(r" ?, ?")
_BARE = re.compile(r" ?(?:[,;.!?)/]|\Z)| (?:n?or|and)\b", re.IGNORECASE)
_WHERE = re.compile(
    r"(?: (?:visible )?(?:(?:any|else)where )?(?:in|on|within) (?:the|this)"
    r" (?:image|picture|photo|scene|shot|composition|frame|background)\b)?"
    r"(?: (?:at all|whatsoever|please|anywhere|around|visible|present|in sight)\b)?",
    re.IGNORECASE,
)
# What may follow a noun of which nothing more is said: an end, another clause, a time of day. Whatever else follows
# makes it another thing ("traffic lights", "glasses of wine", "no hair on top"), and an exception takes it back.
_ENDS = re.compile(
    r" ?(?:\Z|(?:[.!?;:)\]](?!\w)|[,(–—]|- )(?! ?(?:except|other than|but|besides|save|apart)\b))"
    r"| (?:while|whereas|because|and (?:with|an?|the|one|two|three)"
    r"|(?:at|after|before|by) (?:night|dawn|dusk|sunset|sunrise|noon|midnight|twilight|dark|daylight))\b(?!['’-])",
    re.IGNORECASE,
)
_LIST_GOES_ON = re.compile(r"(?: ?, ?[\w'’-]{1,30}(?: [\w'’-]{1,30})?){1,4} ?,? (?:n?or|and/or)\b", re.IGNORECASE)
_NOBODY = re.compile(
    r" ?,? (?:with )?(?:nobody|no one)(?: (?:around|in sight|visible|there|present))?(?= ?(?:[,.;!]|\Z))", re.IGNORECASE
)
_LEFT = re.compile(
    r"\b(?:no|without(?: any)?|not|never|avoid|exclude|zero|don['’]t|do not) (?!longer\b"
    r"|matter\b|doubt\b|only\b|less\b|more\b|nonsense|\d)[\w'’-]{1,40}(?: [\w'’-]{1,40})?",
    re.IGNORECASE,
)
# Looked for first: most prompts say nothing of the kind, and the patterns above take five times as long to find that.
_SAYS_NO = re.compile(r"\b(?:no|not|never|without|avoid|exclude|zero|free|devoid|nobody|don['’]t)\b", re.IGNORECASE)
_MOST_THINGS = 10  # of one list; a longer one is read in parts
_STOPS = (".", "!", "?", ";")


@lru_cache(maxsize=512)
def positive_for(thing: str) -> str | None:
    """What to say instead of "no `thing`", or None where this table knows nothing."""
    thing = thing.strip()
    noun = _noun_at(thing, 0)
    return _positive(noun) if noun and noun.end() == len(thing) else None


def _noun_at(text: str, at: int) -> re.Match[str] | None:
    """The longest known noun that stands there in whole words, behind its determiners."""
    if determiners := _DETERMINERS.match(text, at):
        at = determiners.end()
    words = _WORDS.match(text, at)
    if not words:
        return None
    end = words.end()
    while end > at:
        noun = _NOUN.fullmatch(text, at, end)
        if noun and not _LETTER.match(text, end):
            return noun
        end = text.rfind(" ", at, end)
    return None


def _positive(noun: re.Match[str]) -> str:
    return POSITIVES[int((noun.lastgroup or "n0")[1:])][1]


@dataclass(frozen=True)
class _Unwanted:
    """Things that are not wanted, all of them known."""

    positives: tuple[str, ...]
    end: int  # where they end in the text


def _unwanted(text: str, at: int) -> _Unwanted | None:
    """What stands behind "no" or "without"; None where any of it is unknown or in doubt, for it stays as it is."""
    noun = _noun_at(text, at)
    positives: list[str] = []
    in_doubt = False
    while noun and len(positives) < _MOST_THINGS:
        positives.append(_positive(noun))
        at = noun.end()
        if joint := _AND_NOT.match(text, at):
            noun = _noun_at(text, joint.end())
            in_doubt = in_doubt and not (noun and "or" in joint[0])
        else:
            comma = _COMMA.match(text, at)
            noun = _noun_at(text, comma.end()) if comma else None
            if not comma or not noun or noun.start() != comma.end() or not _BARE.match(text, noun.end()):
                break  # the picture goes on
            in_doubt = in_doubt or _positive(noun) not in positives
    if not positives or in_doubt:
        return None
    if where := _WHERE.match(text, at):
        at = where.end()
    if not _ENDS.match(text, at) or _LIST_GOES_ON.match(text, at):
        return None
    return _Unwanted(tuple(dict.fromkeys(positives)), at)


def _negatives(text: str, context: RuleContext) -> str:
    if not _SAYS_NO.search(text):
        return text
    turned: list[str] = []
    done = 0
    for negator in _NEGATOR.finditer(text):
        if negator.start() < done or not (unwanted := _unwanted(text, negator.end())):
            continue
        positives = unwanted.positives
        if context.target.has_negative_prompt:
            context.negative.append(context.read(text[negator.end() : unwanted.end]).strip())
            positives = ()
        said = _instead(positives, negator["lead"], text)
        context.note(negator.start(), text[negator.start() : unwanted.end], said)
        turned += [text[done : negator.start()], said]
        done = unwanted.end
    text = "".join(turned) + text[done:]
    text = context.replace(_NOBODY, ", empty and deserted", text)
    for left in islice(_LEFT.finditer(text), 8):
        context.warn(
            "negative_kept",
            f"“{context.read(left[0])}” stays as it is: FLUX tends to draw what is named, so say what is there "
            "instead.",
        )
    return text


def _instead(positives: tuple[str, ...], lead: str, text: str) -> str:
    """What is to be seen instead, joined to what stands before it; no positives: nothing."""
    starts_sentence = not lead or lead.strip() in _STOPS
    if MARK.search(text):
        positives = tuple(
            "with only the quoted text in the picture" if one == "clean, unmarked surfaces" else one
            for one in positives
        )
    new = [positive for positive in positives if positive not in text]
    if not new:
        return lead.rstrip() if starts_sentence else ""
    phrase = new[0] if len(new) == 1 else ", ".join(new[:-1]) + " and " + new[-1]
    if starts_sentence:
        phrase = phrase.removeprefix("with ")
        return lead + phrase[0].upper() + phrase[1:]
    return (" (" if "(" in lead else ", ") + phrase


NEGATIVES = RewriteRule(
    "negatives",
    "FLUX has no negative prompt and draws what it reads, so “no people” brings people; an empty street does not. For "
    "SDXL and SD 3.5 it becomes the negative prompt.",
    _negatives,
    english=True,
)
