"""Hex colours as names: FLUX.1 never learned #RRGGBB, FLUX.2 did."""

from __future__ import annotations

import re
from functools import lru_cache

from ..rule import RewriteRule, RuleContext

# Names people use, with the colour they mean (sRGB). Mostly CSS Color Level 4, which took them from X11.
NAMED: dict[str, int] = {
    "black": 0x000000, "white": 0xFFFFFF, "gray": 0x808080, "dark gray": 0x404040, "light gray": 0xC8C8C8,
    "off-white": 0xF8F5EE, "ivory": 0xFFFFF0, "cream": 0xFFFDD0, "beige": 0xF0E6CC, "tan": 0xD2B48C,
    "red": 0xFF0000, "dark red": 0x8B0000, "crimson": 0xDC143C, "scarlet": 0xFF2400, "maroon": 0x800000,
    "burgundy": 0x6D071A, "brick red": 0xB22222, "coral": 0xFF7F50, "salmon pink": 0xFA8072,
    "orange": 0xFFA500, "dark orange": 0xFF8C00, "burnt orange": 0xCC5500, "peach": 0xFFDAB9, "amber": 0xFFBF00,
    "brown": 0x8B4513, "dark brown": 0x4B2E1A, "chocolate brown": 0x5C3317, "terracotta": 0xC8603F, "copper": 0xB87333,
    "yellow": 0xFFFF00, "golden yellow": 0xFFD700, "mustard yellow": 0xD9A514, "pale yellow": 0xFFFFB3,
    "khaki": 0xBDB76B,
    "gold": 0xD4AF37, "lemon yellow": 0xFFF44F, "green": 0x00A000, "bright green": 0x00FF00, "dark green": 0x006400,
    "forest green": 0x228B22, "olive green": 0x808000, "lime green": 0x32CD32, "mint green": 0x98FF98,
    "sage green": 0x9CAF88, "emerald green": 0x50C878, "sea green": 0x2E8B57, "pale green": 0xC0F0C0,
    "teal": 0x008080, "turquoise": 0x40E0D0, "cyan": 0x00FFFF, "aqua blue": 0x7FDBFF, "dark teal": 0x0B4F53,
    "blue": 0x0000FF, "dark blue": 0x00008B, "navy blue": 0x000080, "royal blue": 0x4169E1, "cobalt blue": 0x0047AB,
    "sky blue": 0x87CEEB, "light blue": 0xADD8E6, "steel blue": 0x4682B4, "midnight blue": 0x191970,
    "azure blue": 0x007FFF, "slate gray": 0x708090, "powder blue": 0xB0E0E6, "denim blue": 0x2F5D8C,
    "purple": 0x800080, "violet": 0x8F00FF, "indigo": 0x4B0082, "lavender": 0xC8B7E8, "lilac": 0xC8A2C8,
    "plum": 0x8E4585, "orchid": 0xDA70D6, "dark purple": 0x3B0A45, "magenta": 0xFF00FF, "medium purple": 0x9370DB,
    "pink": 0xFFC0CB, "hot pink": 0xFF69B4, "deep pink": 0xFF1493, "pale pink": 0xFADADD, "dusty rose": 0xC08081,
}  # fmt: skip
BASIC = (
    "black|white|gr[ae]y|silver|red|crimson|scarlet|maroon|burgundy|coral|salmon|orange|peach|amber|brown|tan|beige|cream|"
    "ivory|copper|bronze|yellow|gold|golden|mustard|khaki|green|olive|lime|mint|emerald|teal|turquoise|cyan|aqua|blue|navy|"
    "cobalt|azure|indigo|purple|violet|lavender|lilac|plum|magenta|fuchsia|pink|rose"
)
_HEX = (
    r"(?:hex(?:adecimal)?(?: (?:code|colou?r|value))? ?[:=]? ?)?#([0-9A-Fa-f]{6}"
    r"|(?=[0-9]{0,2}[A-Fa-f])[0-9A-Fa-f]{3})\b"
)
_AFTER_NAME = re.compile(rf"\b({BASIC})((?: colou?r)?) ?[(\[]? ?{_HEX} ?[)\]]?", re.IGNORECASE)
_BEFORE_NAME = re.compile(rf"{_HEX} ?[(\[] ?((?:[\w-]{{1,30}} ){{0,2}}(?:{BASIC})) ?[)\]]", re.IGNORECASE)
_ALONE = re.compile(_HEX, re.IGNORECASE)


@lru_cache(maxsize=4096)
def name_of(hex_digits: str) -> str:
    """The nearest named colour to "RRGGBB" or "RGB"."""
    if len(hex_digits) == 3:
        hex_digits = "".join(digit * 2 for digit in hex_digits)
    wanted = int(hex_digits, 16)
    return min(NAMED, key=lambda name: _distance(wanted, NAMED[name]))


def _distance(a: int, b: int) -> float:
    """Squared distance that weighs channels as the eye does (source: compuphase.com/cmetric.htm, "redmean")."""
    red = ((a >> 16) + (b >> 16)) / 2
    dr, dg, db = (a >> 16) - (b >> 16), (a >> 8 & 255) - (b >> 8 & 255), (a & 255) - (b & 255)
    return (2 + red / 256) * dr * dr + 4 * dg * dg + (2 + (255 - red) / 256) * db * db


def _hex(text: str, context: RuleContext) -> str:
    if context.target.reads_hex or "#" not in text:
        return text
    text = context.replace(_AFTER_NAME, r"\1\2", text)
    text = context.replace(_BEFORE_NAME, r"\2", text)
    return context.replace(_ALONE, lambda match: name_of(match[1].upper()), text)


HEX = RewriteRule(
    "hex_colours",
    "FLUX.1 does not know #RRGGBB; the nearest name says the same. Where a name stands beside "
    "the code, the name stays. "
    "FLUX.2 reads hex colours, and keeps them.",
    _hex,
)
