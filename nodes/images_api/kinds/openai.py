"""OpenAI's Images API, at OpenAI, Azure and compatible servers.

Source: openai-python `resources/images.py` and the types beside it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date
from typing import Any
from urllib.parse import quote

from ...endpoints import Endpoint
from ...services import reading
from ...services.client import open_client
from ...services.failures import Meaning, ServiceFailed, of_reply, told_apart
from ..arrival import Arrived, unpack
from ..inputs import Sent
from ..plan import Operation, Plan
from . import AtOnce, Reply, Ticket

MAX_REPLY = 128 * 2**20  # bytes: a picture of 64 MB in base64, with room


class OpenAI(AtOnce):
    """See `Kind`."""

    async def send(
        self, plan: Plan, sent: Sent, picture: int, idempotency_key: str, on_partial: Callable[[str], None]
    ) -> Reply:
        client = await asyncio.to_thread(open_client, plan.endpoint, plan.model_name)
        call, parameters = _request(client.sdk.images.with_streaming_response, plan, sent)
        headers = {**client.headers, "Idempotency-Key": idempotency_key}
        with told_apart(plan.endpoint):
            async with call(**parameters, extra_headers=headers) as reply:
                if "text/event-stream" in reply.headers.get("content-type", ""):
                    body = await _completed_event(reply, plan.endpoint, on_partial)
                else:
                    body = await reading.whole(reply, MAX_REPLY, plan.endpoint)
                return Reply(body, reading.id_of(reply))

    async def unpack(self, body: bytes, endpoint: Endpoint, ticket: Ticket | None) -> Arrived:
        return await unpack(body, endpoint)

    async def shutdown_date(self, plan: Plan) -> date | None:
        """`GET /models/{id}`, field `shutdown_date` (source: openai 3.52.0 `types/model.py`)."""
        if plan.endpoint.kind == "azure":
            return None
        path = f"/models/{quote(plan.model_name, safe='')}"
        try:
            client = await asyncio.to_thread(open_client, plan.endpoint, plan.model_name)
            card = await client.sdk.get(path, cast_to=object, options={"headers": dict(client.headers)})
            return date.fromisoformat(card["shutdown_date"])
        except Exception:
            return None  # no such question there, or no answer


def _request(images: Any, plan: Plan, sent: Sent) -> tuple[Any, dict[str, Any]]:
    """Which of the client's methods, and what it is given."""
    parameters: dict[str, Any] = dict(plan.parameters)
    if plan.partial_images:
        parameters |= {"stream": True, "partial_images": plan.partial_images}
    files = [(file.name, file.data, "image/png") for file in sent.named("image")]
    match plan.operation:
        case Operation.GENERATE:
            return images.generate, parameters
        case Operation.EDIT:
            parameters["image"] = files if len(files) > 1 else files[0]
            if masks := sent.named("mask"):
                parameters["mask"] = (masks[0].name, masks[0].data, "image/png")
            return images.edit, parameters
    parameters["image"] = files[0]
    return images.create_variation, parameters


async def _completed_event(reply: Any, endpoint: Endpoint, on_partial: Callable[[str], None]) -> bytes:
    """Read server-sent events up to the completed one (source: openai 3.52.0 `image_gen_completed_event.py`)."""

    def bad(what: str) -> ServiceFailed:
        return ServiceFailed(Meaning.BAD_REPLY, endpoint, said=what, request_id=reading.id_of(reply), maybe_billed=True)

    events = reading.Events()
    async for chunk in reading.chunks(reply, MAX_REPLY, endpoint):
        for data in events.feed(chunk):
            if data.strip() == b"[DONE]":
                continue
            try:
                event = reading.parse(data)
            except ValueError:
                raise bad("is a stream that cannot be read") from None
            kind = str(event.get("type", "")) if isinstance(event, dict) else ""
            if kind.endswith(".partial_image"):
                on_partial(str(event.get("b64_json", "")))
            elif kind.endswith(".completed"):
                return data
            elif kind == "error" or (isinstance(event, dict) and event.get("error")):
                raise of_reply(500, event, reply.headers, endpoint, started=True)
    raise bad("is a stream that ended without a picture")
