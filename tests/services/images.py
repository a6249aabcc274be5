"""Draw what was ordered, bill it, and reply: as JSON or as a stream, well or, if so planned, badly."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import time
from typing import TYPE_CHECKING, Any

from aiohttp import web

from . import drawing, rules
from .billing import REQUEST_ID, Bill
from .checking import Order
from .faults import BEFORE_WORK, IN_STREAMS, PICTURE, Fault, Planned
from .refusals import REFUSALS

if TYPE_CHECKING:
    from .server import Services

URL_LIFETIME_S = 3600
_HUGE = 512 * 2**20  # bytes sent of a reply without end, at most


def before_work(planned: Planned) -> web.StreamResponse | None:
    """The reply of a fault that strikes before any work, hence unbilled."""
    headers = {"Retry-After": f"{planned.seconds:g}"} if planned.seconds else {}
    if planned.fault not in BEFORE_WORK:
        return None
    match planned.fault:
        case Fault.REFUSE:
            raise REFUSALS[planned.name]
        case Fault.RATE_LIMIT:
            refusal = REFUSALS["rate_limit_exceeded"]
            return web.json_response(refusal.body(), status=429, headers={**refusal.headers, **headers})
        case Fault.OVERLOADED:
            return web.json_response(REFUSALS["slow_down"].body(), status=503, headers=headers)
    return web.Response(status=307, headers={"Location": planned.to})


async def serve(services: Services, request: web.Request, order: Order, planned: Planned | None) -> web.StreamResponse:
    """Work, bill, reply."""
    idempotency_key = request.headers.get("Idempotency-Key")
    if services.idempotent and idempotency_key:
        while services.replies.get(idempotency_key) == b"":  # the first one is still at work
            await asyncio.sleep(0.01)
        if known := services.replies.get(idempotency_key):
            return web.Response(body=known, content_type="application/json")
        services.replies[idempotency_key] = b""
    bill = _bill(order, REQUEST_ID.get(), idempotency_key, services.next_serial())
    if planned is None or planned.billed:
        services.bills.append(bill)
    fault = planned.fault if planned else None
    with services.at_work():
        work = asyncio.ensure_future(_work(services, request, order, planned, bill))
        try:
            # An idempotent service ends its work also when the customer goes away.
            return await (asyncio.shield(work) if services.idempotent else work)
        except asyncio.CancelledError:
            services.abandoned += 1
            raise
        finally:
            if fault is None and work.done() and not work.cancelled():
                bill.delivered = work.exception() is None


async def _work(
    services: Services, request: web.Request, order: Order, planned: Planned | None, bill: Bill
) -> web.StreamResponse:
    fault = planned.fault if planned else None
    seconds = services.next_latency() + (planned.seconds if planned and fault is Fault.SLOW else 0.0)
    if order.stream and services.honours_stream and (fault is None or fault in IN_STREAMS):
        return await _stream(services, request, order, seconds, planned, bill.serial)
    await asyncio.sleep(3600 if fault is Fault.HANG else seconds)
    await services.while_held(planned)
    payload = _payload(services, order, request, planned, bill.serial)
    if bill.idempotency_key and services.idempotent:
        services.replies[bill.idempotency_key] = json.dumps(payload).encode()
    return await _reply(request, payload, planned)


def _bill(order: Order, request_id: str, idempotency_key: str | None, serial: int) -> Bill:
    size = f"{order.width}x{order.height}"
    usd = (
        order.model.price(size, order.quality) * order.n
        if order.model.family == "dalle"
        else _usd(usage(order, order.partial_images))
    )
    return Bill(order.model.name, order.operation, order.prompt, order.n, usd, request_id, idempotency_key, serial)


def usage(order: Order, partials: int) -> dict[str, Any]:
    """Tokens of a whole request."""
    text = len(order.prompt) // 4 + 1
    pictures_in = 323 * order.inputs
    out = rules.output_tokens(order.width, order.height, order.quality) * order.n + rules.PARTIAL_TOKENS * partials
    return {
        "input_tokens": text + pictures_in,
        "output_tokens": out,
        "total_tokens": text + pictures_in + out,
        "input_tokens_details": {"image_tokens": pictures_in, "text_tokens": text},
        "output_tokens_details": {"image_tokens": out, "text_tokens": 0},
    }


def _usd(tokens: dict[str, Any]) -> float:
    rate = rules.USD_PER_TOKEN
    details = tokens["input_tokens_details"]
    return (
        details["text_tokens"] * rate["text_in"]
        + details["image_tokens"] * rate["image_in"]
        + tokens["output_tokens"] * rate["image_out"]
    )


def _pictures(order: Order, planned: Planned | None, serial: int) -> list[bytes]:
    drawn = [drawing.draw(order.prompt, order.width, order.height, serial * 100 + one) for one in range(order.n)]
    if planned and planned.fault in PICTURE:
        return [drawing.spoil(picture, planned.fault, planned.size) for picture in drawn]
    return [drawing.encode(picture, order.output_format, order.compression) for picture in drawn]


def _payload(
    services: Services, order: Order, request: web.Request, planned: Planned | None, serial: int
) -> dict[str, Any]:
    fault = planned.fault if planned else None
    data: list[dict[str, Any]] = []
    for picture in _pictures(order, planned, serial):
        item: dict[str, Any] = {}
        if fault is Fault.URL:
            item["url"] = planned.to if planned else ""
        elif order.response_format == "url" or fault is Fault.EXPIRED_URL:
            token = secrets.token_urlsafe(16)
            lives = 0 if fault is Fault.EXPIRED_URL else URL_LIFETIME_S
            expires = asyncio.get_running_loop().time() + lives
            services.served[token] = (picture, f"image/{order.output_format}", expires)
            item["url"] = f"http://{request.host}/files/{token}"
        else:
            item["b64_json"] = base64.b64encode(picture).decode()
            if fault is Fault.BROKEN_BASE64:
                item["b64_json"] = "!" + item["b64_json"][:-7]
        if order.model.revised_prompt:
            item["revised_prompt"] = f"{order.prompt}, drawn in great detail"
        data.append(item)
    payload: dict[str, Any] = {"created": int(time.time()), "data": [] if fault is Fault.EMPTY else data}
    if order.model.family == "gpt":
        payload |= _description(order) | {"usage": usage(order, 0)}
    return payload


def _description(order: Order) -> dict[str, Any]:
    return {
        "background": "transparent" if order.background == "transparent" else "opaque",
        "output_format": order.output_format,
        "quality": "high" if order.quality == "auto" else order.quality,
        "size": f"{order.width}x{order.height}",
    }


async def _reply(request: web.Request, payload: dict[str, Any], planned: Planned | None) -> web.StreamResponse:
    body = json.dumps(payload).encode()
    if planned is None:
        return web.Response(body=body, content_type="application/json")
    match planned.fault:
        case Fault.GATEWAY:
            return web.Response(status=502, text="<html><h1>502 Bad Gateway</h1></html>", content_type="text/html")
        case Fault.NO_ANSWER:
            if request.transport:
                request.transport.abort()
            return web.Response()
        case Fault.CUT_SHORT:
            return await _cut(request, body)
        case Fault.BODY:
            return web.Response(body=planned.to.encode(), content_type="application/json")
        case Fault.BROKEN_JSON:
            return web.Response(body=body[:-2], content_type="application/json")
        case Fault.WRONG_CONTENT_TYPE:
            return web.Response(body=body, content_type="text/html")
        case Fault.HUGE_BODY:
            return await _endless(request, 200, b" " * 2**20, 0.0)
        case Fault.ENDLESS_ERROR:
            return await _endless(request, 400, b" " * 2**20, 0.0)
        case Fault.DRIP:
            return await _endless(request, 200, b" ", 0.02)
    return web.Response(body=body, content_type="application/json")


async def _endless(request: web.Request, status: int, piece: bytes, pause: float) -> web.StreamResponse:
    headers = {"Content-Type": "application/json", "x-request-id": REQUEST_ID.get()}
    reply = web.StreamResponse(status=status, headers=headers)
    await reply.prepare(request)
    for _ in range(_HUGE // 2**20):
        await reply.write(piece)
        await asyncio.sleep(pause)
    return reply


async def _cut(request: web.Request, body: bytes) -> web.StreamResponse:
    reply = web.StreamResponse(
        headers={"Content-Type": "application/json", "Content-Length": str(len(body)), "x-request-id": REQUEST_ID.get()}
    )
    await reply.prepare(request)
    await reply.write(body[: len(body) // 2])
    if request.transport:
        request.transport.close()
    return reply


async def _stream(
    services: Services, request: web.Request, order: Order, seconds: float, planned: Planned | None, serial: int
) -> web.StreamResponse:
    """Server-sent events: partial pictures spread over the time of work, then the completed one."""
    fault = planned.fault if planned else None
    kind = "image_edit" if order.operation == "edits" else "image_generation"
    reply = web.StreamResponse(headers={"Content-Type": "text/event-stream", "x-request-id": REQUEST_ID.get()})
    await reply.prepare(request)
    if planned and fault is Fault.STREAM_GARBAGE:
        await reply.write(planned.to.encode())
        return reply
    (whole,) = _pictures(order, None, serial)
    common = {"created_at": int(time.time()), **_description(order)}
    pause = seconds / (order.partial_images + 1)
    for index in range(order.partial_images):
        await asyncio.sleep(pause)
        rough = drawing.encode(drawing.draw(f"{order.prompt}{index}", 64, 64, index), order.output_format)
        event = {"type": f"{kind}.partial_image", "b64_json": base64.b64encode(rough).decode(),
                 "partial_image_index": index, **common}  # fmt: skip
        await _send(reply, event)
        if fault is Fault.STREAM_ERROR:
            await _send(reply, {"type": "error", **REFUSALS["server_error"].body()})
            return reply
    await asyncio.sleep(pause)
    await services.while_held(planned)
    final = {"type": f"{kind}.completed", "b64_json": base64.b64encode(whole).decode(),
             "usage": usage(order, order.partial_images), **common}  # fmt: skip
    if fault is Fault.CUT_SHORT:
        await reply.write(f"event: {final['type']}\ndata: {json.dumps(final)[:200]}".encode())
        if request.transport:
            request.transport.close()
        return reply
    await _send(reply, final)
    return reply


async def _send(reply: web.StreamResponse, event: dict[str, Any]) -> None:
    await reply.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
