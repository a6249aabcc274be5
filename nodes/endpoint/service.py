"""What the addresses of the Images API do, without HTTP: requests become jobs, jobs become replies.

A plain request is a job that lives as long as its connection. One with an idempotency key, and one that was sent to
`jobs`, is kept on the disk, goes on without its connection, and survives a restart.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import logging
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from ..endpoints import Endpoints
from ..errors import DalleFluxError
from ..moderation.moderate import GateContext
from ..state import State
from .admission import Admission, Caller
from .bucket import Bucket, BucketFailed
from .contract import answers
from .contract.answers import EXTENSIONS, Finished
from .contract.errors import ApiError, cancelled, invalid, not_found, server_error, unknown_model
from .contract.orders import order_of
from .contract.submissions import Order, Submission
from .gate import EndpointGate
from .jobs import OVER, JobStore, Record
from .keeping import Keeper, KeeperAway
from .limits import Limits
from .models import Catalogue, Model
from .published import Publications
from .scheduler import Cancelled, Drawer, Job, Scheduler
from .served import Served
from .settings import EndpointSettings, settings_of
from .sharing import BEAT_S, DEAD_S, KnownKeys, Sharing
from .webhooks import Deliveries

FILES = "/dalle-flux/v1/files"  # where pictures are served
_SWEEP_S = 300.0
_KEEPING_PAUSES_S = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)  # before each attempt to keep a reply
_PATIENCE_S = 30.0  # for a reply that is being kept
_LOOK_S, _LONGEST_LOOK_S = 0.01, 0.5  # between looks for it
_log = logging.getLogger(__name__)


class ImagesService:
    """All of the room, put together.

    Args:
        state, endpoints: read anew each time, so that an edit of the user's file needs no restart.
        drawer: makes what draws, given the moderation gate.
        keeper: what keeps jobs, limits, keys and published workflows, if that is not the state folder.
    """

    def __init__(
        self,
        state: Callable[[], State],
        endpoints: Callable[[], Endpoints],
        drawer: Callable[[EndpointGate], Drawer],
        keeper: Keeper | None = None,
    ):
        self._endpoints = endpoints
        folder = state()
        self.keeper: Keeper = keeper or folder
        server = f"server_{uuid.uuid4().hex}"
        self.sharing = Sharing(self.keeper, server) if self.keeper.shared else None
        self.shared_keys = KnownKeys(self.keeper)
        self.publications = Publications(self.keeper)
        self.served = Served(folder.root / "served")
        self._bucket: Bucket | None = None  # the one that was used last
        self.store = JobStore(self.keeper, server)
        self.limits = Limits(self.keeper)
        self.admission = Admission()
        self.gate = EndpointGate(self.settings, GateContext(endpoints, folder))
        self.scheduler = Scheduler(drawer(self.gate), self.gate, self.settings)
        self.deliveries = Deliveries(self.keeper, self.settings, self._payload)
        self._tasks: set[asyncio.Task[None]] = set()

    def settings(self) -> EndpointSettings:
        """Raises BadEndpointsFile, BadEndpointSettings."""
        read = self._endpoints()
        settings = settings_of(read.settings, read.webhooks)
        return dataclasses.replace(settings, keys={**self.shared_keys.now, **settings.keys})

    def catalogue(self) -> Catalogue:
        return Catalogue(self.settings(), self.publications)

    async def start(self) -> None:
        """When the server starts: take up what a restart left, keep the webhooks going, sweep."""
        if self.sharing:
            await asyncio.to_thread(self.sharing.beat)
            await self.shared_keys.read()
        else:
            self._spawn(self._resume(await asyncio.to_thread(self.store.unfinished)))
        for work in (self._share_forever(), self.deliveries.deliver_forever(), self._sweep_forever()):
            self._spawn(work)

    async def admit(self, headers: Mapping[str, str], remote: str | None) -> Caller:
        """The caller of a request, as `Admission.admit`; a key that was made elsewhere a moment ago is known.

        Raises:
            ApiError: 401, 403.
        """
        asked = time.monotonic()
        with contextlib.suppress(ApiError):
            caller = self.admission.admit(self.settings(), headers, remote)
            if caller.key or not self.sharing:
                return caller
        await self.shared_keys.read(since=asked)
        return self.admission.admit(self.settings(), headers, remote)

    async def begin(self, submission: Submission, caller: Caller) -> Job:
        """Check a request and have it drawn.

        Raises:
            ApiError: whatever is wrong with it, or no room.
        """
        order, model = await self._ordered(submission, caller)
        job = Job(order, model, caller.name)
        async with self._counted(order, caller):
            await self._accept(job, caller)
        return job

    async def begin_kept(
        self, submission: Submission, caller: Caller, site: str, *, webhook: str | None, idempotency_key: str | None
    ) -> Record:
        """Check a request, keep it on the disk and have it drawn; returns the earlier one of the same key.

        Args:
            site: where the caller reaches this server, "http://host:port".

        Raises:
            ApiError: whatever is wrong with it, no room, or a key that stands for another request.
        """
        if webhook is not None and webhook not in self.settings().webhooks:
            raise invalid("webhook", f"No webhook is called '{webhook[:60]}' in this ComfyUI's endpoints.toml.")
        if idempotency_key is not None:
            earlier = await asyncio.to_thread(self.store.of_key, caller.name, idempotency_key)
            if earlier:
                return _same(earlier, submission)
        order, model = await self._ordered(submission, caller)
        job = Job(order, model, caller.name)
        async with self._counted(order, caller):
            try:
                record = await asyncio.to_thread(
                    self.store.add, job.id, caller.name, order.model, submission,
                    site=site, webhook=webhook, idempotency_key=idempotency_key,
                )  # fmt: skip
            except KeeperAway:
                raise
            except (DalleFluxError, OSError) as error:
                raise server_error(f"The job could not be kept ({error}).", status=507, retry=True) from None
            if record.id != job.id:  # the same request came twice in one moment
                await asyncio.to_thread(self.limits.give_back, caller)
                return _same(record, submission)
            try:
                await self._accept(job, caller)
            except ApiError:
                await asyncio.to_thread(self.store.forget, job.id)
                raise
        self._spawn(self._follow(job, record))
        return record

    async def finished(self, job_id: str) -> tuple[int, dict[str, Any]]:
        """Status and body of a kept job once it is over.

        Raises:
            ApiError: the job is gone, or the disk has no room for its reply.
            KeeperAway: the shared database has been away for long.
        """
        if job := self.scheduler.live.get(job_id):
            await asyncio.wait([job.outcome])
        # Another server may be drawing it, for as long as a job may take.
        limit_s = self.settings().timeout_s + DEAD_S if self.sharing else _PATIENCE_S
        began = answered = time.monotonic()
        pause = _LOOK_S
        while time.monotonic() - began < limit_s:
            try:
                record = await asyncio.to_thread(self.store.get, job_id)
                if record is None:
                    raise not_found("The job")
                if record.state in OVER:
                    return record.http_status or 500, await asyncio.to_thread(self.store.reply, job_id)
                answered = time.monotonic()
            except KeeperAway:
                if time.monotonic() - answered > _PATIENCE_S:
                    raise
            await asyncio.sleep(pause)
            pause = min(_LONGEST_LOOK_S, 1.5 * pause)
            if job := self.scheduler.live.get(job_id):  # taken over
                await asyncio.wait([job.outcome])
        raise server_error("The job's reply could not be kept; ask for it again later.", status=503, retry=True)

    def site_of(self, asked: str) -> str:
        """Where clients reach this server: as the user's file says, else as they did."""
        return (self.settings().public_url or asked).rstrip("/")

    async def outcome(self, job: Job) -> Finished:
        """Raises ApiError: how it ended otherwise."""
        try:
            return await asyncio.shield(job.outcome)
        except Cancelled as error:
            raise cancelled(str(error)) from None

    async def reply(self, job: Job, site: str) -> dict[str, Any]:
        """The body of a 200, once the job is done.

        Raises:
            ApiError: how it ended otherwise, or pictures that could not be kept.
        """
        finished = await self.outcome(job)
        urls, info = await self.addresses(job.order, finished, site, pictures="url" in job.order.gives)
        return await asyncio.to_thread(answers.reply, job.order, finished, int(job.created), urls, info)

    async def addresses(
        self, order: Order, finished: Finished, site: str, *, pictures: bool
    ) -> tuple[list[str], str | None]:
        """Serve the pictures for a while; and the generator's account, if there is one."""
        minutes = self.settings().url_minutes

        def keep() -> tuple[list[str], str | None]:
            extension = EXTENSIONS[order.output_format]
            kept = [self._keep(file, extension, minutes, site) for file in finished.files] if pictures else []
            info = finished.info.to_json().encode() if finished.info else None
            return kept, self._keep(info, "json", minutes, site) if info else None

        try:
            return await asyncio.to_thread(keep)
        except OSError as error:
            raise server_error(
                f"The pictures could not be kept to be fetched ({error.strerror}); ask for response_format b64_json, "
                "or make room on the disk.",
                retry=True,
            ) from None

    def local(self) -> Served:
        """The folder that pictures are served from on this machine."""
        storage = self.settings().storage
        return Served(storage.folder / "dalle-flux-served") if storage and storage.folder else self.served

    def bucket(self) -> Bucket | None:
        """The object store that pictures are served from, if there is one."""
        storage = self.settings().storage
        if storage is None or storage.folder:
            return None
        if self._bucket is None or (self._bucket.url, self._bucket.options) != (storage.url, dict(storage.options)):
            self._bucket = Bucket(storage.url, storage.options)
        return self._bucket

    def _keep(self, data: bytes, extension: str, minutes: float, site: str) -> str:
        """The address at which a file is served; on this machine while the bucket cannot be used."""
        if bucket := self.bucket():
            try:
                return bucket.put(data, extension, minutes)
            except BucketFailed as error:
                _log.warning("Images API: %s; the picture is served from here", error)
        return f"{site}{FILES}/{self.local().put(data, extension, minutes)}"

    async def job(self, job_id: str, caller: Caller) -> dict[str, Any]:
        """A kept job as `GET jobs/{id}` shows it.

        Raises:
            ApiError: it does not exist, or is somebody else's.
        """
        record = await asyncio.to_thread(self.store.get, job_id)
        if record is None or (caller.key is not None and record.client != caller.name):
            raise not_found("The job")
        return await asyncio.to_thread(self.shown, record)

    async def jobs(self, caller: Caller, limit: int) -> list[dict[str, Any]]:
        """The newest kept jobs of a caller, without their replies."""
        client = None if caller.key is None else caller.name
        records = await asyncio.to_thread(self.store.newest, limit, client)
        return [self.shown(record, with_reply=False) for record in records]

    async def cancel(self, job_id: str, caller: Caller) -> dict[str, Any]:
        """Stop a kept job.

        Raises:
            ApiError: as `job`.
        """
        shown = await self.job(job_id, caller)
        if job := self.scheduler.live.get(job_id):
            self.scheduler.cancel(job)
            await self.finished(job_id)
        elif self.sharing and shown["completed_at"] is None:
            await asyncio.to_thread(self.sharing.cancel, job_id)
            await self.finished(job_id)
        return await self.job(job_id, caller)

    def shown(self, record: Record, *, with_reply: bool = True) -> dict[str, Any]:
        """A kept job as JSON data. Reads the disk if it is over."""
        live = self.scheduler.live.get(record.id)
        state = live.state if live else "in_progress" if record.state == "queued" else record.state
        body: dict[str, Any] = {
            "id": record.id,
            "object": "image.job",
            "operation": record.operation,
            "model": record.model,
            "status": state,
            "position": self.scheduler.place(live) if live else None,
            "progress": live.progress if live else 1.0 if record.state == "completed" else 0.0,
            "created_at": int(record.created),
            "completed_at": int(record.ended) if record.ended else None,
            "status_code": record.http_status,
            "response": None,
            "error": None,
        }
        if with_reply and record.state in OVER:
            try:
                reply = self.store.reply(record.id)
            except (OSError, ValueError):
                reply = server_error("The reply is no longer on the disk.").body
            body |= {"error": reply["error"]} if "error" in reply else {"response": reply}
        return body

    def throughput(self) -> dict[str, Any]:
        """What this server did in the last hour."""
        since = time.time() - 3600
        done = [(pictures, seconds) for when, pictures, seconds in self.scheduler.finished if when >= since]
        pictures = sum(count for count, _ in done)
        return {
            "requests_last_hour": len(done),
            "pictures_last_hour": pictures,
            "seconds_a_picture": round(sum(seconds for _, seconds in done) / pictures, 2) if pictures else None,
            "waiting": self.scheduler.waiting,
            "under_way": len(self.scheduler.live) - self.scheduler.waiting,
        }

    def _read(self, submission: Submission) -> tuple[Order, Model]:
        """In a thread, because it opens the pictures that came."""
        catalogue = self.catalogue()
        order = order_of(submission, lambda name: catalogue.find(name).rules)
        return order, catalogue.find(order.model)

    async def _ordered(self, submission: Submission, caller: Caller) -> tuple[Order, Model]:
        order, model = await asyncio.to_thread(self._read, submission)
        if not caller.may_use(order.model):
            raise unknown_model(order.model)
        return order, model

    @contextlib.asynccontextmanager
    async def _counted(self, order: Order, caller: Caller) -> AsyncIterator[None]:
        """Within, the order counts against the limits of the caller's key; its pictures only if it is accepted.

        Raises:
            ApiError: 429, a limit is reached.
        """
        await asyncio.to_thread(self.limits.count, caller, order.n)
        try:
            yield
        except ApiError:
            await asyncio.to_thread(self.limits.give_back, caller)
            raise

    async def _accept(self, job: Job, caller: Caller) -> None:
        await self.scheduler.accept(job, at_once=caller.key.max_waiting if caller.key else None)

    async def _follow(self, job: Job, record: Record) -> None:
        """Keep how it ends. A disk that is full may have room again: until then the pictures wait in memory."""
        ended: tuple[str, int, dict[str, Any]] | None = None
        for pause in _KEEPING_PAUSES_S:
            await asyncio.sleep(pause)
            try:
                ended = ended or ("completed", 200, await self.reply(job, record.site))
            except ApiError as error:
                if job.state == "completed" and pause != _KEEPING_PAUSES_S[-1]:
                    _log.error("Images API: the pictures of job %s could not be kept: %s", job.id, error)
                    continue
                ended = "cancelled" if job.state == "cancelled" else "failed", error.status, error.body
            try:
                state, status, body = ended
                await asyncio.to_thread(self.store.end, job.id, state, status, body, record.webhook)
                break
            except (DalleFluxError, OSError) as error:
                _log.error("Images API: the reply of job %s could not be kept: %s", job.id, error)
        self.deliveries.wake()

    async def _resume(self, left: Sequence[Record]) -> None:
        """Draw what was accepted before a restart, or by a server that is gone."""
        for record in left:
            try:
                submission = await asyncio.to_thread(self.store.submission, record.id)
                job = Job(*await asyncio.to_thread(self._read, submission), record.client, record.id)
                await self.scheduler.accept(job, bounded=False)
            except KeeperAway:
                raise
            except (ApiError, DalleFluxError, OSError, ValueError, KeyError) as error:
                failed = (
                    error if isinstance(error, ApiError) else server_error(f"The job could not be resumed: {error}")
                )
                await asyncio.to_thread(self.store.end, record.id, "failed", failed.status, failed.body, record.webhook)
                continue
            self._spawn(self._follow(job, record))

    async def _share_forever(self) -> None:
        """Live among the servers that share the jobs, and draw what the dead ones left."""
        apart = concurrent.futures.ThreadPoolExecutor(1)  # not behind whatever fills the usual threads
        while self.sharing:
            await asyncio.sleep(BEAT_S)
            try:
                await asyncio.get_running_loop().run_in_executor(apart, self.sharing.beat)
                await self.shared_keys.read()
                taken = await asyncio.to_thread(self.sharing.take_over)
                await self._resume([record for record in taken if record.id not in self.scheduler.live])
                for job_id in await asyncio.to_thread(self.sharing.unwanted):
                    if job := self.scheduler.live.get(job_id):
                        self.scheduler.cancel(job)
            except (DalleFluxError, OSError) as error:
                _log.warning("Images API: the shared jobs cannot be looked at now: %s", error)

    async def _sweep_forever(self) -> None:
        while True:
            try:
                settings = self.settings()
                await asyncio.to_thread(self.local().sweep, settings.url_minutes, now=True)
                await asyncio.to_thread(self.store.sweep, settings.job_hours)
                if bucket := self.bucket():
                    await asyncio.to_thread(bucket.sweep, settings.url_minutes)
            except (DalleFluxError, OSError) as error:
                _log.warning("Images API: what is over could not be swept away: %s", error)
            await asyncio.sleep(_SWEEP_S)

    def _payload(self, job_id: str) -> dict[str, Any] | None:
        """What a webhook is told of a job."""
        record = self.store.get(job_id)
        if record is None:
            return None
        return {
            "id": f"evt_{job_id}",
            "object": "event",
            "type": f"image.job.{record.state}",
            "created_at": int(record.ended or record.created),
            "data": self.shown(record),
        }

    def _spawn(self, work: Any) -> None:
        async def watched() -> None:
            try:
                await work
            except asyncio.CancelledError:
                raise
            except Exception:
                _log.exception("Images API: a task in the background failed")

        task = asyncio.get_running_loop().create_task(watched())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _same(earlier: Record, submission: Submission) -> Record:
    """The earlier job of an idempotency key.

    Raises:
        ApiError: it was another request.
    """
    if earlier.fingerprint != submission.fingerprint():
        raise ApiError(
            400, "This idempotency key was used for another request; use a new one.", code="idempotency_key_in_use"
        )
    return earlier
