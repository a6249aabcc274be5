"""Stability's own API: a form goes in, the picture comes back in the reply. Stable Diffusion 3.5, Core, Ultra.

Sources: ComfyUI `comfy_api_nodes/apis/stability_api.py`, Stability's REST reference as quoted by others. Not verified:
prices, the fields of inpaint, and what model Core is: its prompts are written for Stable Diffusion 3.5, too.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from datetime import date

from ...endpoints import Endpoint
from ...prompts.targets import Target
from ...services.exchange import Part, exchange
from ...services.reading import id_of, parse
from ..arrival import Arrived, arrived, check_not_black, held_back
from ..errors import BadReply
from ..hosted import AsInput, Aspects, HostedModel, Price, Use, Work, megapixel_ratios
from ..hosted_replies import bearer, failure, refused, words
from ..inputs import Sent
from ..plan import Plan
from . import AtOnce, Reply, Ticket

_SHAPES = ("1:1", "16:9", "21:9", "2:3", "3:2", "4:5", "5:4", "9:16", "9:21")
_ONE_MEGAPIXEL = Aspects(megapixel_ratios(*_SHAPES))
_CORE = Aspects(megapixel_ratios(*_SHAPES, pixels=3 * 2**19))
_STYLES = {"vivid": {"style_preset": "cinematic"}, "natural": {"style_preset": "photographic"}}
_PNG = {"output_format": "png"}
_SD3 = "/stable-image/generate/sd3"
_NEGATIVE = "negative_prompt"


def _sd35(name: str, usd: float, guidance: tuple[float, float]) -> HostedModel:
    guided = guidance[0] > 1  # turbo is not, and takes no negative prompt: it is told what is there instead
    edit = AsInput(more={"mode": "image-to-image", "strength": 0.7})
    uses = {
        Work.DRAW: Use(_SD3, _ONE_MEGAPIXEL, more={"mode": "text-to-image"}),
        Work.EDIT: Use(_SD3, edit, image="image", most=1),
    }
    return HostedModel(
        name,
        uses,
        Price(usd),
        guidance=("cfg_scale", *guidance),
        styles=_STYLES,
        most_seed=2**32 - 2,
        target=Target.SD35 if guided else Target.SCHNELL,  # which reads the same T5's 256 tokens, unguided
        negative=_NEGATIVE if guided else "",
        more={**_PNG, "model": name},
        max_prompt=10_000,
    )


def _stable(name: str, work: Work, use: Use, usd: float) -> HostedModel:
    styles = _STYLES if work is Work.DRAW else {}
    return HostedModel(
        name,
        {work: use},
        Price(usd),
        styles=styles,
        most_seed=2**32 - 2,
        target=Target.SD35,
        negative=_NEGATIVE,
        more=_PNG,
        max_prompt=10_000,
    )


_ROWS = (
    _sd35("sd3.5-large", 0.065, (4.0, 3.5)),
    _sd35("sd3.5-large-turbo", 0.04, (1.0, 1.0)),
    _sd35("sd3.5-medium", 0.035, (4.0, 3.5)),
    _stable("core", Work.DRAW, Use("/stable-image/generate/core", _CORE), 0.03),
    _stable("ultra", Work.DRAW, Use("/stable-image/generate/ultra", _ONE_MEGAPIXEL), 0.08),
    _stable(
        "inpaint", Work.FILL, Use("/stable-image/edit/inpaint", AsInput(), image="image", mask="mask", most=1), 0.05
    ),
)


class Stability(AtOnce):
    """See `HostedKind`."""

    models: Mapping[str, HostedModel] = {row.name: row for row in _ROWS}
    like = "sd3.5-large"

    async def send(
        self, plan: Plan, sent: Sent, picture: int, idempotency_key: str, on_partial: Callable[[str], None]
    ) -> Reply:
        endpoint = plan.endpoint
        fields = plan.parameters_of(picture)
        if "model" in fields:
            fields["model"] = plan.model_name
        form: list[Part] = [(name, (None, str(value).encode())) for name, value in fields.items()]
        form += [(file.field, (file.name, file.data, "image/png")) for file in sent.files]
        answer = await exchange(endpoint, "POST", plan.address, bearer(endpoint), seconds=endpoint.timeout_s, form=form)
        if not answer.is_success:
            said = answer.json()
            if isinstance(said, Mapping) and said.get("name") == "content_moderation":
                raise refused(endpoint, "input", said=words(said))
            raise failure(answer, endpoint)
        return Reply(answer.body, id_of(answer))

    async def unpack(self, body: bytes, endpoint: Endpoint, ticket: Ticket | None) -> Arrived:
        try:
            said = parse(body)
            picture = base64.b64decode(said["image"], validate=True)
            reason = said.get("finish_reason")
        except (ValueError, TypeError, KeyError, AttributeError, binascii.Error):
            raise BadReply(
                f"The reply of endpoint '{endpoint.name}' holds no picture; it may have been billed, so look at what "
                "it sent (it is kept) before you run the node again.",
                maybe_billed=True,
            ) from None
        if reason == "CONTENT_FILTERED":
            raise held_back(endpoint, "sent a blurred picture (CONTENT_FILTERED)")
        came = await arrived(picture, None)
        check_not_black(came, endpoint)
        return came

    async def shutdown_date(self, plan: Plan) -> date | None:
        return None
