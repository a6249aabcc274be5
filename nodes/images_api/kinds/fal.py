"""fal's queue: a request is answered with a job and the addresses to ask after it, take its result and stop it.

Sources: PyPI fal_client 1.0.3, fal.ai/docs (queue, model errors, request errors), the models' API pages. Not verified:
the prices of fal-ai/flux-2 and of the FLUX.1 pro models, the largest sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from ...endpoints import Endpoint
from ...prompts.targets import Target
from ...services.exchange import LOOK_S, Answer, exchange
from ...services.failures import Meaning, ServiceFailed
from ...services.reading import parse
from ..arrival import Arrived, fetched, held_back
from ..hosted import AsInput, Aspects, HostedModel, Pixels, Price, Use, Work, megapixel_ratios
from ..hosted_replies import (
    bearer,
    data_uri,
    drawing,
    failed,
    failure,
    forgotten,
    job_id,
    own_address,
    refused,
    told,
    with_pictures,
    words,
)  # fmt: skip
from ..inputs import Sent
from ..plan import Plan
from . import JobEnded, Reply, Standing, Ticket

HOSTS = ("queue.fal.run", "fal.run", ".fal.run", "queue.falrun.com", "falrun.com")  # and fal's own substitutes
_MEGAPIXEL = 10**6  # px; to the letter, so that 1024x1024 counts as two: rather too much

_SIZE = Pixels(16, 256, 2048, most_pixels=2 * 2**20, width="image_size", height="image_size")
_FLUX2 = Pixels(16, 512, 2048, most_pixels=4 * 2**20, width="image_size", height="image_size")
_SHAPES = ("1:1", "21:9", "16:9", "3:2", "4:3", "3:4", "2:3", "9:16", "9:21")
_RATIO = Aspects(megapixel_ratios(*_SHAPES))
_ULTRA = Aspects(megapixel_ratios(*_SHAPES, pixels=4 * 2**20))
_ONE = {"num_images": 1, "output_format": "png"}
_CHECKED = {**_ONE, "enable_safety_checker": True}
_TOLERANCE = ("safety_tolerance", "2", "6")


def _flux1(name: str, usd: float, steps: tuple[int, int], *, guided: bool) -> HostedModel:
    uses = {
        Work.DRAW: Use(f"/{name}", _SIZE),
        Work.VARY: Use(f"/{name}/redux", _SIZE, image="image_url", most=1, prompt=""),
    }
    return HostedModel(
        name,
        uses,
        Price(mp=usd, unit=_MEGAPIXEL),
        steps=("num_inference_steps", *steps),
        guidance=("guidance_scale", 3.5, 2.5) if guided else None,
        target=Target.DEV if guided else Target.SCHNELL,
        more=_CHECKED,
    )


def _kontext(name: str, usd: float) -> HostedModel:
    uses = {
        Work.EDIT: Use(f"/{name}", _RATIO, image="image_url", most=1),
        Work.DRAW: Use(f"/{name}/text-to-image", _RATIO),
    }
    return HostedModel(name, uses, Price(usd), safety=_TOLERANCE, target=Target.KONTEXT, more=_ONE)


_ROWS = (
    _flux1("fal-ai/flux/dev", 0.025, (28, 50), guided=True),
    _flux1("fal-ai/flux/schnell", 0.003, (4, 8), guided=False),
    HostedModel(
        "fal-ai/flux-pro/v1.1",
        {Work.DRAW: Use("/fal-ai/flux-pro/v1.1", _SIZE)},
        Price(mp=0.04, unit=_MEGAPIXEL),
        safety=_TOLERANCE,
        target=Target.DEV,
        more=_ONE,
    ),
    HostedModel(
        "fal-ai/flux-pro/v1.1-ultra",
        {Work.DRAW: Use("/fal-ai/flux-pro/v1.1-ultra", _ULTRA)},
        Price(0.06),
        styles={"natural": {"raw": True}},
        safety=_TOLERANCE,
        target=Target.DEV,
        more=_ONE,
    ),
    _kontext("fal-ai/flux-pro/kontext", 0.04),
    _kontext("fal-ai/flux-pro/kontext/max", 0.08),
    HostedModel(
        "fal-ai/flux-pro/v1/fill",
        {Work.FILL: Use("/fal-ai/flux-pro/v1/fill", AsInput(), image="image_url", mask="mask_url", most=1)},
        Price(mp=0.05, unit=_MEGAPIXEL),
        safety=_TOLERANCE,
        target=Target.FILL,
        more=_ONE,
    ),
    HostedModel(
        "fal-ai/flux-2",
        {
            Work.DRAW: Use("/fal-ai/flux-2", _FLUX2),
            Work.EDIT: Use("/fal-ai/flux-2/edit", _FLUX2, image="image_urls[]", most=4),
        },
        Price(mp=0.012, input_mp=0.012, unit=_MEGAPIXEL),
        steps=("num_inference_steps", 28, 50),
        guidance=("guidance_scale", 2.5, 2.5),
        target=Target.FLUX2_DEV,
        more=_CHECKED,
    ),
    HostedModel(
        "fal-ai/flux-2-pro",
        {
            Work.DRAW: Use("/fal-ai/flux-2-pro", _FLUX2),
            Work.EDIT: Use("/fal-ai/flux-2-pro/edit", _FLUX2, image="image_urls[]", most=8),
        },
        Price(first_mp=0.03, mp=0.015, input_mp=0.015, unit=_MEGAPIXEL),
        safety=("safety_tolerance", "2", "5"),
        target=Target.FLUX2_DEV,
        more={"output_format": "png"},
    ),
    HostedModel(
        "blackforestlabs/flux-3/text-to-image",
        {Work.DRAW: Use("/blackforestlabs/flux-3/text-to-image", _RATIO)},
        Price(0.048),
        seed="",
        target=Target.FLUX2_DEV,
        max_prompt=15_000,
    ),
)


class Fal:
    """See `HostedKind`."""

    models: Mapping[str, HostedModel] = {row.name: row for row in _ROWS}
    like = "fal-ai/flux-2-pro"

    async def send(
        self, plan: Plan, sent: Sent, picture: int, idempotency_key: str, on_partial: Callable[[str], None]
    ) -> Ticket:
        endpoint = plan.endpoint
        body = with_pictures(plan.parameters_of(picture), [(file.field, data_uri(file.data)) for file in sent.files])
        headers = bearer(endpoint, "Key")
        answer = await exchange(endpoint, "POST", plan.address, headers, seconds=endpoint.timeout_s, json=body)
        if refusal := _refusal(answer, endpoint, None):
            raise refusal
        said = told(answer, endpoint)
        status, result, cancel = (
            own_address(said.get(name), endpoint, HOSTS) for name in ("status_url", "response_url", "cancel_url")
        )
        return Ticket(job_id(said.get("request_id")), status, result, cancel)

    async def look(self, endpoint: Endpoint, ticket: Ticket) -> Reply | Standing:
        named = ticket.id
        url = own_address(ticket.status_url, endpoint, HOSTS)
        answer = await exchange(endpoint, "GET", f"{url}?logs=1", bearer(endpoint, "Key"), seconds=LOOK_S)
        if answer.status == 404:
            raise JobEnded(forgotten(endpoint, named))
        said = told(answer, endpoint)
        match said.get("status"):
            case "IN_QUEUE":
                before = said.get("queue_position")
                return Standing(f"{before} before it in the queue" if isinstance(before, int) else "in the queue")
            case "IN_PROGRESS":
                logs = said.get("logs")
                lines = logs if isinstance(logs, list) else []
                return drawing("\n".join(str(one.get("message")) for one in lines if isinstance(one, Mapping)))
            case "COMPLETED":  # also what failed; only its result says so
                return await self._result(endpoint, ticket)
        raise ServiceFailed(Meaning.BAD_REPLY, endpoint, said="names a status that nobody knows", maybe_billed=True)

    async def _result(self, endpoint: Endpoint, ticket: Ticket) -> Reply:
        named = ticket.id
        url = own_address(ticket.result_url, endpoint, HOSTS)
        answer = await exchange(endpoint, "GET", url, bearer(endpoint, "Key"), seconds=LOOK_S)
        if answer.is_success:
            return Reply(answer.body, named)
        kind = _error_type(answer)
        if kind in ("client_cancelled", "client_disconnected"):
            raise JobEnded(failed(endpoint, "it was cancelled", named), cancelled=True)
        if refusal := _refusal(answer, endpoint, named):
            raise JobEnded(refusal)
        if answer.status == 404:
            raise JobEnded(forgotten(endpoint, named))
        if kind and answer.status >= 500:  # of the job and not of a gateway before it; such jobs are not billed
            body = answer.json()
            said = words(body) if isinstance(body, Mapping) else kind
            raise JobEnded(failed(endpoint, said, named, maybe_billed=False))
        error = failure(answer, endpoint)
        if answer.status == 422:
            raise JobEnded(error)
        raise error

    async def cancel(self, endpoint: Endpoint, ticket: Ticket) -> bool:
        url = own_address(ticket.cancel_url, endpoint, HOSTS)
        await exchange(endpoint, "PUT", url, bearer(endpoint, "Key"), seconds=LOOK_S)
        return False  # it is only asked for; what came of it the next look says

    async def unpack(self, body: bytes, endpoint: Endpoint, ticket: Ticket | None) -> Arrived:
        said = parse(body)
        said = said if isinstance(said, Mapping) else {}
        unsafe = said.get("has_nsfw_concepts")
        if isinstance(unsafe, list) and unsafe and unsafe[0] is True:
            raise held_back(endpoint, "sent a black picture (has_nsfw_concepts)")
        images = said.get("images")
        first = images[0] if isinstance(images, list) and images else said.get("image")
        url = first.get("url") if isinstance(first, Mapping) else None
        return await fetched(url, endpoint, said.get("prompt"))

    async def shutdown_date(self, plan: Plan) -> date | None:
        return None


def _error_type(answer: Answer) -> str:
    """`{"error_type": …}` or the header, for what went wrong around the model; a typed `detail` is the model's own."""
    body = answer.json()
    named = body.get("error_type") if isinstance(body, Mapping) else None
    return str(named or answer.headers.get("x-fal-error-type") or "")


def _refusal(answer: Answer, endpoint: Endpoint, named: str | None) -> ServiceFailed | None:
    """422 with `{"detail": [{"type": "content_policy_violation", …}]}`."""
    body: Any = answer.json()
    details = body.get("detail") if isinstance(body, Mapping) else None
    if answer.is_success or not isinstance(details, list):
        return None
    if not any(isinstance(one, Mapping) and one.get("type") == "content_policy_violation" for one in details):
        return None
    # Of a job nobody knows whether the text or the picture was refused.
    return refused(endpoint, "unknown" if named else "input", request_id=named, said=words(body))
