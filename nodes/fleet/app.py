"""The Serve application: `serve run nodes.fleet.app:fleet …`, or `import_path: nodes.fleet.app:fleet` in a config.

The only file beside `router` and `local` that imports Ray.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from ray import serve
from ray.exceptions import RayActorError, RayError
from ray.serve.config import AutoscalingConfig, RequestRouterConfig
from ray.serve.handle import DeploymentHandle

from ..errors import DalleFluxError
from . import router, routing
from .bridge import Bridge
from .drawer import Lost
from .ingress import Ingress
from .replica import Replica
from .routing import Seen
from .settings import FleetSettings

INGRESS, REPLICA = "ImagesAPI", "ComfyUIReplica"  # as Serve lists them


class _Rejected(DalleFluxError):
    code = "run_rejected"


class RayFleet:
    """The replicas, asked through Serve's handle."""

    def __init__(self, handle: DeploymentHandle):
        self._handle = handle

    def replicas(self) -> Sequence[Seen]:
        """As `drawer.Fleet` says."""
        return routing.known()

    async def draw(self, task: bytes, weights: str) -> AsyncGenerator[bytes, None]:
        """As `drawer.Fleet` says."""
        reply = self._handle.options(stream=True, multiplexed_model_id=weights).draw.remote(task)
        ended = False
        try:
            async for line in reply:
                yield line
            ended = True
        except RayActorError as error:
            ended = True
            raise Lost(type(error).__name__) from None
        finally:
            if not ended:
                reply.cancel()

    async def check(self, graph: Mapping[str, Any]) -> None:
        """As `drawer.Fleet` says."""
        try:
            complaint = await self._handle.check.remote(dict(graph))
        except RayError as error:
            raise DalleFluxError(
                f"No ComfyUI of the fleet could look at the workflow ({type(error).__name__})."
            ) from None
        if complaint:
            raise _Rejected(complaint)


@serve.ingress()
class ImagesAPI:
    """An ingress of a fleet."""

    async def __init__(self, replicas: DeploymentHandle, settings: FleetSettings):  # type: ignore[misc]
        keeper = None
        if settings.database:
            from .postgres import Postgres  # here: whoever has no such database needs no driver

            keeper = Postgres(settings.database)
        fleet = RayFleet(replicas)
        self._ingress = Ingress(settings.state, fleet, lambda running: running * (1 + settings.ahead), keeper)
        self._url = await self._ingress.start()

    def __serve_build_asgi_app__(self) -> Bridge:
        return Bridge(self._url)


def fleet(args: FleetSettings) -> serve.Application:
    """Called by Serve with the `args` of the config."""
    return application(args, by_weights(args))


def by_weights(settings: FleetSettings) -> RequestRouterConfig:
    """How the fleet chooses replicas."""
    return RequestRouterConfig(
        request_router_class=router.WeightsRouter, request_router_kwargs={"patience_s": settings.patience_s},
        initial_backoff_s=0.01, max_backoff_s=0.05,
    )  # fmt: skip


def application(
    settings: FleetSettings, routing: RequestRouterConfig, replica: type[Replica] = Replica
) -> serve.Application:
    """Ingresses and replicas; benchmarks put other parts in."""
    scaling: dict[str, Any] = {"num_replicas": settings.replicas}
    if settings.max_replicas is not None:
        bounds = AutoscalingConfig(
            min_replicas=settings.replicas,
            max_replicas=settings.max_replicas,
            target_ongoing_requests=1 + settings.ahead / 2,
        )
        scaling = {"autoscaling_config": bounds}
    replicas = serve.deployment(replica).options(
        name=REPLICA,
        **scaling,
        max_ongoing_requests=1 + settings.ahead,
        graceful_shutdown_timeout_s=settings.drain_s,
        health_check_period_s=2.0,
        ray_actor_options={"num_cpus": 0, "num_gpus": settings.gpus},
        request_router_config=routing,
    )
    ingress = serve.deployment(ImagesAPI).options(
        name=INGRESS,
        num_replicas=settings.ingresses,
        max_ongoing_requests=100_000,
        health_check_period_s=2.0,
        graceful_shutdown_timeout_s=settings.drain_s,
        ray_actor_options={"num_cpus": 0, "resources": {settings.ingress_on: 0.001} if settings.ingress_on else {}},
    )
    return ingress.bind(replicas.bind(settings), settings)
