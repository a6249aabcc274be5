"""Turns in the waiting room."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from nodes.endpoint.fair_queue import FairQueue


@dataclass(eq=False)
class One:
    client: str
    number: int
    weight: int = 1


def test_clients_take_turns_however_many_requests_they_bring():
    room: FairQueue[One] = FairQueue()
    for number in range(4):
        room.add(One("greedy", number))
    room.add(One("modest", 0))
    order = [room.next() for _ in range(5)]
    assert [one.client for one in order if one] == ["greedy", "modest", "greedy", "greedy", "greedy"]
    assert [one.number for one in order if one and one.client == "greedy"] == [0, 1, 2, 3]
    assert room.next() is None


@given(st.lists(st.sampled_from("abc"), max_size=20), st.data())
def test_the_place_told_is_the_place_had_and_nothing_is_lost(clients, data):
    room: FairQueue[One] = FairQueue()
    everybody = [One(client, number) for number, client in enumerate(clients)]
    for one in everybody:
        room.add(one)
    for gone in data.draw(st.sets(st.sampled_from(everybody) if everybody else st.nothing())):
        assert room.remove(gone)
        assert not room.remove(gone)
    told = {id(one): room.place(one) for one in everybody}
    assert room.weight == len(room)
    served = []
    while (one := room.next()) is not None:
        served.append(one)
    assert [told[id(one)] for one in served] == list(range(len(served)))
    assert len(room) == room.weight == 0
