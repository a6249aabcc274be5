"""What a run of a node would cost, for the badge on it (js/price.js).

`GET /dalle_flux/images_api/price?operation=edits&endpoint=openai&model=gpt-image-2&size=1024x1024&quality=hd&n=2`, with
`&mask=yes` where one is connected, answers {usd}: what the budget would count for it before sending, with one picture
as input and without the prompt's letters (a fraction of a cent); null where nobody knows, or a run would be refused.
"""

from __future__ import annotations

from datetime import date

from aiohttp import web

from ..host import folders
from ..replies import BadRequest, answer, whole_number

ROOT = "/dalle_flux/images_api"
_STATUSES = dict.fromkeys(("bad_request", "bad_endpoints_file"), 400)
routes = web.RouteTableDef()


@routes.get(f"{ROOT}/price")
async def price(request: web.Request) -> web.Response:
    """USD for what the query asks."""
    from ..services.settings import ServiceSettings
    from ..sizes import Size
    from .plan import Ask, Operation, cost_before

    said = request.query
    try:
        operation = Operation(said.get("operation", ""))
    except ValueError:
        raise BadRequest(f"`operation` must be {', '.join(one.value for one in Operation)}.") from None
    pictures = 0 if operation is Operation.GENERATE else 1
    ask = Ask(
        operation, said.get("model", ""), said.get("size", ""), whole_number("n", said.get("n", "1")), 0, "…",
        said.get("quality") or None, pictures=pictures, has_mask=said.get("mask") == "yes",
        input_sizes=(Size(1024, 1024),) * pictures,
    )  # fmt: skip

    def look() -> dict[str, float | None]:
        known = folders.endpoints()
        endpoint = known.by_name.get(said.get("endpoint", ""))
        if endpoint is None:  # a workflow from elsewhere names it; a run says what to do
            return {"usd": None}
        return {"usd": cost_before(ask, endpoint, ServiceSettings.read(known.settings), date.today())}

    return await answer(look, "endpoints.toml", _STATUSES)
