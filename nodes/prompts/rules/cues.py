"""DALL·E's knobs in words: style and format, each one short sentence at the end, once."""

from __future__ import annotations

import re

from ..quoting import is_ended
from ..rule import RewriteRule, RuleContext
from ..targets import Style

# Chosen so that they contradict nothing the prompt says: light is left out where the prompt has its own, colour where
# the picture has none, photographic words where it is drawn. `(sentence for the long text, words for the short one)`
STYLE_CUES: dict[tuple[Style, str], tuple[str, str]] = {
    (Style.VIVID, "free"): (
        "Vivid, saturated colors and dramatic, high-contrast light.",
        "vivid colors, dramatic light",
    ),
    (Style.VIVID, "lit"): ("Vivid, saturated colors and strong contrast.", "vivid colors"),
    (Style.VIVID, "mono"): ("Dramatic, high-contrast light.", "dramatic light"),
    (Style.VIVID, "lit mono"): ("Strong, dramatic contrast.", "strong contrast"),
    (Style.VIVID, "flat"): ("Bold, vivid colors.", "bold, vivid colors"),
    (Style.NATURAL, "free"): (
        "Soft natural light and true-to-life, understated colors.",
        "natural light, muted colors",
    ),
    (Style.NATURAL, "lit"): ("True-to-life, understated colors.", "true-to-life colors"),
    (Style.NATURAL, "mono"): ("Soft, understated natural light.", "soft natural light"),
    (Style.NATURAL, "lit mono"): ("Soft, understated tones.", "soft tones"),
    (Style.NATURAL, "flat"): ("Natural, understated colors.", "understated colors"),
}
WIDE = ("Wide landscape composition.", "wide landscape composition")
TALL = ("Tall vertical composition.", "tall vertical composition")
SQUARE = ("Balanced square composition.", "square composition")

# The patterns look at lower case.
_PICTURE = (
    r"(?:photo\w*|picture|image|film|movie|still|portrait|drawing|illustration|sketch|print|comic|style|palette|scheme)"
)
_BARE = re.compile(
    r"\b(?:colou?ring (?:book|page|sheet)|line (?:art|drawing)|blueprint|schematic|technical drawing|stencil|screenshot"
    r"|sheet music|qr code)\b"
)
_MONO = re.compile(
    rf"\b(?:black[- ]and[- ]white {_PICTURE}|in black[- ]and[- ]white|monochrome|monochromatic {_PICTURE}|gr[ae]yscale"
    r"|sepia|(?:pencil|charcoal|ink|pen) (?:sketch|drawing|art)|engraving|etching|woodcut|lithograph"
    r"|daguerreotype|tintype|(?:old|vintage|antique|archival|historical) photo\w*"
    r"|(?:18\d0|19[0-6]0)(?:['’]?s)?\s+(?:[\w-]+\s+){0,2}photo\w*|photo\w* (?:of|from) the (?:18\d0|19[0-5]0)s"
    r"|photocop\w+|(?:sculpted|carved) (?:in|from|out of) (?:marble|stone)"
    r"|(?:muted|pastel|desaturated|subdued|earthy) (?:colou?rs|tones|hues|(?:colou?r )?(?:palette|scheme)))\b"
    r"|\A(?:an? )?(?:[\w-]+ ){0,2}(?:statue|sculpture|bust)\b"
)
_FLAT = re.compile(
    r"\b(?:logo|icon|emoji|vector|flat (?:design|illustration|colou?rs)|clip ?art|diagram|infographic|pixel art|sticker"
    r"|pictogram|chart|map|poster|cartoon|comic (?:book|strip|panel|page|style)|egyptian painting|ukiyo-e|tapestry"
    r"|medieval (?:painting|manuscript|illumination))\b"
)
_LIT = re.compile(
    r"\b(?:(?<!traffic )lights?(?! (?:blue|green|gr[ae]y|brown|pink|purple|yellow|orange|pastel|colou?r\w*|hues?|tones?"
    r"|wood|surface|bulb|saber|layer|dusting|snow|rain|breeze|coat|touch))|lighting|lit"
    r"|(?:sun|moon|star|back|dim|lamp|fire|torch|flood|spot|softly[ -]|warmly[ -])lit"
    r"|sunlight|sun(?:set|rise|shine|beams?|rays?|ny)|sun|(?:moon|day|lamp|fire)light|dusk|dawn|twilight"
    r"|golden hour|blue hour|candles?|candlelight"
    r"|neon (?:lights?|signs?|glow\w*)|(?:warm|soft|golden|eerie|ethereal) glow|glow of|backlit"
    r"|shadows?|darkness|dark (?:room|night|sky|alley|street|forest|background|storm)|night|bright (?:sun|day)\w*"
    r"|midday|noon|afternoon|morning|evening)\b"
)
_FORMATS = {
    "wide": re.compile(
        r"\b(?:wide(?:screen|[- ]angle)?(?: landscape)? (?:composition|format|shot|view|image|picture|banner)"
        r"|widescreen|panorama|panoramic (?:view|vista|shot|photo\w*|image|picture|format)"
        r"|(?:landscape|horizontal) (?:format|orientation|composition|layout)"
        r"|(?:web|website|header|youtube|horizontal) banner|banner (?:image|format|ad)|cinematic (?:frame|wide shot))\b"
    ),
    "tall": re.compile(
        r"\b(?:tall vertical composition|portrait[- ](?:format|orientation|composition|layout|mode)"
        r"|vertical (?:format|orientation|composition|layout|poster|banner|shot)"
        r"|full[- ](?:body|length)(?: portrait| shot)?|(?:phone|mobile) wallpaper|book cover|movie poster)\b"
    ),
    "square": re.compile(
        r"\b(?:square (?:format|composition|image|picture|crop|frame|layout)|album cover|profile picture|avatar)\b"
    ),
}
# One of these stands in every text that the patterns of the same name find; looking for them is much faster.
_HINTS = {
    "bare": ("coloring", "colouring", "line art", "line drawing", "blueprint", "schematic", "technical", "stencil",
             "screenshot", "sheet music", "qr code"),
    "mono": ("and white", "and-white", "monochrom", "yscale", "sepia", "pencil ", "charcoal ", "ink ", "pen ",
             "engraving", "etching", "woodcut", "lithograph", "otype", "intype", "photo", "muted ", "pastel ",
             "desaturated ", "subdued ", "earthy ", "statue", "sculpt", "bust", "carved "),
    "flat": ("logo", "icon", "emoji", "vector", "flat ", "clip", "diagram", "infographic", "pixel", "sticker",
             "pictogram", "chart", "map", "poster", "cartoon", "comic", "egyptian", "ukiyo", "tapestry", "medieval"),
    "lit": ("light", "lit", "sun", "dusk", "dawn", "twilight", "hour", "candle", "neon", "glow", "shadow", "dark",
            "night", "bright", "day", "noon", "morning", "evening"),
    "wide": ("wide ", "wide-", "widescreen", "panoram", "landscape format", "landscape orient", "landscape comp",
             "landscape layout", "horizontal ", "banner", "cinematic "),
    "tall": ("tall v", "portrait ", "portrait-", "vertical ", "full-", "full ", "wallpaper", "book cover",
             "movie poster"),
    "square": ("square ", "album cover", "profile picture", "avatar"),
}  # fmt: skip
_ALL_CUES = tuple(sentence for sentence, _ in (*STYLE_CUES.values(), WIDE, TALL, SQUARE))
_SHORT = dict((*STYLE_CUES.values(), WIDE, TALL, SQUARE))


def split_cues(text: str) -> tuple[str, list[str]]:
    """The text without the cue sentences at its end, and those sentences in order."""
    found: list[str] = []
    while text.endswith(_ALL_CUES):
        cue = next(cue for cue in _ALL_CUES if text.endswith(cue))
        text = text[: -len(cue)].rstrip()
        found.insert(0, cue)
    return text, found


def is_style_cue(cue: str) -> bool:
    """True for a sentence about style, False for one about format."""
    return any(cue == sentence for sentence, _ in STYLE_CUES.values())


def short_form(cue: str) -> str:
    """A cue sentence in the words of the short text."""
    return _SHORT[cue]


def _append(text: str, cue: str, context: RuleContext) -> str:
    joint = "" if not text else " " if is_ended(context.read(text[-20:])) else ". "
    context.note(len(text), "", cue)
    return text + joint + cue


def _style(text: str, context: RuleContext) -> str:
    if context.style is Style.NONE or any(cue[0] in text for cue in STYLE_CUES.values()):
        return text
    lower = text.lower()
    if _hinted("bare", lower) and _BARE.search(lower):
        return text
    mono = _hinted("mono", lower) and _MONO.search(lower)
    if not mono and _hinted("flat", lower) and _FLAT.search(lower):
        kind = "flat"
    else:
        lit = _hinted("lit", lower) and _LIT.search(lower)
        kind = "lit mono" if lit and mono else "lit" if lit else "mono" if mono else "free"
    return _append(text, STYLE_CUES[context.style, kind][0], context)


def _hinted(kind: str, lower: str) -> bool:
    return any(map(lower.__contains__, _HINTS[kind]))


STYLE = RewriteRule(
    "style_cue",
    "DALL·E 3's style knob in words: vivid leaned to the dramatic, natural to the plain. Nothing is said of light or "
    "colour where the prompt says it itself.",
    _style,
    english=True,
    rewords=False,
)


def _format(text: str, context: RuleContext) -> str:
    if context.size is None:
        return text
    width, height = context.size
    shape = "wide" if width > height * 1.1 else "tall" if height > width * 1.1 else "square"
    lower = text.lower()
    stated = [name for name, pattern in _FORMATS.items() if _hinted(name, lower) and pattern.search(lower)]
    if stated:
        if shape not in stated:
            context.warn(
                "format", f"The prompt describes a {stated[0]} picture and the size {width}x{height} is {shape}."
            )
        return text
    return _append(text, {"wide": WIDE, "tall": TALL, "square": SQUARE}[shape][0], context)


FORMAT = RewriteRule(
    "format_cue",
    "The shape of the picture in words, so that the composition fills it: wide, tall or square.",
    _format,
    english=True,
    rewords=False,
)
