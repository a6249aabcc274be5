"""`routing`, as Ray's request router API wants it (alpha; ray 2.60 `serve/_private/request_router`).

Ray copies this module into the ingress, so what others are to see is not kept here.
"""

from __future__ import annotations

import time
from typing import Any

from ray.serve._private.request_router.common import PendingRequest
from ray.serve._private.request_router.replica_wrapper import RunningReplica
from ray.serve._private.request_router.request_router import RequestRouter

from . import routing
from .routing import Seen, ranked

_WAY_S = 1.0  # after which a request that was chosen for must have been counted


class WeightsRouter(RequestRouter):
    """Requests say by their multiplexed model id which weights they need. Lives in the ingress."""

    def initialize_state(self, patience_s: float = 5.0) -> None:
        self._patience_s = patience_s
        self._held: dict[Any, tuple[str, float]] = {}  # replica → the weights it was asked for last, and when
        # Request → the replica chosen for it, and when: on its way there, it is in nobody's count yet.
        self._promised: dict[str, tuple[Any, float]] = {}
        routing.known = lambda: [self.seen(one) for one in list(self.curr_replicas.values())]

    async def choose_replicas(
        self, candidate_replicas: list[RunningReplica], pending_request: PendingRequest | None = None
    ) -> list[list[RunningReplica]]:
        if pending_request is None:
            return [candidate_replicas]
        pending_request.routing_context.should_backoff = True
        weights = pending_request.metadata.multiplexed_model_id
        if not weights:
            return [candidate_replicas]
        request = pending_request.metadata.internal_request_id
        self._promised.pop(request, None)
        by_id = {replica.replica_id.unique_id: replica for replica in candidate_replicas}
        seen = [self.seen(replica) for replica in candidate_replicas]
        others = {
            other.metadata.multiplexed_model_id
            for other in self._pending_requests_by_id.values()
            if other is not pending_request and not other.future.done()
        }
        patient = time.time() - pending_request.created_at < self._patience_s
        ranks = ranked(weights, seen, others - {weights}, patient=patient)
        if not ranks:
            return []
        best, now = by_id[ranks[0][0]], time.monotonic()
        fresh = {other: (one, when) for other, (one, when) in self._promised.items() if now - when < _WAY_S}
        self._promised = {**fresh, request: (best.replica_id, now)}
        return [[best]]

    def on_request_routed(self, pending_request: PendingRequest, replica_id: Any, result: Any) -> None:
        if weights := pending_request.metadata.multiplexed_model_id:
            self._held[replica_id] = (weights, time.monotonic())
        self._promised.pop(pending_request.metadata.internal_request_id, None)

    def update_replicas(self, replicas: list[RunningReplica]) -> None:
        super().update_replicas(replicas)
        self._held = {one: held for one, held in self._held.items() if one in self._replicas}

    def seen(self, replica: RunningReplica) -> Seen:
        """One of them, as routing wants it."""
        held, since = self._held.get(replica.replica_id, (None, 0.0))
        now = time.monotonic()
        chosen = list(self._promised.values())  # a copy: others look from their own thread
        promised = sum(one == replica.replica_id and now - when < _WAY_S for one, when in chosen)
        ongoing = (self.replica_queue_len_cache.get(replica.replica_id) or 0) + promised
        return Seen(replica.replica_id.unique_id, held, since, ongoing, replica.max_ongoing_requests)
