"""Write `nodes/moderation/terms/lookalikes.txt` from Unicode's confusables (UTS 39), as PyPI packs them.

    python tests/moderation_data/lookalikes.py path/to/confusable_homoglyphs/confusables.json

The package is confusable_homoglyphs 3.3.1 (MIT; its data is Unicode's). What is kept: characters that look like one
Latin letter, that no normalisation turns into it, and whose name does not say so (`lookalikes.letter_named`).
"""

from __future__ import annotations

import json
import sys
import unicodedata
from pathlib import Path

PACK = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PACK))

from nodes.moderation.lookalikes import TABLE, letter_named  # noqa: E402

HEAD = """\
# Characters that look like a Latin letter: from Unicode's confusables (UTS #39 revision 30), written by
# tests/moderation_data/lookalikes.py. One line a letter: the letter, a space, its lookalikes in lower case.
# Copyright © 1991-2024 Unicode, Inc. Unicode License V3: https://www.unicode.org/license.txt; permission is granted
# to use, copy, modify and distribute the data files provided that this notice appears with them; they come "as is".
"""
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def bare(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", text) if unicodedata.category(c) not in ("Mn", "Me", "Cf"))


def main(source: Path) -> None:
    confusable = json.loads(source.read_text("utf-8"))
    looks: dict[str, str] = {}
    for character, likes in sorted(confusable.items(), key=lambda entry: entry[0] != entry[0].casefold()):
        low = character.casefold()
        if len(character + low) != 2 or low.isascii() or unicodedata.normalize("NFKD", low) != low or letter_named(low):
            continue
        shapes = sorted({letter for like in likes if (letter := _letter(bare(like["c"])))})
        if shapes and unicodedata.category(low)[0] in "LNS":
            looks.setdefault(low, shapes[0])  # a small letter's own shape before its capital's
    lines = [f"{letter} {''.join(sorted(c for c in looks if looks[c] == letter))}" for letter in LETTERS]
    TABLE.write_text(HEAD + "\n".join(lines) + "\n", "utf-8", newline="\n")


def _letter(shape: str) -> str:
    if len(shape) == 1 and shape.lower() in LETTERS:
        return shape.lower()
    return letter_named(shape) if len(shape) == 1 else ""


if __name__ == "__main__":
    main(Path(sys.argv[1]))
