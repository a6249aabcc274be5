"""A studio: the stand-in service, a state folder, and everything a node does, without a node."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from services import Services

from nodes.endpoints import Endpoints
from nodes.images_api import job, jobs, making
from nodes.images_api.inputs import sent_with
from nodes.images_api.making import Made, PictureProgress, make_pictures
from nodes.images_api.plan import Ask, Operation, Plan, make_plan
from nodes.services.ledger import Ledger
from nodes.services.settings import ServiceSettings
from nodes.services.spending import Account
from nodes.state import State

TODAY = date(2026, 11, 21)


def no_budget(**fields: Any) -> ServiceSettings:
    """Limits without the default budget, as no file can say them."""
    return ServiceSettings(**{"per_day_usd": None, **fields})


class Cancelled(Exception):
    """What the host raises when the user pressed cancel."""


@dataclass
class Watch:
    """A node that remembers what it was told to show."""

    cancel_when: Callable[[], bool] = lambda: False
    on_look: Callable[[], Any] = lambda: None  # called whenever the node looks for news
    shown: list[PictureProgress] = field(default_factory=list)

    def partials(self) -> list[Image.Image]:
        return [progress.partial for progress in self.shown if progress.partial]

    def is_cancelled(self) -> bool:
        self.on_look()
        return self.cancel_when()

    def raise_cancelled(self) -> None:
        raise Cancelled

    async def show(self, progress: PictureProgress) -> None:
        self.shown.append(progress)


@dataclass
class Studio:
    """What a node has at hand."""

    services: Services
    root: Path
    fields: dict[str, Any] = field(default_factory=dict)  # further lines of the endpoint
    settings: ServiceSettings = field(default_factory=lambda: no_budget(partial_images=0))

    @property
    def account(self) -> Account:
        return Account(self.ledger, self.settings)

    @property
    def ledger(self) -> Ledger:
        return Ledger(State(self.root))

    def endpoints(self) -> Endpoints:
        lines = [f"{name} = {value!r}".replace("True", "true") for name, value in self.fields.items()]
        text = f'[studio]\nbase_url = "{self.services.base_url}"\napi_key = "{self.services.key}"\n'
        if "base_url" in self.fields:
            text = f'[studio]\napi_key = "{self.services.key}"\n'
        file = self.root / "endpoints.toml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n".join(lines), "utf-8")
        return Endpoints.read(file)

    def ask(self, model: str = "dall-e-2", **changes: Any) -> Ask:
        """A request; unless told otherwise the smallest picture there is, for $0.016."""
        size = "256x256" if model == "dall-e-2" else "1024x1024"
        plain: dict[str, Any] = {"size": size, "n": 1, "seed": 1, "prompt": "a red cube", "quality": "standard"}
        if model in ("dall-e-3",):
            plain["style"] = "vivid"
        return Ask(**{"operation": Operation.GENERATE, "model": model, **plain, **changes})

    def plan(self, model: str = "dall-e-2", **changes: Any) -> Plan:
        return make_plan(self.ask(model, **changes), self.endpoints().get("studio"), self.settings, TODAY)

    async def make(
        self, model: str = "dall-e-2", *, again: bool = False, watch: Watch | None = None, image: Any = None,
        mask: Any = None, **changes: Any
    ) -> Made:  # fmt: skip
        if image is not None:
            changes |= {"pictures": len(image), "has_mask": mask is not None}
        plan = self.plan(model, **changes)
        sent = sent_with(plan, image, mask)
        return await make_pictures(plan, sent, self.account, watch or Watch(), again=again)

    async def settled(self) -> None:
        """Wait until no request is under way."""
        while jobs.jobs()._under_way:
            await asyncio.sleep(0.02)


@pytest.fixture
def studio(services, tmp_path, monkeypatch) -> Studio:
    jobs.jobs().shutdowns.clear()
    monkeypatch.setattr(job, "_BACKOFF_S", (0.01,))
    monkeypatch.setattr(making, "_TICK_S", 0.02)
    return Studio(services, tmp_path / "state")
