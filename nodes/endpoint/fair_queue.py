"""Requests that wait for their turn: so many and no more, and in turns between those who ask."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Generic, Protocol, TypeVar


class Waits(Protocol):
    """What can wait."""

    @property
    def client(self) -> str:
        """Whose turn it takes."""

    @property
    def weight(self) -> int:
        """Bytes that it keeps in memory."""


T = TypeVar("T", bound=Waits)


class FairQueue(Generic[T]):
    """First come, first served within a client; clients take turns, whoever was served longest ago first."""

    def __init__(self) -> None:
        self._queues: OrderedDict[str, deque[T]] = OrderedDict()  # by client, in the order of their turns
        self.weight = 0  # bytes, of all

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def count(self, client: str) -> int:
        """How many of this client wait."""
        return len(self._queues.get(client, ()))

    def add(self, one: T) -> None:
        self._queues.setdefault(one.client, deque()).append(one)
        self.weight += one.weight

    def peek(self) -> T | None:
        """The one whose turn it is; None if nobody waits."""
        return next(iter(self._queues.values()))[0] if self._queues else None

    def next(self) -> T | None:
        """Take out the one whose turn it is; None if nobody waits."""
        if not self._queues:
            return None
        client, queue = self._queues.popitem(last=False)
        one = queue.popleft()
        if queue:
            self._queues[client] = queue  # at the end: the others come first
        self.weight -= one.weight
        return one

    def remove(self, one: T) -> bool:
        """Take out this one; False if it no longer waits."""
        queue = self._queues.get(one.client)
        if queue is None or one not in queue:
            return False
        queue.remove(one)
        if not queue:
            del self._queues[one.client]
        self.weight -= one.weight
        return True

    def place(self, one: T) -> int | None:
        """How many are served before it, as things stand; None if it does not wait."""
        queue = self._queues.get(one.client)
        if queue is None or one not in queue:
            return None
        own, ahead, passed = queue.index(one), 0, False
        for client, others in self._queues.items():
            passed = passed or client == one.client
            if client != one.client:
                ahead += min(len(others), own if passed else own + 1)
        return ahead + own
