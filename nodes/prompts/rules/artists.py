"""Artists' names, described instead: movement, medium and three adjectives. Off unless asked for."""

from __future__ import annotations

import re

from ..rule import RewriteRule, RuleContext

# Name as written (a regular expression) → (movement or era, medium, three adjectives). The shape of the description is
# the one DALL·E 3's own policy asked GPT-4 for (source: public reports on its image policy); the words are ours.
ARTISTS_TABLE: tuple[tuple[str, str, str, str], ...] = (
    (r"(?:Vincent )?[Vv]an Gogh", "Post-Impressionist", "oil painting", "swirling, thickly brushed, intensely colored"),
    (r"(?:Claude )?Monet", "Impressionist", "oil painting", "luminous, hazy, loosely brushed"),
    (r"(?:Pablo )?Picasso", "Cubist", "oil painting", "fragmented, angular, flattened"),
    (r"(?:Salvador )?Dal[ií]", "Surrealist", "oil painting", "dreamlike, melting, meticulously smooth"),
    (r"(?:Ren[eé] )?Magritte", "Surrealist", "oil painting", "enigmatic, deadpan, cleanly painted"),
    (r"Frida Kahlo", "Mexican folk-art", "oil painting", "symbolic, frontal, richly colored"),
    (r"(?:Gustav )?Klimt", "Vienna Secession", "oil and gold leaf", "ornamental, gilded, sensuous"),
    (r"Egon Schiele", "Expressionist", "ink and gouache", "angular, raw, sparse"),
    (r"(?:Alphonse |Alfons )?Mucha", "Art Nouveau", "poster lithograph", "flowing, floral, delicately outlined"),
    (r"(?:Katsushika )?Hokusai", "ukiyo-e", "woodblock print", "graphic, flowing, flatly colored"),
    (r"(?:Utagawa )?Hiroshige", "ukiyo-e", "woodblock print", "atmospheric, graded, quiet"),
    (r"Rembrandt(?: van Rijn)?", "Dutch Golden Age", "oil painting", "dark, warmly lit, deeply shadowed"),
    (r"(?:Johannes )?Vermeer", "Dutch Golden Age", "oil painting", "still, softly lit, finely detailed"),
    (r"Caravaggio", "Baroque", "oil painting", "dramatic, starkly lit, realistic"),
    (r"(?:Leonardo )?[Dd]a Vinci", "High Renaissance", "oil painting", "softly shaded, balanced, serene"),
    (r"Michelangelo", "High Renaissance", "fresco", "muscular, monumental, sculptural"),
    (r"(?:Sandro )?Botticelli", "Early Renaissance", "tempera painting", "graceful, linear, pale"),
    (r"(?:Hieronymus )?Bosch", "Late Gothic", "oil on panel", "teeming, grotesque, fantastical"),
    (r"(?:Francisco )?Goya", "Romantic", "oil painting", "dark, brooding, expressive"),
    (r"(?:J\.? ?M\.? ?W\.? )?Turner", "Romantic", "oil painting", "stormy, glowing, dissolving"),
    (r"(?:Edvard )?Munch", "Expressionist", "oil and pastel", "anxious, wavering, lurid"),
    (r"(?:Wassily )?Kandinsky", "early abstract", "oil painting", "geometric, rhythmic, brightly colored"),
    (r"(?:Piet )?Mondrian", "De Stijl", "oil painting", "rectilinear, primary-colored, flat"),
    (r"(?:Paul )?Klee", "Bauhaus", "watercolor", "playful, linear, mosaic-like"),
    (r"(?:Henri )?Matisse", "Fauvist", "paper cut-out", "bold, flat, joyful"),
    (r"(?:Andy )?Warhol", "Pop Art", "screen print", "repeated, flat, brightly colored"),
    (r"(?:Roy )?Lichtenstein", "Pop Art", "comic-panel painting", "dotted, boldly outlined, flat"),
    (r"(?:Jackson )?Pollock", "Abstract Expressionist", "drip painting", "splattered, dense, energetic"),
    (r"(?:Mark )?Rothko", "Color Field", "oil painting", "soft-edged, glowing, monumental"),
    (r"(?:Edward )?Hopper", "American Realist", "oil painting", "lonely, sharply lit, quiet"),
    (r"Norman Rockwell", "mid-century American", "oil illustration", "narrative, warm, detailed"),
    (r"(?:Keith )?Haring", "1980s street-art", "marker drawing", "boldly outlined, dancing, flat"),
    (r"Banksy", "street-art", "stencil graffiti", "high-contrast, satirical, spare"),
    (r"(?:Hayao )?Miyazaki|Studio Ghibli|Ghibli", "Japanese animation", "hand-painted cel and gouache",
     "lush, gentle, wistful"),
    (r"(?:Walt )?Disney|Pixar", "American animation", "3D animation", "rounded, expressive, brightly lit"),
    (r"Wes Anderson", "contemporary independent film", "film still", "symmetrical, pastel, deadpan"),
    (r"Tim Burton", "Gothic fantasy film", "stop-motion", "spindly, macabre, whimsical"),
    (r"(?:H\.? ?R\.? )?Giger", "biomechanical", "airbrush painting", "dark, organic, metallic"),
    (r"(?:Greg )?Rutkowski", "contemporary fantasy", "digital oil painting", "epic, luminous, painterly"),
    (r"(?:Zdzis[lł]aw )?Beksi[nń]ski", "dystopian Surrealist", "oil painting", "desolate, decaying, eerie"),
    (r"(?:Ansel )?Adams", "American landscape", "black-and-white photograph", "crisp, tonal, monumental"),
    (r"Annie Leibovitz", "editorial", "portrait photograph", "staged, moody, polished"),
)  # fmt: skip

_NAMES = "|".join(f"(?P<n{index}>{row[0]})" for index, row in enumerate(ARTISTS_TABLE))
_STYLE_OF = re.compile(
    rf"\b(?:in|after|following) the (?:[\w-]+ )?(?:style"
    rf"|manner)s? of (?:the )?(?:artist |painter )?(?:{_NAMES})(?:['’]s (?:art|work"
    rf"|paintings?))?\b"
)
_ADJECTIVE = re.compile(rf"\b(?:{_NAMES})(?:['’]s)?[- ](?:styled?|inspired|esque|like)\b(?! (?:of|by))")
_BY = re.compile(rf"(?:, ?)?\b(?:by|inspired by|as painted by) (?:{_NAMES})\b(?!['’]s)")


def _row(match: re.Match[str]) -> tuple[str, str, str, str]:
    return ARTISTS_TABLE[int((match.lastgroup or "n0")[1:])]


def _with_article(words: str) -> str:
    return f"{'an' if words[0].lower() in 'aeiou' else 'a'} {words}"


def _described(match: re.Match[str]) -> str:
    _, movement, medium, adjectives = _row(match)
    return f"in {_with_article(movement)} style, {adjectives}, {medium}"


def _artists(text: str, context: RuleContext) -> str:
    if not context.describe_artists:
        return text
    text = context.replace(_STYLE_OF, _described, text)
    text = context.replace(_ADJECTIVE, lambda match: f"{_row(match)[3]} {_row(match)[1]}-style", text)
    return context.replace(_BY, lambda match: ", " + _described(match), text)


ARTISTS = RewriteRule(
    "artists",
    "An artist's name becomes the movement, the medium and three adjectives, as DALL·E did for artists of the last "
    "hundred years. A person who is the subject of the picture keeps the name.",
    _artists,
    english=True,
)
