"""The pack in the frontend's languages: `locales/`, made from the words here.

`nodeDefs.json` and `commands.json` are what ComfyUI's frontend reads; `main.json` holds the texts of our own pages and
messages under "dalletoflux", English → translation, for js/words.js and nodes/languages.py.

`words/<locale>.json` holds one entry for each English text: {"A mask.": "Eine Maske.", "n": null}; null says that the
text stays as it is. So a text that is changed has no entry until somebody translates it anew. `locales/en` is what the
nodes say of themselves; what stands in the code (sentences.py) has no English file. `python -m translations` (from
`tests/`, with the tests' Python) writes `locales/` anew; `python -m translations ja` lists what Japanese lacks.

Sources: ComfyUI `app/custom_node_manager.py` (files), ComfyUI_frontend `src/i18n.ts`, `src/locales/` (keys).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .sentences import messages, page_texts

LOCALES = Path(__file__).parents[2] / "locales"
WORDS = Path(__file__).parent / "words"
# What the frontend offers (localeConfig.ts of 1.58.1), English aside.
LANGUAGES = ("ar", "es", "fa", "fr", "ja", "ko", "pt-BR", "ru", "tr", "zh", "zh-TW")
FILES = ("nodeDefs", "commands", "main")  # of each locale

Tree = Mapping[str, Any]  # of texts


def definitions(object_info: Mapping[str, Any]) -> dict[str, Any]:
    """What the pack's nodes say of themselves, as `nodeDefs.json` holds it.

    Args:
        object_info: ComfyUI's answer to `GET /object_info`.
    """
    found = {}
    for node_id, node in sorted(object_info.items()):
        if not node_id.startswith("DalleFlux"):
            continue
        inputs = {**node["input"].get("required", {}), **node["input"].get("optional", {})}
        outputs = zip(node["output_name"], node["output_tooltips"], strict=True)
        found[node_id] = {
            "display_name": node["display_name"],
            "description": node["description"],
            "inputs": {name: _slot(name, *spec[1:]) for name, spec in sorted(inputs.items())},
            "outputs": {str(at): _slot(name, {"tooltip": tooltip}) for at, (name, tooltip) in enumerate(outputs)},
        }
    return found


def _slot(name: str, options: Mapping[str, Any] | None = None) -> dict[str, str]:
    said = options or {}
    texts = {"name": said.get("display_name") or name, "tooltip": said.get("tooltip")}
    return {key: text for key, text in texts.items() if text}


def texts(tree: object) -> Iterator[str]:
    """Every text of a file."""
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, dict):
        for part in tree.values():
            yield from texts(part)


def translated(tree: Tree, words: Mapping[str, str | None]) -> dict[str, Any]:
    """The same tree in another language; what stays as it is, and what has no entry, is left out."""
    found: dict[str, Any] = {}
    for key, part in tree.items():
        said = words.get(part) if isinstance(part, str) else translated(part, words)
        if said:
            found[key] = said
    return found


def read(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return loaded


def write(path: Path, tree: Tree) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(tree, ensure_ascii=False, indent=1) + "\n", "utf-8", newline="\n")


def english() -> dict[str, dict[str, Any]]:
    """File → its English texts."""
    stored = {file: read(LOCALES / "en" / f"{file}.json") for file in FILES if file != "main"}
    return {**stored, "main": {"dalletoflux": {text: text for text in (*page_texts(), *messages())}}}


def lacking(words: Mapping[str, str | None]) -> list[str]:
    """English texts without an entry, in their order."""
    return [text for text in dict.fromkeys(texts(english())) if text not in words]


def complaints(words: Mapping[str, str | None], script: str) -> list[str]:
    """What is wrong with entries: a copy of the English text, a lost number or name in code, signs that break the page.

    Args:
        script: a pattern of a letter that a sentence of the language has.
    """
    found = []
    for text, said in words.items():
        if said is None:
            continue
        if not said.strip() or said == text:
            found.append(f"{text!r} is not translated; null says that it stays")
        if sorted(set(_VALUE.findall(text))) != sorted(set(_VALUE.findall(said))):
            found.append(f"{text!r}: the same values, {{0}} and so on")
        # vue-i18n reads these as placeholders, links and plurals; the nodes' own texts go past it.
        if re.search(r"[{}@|]", _VALUE.sub("", said)):
            found.append(f"{text!r}: without the signs {{ }} @ |")
        if " " in text.strip() and len(text) > 24 and not re.search(script, said):
            found.append(f"{text!r}: no letter of the language")
        if " " in text and (lost := [code for code in _FIXED.findall(text) if code not in said]):
            found.append(f"{text!r}: must keep {', '.join(lost)}")
    return found


_VALUE = re.compile(r"\{\d\}")
# What a program reads: sizes, files, names of nodes' parts in code, addresses, shapes.
_FIXED = re.compile(r"\b\w+\.(?:toml|json|safetensors)\b|\[B,[A-Z0-9,]+\]|https?://\S+|\b\d+x\d+\b|\b[a-z]+_[a-z_]+\b")
