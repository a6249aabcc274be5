"""Strict stand-ins for hosted services that speak protocols of their own, one file each.

What the documentation forbids they refuse, in the service's own words where those are known; what the service would
bill they write down. `HOSTED` has them by the name of their kind.
"""

from .bfl import BflService
from .fal import FalService
from .replicate import ReplicateService
from .service import HostedService
from .stability import StabilityService
from .together import TogetherService

JOB_SERVICES: tuple[type[HostedService], ...] = (BflService, FalService, ReplicateService)  # they answer with a job
HOSTED: dict[str, type[HostedService]] = {one.kind: one for one in (*JOB_SERVICES, TogetherService, StabilityService)}

__all__ = ["HOSTED", "JOB_SERVICES", "HostedService"]
