"""Together: an address like OpenAI's, with a dialect of its own, and the picture in the reply.

Source: PyPI together 3.1.1 `types/image_generate_params.py` and `image_file.py`. Not verified: prices, limits of sizes,
that FLUX.1-dev is hosted, that pictures are taken as data URIs, how a refusal is worded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date

from ...endpoints import Endpoint
from ...prompts.targets import Target
from ...services.exchange import exchange
from ...services.reading import id_of
from ..arrival import Arrived, check_not_black, unpack
from ..hosted import HostedModel, Pixels, Price, Use, Work
from ..hosted_replies import bearer, data_uri, failure, refused, with_pictures
from ..inputs import Sent
from ..plan import Plan
from . import AtOnce, Reply, Ticket

_SIZE = Pixels(16, 256, 1792, most_pixels=2 * 2**20)
_PATH = "/images/generations"
_NOT_SAFE = re.compile(r"\bnsfw\b|content (policy|filter|moderat)|safety|moderated", re.IGNORECASE)
_MAKER = "black-forest-labs"
_MEGAPIXEL = 10**6


def _row(
    name: str,
    price: Price,
    target: Target,
    *,
    image: str = "",
    most: int = 0,
    steps: tuple[int, int] | None = None,
    guidance: tuple[float, float] | None = None,
) -> HostedModel:
    uses = {Work.DRAW: Use(_PATH, _SIZE)}
    if image:
        uses[Work.EDIT] = Use(_PATH, _SIZE, image=image, most=most)
    return HostedModel(
        f"{_MAKER}/{name}",
        uses,
        price,
        steps=("steps", *steps) if steps else None,
        guidance=("guidance_scale", *guidance) if guidance else None,
        target=target,
        most_seed=2**31 - 1,
        more={"model": f"{_MAKER}/{name}", "n": 1, "response_format": "base64", "output_format": "png"},
    )


_ROWS = (
    _row("FLUX.1-schnell", Price(mp=0.0027, unit=_MEGAPIXEL), Target.SCHNELL, steps=(4, 8)),
    _row("FLUX.1-schnell-Free", Price(), Target.SCHNELL, steps=(4, 4)),
    _row("FLUX.1-dev", Price(mp=0.025, unit=_MEGAPIXEL), Target.DEV, steps=(28, 50), guidance=(3.5, 2.5)),
    _row("FLUX.1.1-pro", Price(mp=0.04, unit=_MEGAPIXEL), Target.DEV),
    _row("FLUX.1-kontext-pro", Price(0.04), Target.KONTEXT, image="image_url", most=1),
    _row("FLUX.1-kontext-max", Price(0.08), Target.KONTEXT, image="image_url", most=1),
    _row(
        "FLUX.2-pro", Price(first_mp=0.03, mp=0.015, input_mp=0.015), Target.FLUX2_DEV,
        image="reference_images[]", most=8,
    ),
    _row(
        "FLUX.2-max", Price(first_mp=0.07, mp=0.03, input_mp=0.03), Target.FLUX2_DEV,
        image="reference_images[]", most=8,
    ),
    _row(
        "FLUX.2-flex", Price(first_mp=0.05, mp=0.05, input_mp=0.05), Target.FLUX2_DEV,
        image="reference_images[]", most=8, steps=(28, 50), guidance=(4.5, 3.0),
    ),
    _row("FLUX.2-dev", Price(mp=0.025, input_mp=0.025), Target.FLUX2_DEV, image="reference_images[]", most=4),
)  # fmt: skip


class Together(AtOnce):
    """See `HostedKind`."""

    models: Mapping[str, HostedModel] = {row.name: row for row in _ROWS}
    like = f"{_MAKER}/FLUX.2-pro"

    async def send(
        self, plan: Plan, sent: Sent, picture: int, idempotency_key: str, on_partial: Callable[[str], None]
    ) -> Reply:
        endpoint = plan.endpoint
        pictures = [(file.field, data_uri(file.data)) for file in sent.files]
        body = with_pictures({**plan.parameters_of(picture), "model": plan.model_name}, pictures)
        answer = await exchange(endpoint, "POST", plan.address, bearer(endpoint), seconds=endpoint.timeout_s, json=body)
        if not answer.is_success:
            error = failure(answer, endpoint)
            if 400 <= answer.status < 500 and _NOT_SAFE.search(error.said):
                error = refused(endpoint, "input", request_id=error.request_id, said=error.said)
            raise error
        return Reply(answer.body, id_of(answer))

    async def unpack(self, body: bytes, endpoint: Endpoint, ticket: Ticket | None) -> Arrived:
        came = await unpack(body, endpoint)
        check_not_black(came, endpoint)
        return came

    async def shutdown_date(self, plan: Plan) -> date | None:
        return None
