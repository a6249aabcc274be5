"""What may be spent, and on what: for every call that is not free, before anything is sent.

A graph downloaded from a stranger must not choose what the user pays for. So a model runs at an endpoint that costs
money only if the pack or the user's own file knows it, and within the user's budget.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar

from ..endpoints import Endpoint, Endpoints
from ..errors import DalleFluxError
from ..state import State
from .ledger import Ledger
from .scrub import scrub
from .settings import ServiceSettings


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
