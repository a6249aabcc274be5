"""Help pages in other languages say what the English ones say."""

import re

import pytest
from translations import read
from translations.pages import DOCS, LANGUAGES, NODES, NOTED, complaints, english_page, fingerprint, names

from .test_translations import LATIN, SCRIPTS


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("node", NODES)
def test_every_node_has_its_page(node, language):
    page = (DOCS / node / f"{language}.md").read_text("utf-8")
    assert list(complaints(english_page(node), page, names(node, language))) == []
    assert re.search(SCRIPTS.get(language, LATIN), page)


def test_no_page_is_one_of_a_node_or_a_language_that_is_not():
    pages = {path.relative_to(DOCS).as_posix() for path in DOCS.glob("*/*.md")}
    assert pages == {f"{node}/{language}.md" for node in NODES for language in LANGUAGES}


@pytest.mark.parametrize("node", NODES)
def test_no_page_was_made_from_an_older_english_one(node):
    assert read(NOTED).get(node) == fingerprint(node), (
        f"js/docs/{node}.md has changed: say the same in js/docs/{node}/*.md, then `python -m translations pages`"
    )


ENGLISH = """# Load

| input | meaning |
|---|---|
| query | words, up to 10,000 |

Run `load --all`; see `js/docs/info.md`.

    [a]
    b = 2  # two
"""
BEARS = {"Load": "Laden", "query": "Suche"}
GOOD = ENGLISH.replace("# Load", "# Laden").replace("query", "Suche").replace("# two", "# zwei")


def test_a_good_page_passes():
    assert list(complaints(ENGLISH, GOOD, BEARS)) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# Laden", "# Holen"),
        ("# Laden", "## Laden"),
        ("| Suche |", "| Frage |"),
        ("10,000", "100,000"),
        ("--all", "--some"),
        ("`js/docs/info.md`", "the page"),
        ("b = 2", "b = a"),
        ("see ", "see [here](elsewhere.html) "),
        ("| Suche | words, up to 10,000 |\n", ""),
    ],
)
def test_a_bad_page_is_found(old, new):
    assert list(complaints(ENGLISH, GOOD.replace(old, new), BEARS))
