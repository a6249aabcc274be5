"""Words that were put into prompts to ask other models for quality."""

from __future__ import annotations

import re

from ..rule import RewriteRule, RuleContext

_VERY = r"(?:very|ultra|extremely|super|hyper|insanely|incredibly|highly|intricately|really|absolutely)"
_TAG = (
    r"(?:"
    r"(?:an? )?(?:absolute )?masterpiece"
    rf"|(?:{_VERY}[- ]?)?(?:best|top|high(?:est)?|premium|professional|amazing|stunning|perfect"
    rf"|superb|great|exceptional)"
    r"[- ](?:image )?quality"
    rf"|(?:{_VERY}[- ]?)?high(?:est)?[- ]?(?:res(?:olution)?|definition|detail(?:ed|s)?)"
    rf"|{_VERY}[- ]?detail(?:ed|s)?"
    r"|(?:(?:ultra[- ]?)?\d{1,2}|ultra)[- ]?k(?:[- ](?:uhd|hdr?|ultra[- ]hd|resolution|quality"
    r"|wallpaper|render(?:ing)?|detail))*"
    r"|(?:full|ultra)[- ]?hd|u?hd|uhd|(?:720|1080|1440|2160)p"
    r"|(?:currently )?(?:trending|featured|popular) on (?:art ?station|cg ?society"
    r"|deviantart|pixiv|behance|500px|flickr)"
    r"|art ?station(?: ?hq)?|cg ?society|deviantart"
    r"|award[- ]winning|absurdres|highres|hi[- ]?res|very aesthetic|score_\d(?:_up)?|source_\w{1,12}|rating_\w{1,12}"
    r")"
)
_LIST = rf" ?(?:and )?{_TAG}(?: (?:and )?{_TAG}){{0,4}} ?(?=[,;.!]|\Z)"
_LEADING = re.compile(rf"\A{_LIST}", re.IGNORECASE)
_BETWEEN = re.compile(rf"([,;.]){_LIST}", re.IGNORECASE)  # begins with a sign of its own, so it is looked for quickly
_TRAILING = re.compile(
    r"(?: , |, | )(?:all )?(?:in|at|with|using) (?:an? )?(?:(?:full|stunning|glorious|breathtaking|crisp) )?"
    rf"{_TAG}(?: ?(?:,|and| ) ?{_TAG}){{0,4}}(?= ?(?:[,;.!]|\Z))",
    re.IGNORECASE,
)


def _quality(text: str, context: RuleContext) -> str:
    text = context.replace(_TRAILING, "", text)
    return context.replace(_BETWEEN, r"\1", context.replace(_LEADING, "", text))


QUALITY = RewriteRule(
    "quality_words",
    "“masterpiece, 8k, highly detailed” was needed by older models; FLUX draws at its best without, and the words take "
    "room in the short text. Only free-standing ones go: a highly detailed map stays one.",
    _quality,
    english=True,
    content=False,
)
