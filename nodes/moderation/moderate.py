"""Ask, decide and record in one call: what the gate nodes, the one-node generators and the HTTP endpoint use.

decision = moderate_prompt(text, policy, Desk(folders.endpoints, folders.state()))
if not decision.allowed:
    raise ContentRefused([decision])
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..endpoints import Endpoints
from ..errors import DalleFluxError
from ..state import State
from .checks import picture_checks, text_checks
from .decision import Decision, Failure, Verdict
from .gate import OnFlag, check_pictures, check_prompt, decide
from .policy import Policy
from .record import Record, RecordSettings

if TYPE_CHECKING:
    from PIL import Image

RECORD = "record"  # the name under which a record that cannot be written appears among the checks


@dataclass(frozen=True)
class Desk:
    """Where the gate looks things up and writes its record."""

    endpoints: Callable[[], Endpoints]
    state: State

    def record(self) -> Record:
        """The record as the user's file wants it kept.

        Raises:
            BadModerationSettings, BadEndpointsFile: the file cannot be used.
        """
        return Record(self.state, RecordSettings.of(self.endpoints().settings))


def moderate_prompt(text: str, policy: Policy, desk: Desk, on_flag: OnFlag = OnFlag.STOP) -> Decision:
    """Judge a prompt and record the decision. Never raises for what a check or the record does."""
    decision = check_prompt(text, policy, text_checks(policy, desk.endpoints))
    return _recorded([decision], policy, desk, on_flag, text)[0]


def moderate_pictures(
    pictures: Iterable[Image.Image], policy: Policy, desk: Desk, on_flag: OnFlag = OnFlag.STOP
) -> list[Decision]:
    """Judge pictures one after the other, one decision each, and record them; never raises, as `moderate_prompt`."""
    decisions = check_pictures(pictures, policy, picture_checks(policy, desk.endpoints))
    return _recorded(decisions, policy, desk, on_flag, None)


def _recorded(
    decisions: list[Decision], policy: Policy, desk: Desk, on_flag: OnFlag, text: str | None
) -> list[Decision]:
    """The decisions once they are on the disk. A record that fails counts as a check that failed."""
    try:
        desk.record().add(decisions, on_flag.value, text)
    except DalleFluxError as error:
        verdict = Verdict(RECORD, "", frozenset(), failure=Failure(error.code, str(error)))
        return [decide(d.kind, d.sha256, policy, (*d.verdicts, verdict)) for d in decisions]
    return decisions
