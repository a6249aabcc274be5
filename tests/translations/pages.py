"""Help pages in other languages: `js/docs/<node>/<locale>.md`, which ComfyUI's frontend asks for before `<node>.md`.

They say what the English page says, or less, in the words that the nodes bear in that language. `pages.json` notes
which English text they were made from; `python -m translations pages` notes the present one.

Source: ComfyUI_frontend `src/services/nodeHelpService.ts`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from . import LOCALES, read, write

DOCS = Path(__file__).parents[2] / "js" / "docs"
NOTED = Path(__file__).parent / "pages.json"
LANGUAGES = ("de", "es", "fr", "ja", "ko", "ru", "zh")
NODES = tuple(sorted(page.stem for page in DOCS.glob("DalleFlux*.md")))


def english_page(node: str) -> str:
    return (DOCS / f"{node}.md").read_text("utf-8")


def fingerprint(node: str) -> str:
    return hashlib.sha256(english_page(node).encode()).hexdigest()[:16]


def note() -> None:
    write(NOTED, {node: fingerprint(node) for node in NODES})


def names(node: str, language: str) -> dict[str, str]:
    """English title and socket names of a node → those it bears in a language. The frontend has no German."""
    source = read(LOCALES / "en" / "nodeDefs.json")[node]
    file = LOCALES / language / "nodeDefs.json"
    said = read(file)[node] if file.is_file() else {}
    found = {source["display_name"]: said.get("display_name", source["display_name"])}
    for kind in ("inputs", "outputs"):
        for key, slot in source[kind].items():
            found[slot["name"]] = said.get(kind, {}).get(key, {}).get("name", slot["name"])
    return found


def complaints(english: str, page: str, bears: Mapping[str, str]) -> Iterator[str]:
    """What a translated page says that the English one does not, and what it lacks.

    Args:
        bears: English names → the language's, as from `names`.
    """
    if (got := _shape(page)) != (due := _shape(english)):
        yield f"headings and rows of tables {got}, in English {due}"
    for what, pattern in {"code": r"`[^`]+`", "a link": r"\]\([^)]+\)"}.items():
        if strange := set(re.findall(pattern, page)) - set(re.findall(pattern, english)):
            yield f"{what} that English has not: {strange}"
    if strange := _numbers(page) - _numbers(english):
        yield f"numbers that English has not: {strange}"
    if strange := _code_lines(page) - _code_lines(english):
        yield f"code that English has not: {strange}"
    if lost := set(re.findall(r"[\w/.-]+\.md", english)) - set(re.findall(r"[\w/.-]+\.md", page)):
        yield f"pages that only English names: {lost}"
    if lost := {bears[label] for label in _labels(english) & set(bears)} - _labels(page):
        yield f"not called as on the node: {lost}"


def _shape(page: str) -> list[tuple[str, int]]:
    """Each heading's depth, and how many rows of tables stand below it."""
    parts = re.split(r"^(#+) ", page, flags=re.MULTILINE)[1:]
    return [(depth, text.count("\n|")) for depth, text in zip(parts[::2], parts[1::2], strict=True)]


def _numbers(page: str) -> set[str]:
    return set(re.findall(r"\d+(?:[.,:/x]\d+)*", page))


def _code_lines(page: str) -> set[str]:
    """Indented lines without their comments."""
    return {line.partition("#")[0].strip() for line in page.splitlines() if line.startswith("    ")}


def _labels(page: str) -> set[str]:
    """What is explained: the title, first cells of tables, bold words at the beginning of a line."""
    found = re.findall(r"^(?:# (.+)|\| (.+?) \||(?:- )?(\*\*.+?\*\*)(?= –| –|:|：|,|、| :|$))", page, re.MULTILINE)
    labels = ["".join(groups) for groups in found]
    return {part.strip(" *`") for label in labels for part in (label, *re.split(r",|、| … ", label))}
