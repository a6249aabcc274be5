"""A studio whose endpoint is a hosted service, and which of its models do what."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from services.hosted import HOSTED, HostedService

from nodes.images_api import job, making, waiting
from nodes.images_api.hosted import Work
from nodes.images_api.kinds import AtOnce, hosted_kind
from nodes.images_api.making import Made
from nodes.images_api.plan import Operation
from nodes.sizes import Size

from .conftest import Studio, Watch

KINDS = tuple(HOSTED)
JOB_KINDS = tuple(name for name in KINDS if not isinstance(hosted_kind(name), AtOnce))
OPERATIONS = {
    Work.DRAW: Operation.GENERATE, Work.EDIT: Operation.EDIT, Work.FILL: Operation.EDIT, Work.VARY: Operation.VARIATION,
}  # fmt: skip


class HostedStudio(Studio):
    """What a node has at hand, at one hosted service."""

    services: HostedService

    @property
    def kind(self) -> str:
        return str(self.fields["kind"])

    def model_for(self, work: Work) -> str:
        """The first model of the table that does it."""
        return next(name for name, row in hosted_kind(self.kind).models.items() if work in row.uses)

    async def draw(
        self, work: Work = Work.DRAW, model: str = "", *, watch: Watch | None = None, **changes: Any
    ) -> Made:
        """One picture, unless told otherwise small and plain."""
        image = mask = None
        plain: dict[str, Any] = {"size": "256x256", "quality": "standard"}
        if work is not Work.DRAW:
            count = changes.pop("pictures", 1)
            image = torch.linspace(0, 1, 96 * 128 * 3).reshape(1, 96, 128, 3).repeat(count, 1, 1, 1)
            mask = torch.ones(96, 128) if work is Work.FILL else None
            plain["input_sizes"] = (Size(128, 96),) * count
        return await self.make(
            model or self.model_for(work), image=image, mask=mask, watch=watch,
            **{"operation": OPERATIONS[work], **plain, **changes},
        )  # fmt: skip


@contextmanager
def studio_at(kind: str, root: Path, monkeypatch: Any) -> Iterator[HostedStudio]:
    """A studio and its running service, quick to look after a job."""
    monkeypatch.setattr(job, "_BACKOFF_S", (0.01,))
    monkeypatch.setattr(making, "_TICK_S", 0.02)
    monkeypatch.setattr(waiting, "_LOOKS_S", (0.01, 0.02))
    with HOSTED[kind]() as service:
        yield HostedStudio(service, root, {"kind": kind})
