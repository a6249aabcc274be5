"""What may be spent, and on what: for every call that is not free, before anything is sent.

A graph downloaded from a stranger must not choose what the user pays for. So a model runs at an endpoint that costs
money only if the pack or the user's own file knows it, and within the user's budget.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, ClassVar

from ..endpoints import Endpoint, Endpoints
from ..errors import DalleFluxError
from ..state import State, StateFailed
from .failures import ServiceFailed
from .ledger import CallState, Ledger, Wanted
from .scrub import scrub
from .settings import ServiceSettings

# USD for a million tokens, read and written (source: OpenAI's pricing page as quoted by others, June 2026; older models
# as published with them). The user's own prices go first.
_CHAT_PRICES = {
    "gpt-5.5": (5.0, 30.0),
    "gpt-5.4": (2.5, 15.0),
    "gpt-5.4-mini": (0.75, 4.5),
    "gpt-5.4-nano": (0.2, 1.25),
    "gpt-5.2": (1.75, 14.0),
    "gpt-5": (1.25, 10.0),
    "gpt-5-mini": (0.25, 2.0),
    "gpt-5-nano": (0.05, 0.4),
    "gpt-4.1": (2.0, 8.0),
    "gpt-4.1-mini": (0.4, 1.6),
    "gpt-4.1-nano": (0.1, 0.4),
    "gpt-4o": (2.5, 10.0),
    "gpt-4o-mini": (0.15, 0.6),
}
_DATED = re.compile(r"-20[0-9]{2}-[01][0-9]-[0-3][0-9]\Z")
_MOST_TOKENS = 10**9  # no reply has as many: a larger count is no count


class UnknownModel(DalleFluxError):
    """A workflow names a model that neither this pack nor the user's file knows. Nothing was sent."""

    code: ClassVar[str] = "unknown_model"


@dataclass(frozen=True)
class Account:
    """Where paid calls are written down, and what the user allows."""

    ledger: Ledger
    settings: ServiceSettings

    @classmethod
    def of(cls, known: Endpoints) -> Account:
        """The account that belongs to a user's file; the file lies in the state folder.

        Raises:
            BadEndpointsFile: its settings make no sense.
        """
        return cls(Ledger(State(known.file.parent)), ServiceSettings.read(known.settings))


def is_free(endpoint: Endpoint) -> bool:
    """A server on this machine that asks for no key sends no bill."""
    return endpoint.is_local and not endpoint.api_key_env and not endpoint.stored_key


def check_known(model: str, endpoint: Endpoint, known: Collection[str]) -> None:
    """Let pass what the pack (`known`) or the user names.

    Raises:
        UnknownModel: with the line to add to the user's file.
    """
    if model in endpoint.models or model in known:
        return
    plain = model[:64] if model.isprintable() and '"' not in model and "\\" not in model else "its-name"
    raise UnknownModel(
        f"This workflow wants the model '{scrub(model[:64])}', which this pack does not know and you have not named; "
        f"if you want to pay for it at endpoint '{endpoint.name}', add in endpoints.toml under [{endpoint.name}] "
        f'the line: models = ["{plain}"].'
    )


@contextmanager
def paying(
    endpoint: Endpoint, model: str, account: Callable[[], Account], what: str, tokens_in: int, tokens_out: int
) -> Iterator[Callable[[Any], None]]:
    """Around a call that is paid by tokens: write it down before, and what it cost after. Free endpoints cost nothing.

    Args:
        account: asked for where it is needed.
        what: for messages, such as "chat call".
        tokens_in, tokens_out: the most it will read and write.

    Yields:
        A function that takes the reply, for the count in its `usage`.

    Raises:
        UnknownModel, BudgetReached: nothing was sent.
    """
    if is_free(endpoint):
        yield lambda reply: None
        return
    opened = account()
    ledger, settings = opened.ledger, opened.settings
    price = _price(model, settings)
    check_known(model, endpoint, {*settings.models, *settings.chat_prices} | ({model} if price else set()))
    wanted = Wanted(
        key=uuid.uuid4().hex,
        endpoint=endpoint.name,
        operation=what.partition(" ")[0],
        model=model,
        estimate_usd=_cost(price, tokens_in, tokens_out),
        what=what,
        price_line=f'under [settings.chat.prices] the line: "{scrub(model[:64])}" = 10.0  (USD for a million tokens)',
    )
    (call,) = ledger.claim([wanted], settings, again=True)
    reply: Any = None

    def came(answer: Any) -> None:
        nonlocal reply
        reply = answer

    ledger.mark_sent(call)
    try:
        yield came
    except BaseException as error:
        billed = error.maybe_billed if isinstance(error, ServiceFailed) else True
        with suppress(StateFailed, OSError):  # the row stays as it is, which counts as billed
            ledger.failed(call, CallState.UNKNOWN if billed else CallState.UNSENT, getattr(error, "code", "cancelled"))
        raise
    with suppress(StateFailed, OSError):
        ledger.settled(call, _counted(price, reply))


def _price(model: str, settings: ServiceSettings) -> tuple[float, float] | None:
    for name in (model, settings.models.get(model, model)):
        if name in settings.chat_prices:
            return settings.chat_prices[name], settings.chat_prices[name]
    known = settings.models.get(model, model)
    return _CHAT_PRICES.get(known) or _CHAT_PRICES.get(_DATED.sub("", known))


def _cost(price: tuple[float, float] | None, read: int, written: int) -> float | None:
    return (price[0] * read + price[1] * written) / 1e6 if price else None


def _counted(price: tuple[float, float] | None, reply: Any) -> float | None:
    """USD by the endpoint's own count; None if it gives none that makes sense."""
    usage = reply.get("usage") if isinstance(reply, Mapping) else None
    if not isinstance(usage, Mapping):
        return None
    counts = [usage.get("prompt_tokens"), usage.get("completion_tokens")]
    if not all(isinstance(count, int) and 0 <= count < _MOST_TOKENS for count in counts):
        return None
    return _cost(price, *(int(count or 0) for count in counts))


def no_account() -> Account:
    """For code that asks free endpoints only."""
    raise UnknownModel("This endpoint may cost money and nothing says what may be spent; ask it from a node.")
