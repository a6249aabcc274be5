"""Write `nodes/moderation/terms/ordinary.txt`: everyday words that the local check would take for misspelt listed ones,
and everyday pairs of words that it would take for one listed word cut in two.

    pip install wordfreq==3.1.1; python tests/moderation_data/ordinary.py

Run it after a change of the term lists. What is everyday: wordfreq's lists of seventeen languages (its data is
CC BY-SA 4.0; kept of it are single words that clash, no frequencies).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from wordfreq import get_frequency_dict  # type: ignore[import-not-found]

PACK = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PACK))

from nodes.moderation.lexicon import ORDINARY, load  # noqa: E402
from nodes.moderation.reading import Reader, fold  # noqa: E402

# Chinese and Japanese part no words.
LANGUAGES = ("en", "de", "fr", "es", "it", "pt", "ru", "nl", "pl", "tr", "ko", "ar", "uk", "id", "vi", "sv", "cs")
LEAST = 3e-7  # share of a language's words
PARTS = 3e-5  # … for each part of a pair
HEAD = """\
# Everyday words one slip away from a listed one, and everyday pairs that together spell one: never taken for it.
# Written by tests/moderation_data/ordinary.py from wordfreq's lists (CC BY-SA 4.0, Robyn Speer); one a line.
"""


def main() -> None:
    ORDINARY.write_text(HEAD, "utf-8")
    reader: Reader = load.__wrapped__().reader
    found: set[str] = set()
    for language in LANGUAGES:
        shares: dict[str, float] = {}
        for word, share in get_frequency_dict(language, "best").items():
            if word.isalpha():
                folded = fold(word)
                shares[folded] = max(share, shares.get(folded, 0.0))
        found |= {word for word, share in shares.items() if share >= LEAST and reader.is_taken_for_a_slip(word)}
        found |= set(cuts(reader, {word for word, share in shares.items() if share >= PARTS and is_word(word)}))
    ORDINARY.write_text(HEAD + "\n".join(sorted(found)) + "\n", "utf-8", newline="\n")
    print(len(found))


def is_word(part: str) -> bool:
    """False for most letters that stand alone, which are no words."""
    return len(part) > 1 or part in "aeioyавикосуя"


def cuts(reader: Reader, parts: set[str]) -> Iterator[str]:
    """Everyday words in a row that are taken for one word; `word *` begins a listed beginning."""
    for word in reader.cut_words:
        for one in range(1, len(word)):
            if word[:one] in parts:
                if word[one:] in parts:
                    yield f"{word[:one]} {word[one:]}"
                for two in range(one + 1, len(word)):
                    if word[one:two] in parts and word[two:] in parts:
                        yield f"{word[:one]} {word[one:two]} {word[two:]}"
    for stem in reader.cut_stems:
        yield from (f"{stem[:one]} *" for one in range(1, len(stem)) if stem[:one] in parts)


if __name__ == "__main__":
    main()
