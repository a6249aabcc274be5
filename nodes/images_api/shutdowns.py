"""What an endpoint itself says about the end of a model: `GET /models/{id}`, field `shutdown_date`.

Source: openai 3.52.0 `types/model.py`. Asked beside the first request for a model and remembered for this
run of ComfyUI; an endpoint that does not know the question costs nothing but that.
"""

from __future__ import annotations

import asyncio
import json
from datetime import date

from .plan import Plan
from .wire import Line

ANSWER_S = 5.0
_asked: dict[tuple[str, str], asyncio.Task[date | None]] = {}


async def shutdown_date(line: Line, plan: Plan) -> date | None:
    """The day the endpoint will shut, or has shut, the model down; None if it does not say. Never raises."""
    if plan.endpoint.kind == "azure":
        return None
    key = (plan.endpoint.base_url, plan.model_name)
    if key not in _asked:
        _asked[key] = asyncio.get_running_loop().create_task(_ask(line, plan.model_name))
    return await asyncio.shield(_asked[key])


async def _ask(line: Line, model_name: str) -> date | None:
    try:
        asking = line.client.models.with_raw_response.retrieve(model_name, extra_headers=line.headers)
        raw = await asyncio.wait_for(asking, ANSWER_S)
        return date.fromisoformat(json.loads(raw.http_response.content)["shutdown_date"])
    except Exception:
        return None  # no such question there, or no answer


def forget() -> None:
    """Ask again next time."""
    _asked.clear()
