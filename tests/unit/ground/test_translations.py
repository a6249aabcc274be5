"""The pack in the frontend's languages."""

import re
from pathlib import Path

import pytest
from translations import FILES, LANGUAGES, LOCALES, WORDS, complaints, english, lacking, read, translated

JS = Path(__file__).parents[3] / "js"
LATIN, ARABIC, CYRILLIC = r"[a-zà-ÿ]", r"[\u0600-\u06ff]", r"[\u0400-\u04ff]"
HAN, KANA, HANGUL = r"[\u4e00-\u9fff]", r"[\u3040-\u30ff]", r"[\uac00-\ud7a3]"
SCRIPTS = {"ar": ARABIC, "fa": ARABIC, "ja": KANA, "ko": HANGUL, "ru": CYRILLIC, "zh": HAN, "zh-TW": HAN}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_has_an_entry(language):
    words = read(WORDS / f"{language}.json")
    source = english()
    assert lacking(words) == []
    assert complaints(words, SCRIPTS.get(language, LATIN)) == []
    assert {file: read(LOCALES / language / f"{file}.json") for file in FILES} == {
        file: translated(source[file], words) for file in FILES
    }, "run `python -m translations` again"


@pytest.mark.parametrize(
    ("english", "said"),
    [
        ("Width, 8 to 2048.", "Width, 8 to 2048."),
        ("See endpoints.toml.", "Siehe die Datei."),
        ("How many pictures; asked for side by side.", "Two {n}"),
        ("What the picture should show, in any language.", "…"),
    ],
)
def test_a_bad_entry_is_found(english, said):
    assert complaints({english: said}, LATIN)


def test_every_command_has_its_label():
    sources = "\n".join(file.read_text("utf-8") for file in JS.rglob("*.js"))
    labels = set(re.findall(r"\{ id: [\w\".]+, label: \"([^\"]+)\", function", sources))
    assert labels
    assert labels == {command["label"] for command in english()["commands"].values()}
