"""What goes between the ingress and a ComfyUI of the fleet: a task there, and lines of JSON back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from pydantic import BaseModel, ConfigDict

from ..endpoint.contract.answers import Finished
from ..endpoint.contract.errors import ApiError
from ..endpoint.contract.submissions import Order
from ..endpoint.models import Model
from ..endpoint.scheduler import Job

_BYTES_AS_BASE64 = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")


class Task(BaseModel):
    """An order that passed every check, and the model that draws it, its graph included."""

    model_config = _BYTES_AS_BASE64

    id: str
    client: str  # whom the host's queue shows
    seed: int
    order: Order
    model: Model

    @classmethod
    def of(cls, job: Job) -> Task:
        return cls(id=job.id, client=job.client, seed=job.seed, order=job.order, model=job.model)

    def job(self) -> Job:
        """The same job, in the process that draws it."""
        job = Job(self.order, self.model, self.client, self.id)
        job.seed = self.seed
        return job


class Failure(BaseModel):
    """An `ApiError` on its way."""

    status: int
    headers: dict[str, str]
    body: dict[str, Any]

    @classmethod
    def of(cls, error: ApiError) -> Failure:
        return cls(status=error.status, headers=error.headers, body=error.body)

    def error(self) -> ApiError:
        error = ApiError(self.status, str(self.body["error"]["message"]), headers=self.headers)
        error.body = self.body
        return error


class Event(BaseModel):
    """One line: exactly one of these."""

    model_config = _BYTES_AS_BASE64

    begun: bool = False
    progress: float | None = None  # 0 … 1
    partial: bytes | None = None  # an encoded preview
    finished: Finished | None = None
    failure: Failure | None = None
    lost: str | None = None  # the ComfyUI is gone: why

    def line(self) -> bytes:
        return self.model_dump_json(exclude_defaults=True).encode() + b"\n"


async def lines(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Whole lines out of pieces, however long."""
    begun: list[bytes] = []
    async for piece in pieces:
        *whole, rest = piece.split(b"\n")
        for line in whole:
            yield b"".join([*begun, line])
            begun = []
        begun.append(rest)
