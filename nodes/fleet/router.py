"""`routing`, as Ray's request router API wants it (alpha; ray 2.60 `serve/_private/request_router`)."""

from __future__ import annotations

import time
from typing import Any

from ray.serve._private.request_router.common import PendingRequest
from ray.serve._private.request_router.replica_wrapper import RunningReplica
from ray.serve._private.request_router.request_router import RequestRouter

from .routing import Seen, ranked

running = 0  # replicas that this process knows of


class WeightsRouter(RequestRouter):
    """Requests say by their multiplexed model id which weights they need. Lives in the ingress."""

    def initialize_state(self, patience_s: float = 5.0) -> None:
        self._patience_s = patience_s
        self._held: dict[Any, tuple[str, float]] = {}  # replica → the weights it was asked for last, and when

    async def choose_replicas(
        self, candidate_replicas: list[RunningReplica], pending_request: PendingRequest | None = None
    ) -> list[list[RunningReplica]]:
        if pending_request is None:
            return [candidate_replicas]
        pending_request.routing_context.should_backoff = True
        weights = pending_request.metadata.multiplexed_model_id
        if not weights:
            return [candidate_replicas]
        by_id = {replica.replica_id.unique_id: replica for replica in candidate_replicas}
        seen = [self._seen(replica) for replica in candidate_replicas]
        others = {
            other.metadata.multiplexed_model_id
            for other in self._pending_requests_by_id.values()
            if other is not pending_request and not other.future.done()
        }
        patient = time.time() - pending_request.created_at < self._patience_s
        return [[by_id[one] for one in rank] for rank in ranked(weights, seen, others - {weights}, patient=patient)]

    def on_request_routed(self, pending_request: PendingRequest, replica_id: Any, result: Any) -> None:
        if weights := pending_request.metadata.multiplexed_model_id:
            self._held[replica_id] = (weights, time.monotonic())

    def update_replicas(self, replicas: list[RunningReplica]) -> None:
        global running
        super().update_replicas(replicas)
        self._held = {one: held for one, held in self._held.items() if one in self._replicas}
        running = len(self._replicas)

    def on_replica_actor_died(self, replica_id: Any) -> None:
        global running
        super().on_replica_actor_died(replica_id)
        running = len(self._replicas)

    def _seen(self, replica: RunningReplica) -> Seen:
        held, since = self._held.get(replica.replica_id, (None, 0.0))
        ongoing = self.replica_queue_len_cache.get(replica.replica_id) or 0
        return Seen(replica.replica_id.unique_id, held, since, ongoing, replica.max_ongoing_requests)
