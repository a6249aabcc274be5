"""What a month has cost, by endpoint and day, with the ledger's rows behind it."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from ..replies import BadRequest
from ..services.ledger import MIGRATIONS, ROOM
from ..state import State

_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}")
_MOST_ROWS = 200
# What an endpoint counted; else what was expected. NULL: nobody knows.
_COST = "coalesce(cost_usd, estimate_usd)"
# What never left cost nothing, and what is on its way is not paid yet.
_PAID = "day LIKE ? AND state NOT IN ('unsent', 'reserved')"


def month(state: State, named: str) -> dict[str, Any]:
    """Sums by day and endpoint, and the newest rows.

    Args:
        named: as 2026-11; empty: this one.

    Raises:
        BadRequest: that is no month.
    """
    named = named or date.today().isoformat()[:7]
    if not _MONTH.fullmatch(named):
        raise BadRequest("A month is written as 2026-11.")
    days: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    if (state.root / "state.sqlite").is_file():  # looking makes no database
        with state.database(ROOM, MIGRATIONS) as database:
            found = database.execute(
                f"SELECT day, endpoint, count(*) AS requests, coalesce(sum({_COST}), 0) AS usd, "
                f"sum({_COST} IS NULL) AS unknown, sum(cost_usd IS NULL) AS estimates "
                f"FROM images_api_calls WHERE {_PAID} GROUP BY day, endpoint ORDER BY day, endpoint",
                (f"{named}-%",),
            )
            days = [dict(row) for row in found]
            newest = database.execute(
                "SELECT id, day, endpoint, operation, model, state, cost_usd, estimate_usd, seed, sent_at, error "
                f"FROM images_api_calls WHERE {_PAID} ORDER BY id DESC LIMIT {_MOST_ROWS}",
                (f"{named}-%",),
            )
            rows = [dict(row) for row in newest]
    return {"month": named, "usd": sum(day["usd"] for day in days), "days": days, "rows": rows}
