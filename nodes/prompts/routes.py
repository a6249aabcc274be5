"""What the node's face asks for: the conversion of what is in the node's fields, before anything runs.

`POST /dalle_flux/prompt` with {prompt, style, size, target, prompt_mode, describe_artists, frozen} answers
{t5xxl, clip_l, guidance, report, key}; `key` is what a frozen text remembers of its prompt. Nothing is
stored, no rewriter is asked. A request that cannot be converted answers 400 with {error, code}.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aiohttp import web

from ..errors import DalleFluxError
from ..replies import read_object, refuse
from .targets import PromptMode, Style, Target

if TYPE_CHECKING:
    from .convert import ConversionRequest

ADDRESS = "/dalle_flux/prompt"
_LONGEST = 4_000_000  # bytes of a request
routes = web.RouteTableDef()


@routes.post(ADDRESS)
async def converted(request: web.Request) -> web.Response:
    """One conversion."""
    try:
        asked = _asked(await read_object(request, _LONGEST))
        return web.json_response(await asyncio.to_thread(_converted, asked))
    except ValueError as error:
        return refuse(400, "bad_request", f"The request cannot be read: {str(error)[:200]}.")
    except DalleFluxError as error:
        return refuse(400, error.code, str(error))


def _asked(data: Mapping[str, Any]) -> ConversionRequest:
    from .convert import ConversionRequest

    return ConversionRequest(
        prompt=_text(data, "prompt", ""),
        style=Style(data.get("style", Style.VIVID.value)),
        size=_text(data, "size", "1024x1024"),
        target=Target(data.get("target", Target.DEV.value)),
        mode=PromptMode(data.get("prompt_mode", PromptMode.CONVERT.value)),
        describe_artists=bool(data.get("describe_artists", False)),
        frozen=_text(data, "frozen", ""),
    )


def _text(data: Mapping[str, Any], name: str, otherwise: str) -> str:
    value = data.get(name, otherwise)
    if not isinstance(value, str):
        raise ValueError(f"'{name}' is no text")
    return value


def _converted(request: ConversionRequest) -> dict[str, Any]:
    from .convert import convert
    from .frozen import prompt_key
    from .nodes import shown, tokenizers  # here, since loading them is put off until somebody looks

    done = convert(request, tokenizers())
    return {**shown(done), "key": prompt_key(request.prompt)}
