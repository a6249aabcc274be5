"""Sentences in the language that is asked for: which one that is, and how a sentence is found again with its values."""

from __future__ import annotations

import time

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from translations import LANGUAGES, LOCALES, read
from translations.sentences import asked_for as texts_in_js
from translations.sentences import said_in

from nodes.guard import Names, guarded
from nodes.languages import asked_for, told
from nodes.replies import refuse


@pytest.mark.parametrize(
    ("accepted", "locale"),
    [
        ("", ""),
        ("*", ""),
        ("en-GB, fr;q=0.9", ""),
        ("de-DE, fr;q=0.9, en;q=0.8", "fr"),
        ("en;q=0.5, ja", "ja"),
        ("zh-Hant-TW", "zh-TW"),
        ("zh-CN, zh;q=0.9", "zh"),
        ("pt-PT", "pt-BR"),
        ("ru;q=0, en", ""),
        ("ru;q=nonsense", "ru"),
        (", ;;q,,=" * 10_000, ""),
    ],
)
def test_the_language_that_is_liked_best_is_taken(accepted, locale):
    assert asked_for(accepted) == locale


def test_a_sentence_keeps_its_values_and_what_is_known_of_them_is_translated_too():
    said = told("FLUX against DALL·E 3: good enough. As good or better in 82% of 4 votes (a, 2 blind).", "fr")
    assert said == "FLUX face à DALL·E 3 : assez bien. Aussi bien ou mieux dans 82% de 4 votes (a, 2 à l’aveugle)."
    overloaded = "Endpoint 'studio' is overloaded; try again in a few minutes."
    assert told(overloaded, "fr").startswith("L’endpoint 'studio'")
    assert told("Nothing says this anywhere.", "fr") == "Nothing says this anywhere."


@pytest.mark.parametrize("locale", LANGUAGES)
def test_no_sentence_is_taken_for_another_one(locale):
    """Each template, filled with values of its own, is found as itself."""
    words = read(LOCALES / locale / "main.json")["dalletoflux"]
    for text, said in words.items():
        filled, expected = text, said
        for number in range(9):
            filled = filled.replace(f"{{{number}}}", f"v{number}")
            expected = expected.replace(f"{{{number}}}", f"v{number}")
        if len(text) > 40:
            assert told(filled, locale) == expected


def test_sentences_within_sentences_end():
    innermost = "Not found"
    within = innermost
    for _ in range(2_000):
        within = f"Endpoint '{within}' is overloaded; try again in a few minutes."
    said = told(within, "fr")
    assert said != within
    assert said.count(innermost) == 1


def test_a_hostile_text_takes_no_longer_than_its_length_says():
    def seconds(length: int) -> float:
        began = time.thread_time()
        for sign in ("'", "; ", " of ", "Endpoint '"):
            told(sign * (length // len(sign)), "fr")
        return time.thread_time() - began

    seconds(1_000)  # reads the tables
    assert seconds(800_000) < 40 * seconds(80_000) + 0.5


async def test_errors_of_every_guarded_address_are_told_in_the_asked_language():
    async def fails(request: web.Request) -> web.Response:
        if request.query:  # OpenAI's envelope
            return web.json_response({"error": {"message": "An endpoint needs a name.", "code": "x"}}, status=400)
        return refuse(400, "bad_request", "An endpoint needs a name.")

    app = web.Application()
    app.router.add_routes(guarded([web.get("/fails", fails)], Names(list, list)))
    async with TestClient(TestServer(app)) as client:
        for language, said in (("fr", "Un endpoint a besoin d’un nom."), ("en", "An endpoint needs a name.")):
            reply = await client.get("/fails", headers={"Accept-Language": language})
            assert (await reply.json()) == {"error": said, "code": "bad_request"}
            assert reply.headers.get("Content-Language", "en") == language
            enveloped = await client.get("/fails?openai=1", headers={"Accept-Language": language})
            assert (await enveloped.json())["error"] == {"message": said, "code": "x"}


def test_texts_are_found_in_the_code():
    js = 't(late ? "Too late" : "In time", t("inner"));  format("no"); t(`made up ${x}`);'
    assert list(texts_in_js(js)) == ["Too late", "In time", "inner"]
    python = '''
def work(name):
    """A docstring is no sentence of this kind."""
    hint = "only a part"
    raise Error(f"There is no {name!r} here; choose " + hint + (f" of {name}" if name else "") + ".")
'''
    assert list(said_in(python)) == ["There is no {0} here; choose {1}{2}."]
