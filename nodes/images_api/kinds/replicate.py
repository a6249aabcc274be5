"""Replicate's predictions, of its official models.

Sources: PyPI replicate 1.0.7, replicate.com/docs, replicate/cog-flux `predict.py`, the schema of flux-2-pro on
replicate.com. Not verified: prices, the text of a refusal, the fields of the other FLUX.1 models.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from datetime import date

from ...endpoints import Endpoint
from ...prompts.targets import Target
from ...services.exchange import LOOK_S, exchange
from ...services.failures import Meaning, ServiceFailed
from ...services.reading import parse
from ...sizes import Size
from ..arrival import Arrived, fetched
from ..hosted import AsInput, Aspects, HostedModel, Pixels, Price, Use, Work, megapixel_ratios
from ..hosted_replies import bearer, drawing, failed, forgotten, job_id, own_address, refused, told, with_pictures
from ..inputs import File, Sent
from ..plan import Plan
from . import JobEnded, Reply, Standing, Ticket

HOSTS = ("api.replicate.com",)
_NOT_SAFE = re.compile(r"\bnsfw\b|content (policy|filter|moderat)|safety (filter|checker)|flagged", re.IGNORECASE)

_BY_RATIO = {
    "1:1": Size(1024, 1024), "16:9": Size(1344, 768), "21:9": Size(1536, 640), "3:2": Size(1216, 832),
    "2:3": Size(832, 1216), "4:5": Size(896, 1088), "5:4": Size(1088, 896), "3:4": Size(896, 1152),
    "4:3": Size(1152, 896), "9:16": Size(768, 1344), "9:21": Size(640, 1536),
}  # fmt: skip
_OPEN = Aspects(_BY_RATIO, more={"megapixels": "1"})
_CUSTOM = {"aspect_ratio": "custom"}
_PRO = Pixels(32, 256, 1440, more=_CUSTOM)
_FLUX2 = Pixels(16, 256, 2048, most_pixels=4 * 2**20, more=_CUSTOM)
_SHAPES = ("1:1", "21:9", "16:9", "3:2", "4:3", "5:4", "4:5", "3:4", "2:3", "9:16", "9:21")
_RATIO = Aspects(megapixel_ratios(*_SHAPES))
_ULTRA = Aspects(megapixel_ratios(*_SHAPES, pixels=4 * 2**20))
_PNG = {"output_format": "png"}
_MAKER = "black-forest-labs"


def _path(name: str) -> str:
    return f"/models/{_MAKER}/{name}/predictions"


def _open(name: str, redux: str, usd: float, steps: tuple[int, int], *, guided: bool) -> HostedModel:
    vary = Use(_path(redux), _OPEN, image="redux_image", most=1, prompt="")
    # With go_fast a seed does not give the same picture twice; the Redux models have no such switch.
    draw = Use(_path(name), _OPEN, more={"go_fast": False})
    return HostedModel(
        f"{_MAKER}/{name}",
        {Work.DRAW: draw, Work.VARY: vary},
        Price(usd),
        steps=("num_inference_steps", *steps),
        guidance=("guidance", 3.0, 2.0) if guided else None,
        target=Target.DEV if guided else Target.SCHNELL,
        more={**_PNG, "num_outputs": 1},
    )


def _kontext(name: str, usd: float) -> HostedModel:
    uses = {
        Work.EDIT: Use(_path(name), _RATIO, image="input_image", most=1),
        Work.DRAW: Use(_path(name), _RATIO),
    }
    # With a picture more than 2 is refused.
    safety = ("safety_tolerance", 2, 2)
    return HostedModel(f"{_MAKER}/{name}", uses, Price(usd), safety=safety, target=Target.KONTEXT, more=_PNG)


_ROWS = (
    _open("flux-dev", "flux-redux-dev", 0.025, (28, 50), guided=True),
    _open("flux-schnell", "flux-redux-schnell", 0.003, (4, 4), guided=False),
    HostedModel(
        f"{_MAKER}/flux-1.1-pro",
        {
            Work.DRAW: Use(_path("flux-1.1-pro"), _PRO),
            Work.VARY: Use(_path("flux-1.1-pro"), _PRO, "image_prompt", most=1, prompt="", more={"prompt": ""}),
        },
        Price(0.04),
        safety=("safety_tolerance", 2, 6),
        target=Target.DEV,
        more=_PNG,
    ),
    HostedModel(
        f"{_MAKER}/flux-1.1-pro-ultra",
        {Work.DRAW: Use(_path("flux-1.1-pro-ultra"), _ULTRA)},
        Price(0.06),
        styles={"natural": {"raw": True}},
        safety=("safety_tolerance", 2, 6),
        target=Target.DEV,
        more=_PNG,
    ),
    _kontext("flux-kontext-pro", 0.04),
    _kontext("flux-kontext-max", 0.08),
    HostedModel(
        f"{_MAKER}/flux-fill-pro",
        {Work.FILL: Use(_path("flux-fill-pro"), AsInput(), image="image", mask="mask", most=1)},
        Price(0.05),
        steps=("steps", 28, 50),
        guidance=("guidance", 30.0, 30.0),
        safety=("safety_tolerance", 2, 6),
        target=Target.FILL,
        more=_PNG,
    ),
    HostedModel(
        f"{_MAKER}/flux-2-pro",
        {
            Work.DRAW: Use(_path("flux-2-pro"), _FLUX2),
            Work.EDIT: Use(_path("flux-2-pro"), _FLUX2, image="input_images[]", most=8),
        },
        Price(first_mp=0.03, mp=0.015, input_mp=0.015),
        safety=("safety_tolerance", 2, 5),
        target=Target.FLUX2_DEV,
        more=_PNG,
    ),
)


class Replicate:
    """See `HostedKind`."""

    models: Mapping[str, HostedModel] = {row.name: row for row in _ROWS}
    like = f"{_MAKER}/flux-2-pro"

    async def send(
        self, plan: Plan, sent: Sent, picture: int, idempotency_key: str, on_partial: Callable[[str], None]
    ) -> Ticket:
        endpoint = plan.endpoint
        urls = await asyncio.gather(*(_uploaded(file, endpoint) for file in sent.files))
        fields = [(file.field, url) for file, url in zip(sent.files, urls, strict=True)]
        body = {"input": with_pictures(plan.parameters_of(picture), fields)}
        # Not `Prefer: wait`: it would hold the id back for as long as the picture takes.
        answer = await exchange(endpoint, "POST", plan.address, bearer(endpoint), seconds=endpoint.timeout_s, json=body)
        said = told(answer, endpoint)
        links = said.get("urls")
        links = links if isinstance(links, Mapping) else {}
        status, cancel = (own_address(links.get(name), endpoint, HOSTS) for name in ("get", "cancel"))
        return Ticket(job_id(said.get("id")), status, cancel_url=cancel)

    async def look(self, endpoint: Endpoint, ticket: Ticket) -> Reply | Standing:
        named = ticket.id
        url = own_address(ticket.status_url, endpoint, HOSTS)
        answer = await exchange(endpoint, "GET", url, bearer(endpoint), seconds=LOOK_S)
        if answer.status == 404:
            raise JobEnded(forgotten(endpoint, named))
        said = told(answer, endpoint)
        error = str(said.get("error") or "")
        match said.get("status"):
            case "starting":
                return Standing("waiting for a machine")
            case "processing":
                return drawing(said.get("logs"))
            case "succeeded":
                return Reply(answer.body, named)
            case "failed" if _NOT_SAFE.search(error):
                raise JobEnded(refused(endpoint, "output", request_id=named, said=error))
            case "failed":
                raise JobEnded(failed(endpoint, error, named))
            case "canceled":
                begun = said.get("started_at") is not None
                raise JobEnded(failed(endpoint, "it was cancelled", named, maybe_billed=begun), cancelled=True)
            case "aborted":  # its time was over before it began
                raise JobEnded(ServiceFailed(Meaning.OVERLOADED, endpoint, said=error, request_id=named))
        raise ServiceFailed(Meaning.BAD_REPLY, endpoint, said="names a status that nobody knows", maybe_billed=True)

    async def cancel(self, endpoint: Endpoint, ticket: Ticket) -> bool:
        url = own_address(ticket.cancel_url, endpoint, HOSTS)
        answer = await exchange(endpoint, "POST", url, bearer(endpoint), seconds=LOOK_S)
        said = told(answer, endpoint)
        return said.get("status") == "canceled" and said.get("started_at") is None

    async def unpack(self, body: bytes, endpoint: Endpoint, ticket: Ticket | None) -> Arrived:
        said = parse(body)
        output = said.get("output") if isinstance(said, Mapping) else None
        return await fetched(output[0] if isinstance(output, list) and output else output, endpoint, None)

    async def shutdown_date(self, plan: Plan) -> date | None:
        return None


async def _uploaded(file: File, endpoint: Endpoint) -> str:
    """The address of a picture among the account's files at Replicate, which keeps it for a day."""
    form = [("content", (file.name, file.data, "image/png"))]
    url = f"{endpoint.base_url}/files"
    try:
        said = told(
            await exchange(endpoint, "POST", url, bearer(endpoint), seconds=endpoint.timeout_s, form=form), endpoint
        )
    except ServiceFailed as failure:
        failure.maybe_billed = False  # files cost nothing, and no job was handed in
        raise
    links = said.get("urls")
    return own_address(links.get("get") if isinstance(links, Mapping) else None, endpoint, HOSTS)
