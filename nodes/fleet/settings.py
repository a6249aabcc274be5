"""What a fleet is made of: the `args` of the application in `fleet.yaml`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

SECRET_ENV = "DALLE_FLUX_FLEET"  # set in the ComfyUI of a fleet: what its replica proves itself with
SECRET_HEADER = "X-Dalle-Flux-Fleet"


class FleetSettings(BaseModel):
    """One fleet. Paths are those of the machines that its replicas run on."""

    model_config = ConfigDict(extra="forbid")

    comfyui: Path = Field(description="folder with ComfyUI's main.py, and this pack in its custom_nodes")
    python: Path = Field(default=Path(sys.executable), description="the Python that runs ComfyUI")
    state: Path = Field(description="folder with endpoints.toml, published workflows and the database")
    arguments: list[str] = Field(default=[], description="further arguments of ComfyUI, such as --cpu")
    replicas: int = Field(default=1, ge=0, description="how many ComfyUIs; with max_replicas the least there are")
    max_replicas: int | None = Field(default=None, ge=1, description="set: Serve adds and removes ComfyUIs by load")
    ingresses: int = Field(default=1, ge=1, le=64, description="how many ingresses; several need a database")
    database: str | None = Field(
        default=None,
        description="postgresql://user@host/name, for what ingresses share; its password by PGPASSWORD or ~/.pgpass",
    )
    ingress_on: str | None = Field(
        default=None, description="a custom resource of Ray; the ingress runs on a machine that has it, and the state"
    )
    gpus: float = Field(default=1.0, ge=0, description="GPUs of one ComfyUI")
    start_limit_s: float = Field(default=600.0, gt=0, description="seconds until a ComfyUI must answer")
    hang_s: float = Field(default=60.0, gt=0, description="seconds without an answer after which a ComfyUI is ended")
    drain_s: float = Field(default=600.0, gt=0, description="seconds that a replica may draw on when it is to go")
    patience_s: float = Field(
        default=5.0, ge=0, description="seconds that a request waits for a replica with its weights"
    )
    ahead: int = Field(
        default=1, ge=0, le=8, description="requests that wait in a ComfyUI, so that its GPU has no pause"
    )

    @model_validator(mode="after")
    def _bounds(self) -> FleetSettings:
        if self.max_replicas is not None and self.max_replicas < max(1, self.replicas):
            raise ValueError("max_replicas must be 1 or more, and no less than replicas")
        if self.ingresses > 1 and self.database is None:
            raise ValueError("several ingresses need a database that they share: postgresql://user@host/name")
        if self.database is not None:
            parts = urlsplit(self.database)
            if parts.scheme not in ("postgresql", "postgres"):
                raise ValueError("database must be an address like postgresql://user@host/name")
            if parts.password or "password" in parts.query:
                raise ValueError("database must hold no password, since Ray shows it; set PGPASSWORD or ~/.pgpass")
        return self


def child_variables(secret: str, state: Path) -> dict[str, str]:
    """The environment of a ComfyUI of the fleet. Ray's own limits on threads are not meant for it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "OMP_NUM_THREADS"))}
    kept.pop("PYTHONPATH", None)  # this pack's, where `nodes` is another module than ComfyUI's
    return {**kept, SECRET_ENV: secret, "DALLE_FLUX_STATE": str(state), "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"}
