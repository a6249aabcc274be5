"""Ask, decide and record in one call: what the gate nodes, the generators and the HTTP endpoint use.

decision = moderate_prompt(text, policy, GateContext(endpoints, state), drawn=[t5xxl, clip_l])
if not decision.allowed:
    raise ContentRefused([decision])
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..endpoints import Endpoints
from ..errors import DalleFluxError
from ..state import State
from .checks import picture_checks, text_checks
from .decision import Decision
from .gate import OnFlag, check_pictures, check_prompt, decide, digest, failed
from .policy import NO_POLICY, Policy
from .record import Record
from .settings import ModerationSettings

if TYPE_CHECKING:
    from PIL import Image

RECORD = "record"  # the name under which a record that cannot be written appears among the checks
SETTINGS = "settings"  # … and the user's file, where it cannot be read


@dataclass(frozen=True)
class GateContext:
    """Where the gate looks things up and writes its record."""

    endpoints: Callable[[], Endpoints]
    state: State

    def settings(self) -> ModerationSettings:
        """What the user's file says.

        Raises:
            BadModerationSettings, BadEndpointsFile: the file cannot be used.
        """
        return ModerationSettings.read(self.endpoints().settings)

    def record(self) -> Record:
        """The record as the user's file wants it kept; raises as `settings`."""
        return Record(self.state, self.settings())

    def minimum(self) -> Policy | None:
        """The policy that holds whatever a workflow says; raises as `settings`."""
        return self.settings().minimum


def moderate_prompt(
    text: str, policy: Policy, context: GateContext, on_flag: OnFlag = OnFlag.STOP, drawn: Sequence[str] = ()
) -> Decision:
    """Judge a prompt, and the texts made of it that will be `drawn` or sent, and record the decision.

    The user's minimum holds beside `policy`. Never raises for what a check, the record or the user's file does.
    """
    try:
        policy = replace(policy, minimum=context.minimum())
    except DalleFluxError as error:
        return decide("prompt", digest(text), policy, (failed(SETTINGS, error, final=True),))
    decision = check_prompt(text, policy, text_checks(policy, context.endpoints), drawn)
    return _recorded([decision], policy, context, on_flag, text)[0]


def moderate_pictures(
    pictures: Iterable[Image.Image], policy: Policy, context: GateContext, on_flag: OnFlag = OnFlag.STOP
) -> list[Decision]:
    """Judge pictures one after the other, one decision each, and record them; never raises, as `moderate_prompt`."""
    try:
        policy = replace(policy, minimum=context.minimum())
    except DalleFluxError as error:
        verdict = failed(SETTINGS, error, final=True)
        unjudged = check_pictures(pictures, policy, ())
        return [decide(d.kind, d.sha256, policy, (verdict,)) for d in unjudged]
    decisions = check_pictures(pictures, policy, picture_checks(policy, context.endpoints))
    return _recorded(decisions, policy, context, on_flag, None)


def _recorded(
    decisions: list[Decision], policy: Policy, context: GateContext, on_flag: OnFlag, text: str | None
) -> list[Decision]:
    """The decisions once they are on the disk. A record that fails counts as a check that failed.

    Where nobody asked for a policy, only what is held back is recorded.
    """
    unasked = policy.name == NO_POLICY.name and policy.minimum is None
    if unasked and all(decision.allowed for decision in decisions):
        return decisions
    try:
        context.record().add(decisions, on_flag.value, text)
    except DalleFluxError as error:
        verdict = failed(RECORD, error)
        return [decide(d.kind, d.sha256, policy, (*d.verdicts, verdict)) for d in decisions]
    return decisions
