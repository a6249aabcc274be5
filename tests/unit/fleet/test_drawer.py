"""Jobs on replicas that a test plays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable

import pytest

from nodes.endpoint.contract.answers import Finished
from nodes.endpoint.contract.errors import ApiError, too_many
from nodes.endpoint.contract.orders import order_of
from nodes.endpoint.contract.rules import Operation, rules_for
from nodes.endpoint.contract.submissions import File, Submission
from nodes.endpoint.models import Catalogue
from nodes.endpoint.published import Publications
from nodes.endpoint.scheduler import Job, Scheduler
from nodes.endpoint.settings import EndpointSettings
from nodes.fleet.drawer import FleetDrawer, Lost
from nodes.fleet.routing import Seen
from nodes.fleet.wire import Event, Failure, Task, lines
from nodes.state import State

DONE = Finished((b"\x89PNG\xff",), "8x8", False, "a cat", 7, None, 0.1)


class Replicas:
    """Each attempt is what the test says: events, or an exception, or a wait without end."""

    def __init__(self, *attempts: list[Event | Exception | None]):
        self.attempts, self.tasks, self.closed = list(attempts), [], 0

    async def draw(self, task: bytes, weights: str) -> AsyncGenerator[bytes, None]:
        self.tasks.append(Task.model_validate_json(task))
        try:
            for event in self.attempts.pop(0):
                if isinstance(event, Exception):
                    raise event
                if event is None:
                    await asyncio.sleep(3600)
                else:
                    yield event.line()
        finally:
            self.closed += 1

    def replicas(self) -> list[Seen]:
        return [Seen("a", None, 0.0, 0, 2)] * 2

    async def check(self, graph: object) -> None: ...


class OpenGate:
    def judge_prompt(self, prompt: str) -> None: ...


@pytest.fixture
def begin(tmp_path) -> Callable[..., tuple[Scheduler, Job]]:
    def begin(replicas: Replicas, operation: Operation = Operation.GENERATE, files: tuple = (), **fields: object):
        asked = Submission(operation, {"model": "dall-e-2", "prompt": "a cat", "size": "256x256", **fields}, files)
        order = order_of(asked, rules_for)
        scheduler = Scheduler(FleetDrawer(replicas, lambda running: running), OpenGate(), EndpointSettings)
        model = Catalogue(EndpointSettings(), Publications(State(tmp_path))).find("dall-e-2")
        return scheduler, Job(order, model, "laptop")

    return begin


async def test_a_job_whose_comfyui_dies_is_drawn_again_as_the_same_job(begin):
    half = [Event(begun=True), Event(progress=0.5), Event(partial=b"half"), Lost("killed")]
    whole = [Event(begun=True), Event(partial=b"half"), Event(partial=b"most"), Event(finished=DONE)]
    replicas = Replicas(half, [Event(lost="no answer")], whole)
    scheduler, job = begin(replicas, seed=7)
    await scheduler.accept(job)
    assert await job.outcome == DONE
    assert [task.seed for task in replicas.tasks] == [7, 7, 7]
    assert [task.id for task in replicas.tasks] == [job.id] * 3
    assert [job.partials.get_nowait() for _ in range(2)] == [b"half", b"most"]
    assert job.partials.empty()


async def test_a_job_that_kills_every_comfyui_is_given_up(begin):
    replicas = Replicas(*[[Lost("killed")]] * 20)
    scheduler, job = begin(replicas)
    await scheduler.accept(job)
    with pytest.raises(ApiError, match="died while they drew this"):
        await job.outcome
    assert len(replicas.tasks) == 5


async def test_what_a_comfyui_refuses_is_refused_in_the_same_words(begin):
    said = too_many("busy", retry_after_s=7)
    scheduler, job = begin(Replicas([Event(failure=Failure.of(said))]))
    await scheduler.accept(job)
    with pytest.raises(ApiError) as caught:
        await job.outcome
    assert (caught.value.status, caught.value.body, caught.value.headers) == (429, said.body, {"Retry-After": "7"})
    assert job.state == "failed"


async def test_who_leaves_stops_the_drawing(begin):
    replicas = Replicas([Event(begun=True), None], [Event(finished=DONE)])
    scheduler, job = begin(replicas)
    await scheduler.accept(job)
    while job.state != "in_progress":
        await asyncio.sleep(0.01)
    scheduler.cancel(job)
    while not replicas.closed:
        await asyncio.sleep(0.01)
    assert job.state == "cancelled"
    assert len(replicas.tasks) == 1


async def test_pictures_that_came_along_arrive_whole(begin):
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGBA", (64, 64), (1, 2, 3, 0)).save(buffer, "PNG")
    replicas = Replicas([Event(finished=DONE)])
    scheduler, job = begin(replicas, Operation.EDIT, (File("image", buffer.getvalue()),))
    await scheduler.accept(job)
    await job.outcome
    (task,) = replicas.tasks
    assert task.order == job.order
    assert task.job().order.upload.token == job.order.upload.token
    assert task.model == job.model


async def test_lines_are_put_together_from_pieces_of_any_size():
    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b"a", b"b\nc", b"\n", b"\nd\ne", b"f\n"):
            yield piece

    assert [line async for line in lines(pieces())] == [b"ab", b"c", b"", b"d", b"ef"]
