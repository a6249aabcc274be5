"""Orders on their way through a queue that a test moves by hand."""

from __future__ import annotations

import asyncio
import io
import uuid
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
import pytest_asyncio
import torch
from PIL import Image

from nodes.endpoint.contract.errors import ApiError
from nodes.endpoint.contract.orders import order_of
from nodes.endpoint.contract.rules import Operation, rules_for
from nodes.endpoint.contract.submissions import Order, Submission
from nodes.endpoint.drawing import HostDrawer
from nodes.endpoint.models import Catalogue, Model
from nodes.endpoint.published import Publications
from nodes.endpoint.scheduler import Cancelled, Job, Scheduler
from nodes.endpoint.settings import BadEndpointSettings, EndpointSettings
from nodes.errors import DalleFluxError
from nodes.info import Info, PictureInfo
from nodes.moderation.gate import ContentRefused, decide, failed
from nodes.moderation.policy import Policy
from nodes.state import State, StateFailed


class Refused(DalleFluxError):
    code = "content_refused"
    decisions = ()


class OpenGate:
    """Lets everything pass but the word "porn"; previews as told."""

    previews = True

    def policy(self) -> Policy:
        return Policy.from_preset()

    def judge_prompt(self, prompt: str, drawn: Sequence[str] = ()) -> None:
        if any("porn" in text for text in (prompt, *drawn)):
            raise Refused("held back")

    def judge_pictures(self, pictures: object) -> None:
        pass

    def may_be_seen(self, picture: object) -> bool:
        return self.previews


class HandQueue:
    """The host's queue: takes what is put, runs it when the test says so."""

    def __init__(self) -> None:
        self.put_in: list[HandQueue.Run] = []
        self.alive = True

    class Run:
        def __init__(self, title: str, step: object, *, workflow: object, previews: bool):
            loop = asyncio.get_running_loop()
            self.id, self.title, self.step, self.previews = uuid.uuid4().hex, title, step, previews
            self.began, self.result, self.ended = loop.create_future(), loop.create_future(), loop.create_future()
            self.cancelled = False
            self.graph: dict = {}

    async def put(self, run: Run, graph: dict, output_node: str) -> None:
        assert graph[output_node]["class_type"] == "DalleFluxImagesResponse"
        run.graph = graph
        self.put_in.append(run)

    def cancel(self, run: Run) -> None:
        run.cancelled = True
        if not run.result.done():
            error = DalleFluxError("cancelled")
            error.code = "run_cancelled"  # type: ignore[misc]
            run.result.set_exception(error)
            run.result.exception()

    def worker_is_alive(self) -> bool:
        return self.alive

    async def take_up(self, index: int = -1) -> None:
        self.put_in[index].began.set_result(1.0)
        await settle()

    async def deliver(self, index: int = -1, count: int = 1) -> None:
        self.put_in[index].result.set_result((torch.zeros(count, 8, 8, 3), "drawn text", ""))
        await settle()


@pytest_asyncio.fixture(autouse=True)
async def one_thread() -> None:
    """What is given to a thread is done one after the other, so that `settle` can wait for all of it."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))


async def settle() -> None:
    """Until everything waits for the test."""
    for _ in range(4):  # what came from a thread may be given to it again
        for _ in range(10):
            await asyncio.sleep(0)
        await asyncio.to_thread(int)


def order(**fields: object) -> Order:
    asked = {"model": "dall-e-2", "prompt": "a cat", "size": "256x256", **fields}
    return order_of(Submission(Operation.GENERATE, asked), rules_for)


@pytest.fixture
def model(tmp_path) -> Model:
    return Catalogue(EndpointSettings(), Publications(State(tmp_path))).find("dall-e-2")


@pytest.fixture
def host() -> HandQueue:
    return HandQueue()


@pytest_asyncio.fixture
async def scheduler(host) -> AsyncIterator[Scheduler]:
    made = Scheduler(HostDrawer(host, OpenGate()), OpenGate(), lambda: EndpointSettings(max_waiting=3))
    yield made
    for job in list(made.live.values()):
        made.cancel(job)
    await settle()


async def test_the_next_one_is_handed_over_when_the_one_before_has_begun(scheduler, host, model):
    jobs = [Job(order(), model, "a") for _ in range(3)]
    for job in jobs:
        await scheduler.accept(job)
    await settle()
    assert (len(host.put_in), scheduler.waiting) == (1, 2)
    await host.take_up(0)
    assert (len(host.put_in), scheduler.waiting) == (2, 1)
    assert [job.state for job in jobs] == ["in_progress", "queued", "queued"]
    assert scheduler.place(jobs[2]) == 0
    await host.deliver(0)
    finished = await jobs[0].outcome
    assert (len(finished.files), finished.size, finished.revised_prompt) == (1, "8x8", "drawn text")
    assert len(host.put_in) == 2  # the second has not begun, so the third goes on waiting


async def test_the_request_sets_its_own_node_and_nothing_else(scheduler, host, model):
    job = Job(order(seed=5, n=2), model, "a")
    await scheduler.accept(job)
    await settle()
    (run,) = host.put_in
    plain = model.graph(order(), 0, Policy.from_preset())
    assert {k: v for k, v in run.graph.items() if k != "1"} == {k: v for k, v in plain.items() if k != "1"}
    inputs = run.graph["1"]["inputs"]
    assert (inputs["seed"], inputs["n"], inputs["prompt"], inputs["upload"]) == (5, 2, "a cat", "")


async def test_cancelled_jobs_leave_from_wherever_they_are(scheduler, host, model):
    jobs = [Job(order(), model, "a") for _ in range(3)]
    for job in jobs:
        await scheduler.accept(job)
    await settle()
    await host.take_up(0)
    for job in jobs:  # running, handed over, waiting
        scheduler.cancel(job)
    await settle()
    assert [run.cancelled for run in host.put_in] == [True, True]
    assert scheduler.live == {}
    for job in jobs:
        with pytest.raises(Cancelled):
            await job.outcome
    await scheduler.accept(last := Job(order(), model, "a"))
    await settle()
    await host.take_up()
    await host.deliver()
    assert (await last.outcome).files


async def test_no_more_wait_than_may_and_a_client_has_its_own_limit(scheduler, model):
    await scheduler.accept(Job(order(), model, "a"))
    await settle()
    await scheduler.accept(Job(order(), model, "a"), at_once=1)
    with pytest.raises(ApiError) as caught:
        await scheduler.accept(Job(order(), model, "a"), at_once=1)
    assert caught.value.status == 429
    for _ in range(2):
        await scheduler.accept(Job(order(), model, "b"))
    with pytest.raises(ApiError) as caught:
        await scheduler.accept(Job(order(), model, "c"))
    assert int(caught.value.headers["Retry-After"]) > 0


async def test_who_is_sent_away_is_told_the_present_pace(scheduler, model):
    """Three hosts that take 30 s for an order end one every 10 s."""
    scheduler.finished.extend((1000.0 + 10 * number, 1, 30.0) for number in range(6))
    for _ in range(4):
        await scheduler.accept(Job(order(), model, "a"))
    with pytest.raises(ApiError) as caught:
        await scheduler.accept(Job(order(), model, "b"))
    assert caught.value.headers["Retry-After"] == "10"


async def test_what_the_gate_refuses_never_waits(scheduler, host, model):
    for gpt, code in ((False, "content_policy_violation"), (True, "moderation_blocked")):
        asked = order(prompt="porn", model="gpt-image-1", size="1024x1024") if gpt else order(prompt="porn")
        with pytest.raises(ApiError) as caught:
            await scheduler.accept(Job(asked, model, "a"))
        assert caught.value.body["error"]["code"] == code
    assert host.put_in == []


async def test_a_check_that_gave_no_answer_is_no_fault_of_the_prompt(model, host):
    class SilentGate(OpenGate):
        def judge_prompt(self, prompt: str, drawn: Sequence[str] = ()) -> None:
            verdict = failed("record", StateFailed("The disk is full."))
            raise ContentRefused([decide("prompt", "0" * 64, Policy.from_preset(), (verdict,))])

    scheduler = Scheduler(HostDrawer(host, SilentGate()), SilentGate(), lambda: EndpointSettings())
    with pytest.raises(ApiError) as caught:
        await scheduler.accept(Job(order(), model, "a"))
    assert (caught.value.status, caught.value.body["error"]["code"]) == (500, "moderation_failed")
    assert "The disk is full" in str(caught.value)


async def test_previews_come_at_even_parts_of_the_way_and_only_if_the_gate_lets_them(scheduler, host, model):
    job = Job(order(stream=True, partial_images=2), model, "a")
    await scheduler.accept(job)
    await settle()
    run = host.put_in[0]
    assert run.previews
    await host.take_up(0)
    for step in range(1, 20):
        run.step(step, 20, Image.new("RGB", (16, 16)))
        await settle()
    assert job.partials.qsize() == 2
    assert 0.9 < job.progress < 1.0


async def test_when_the_hosts_worker_has_died_nobody_is_left_waiting(scheduler, host, model):
    host.alive = False
    with pytest.raises(ApiError) as caught:
        await scheduler.accept(Job(order(), model, "a"))
    assert caught.value.status == 503


async def test_what_takes_too_long_is_given_up_and_interrupted(host, model):
    scheduler = Scheduler(HostDrawer(host, OpenGate()), OpenGate(), lambda: EndpointSettings(timeout_s=0.01))
    job = Job(order(), model, "a")
    await scheduler.accept(job)
    with pytest.raises(ApiError) as caught:
        await job.outcome
    assert caught.value.status == 504
    assert host.put_in[0].cancelled


class ColourGate(OpenGate):
    """Lets no red picture out."""

    def judge_pictures(self, pictures: Sequence[Image.Image]) -> None:
        if any(picture.getpixel((0, 0))[0] > 200 for picture in pictures):
            raise Refused("held back")


@pytest_asyncio.fixture
async def merging(host) -> AsyncIterator[Scheduler]:
    """Up to six pictures become one batch."""
    made = Scheduler(HostDrawer(host, ColourGate(), lambda order: 6), ColourGate(), EndpointSettings)
    yield made
    for job in list(made.live.values()):
        made.cancel(job)
    await settle()


async def behind_another(scheduler: Scheduler, host: HandQueue, *jobs: Job) -> HandQueue.Run:
    """Jobs that waited while another was drawn; the run that came of the first of them."""
    before = Job(order(size="512x512"), jobs[0].model, "before")
    for job in (before, *jobs):
        await scheduler.accept(job)
    await settle()
    await host.take_up(0)
    await host.deliver(0)
    return host.put_in[1]


async def deliver_batch(run: HandQueue.Run, drawer: HostDrawer, *colours: float) -> None:
    """One picture a colour, and an account for each request that the run asks for."""
    asked = drawer.asked(run.graph["1"]["inputs"]["upload"])
    assert asked
    infos = [info(one.prompt, one.seeds) for one in asked]
    pictures = torch.stack([torch.full((8, 8, 3), colour) for colour in colours])
    run.began.set_result(1.0)
    run.result.set_result((pictures, infos[0].revised_prompt, f"[{','.join(one.to_json() for one in infos)}]"))
    await settle()


def info(prompt: str, seeds: Sequence[int]) -> Info:
    pictures = tuple(PictureInfo(seed=seed, size="8x8") for seed in seeds)
    return Info(provider="local", operation="generate", model="FLUX.1-dev", revised_prompt=f"{prompt}!", size="8x8",
                drawn_at="8x8", n=len(seeds), seed=seeds[0], pictures=pictures)  # fmt: skip


async def test_neighbours_that_are_alike_become_one_batch_and_each_gets_its_own(merging, host, model):
    jobs = [Job(order(prompt=f"cat {place}", n=n, seed=10 * place), model, f"client {place}")
            for place, n in enumerate((1, 2, 1))]  # fmt: skip
    run = await behind_another(merging, host, *jobs)
    assert len(host.put_in) == 2
    assert [job.state for job in jobs] == ["queued"] * 3
    await deliver_batch(run, merging.drawer, 0.1, 0.2, 0.3, 0.4)
    done = [await job.outcome for job in jobs]
    assert [len(one.files) for one in done] == [1, 2, 1]
    assert [one.revised_prompt for one in done] == ["cat 0!", "cat 1!", "cat 2!"]
    assert [[picture.seed for picture in one.info.pictures] for one in done] == [[0], [10, 11], [20]]
    shown = [Image.open(io.BytesIO(file)).getpixel((0, 0))[0] for one in done for file in one.files]
    assert shown == [26, 51, 76, 102]
    assert all("one batch" in one.info.notes[-1] for one in done)


@pytest.mark.parametrize(
    "other", [{"size": "512x512"}, {"n": 5}, {"model": "gpt-image-1", "size": "1024x1024"},
              {"stream": True, "partial_images": 1}],
)  # fmt: skip
async def test_what_is_not_alike_or_too_much_is_not_merged_and_not_overtaken(merging, host, model, other):
    different = Job(order(**other), model, "b")
    jobs = [Job(order(n=2), model, "a"), different, Job(order(n=2), model, "c")]
    run = await behind_another(merging, host, *jobs)
    assert not run.graph["1"]["inputs"]["upload"]
    assert [merging.place(job) for job in jobs] == [None, 0, 1]


async def test_a_client_that_leaves_a_batch_takes_nothing_from_the_others(merging, host, model):
    jobs = [Job(order(seed=seed), model, "a") for seed in range(3)]
    run = await behind_another(merging, host, *jobs)
    merging.cancel(jobs[1])
    assert not run.cancelled
    await deliver_batch(run, merging.drawer, 0.1, 0.2, 0.3)
    assert [job.state for job in jobs] == ["completed", "cancelled", "completed"]
    assert Image.open(io.BytesIO((await jobs[2].outcome).files[0])).getpixel((0, 0))[0] == 76


async def test_a_batch_that_nobody_waits_for_any_more_is_stopped(merging, host, model):
    jobs = [Job(order(), model, "a") for _ in range(2)]
    run = await behind_another(merging, host, *jobs)
    for job in jobs:
        merging.cancel(job)
    assert run.cancelled


async def test_a_picture_that_is_held_back_fails_its_own_request(merging, host, model):
    jobs = [Job(order(), model, "a") for _ in range(2)]
    run = await behind_another(merging, host, *jobs)
    await deliver_batch(run, merging.drawer, 1.0, 0.2)
    with pytest.raises(ApiError, match="held back"):
        await jobs[0].outcome
    assert (await jobs[1].outcome).files


async def test_where_a_batch_fails_each_is_drawn_alone(merging, host, model):
    jobs = [Job(order(seed=seed), model, "a") for seed in range(2)]
    run = await behind_another(merging, host, *jobs)
    run.began.set_result(1.0)
    run.result.set_exception(DalleFluxError("out of memory"))
    await settle()
    assert [one.graph["1"]["inputs"]["seed"] for one in host.put_in[2:]] == [0, 1]
    for index in (2, 3):
        await host.take_up(index)
        await host.deliver(index)
    assert [job.state for job in jobs] == ["completed"] * 2


async def test_a_broken_user_file_fails_what_waits_and_hangs_nobody(host, model):
    broken = []

    def settings() -> EndpointSettings:
        if broken:
            raise BadEndpointSettings("max_waiting must be a whole number")
        return EndpointSettings()

    scheduler = Scheduler(HostDrawer(host, OpenGate()), OpenGate(), settings)
    jobs = [Job(order(), model, "a") for _ in range(2)]
    for job in jobs:
        await scheduler.accept(job)
    await settle()
    broken.append(True)
    await host.take_up(0)
    with pytest.raises(ApiError, match="max_waiting must be"):
        await jobs[1].outcome
    await host.deliver(0)
    assert (await jobs[0].outcome).files
