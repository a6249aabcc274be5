"""What the node's face asks for: the conversion of what is in the node's fields, before anything runs.

`POST /dalle_flux/prompt` with {prompt, style, size, target, prompt_mode, describe_artists, frozen} answers
{t5xxl, clip_l, guidance, report, key}; `key` is what a frozen text remembers of its prompt. Nothing is
stored, no rewriter is asked. A request that cannot be converted answers 400 with {error, code}.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from aiohttp import web
from server import PromptServer

from ..errors import DalleFluxError
from .targets import PromptMode, Style, Target

if TYPE_CHECKING:
    from .convert import Request

ADDRESS = "/dalle_flux/prompt"
_LONGEST = 4_000_000  # bytes of a request


def register() -> None:
    """Add the address to this host's server; called once, when the pack is loaded."""
    PromptServer.instance.routes.post(ADDRESS)(answer)


async def answer(request: web.Request) -> web.Response:
    """One conversion."""
    if (request.content_length or 0) > _LONGEST:
        return _error(413, "too_long", "The prompt is too long to be converted.")
    try:
        asked = _asked(json.loads(await request.text()))
    except (ValueError, TypeError, RecursionError) as error:
        return _error(400, "bad_request", f"The request cannot be read: {str(error)[:200]}.")
    try:
        return web.json_response(await asyncio.to_thread(_converted, asked))
    except DalleFluxError as error:
        return _error(400, error.code, str(error))


def _asked(data: Any) -> Request:
    from .convert import Request

    if not isinstance(data, dict):
        raise ValueError("it is no JSON object")
    return Request(
        prompt=str(data.get("prompt", "")),
        style=Style(data.get("style", Style.VIVID.value)),
        size=str(data.get("size", "1024x1024")),
        target=Target(data.get("target", Target.DEV.value)),
        mode=PromptMode(data.get("prompt_mode", PromptMode.CONVERT.value)),
        describe_artists=bool(data.get("describe_artists", False)),
        frozen=str(data.get("frozen", "")),
    )


def _converted(request: Request) -> dict[str, Any]:
    from .convert import convert
    from .frozen import prompt_key
    from .nodes import shown, tokenizers  # here, since loading them is put off until somebody looks

    done = convert(request, tokenizers())
    return {**shown(done), "key": prompt_key(request.prompt)}


def _error(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"error": message, "code": code}, status=status)
