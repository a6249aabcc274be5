"""Make the pictures of a plan: begin, watch, gather. This is what a node calls."""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Protocol

from PIL import Image, ImageOps

from .. import pictures
from ..info import Info, PictureInfo
from ..services.ledger import Call, Ledger
from ..services.spending import Account
from .errors import ImagesApiError
from .failures import timed_out
from .inputs import Sent, cropped_back
from .job import Job, Phase
from .jobs import jobs
from .models import SUCCESSOR
from .plan import Plan
from .prices import is_published

if TYPE_CHECKING:
    import torch

    from ..endpoints import Endpoint

_MAX_PARTIAL_PIXELS = 9_000_000  # as large as the largest picture of a GPT image model
_TICK_S = 0.1  # how often a node looks for cancel and for news


@dataclass(frozen=True)
class PictureProgress:
    """What a node can show while it waits."""

    finished: int
    of: int
    seconds: float  # since the node began
    text: str
    fraction: float  # 0…1
    partial: Image.Image | None  # a new partial picture, if one came


class Watch(Protocol):
    """The node, as seen from here."""

    def is_cancelled(self) -> bool:
        """Whether the user pressed cancel."""

    def raise_cancelled(self) -> None:
        """Raise the host's own interrupt."""

    async def show(self, progress: PictureProgress) -> None:
        """Show it; called when something changed, and every second."""


@dataclass(frozen=True)
class Made:
    """What a node hands on."""

    images: torch.Tensor  # [B,H,W,3] float32 0…1
    revised_prompt: str  # the text really used for the first picture
    info: Info


async def make_pictures(plan: Plan, sent: Sent, account: Account, watch: Watch, *, again: bool = False) -> Made:
    """Get n pictures, from disk or from the endpoint.

    Raises:
        ImagesApiError: the first failure; pictures that did come are kept and the message says so.
    """
    began = time.monotonic()
    begun = await asyncio.wrap_future(
        asyncio.run_coroutine_threadsafe(jobs().begin(plan, sent, account, again=again), jobs().loop)
    )
    waiting = [one for one in begun if isinstance(one, Job)]
    try:
        await _watch(waiting, plan, watch, began)
    finally:
        for job in waiting:
            jobs().let_go(job)
    _raise_first_failure(begun, plan.endpoint)
    seconds = time.monotonic() - began
    return await asyncio.to_thread(_gather, plan, sent, account.ledger, begun, seconds)


async def _watch(waiting: Sequence[Job], plan: Plan, watch: Watch, began: float) -> None:
    """Wait until every job has finished or is overdue; stop all within a moment of a cancel."""
    shown: tuple[object, ...] = ()
    partials_shown = 0
    endings = {id(job): asyncio.wrap_future(job.ended) for job in waiting}
    while True:
        if watch.is_cancelled():
            jobs().stop_watched()
            watch.raise_cancelled()
        open_jobs = [job for job in waiting if not job.finished]
        if trouble := next((job.error or job.stuck for job in waiting if job.error or job.stuck), None):
            for job in open_jobs:
                job.halted_by = trouble  # those not yet sent are not sent; those sent are paid for and waited for
        stuck = any(job.stuck for job in open_jobs)  # keeps its place, so those behind it cannot come to an end
        if all(
            job.stuck or job.overdue(began, plan.endpoint.timeout_s) or (stuck and job.is_halted) for job in open_jobs
        ):
            break
        seconds = time.monotonic() - began
        partials = sum(job.partials for job in waiting)
        now = (tuple((job.phase, job.standing) for job in waiting), int(seconds), partials)
        if now != shown:
            # A job that another node began may have previews which this one is not to show.
            is_new = plan.partial_images > 0 and partials != partials_shown
            partial = await asyncio.to_thread(_newest_partial, waiting) if is_new else None
            shown, partials_shown = now, partials
            await watch.show(_progress(waiting, plan.n, seconds, partial))
        await asyncio.wait(
            [endings[id(job)] for job in open_jobs], timeout=_TICK_S, return_when=asyncio.FIRST_COMPLETED
        )


def _progress(waiting: Sequence[Job], total: int, seconds: float, partial: Image.Image | None) -> PictureProgress:
    open_jobs = [job for job in waiting if not job.finished]
    finished = total - len(open_jobs)
    steps = [
        job.partials / (job.plan.partial_images + 1) if job.plan.partial_images
        else job.standing.fraction if job.standing
        else 0.0
        for job in open_jobs
    ]  # fmt: skip
    paused = [job for job in open_jobs if job.phase is Phase.PAUSED]
    what = Phase.SENT.value
    if paused and len(paused) == len(open_jobs):
        left = max(0.0, min(job.resumes_at for job in paused) - time.monotonic())
        what = f"{Phase.PAUSED.value} {left:.0f} s"
    elif len({job.phase for job in open_jobs}) == 1:
        what = open_jobs[0].phase.value
        standing = open_jobs[0].standing
        if standing and open_jobs[0].phase is Phase.SENT:  # of several jobs the first, which began first
            what = standing.text
    of = f"{finished} of {total} · " if total > 1 else ""
    fraction = (finished + sum(min(1.0, step) for step in steps)) / total
    return PictureProgress(finished, total, seconds, f"{of}{what} · {seconds:.0f} s", fraction, partial)


def _newest_partial(waiting: Sequence[Job]) -> Image.Image | None:
    import base64

    for job in waiting:
        encoded, job.partial = job.partial, None
        if encoded:
            try:
                return pictures.flatten(pictures.decode(base64.b64decode(encoded), max_pixels=_MAX_PARTIAL_PIXELS))
            except (ValueError, pictures.BadPicture):
                continue  # a preview is not worth an error
    return None


def _raise_first_failure(begun: Sequence[Call | Job], endpoint: Endpoint) -> None:
    failed = [one for one in begun if isinstance(one, Job) and one.result is None]
    if not failed:
        return
    for job in failed:
        if job.crash:
            raise job.crash
    kept = len(begun) - len(failed)
    coming = sum(job.sent_at is not None and not job.finished for job in failed)
    error = next((job.error or job.stuck for job in failed if job.error or job.stuck), None)
    if error is None:
        error = timed_out(endpoint)
    elif isinstance(error, ImagesApiError) and len(begun) > 1:
        text = str(error).rstrip(".")
        late = f", {coming} may still come" if coming else ""
        error = copy.copy(error)  # the same job may have failed another node, which has its own count
        error.args = (f"{text}; {kept} of {len(begun)} pictures came{late} and cost nothing when you run this again.",)
    raise error


def _gather(plan: Plan, sent: Sent, ledger: Ledger, begun: Sequence[Call | Job], seconds: float) -> Made:
    """Open the kept pictures one after the other into one batch, and account for them."""
    import numpy as np
    import torch

    rows = [row for one in begun if (row := one if isinstance(one, Call) else one.result)]
    batch: np.ndarray | None = None
    notes = [*plan.notes, *sent.notes]
    target: tuple[int, int] | None = None
    described = []
    for position, (one, row) in enumerate(zip(begun, rows, strict=True)):
        picture = _opened(one) or pictures.decode(ledger.state.kept(row.image_sha256 or "").read_bytes())
        came = picture.size
        if pictures.BROKEN_METADATA in picture.info:
            notes.append(
                f"picture {position + 1} has damaged metadata; its pixels are taken as they are stored, not turned."
            )
        picture = cropped_back(picture, sent.frame)
        if plan.hosting:
            if picture.size != tuple(plan.asked_size):
                picture = ImageOps.fit(picture, plan.asked_size, Image.Resampling.LANCZOS)
        elif tuple(came) == tuple(plan.sent_size) and plan.sent_size != plan.asked_size and plan.model.sizes is None:
            picture = picture.resize((plan.asked_size.width, plan.asked_size.height), Image.Resampling.LANCZOS)
        elif tuple(came) != tuple(plan.sent_size):
            notes.append(f"picture {position + 1} came as {came[0]}x{came[1]} though {plan.sent_size} was asked for.")
        target = target or picture.size
        if picture.size != target:
            notes.append(f"picture {position + 1} is scaled to {target[0]}x{target[1]} to fit the batch.")
            picture = picture.resize(target, Image.Resampling.LANCZOS)
        if batch is None:
            batch = np.empty((len(rows), target[1], target[0], 3), np.float32)
        # By NumPy: torch would set up a team of threads for this thread of ours, which costs more than the division.
        np.divide(np.asarray(pictures.flatten(picture)), np.float32(255.0), out=batch[position])
        described.append(_describe(plan, one, row, came))
    shutdown = next((job.shutdown for job in begun if isinstance(job, Job) and job.shutdown), None)
    if shutdown:
        notes.append(_warning(plan, shutdown))
    assert batch is not None
    info = _info(plan, described, notes, seconds)
    return Made(torch.from_numpy(batch), info.revised_prompt or "", info)


def _opened(one: Call | Job) -> Image.Image | None:
    """The picture if its job still has it open; the job lets go of it, ten large ones are a lot of memory."""
    if isinstance(one, Call):
        return None
    picture, one.picture = one.picture, None
    return picture


def _describe(plan: Plan, one: Call | Job, row: Call, came: tuple[int, int]) -> PictureInfo:
    """One picture's entry in `info`."""
    fresh = isinstance(one, Job) and row.fresh
    published = plan.hosting is not None or is_published(plan.model)
    estimated = row.cost_usd is None or (row.cost_usd != row.estimate_usd and not published)
    cost = row.cost_usd if row.cost_usd is not None else row.estimate_usd
    cost = None if cost is None else round(cost, 6)
    took = max(0.0, row.replied_at - row.sent_at) if row.replied_at and row.sent_at else None  # clocks are set back
    return PictureInfo(
        seed=plan.seed_of(row.index),
        size=f"{came[0]}x{came[1]}",
        revised_prompt=row.revised_prompt or plan.prompt or None,
        sha256=row.image_sha256,
        ledger_row=row.id,
        cached=not fresh,
        cost_usd=cost if fresh else 0.0,
        cost_is_estimate=fresh and estimated,
        first_cost_usd=cost,
        request_id=row.request_id,
        seconds=None if took is None else round(took, 3),
        sent_at=row.sent_at,
        attempts=row.attempts,
        earlier_attempt_may_be_billed=row.follows_unsettled,
    )


def _info(plan: Plan, described: Sequence[PictureInfo], notes: Sequence[str], seconds: float) -> Info:
    costs = [one.cost_usd for one in described if one.cost_usd is not None]
    return Info(
        provider="service",
        endpoint=plan.endpoint.name,
        kind=plan.endpoint.kind,
        operation=plan.operation.name.lower(),
        model=plan.model_name,
        prompt=plan.ask.prompt or None,
        revised_prompt=described[0].revised_prompt,
        size=str(plan.asked_size),
        drawn_at=str(plan.sent_size),
        quality=plan.ask.quality,
        style=plan.ask.style,
        n=plan.n,
        seed=plan.seed,
        prompt_mode=plan.hosting.prompt_mode if plan.hosting else None,
        sent=plan.parameters,
        notes=tuple(notes),
        cost_usd=round(sum(costs), 6) if len(costs) == len(described) else None,
        cost_is_estimate=any(one.cost_is_estimate for one in described),
        cached=all(one.cached for one in described),
        seconds=round(seconds, 3),
        request_id=described[0].request_id,
        pictures=tuple(described),
    )


def _warning(plan: Plan, shutdown: date) -> str:
    ends = "was" if shutdown <= date.today() else "will be"
    return (
        f"endpoint '{plan.endpoint.name}' says {plan.model_name} {ends} shut down on {shutdown.isoformat()}; "
        f"its successor is {SUCCESSOR}."
    )
