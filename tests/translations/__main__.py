"""Write locales/ anew; with a locale: list what its words lack; with `pages`: note what help pages were made from."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from comfyui import environment, weights
from comfyui.installation import install
from comfyui.server import ComfyUI

from . import FILES, LANGUAGES, LOCALES, WORDS, definitions, english, lacking, pages, read, translated, write


def main(locale: str = "") -> None:
    if locale == "pages":
        pages.note()
        return
    if locale:
        print(json.dumps(lacking(read(WORDS / f"{locale}.json")), ensure_ascii=False, indent=1))
        return
    with tempfile.TemporaryDirectory() as folder:
        installation = install(Path(folder), weights.stand_ins(), stand_ins=True)
        with ComfyUI(environment.prepare(), installation) as comfyui:
            write(LOCALES / "en" / "nodeDefs.json", definitions(comfyui.get("/object_info")))
    write_translations()


def write_translations() -> None:
    source = english()
    for language in LANGUAGES:
        file = WORDS / f"{language}.json"
        words = read(file) if file.is_file() else {}
        for name in FILES:
            write(LOCALES / language / f"{name}.json", translated(source[name], words))
        print(f"{language}: {len(lacking(words))} texts lacking")


if __name__ == "__main__":
    main(*sys.argv[1:2])
