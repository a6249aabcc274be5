"""Black Forest Labs' own API: a request is answered with the id of a task and the address to ask after it.

Sources: docs.bfl.ai (quick start, pricing, the pages of the models), ComfyUI `comfy_api_nodes/apis/bfl_api.py`. Not
verified: the price of flux-dev and its guidance (1.5 to 5), image_prompt on flux-dev.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from ...endpoints import Endpoint, is_number
from ...prompts.targets import Target
from ...services.exchange import LOOK_S, exchange
from ...services.failures import Meaning, ServiceFailed
from ...services.reading import parse
from ..arrival import Arrived, fetched
from ..hosted import AsInput, Aspects, HostedModel, Pixels, Price, Use, Work, megapixel_ratios
from ..hosted_replies import failed, forgotten, job_id, own_address, refused, told
from ..inputs import Sent
from ..plan import Plan
from . import JobEnded, Reply, Standing, Ticket

# The global address hands tasks to regions: api.eu.bfl.ai, api.us.bfl.ai and others below the same name.
HOSTS = (".bfl.ai",)

_FLUX1 = Pixels(32, 256, 1440)
_FLUX2 = Pixels(16, 64, 4096, most_pixels=4 * 2**20)
_SHAPES = ("1:1", "21:9", "16:9", "3:2", "4:3", "5:4", "4:5", "3:4", "2:3", "9:16", "9:21")
_KONTEXT = Aspects(megapixel_ratios(*_SHAPES))
_ULTRA = Aspects(megapixel_ratios(*_SHAPES, pixels=4 * 2**20))
_PNG = {"output_format": "png"}
# Nobody else is to rewrite the text that a gate has judged. Of klein it is not known whether it has that switch.
_AS_SENT = {**_PNG, "prompt_upsampling": False}
_STRICTNESS = ("safety_tolerance", 2, 6)  # 0 is strict; 2 is the default


def _flux1(name: str, price: float, **more: Any) -> HostedModel:
    draw = Use(f"/{name}", _FLUX1)
    vary = Use(f"/{name}", _FLUX1, image="image_prompt", most=1, more={"prompt": ""}, prompt="")
    uses = {Work.DRAW: draw, Work.VARY: vary}
    return HostedModel(name, uses, Price(price), safety=_STRICTNESS, target=Target.DEV, more=_AS_SENT, **more)


def _flux2(name: str, first: float, mp: float, inputs: float, most: int = 8, **more: Any) -> HostedModel:
    uses = {
        Work.DRAW: Use(f"/{name}", _FLUX2),
        Work.EDIT: Use(f"/{name}", _FLUX2, image="input_image", most=most),
    }
    is_klein = "klein" in name
    return HostedModel(
        name,
        uses,
        Price(first_mp=first, mp=mp, input_mp=inputs),
        safety=("safety_tolerance", 2, 5),
        target=Target.FLUX2_KLEIN if is_klein else Target.FLUX2_DEV,
        more=_PNG if is_klein else _AS_SENT,
        **more,
    )


def _kontext(name: str, price: float) -> HostedModel:
    uses = {
        Work.EDIT: Use(f"/{name}", _KONTEXT, image="input_image", most=1),
        Work.DRAW: Use(f"/{name}", _KONTEXT),
    }
    # With a picture more than 2 is refused (source: ComfyUI's request class).
    return HostedModel(
        name, uses, Price(price), safety=("safety_tolerance", 2, 2), target=Target.KONTEXT, more=_AS_SENT
    )


_ROWS = (
    _flux2("flux-2-pro", 0.03, 0.015, 0.015),
    _flux2("flux-2-max", 0.07, 0.03, 0.03),
    _flux2("flux-2-flex", 0.05, 0.05, 0.05, steps=("steps", 28, 50), guidance=("guidance", 4.5, 3.0)),
    _flux2("flux-2-klein-9b", 0.015, 0.002, 0.002, most=4),
    _flux2("flux-2-klein-4b", 0.014, 0.001, 0.001, most=4),
    _flux1("flux-pro-1.1", 0.04),
    HostedModel(
        "flux-pro-1.1-ultra",
        {
            Work.DRAW: Use("/flux-pro-1.1-ultra", _ULTRA),
            Work.VARY: Use("/flux-pro-1.1-ultra", _ULTRA, "image_prompt", most=1, more={"prompt": ""}, prompt=""),
        },
        Price(0.06),
        styles={"natural": {"raw": True}},
        safety=_STRICTNESS,
        target=Target.DEV,
        more=_AS_SENT,
    ),
    _flux1("flux-dev", 0.025, steps=("steps", 28, 50), guidance=("guidance", 3.5, 2.5)),
    _kontext("flux-kontext-pro", 0.04),
    _kontext("flux-kontext-max", 0.08),
    HostedModel(
        "flux-pro-1.0-fill",
        {Work.FILL: Use("/flux-pro-1.0-fill", AsInput(), image="image", mask="mask", most=1)},
        Price(0.05),
        steps=("steps", 28, 50),
        guidance=("guidance", 30.0, 30.0),
        safety=_STRICTNESS,
        target=Target.FILL,
        more=_AS_SENT,
    ),
)


class Bfl:
    """See `HostedKind`."""

    models: Mapping[str, HostedModel] = {row.name: row for row in _ROWS}
    like = "flux-2-pro"

    async def send(
        self, plan: Plan, sent: Sent, picture: int, idempotency_key: str, on_partial: Callable[[str], None]
    ) -> Ticket:
        endpoint = plan.endpoint
        body = plan.parameters_of(picture)
        body |= {file.field: base64.b64encode(file.data).decode() for file in sent.files}
        answer = await exchange(
            endpoint, "POST", plan.address, _headers(endpoint), seconds=endpoint.timeout_s, json=body
        )
        said = told(answer, endpoint)
        cents = said.get("cost")
        return Ticket(
            job_id(said.get("id")),
            own_address(said.get("polling_url"), endpoint, HOSTS),
            told={"cents": cents} if is_number(cents) else {},
        )

    async def look(self, endpoint: Endpoint, ticket: Ticket) -> Reply | Standing:
        url = own_address(ticket.status_url, endpoint, HOSTS)
        answer = await exchange(endpoint, "GET", url, _headers(endpoint), seconds=LOOK_S)
        named = ticket.id
        if answer.status == 404:
            raise JobEnded(forgotten(endpoint, named))
        said = told(answer, endpoint)
        match said.get("status"):
            case "Ready":
                return Reply(answer.body, named)
            case "Pending":
                progress: Any = said.get("progress")
                fraction = min(max(float(progress), 0.0), 1.0) if is_number(progress) else 0.0
                return Standing(f"drawing, {fraction:.0%}" if fraction else "waiting for its turn", fraction)
            case "Request Moderated":
                raise JobEnded(refused(endpoint, "input", categories=_reasons(said), request_id=named))
            case "Content Moderated":
                raise JobEnded(refused(endpoint, "output", categories=_reasons(said), request_id=named))
            case "Task not found":
                raise JobEnded(forgotten(endpoint, named))
            case "Error":
                raise JobEnded(failed(endpoint, str(said.get("details") or said.get("result") or ""), named))
        raise ServiceFailed(Meaning.BAD_REPLY, endpoint, said="names a status that nobody knows", maybe_billed=True)

    async def cancel(self, endpoint: Endpoint, ticket: Ticket) -> bool:
        return False  # there is no such request; the next run picks the picture up

    async def unpack(self, body: bytes, endpoint: Endpoint, ticket: Ticket | None) -> Arrived:
        said = parse(body)  # `look` read it before
        result = said.get("result") if isinstance(said, Mapping) else None
        result = result if isinstance(result, Mapping) else {}
        cents = ticket.told.get("cents") if ticket else None
        cost = None if cents is None else cents / 100
        return await fetched(result.get("sample"), endpoint, result.get("prompt"), cost_usd=cost)

    async def shutdown_date(self, plan: Plan) -> date | None:
        return None


def _headers(endpoint: Endpoint) -> dict[str, str]:
    return {"x-key": endpoint.api_key() or "", "Accept": "application/json"}


def _reasons(said: Mapping[str, Any]) -> list[object]:
    """`{"details": {"Moderation Reasons": ["Safety Filter"]}}`."""
    details = said.get("details")
    reasons = details.get("Moderation Reasons") if isinstance(details, Mapping) else None
    return reasons if isinstance(reasons, list) else []
