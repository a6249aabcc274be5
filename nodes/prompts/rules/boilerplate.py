"""Words that were put into prompts to ask other models for quality."""

from __future__ import annotations

import re

from ..rule import RewriteRule, RuleContext

_VERY = r"(?:very|ultra|extremely|super|hyper|insanely|incredibly|highly|intricately|really|absolutely)"
_TAG = (
    r"(?:"
    r"(?:an?\s+)?(?:absolute\s+)?masterpiece"
    rf"|(?:{_VERY}[- ]?)?(?:best|top|high(?:est)?|premium|professional|amazing|stunning|perfect"
    rf"|superb|great|exceptional)"
    r"[- ](?:image\s+)?quality"
    rf"|(?:{_VERY}[- ]?)?high(?:est)?[- ]?(?:res(?:olution)?|definition|detail(?:ed|s)?)"
    rf"|{_VERY}[- ]?detail(?:ed|s)?"
    r"|(?:(?:ultra[- ]?)?\d{1,2}|ultra)[- ]?k(?:[- ](?:uhd|hdr?|ultra[- ]hd|resolution|quality"
    r"|wallpaper|render(?:ing)?|detail))*"
    r"|(?:full|ultra)[- ]?hd|u?hd|uhd|(?:720|1080|1440|2160)p"
    r"|(?:currently\s+)?(?:trending|featured|popular)\s+on\s+(?:art\s?station|cg\s?society"
    r"|deviantart|pixiv|behance|500px|flickr)"
    r"|art\s?station(?:\s?hq)?|cg\s?society|deviantart"
    r"|award[- ]winning|absurdres|highres|hi[- ]?res|very\s+aesthetic|score_\d(?:_up)?|source_\w{1,12}|rating_\w{1,12}"
    r")"
)
_TAGS = re.compile(rf"(\A|[,;.])\s*(?:and\s+)?{_TAG}(?:\s+(?:and\s+)?{_TAG}){{0,4}}\s*(?=[,;.!]|\Z)", re.IGNORECASE)
_TRAILING = re.compile(
    rf"\s*,?\s(?:all\s+)?(?:in|at|with|using)\s+(?:an?\s+)?(?:(?:full|stunning|glorious|breathtaking|crisp)\s+)?{_TAG}(?:\s*(?:,|and"
    rf"|\s)\s*{_TAG}){{0,4}}(?=\s*(?:[,;.!]|\Z))",
    re.IGNORECASE,
)
_HINTS = (
    "masterpiece", "quality", "resolution", "high res", "high-res", "hi-res", "hi res", "highres", "hires", "detail",
    "definition", "hd", "ultra", "station", "society", "deviantart", "trending", "featured", "popular", "award",
    "aesthetic", "absurdres", "score_", "source_", "rating_",
)  # fmt: skip
_NUMBERED = re.compile(r"\d[- ]?k|0p", re.IGNORECASE)


def _quality(text: str, context: RuleContext) -> str:
    lower = text.lower()
    if not any(map(lower.__contains__, _HINTS)) and not _NUMBERED.search(text):
        return text
    text = context.replace(_TRAILING, "", text)
    return context.replace(_TAGS, r"\1", text)


QUALITY = RewriteRule(
    "quality_words",
    "“masterpiece, 8k, highly detailed” was needed by older models; FLUX draws at its best without, and the words take "
    "room in the short text. Only free-standing ones go: a highly detailed map stays one.",
    _quality,
    english=True,
)
