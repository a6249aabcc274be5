"""The pack in the frontend's languages."""

import re
from pathlib import Path

import pytest
from translations import FILES, LANGUAGES, LOCALES, WORDS, complaints, english, lacking, read, texts, translated

JS = Path(__file__).parents[3] / "js"
LATIN, ARABIC, CYRILLIC = r"[a-zà-ÿ]", r"[\u0600-\u06ff]", r"[\u0400-\u04ff]"
HAN, KANA, HANGUL = r"[\u4e00-\u9fff]", r"[\u3040-\u30ff]", r"[\uac00-\ud7a3]"
SCRIPTS = {"ar": ARABIC, "fa": ARABIC, "ja": KANA, "ko": HANGUL, "ru": CYRILLIC, "zh": HAN, "zh-TW": HAN}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_has_an_entry(language):
    words = read(WORDS / f"{language}.json")
    source = english()
    assert lacking(words) == []
    assert set(words) <= set(texts(source)), "what nobody says any more needs no entry"
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
        ("Version {0} of {1} is gone.", "La version {0} est partie."),
    ],
)
def test_a_bad_entry_is_found(english, said):
    assert complaints({english: said}, LATIN)


SHOWN = re.compile(
    r"""(?:\b(?:text|title|placeholder|tooltip|label|content|"aria-label"):|\.(?:textContent|title|placeholder)\ =
    |\b(?:say|complain|action|button|section|labelled|worded|copyable|note|Refused)\()
    \s* (["`] [^"`]* [^\W\d_]{2} [^"`]*)""",
    re.VERBOSE,
)
# Names, and examples of what a field takes.
AS_THEY_ARE = {"DALL·E", "DALL·E to FLUX", "info", "laptop", "studio", "STUDIO_KEY", "https://images.example.com/v1"}
AS_THEY_ARE |= {"dall-e-3, house-style", "export.zip", "1:1"}


def untranslated(source: str) -> list[str]:
    """Texts that a page shows as they stand in the source; what a template takes in is not looked at."""
    shown = [found[1] for found in SHOWN.finditer(source) if found[1][1:] not in AS_THEY_ARE]
    return [text for text in shown if re.search(r"[^\W\d_]{2}", re.sub(r"\$\{[^}]*\}?", "", text))]


def test_what_pages_show_goes_through_the_tables():
    assert {file.name: untranslated(file.read_text("utf-8")) for file in JS.rglob("*.js")} == {
        file.name: [] for file in JS.rglob("*.js")
    }
    assert untranslated('say("Saved."); element("b", { text: "Size" }); action(`Try ${name}`); note(`${a}`)') == [
        '"Saved.',
        '"Size',
        "`Try ${name}",
    ]


def test_every_command_has_its_label():
    sources = "\n".join(file.read_text("utf-8") for file in JS.rglob("*.js"))
    labels = set(re.findall(r"\{ id: [\w\".]+, label: t\(\"([^\"]+)\"\), function", sources))
    assert labels
    assert labels == {command["label"] for command in english()["commands"].values()}
