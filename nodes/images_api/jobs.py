"""All requests under way.

They outlive the node that asked (a picture that comes too late is kept for the next run), and are found again by their
key, so that the same picture is never asked for twice at once.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Sequence
from datetime import date

from ..services.ledger import Call, CallState, Wanted
from ..services.loop import loop
from ..services.spending import Account
from .inputs import Sent
from .job import Job, Phase
from .kinds import kind_of
from .plan import Plan

_ANSWER_S = 5.0  # for what an endpoint says about the end of a model


class Jobs:
    """The jobs of this process, by state folder and key. All but `let_go` and `stop_watched` runs on the loop."""

    def __init__(self) -> None:
        self.loop = loop()
        self.shutdowns: dict[tuple[str, str], asyncio.Task[date | None]] = {}  # by address and model
        self._under_way: dict[tuple[str, str], Job] = {}
        self._places: dict[tuple[str, int], asyncio.Semaphore] = {}
        self._claiming = asyncio.Lock()

    async def begin(self, plan: Plan, sent: Sent, account: Account, *, again: bool) -> list[Call | Job]:
        """Claim every picture of a plan: a kept row, a job under way that makes the same, or a new job.

        Raises:
            BudgetReached: nothing was begun.
        """
        async with self._claiming:
            root = str(account.ledger.state.root)
            wanted = plan.wanted(sent)
            begun: dict[str, Call | Job] = {}
            for one in wanted:
                job = None if again else self._under_way.get((root, one.key))
                if job and not job.stopping:
                    begun[one.key] = job
            missing = [one for one in wanted if one.key not in begun]
            for one, call in zip(missing, await self._claimed(account, missing, again), strict=True):
                if call.state is CallState.DONE:
                    begun[one.key] = call
                else:
                    begun[one.key] = self._start(root, Job(call, plan, sent, account), one)
            for started in begun.values():
                if isinstance(started, Job):
                    started.watchers += 1
                    started.stuck = None  # whoever asks again made room perhaps; a moment will tell
            return [begun[one.key] for one in wanted]

    def _start(self, root: str, job: Job, wanted: Wanted) -> Job:
        async def claim_again() -> Call:
            return (await self._claimed(job.account, [wanted], False))[0]

        endpoint = job.plan.endpoint
        place = self._places.setdefault(
            (endpoint.name, endpoint.max_parallel), asyncio.Semaphore(endpoint.max_parallel)
        )
        self._under_way[(root, wanted.key)] = job
        job.task = self.loop.create_task(job.run(place, claim_again, lambda: self._shutdown(job.plan)))
        job.task.add_done_callback(functools.partial(self._closed, root, job))
        return job

    async def _claimed(self, account: Account, wanted: Sequence[Wanted], again: bool) -> list[Call]:
        """The ledger's `claim`; if the node is thrown away meanwhile, nothing stays reserved."""
        ledger = account.ledger
        claiming = self.loop.create_task(asyncio.to_thread(ledger.claim, wanted, account.settings, again=again))
        try:
            return await asyncio.shield(claiming)
        except asyncio.CancelledError:
            await asyncio.to_thread(ledger.give_back, await claiming)
            raise

    def _shutdown(self, plan: Plan) -> asyncio.Task[date | None]:
        """What the endpoint says about the end of a model; asked once in a run of ComfyUI."""

        async def ask() -> date | None:
            try:
                return await asyncio.wait_for(kind_of(plan.endpoint).shutdown_date(plan), _ANSWER_S)
            except asyncio.TimeoutError:
                return None

        key = (plan.endpoint.base_url, plan.model_name)
        if key not in self.shutdowns:
            self.shutdowns[key] = self.loop.create_task(ask())
        return self.shutdowns[key]

    def _closed(self, root: str, job: Job, _: asyncio.Task[None]) -> None:
        if self._under_way.get((root, job.call.key)) is job:
            del self._under_way[(root, job.call.key)]
        job.phase = Phase.FINISHED
        job.ended.set_result(None)

    def let_go(self, job: Job) -> None:
        """The node no longer waits; a request that was sent goes on and its picture is kept."""
        self.loop.call_soon_threadsafe(self._unwatch, job)

    def _unwatch(self, job: Job) -> None:
        job.watchers -= 1
        if job.watchers == 0 and job.phase in (Phase.WAITING, Phase.PAUSED, Phase.ELSEWHERE):
            _stop(job)  # nobody wants it and nothing is paid yet

    def stop_watched(self) -> None:
        """The user pressed cancel: break off every request that a node is waiting for; what came is still kept."""
        self.loop.call_soon_threadsafe(self._stop_watched)

    def _stop_watched(self) -> None:
        for job in list(self._under_way.values()):
            if job.watchers > 0 and job.phase is not Phase.FETCHING:
                _stop(job)


def _stop(job: Job) -> None:
    job.stopping = True
    if job.task:
        job.task.cancel()


@functools.lru_cache(maxsize=1)
def jobs() -> Jobs:
    """The one set of requests of this process."""
    return Jobs()
