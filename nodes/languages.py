"""Messages in the language that a program or a browser asks for with `Accept-Language`.

Everything here speaks English; a sentence is translated where it leaves, by the tables in `locales/`, and stays English
where no entry fits. `js/words.js` does the same with what nodes say on the canvas.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from aiohttp import web

_LOCALES = Path(__file__).parents[1] / "locales"
_LEAST = 16  # letters that a sentence and its entry must share, or any text would fit some entry
_LONGEST = 20_000  # characters of an answer that is looked through
_DEEP = 4  # sentences within sentences
_WEIGHT = re.compile(r"q=([01](?:\.\d{0,3})?)")
_PLACE = re.compile(r"\{\d\}")
_REGIONS = {"zh-hant": "zh-TW", "zh-hk": "zh-TW", "zh-mo": "zh-TW", "pt": "pt-BR"}  # that have no table of their own


def in_their_language(request: web.Request, reply: web.StreamResponse) -> web.StreamResponse:
    """The same answer; an error's sentence, ours or in OpenAI's envelope, in the language that the request asks for."""
    locale = asked_for(request.headers.get("Accept-Language", "")) if reply.status >= 400 else ""
    if not locale or reply.prepared or not isinstance(reply, web.Response) or reply.content_type != "application/json":
        return reply
    if not isinstance(reply.body, bytes) or len(reply.body) > _LONGEST:
        return reply
    body = json.loads(reply.body)
    error = body.get("error")
    if isinstance(error, str):
        body["error"] = told(error, locale)
    elif isinstance(error, dict) and isinstance(error.get("message"), str):
        error["message"] = told(error["message"], locale)
    reply.text = json.dumps(body, ensure_ascii=False)
    reply.headers["Content-Language"] = locale
    reply.headers["Vary"] = "Accept-Language"
    return reply


def asked_for(accepted: str) -> str:
    """The locale that `Accept-Language` likes best of those there are; empty for English, and where nothing is said."""
    ranked = []
    for entry in accepted[:200].split(","):
        tag, _, weight = entry.partition(";")
        quality = _WEIGHT.fullmatch(weight.strip())
        ranked.append((-float(quality[1]) if quality else -1.0, tag.strip().lower()))
    for rank, tag in sorted(ranked, key=lambda one: one[0]):
        if rank == 0 or not tag:
            continue
        if tag.split("-")[0] == "en":
            return ""
        known = {locale.lower(): locale for locale in _locales()}
        for name in (tag, "-".join(tag.split("-")[:2]), tag.split("-")[0]):
            if found := known.get(name) or _REGIONS.get(name):
                return found
    return ""


def told(sentence: str, locale: str, deep: int = _DEEP) -> str:
    """A sentence with its values in it, in another language; as it is where no entry fits.

    Args:
        deep: how far values that are sentences themselves are followed.
    """
    words, templates = _words(locale)
    if sentence in words:
        return words[sentence]
    for parts, said in templates:  # those that share most come first
        values = _between(parts, sentence)
        if values is not None:
            return _filled(said, [told(value, locale, deep - 1) if deep else value for value in values])
    return sentence


def _filled(template: str, values: Sequence[str]) -> str:
    return _PLACE.sub(lambda place: values[int(place[0][1])], template)


def _between(parts: Sequence[str], sentence: str) -> list[str] | None:
    """The values that stand between the parts of a template; None if the sentence is not made of it."""
    first, *middle, last = parts
    end = len(sentence) - len(last)
    if not sentence.startswith(first) or not sentence.endswith(last):
        return None
    at, values = len(first), []
    for part in middle:
        place = sentence.find(part, at)
        if place < 0:
            return None
        values.append(sentence[at:place])
        at = place + len(part)
    return [*values, sentence[at:end]] if at <= end else None


@functools.cache
def _locales() -> tuple[str, ...]:
    return tuple(path.parent.name for path in sorted(_LOCALES.glob("*/main.json")))


@functools.cache
def _words(locale: str) -> tuple[Mapping[str, str], Sequence[tuple[list[str], str]]]:
    """English text → translation, and the templates among them in parts around their values."""
    loaded = json.loads((_LOCALES / locale / "main.json").read_text("utf-8"))
    words: dict[str, str] = loaded["dalletoflux"]
    templates = [(_PLACE.split(text), said) for text, said in words.items() if _PLACE.search(text)]
    enough = [(parts, said) for parts, said in templates if len("".join(parts)) >= _LEAST]
    return words, sorted(enough, key=lambda one: -len("".join(one[0])))
