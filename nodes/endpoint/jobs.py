"""Jobs that outlive a connection and a restart: asked for at once, answered later.

What was acknowledged is on the disk: the request and, in the end, the reply in a folder of the job's own; its state in
the pack's database. A job that was under way when the power went is drawn anew.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .. import json_text
from .contract.rules import Operation
from .contract.submissions import File, Submission
from .keeping import Keeper

ROOM = "endpoint"
MIGRATIONS = (
    """
    CREATE TABLE endpoint_jobs (
        id TEXT PRIMARY KEY,
        client TEXT NOT NULL,
        operation TEXT NOT NULL,
        model TEXT NOT NULL,
        site TEXT NOT NULL,
        webhook TEXT,
        idempotency_key TEXT,
        fingerprint TEXT NOT NULL,
        state TEXT NOT NULL,
        http_status INTEGER,
        created REAL NOT NULL,
        ended REAL,
        UNIQUE (client, idempotency_key)
    );
    CREATE TABLE endpoint_deliveries (
        id TEXT PRIMARY KEY,
        job TEXT NOT NULL REFERENCES endpoint_jobs (id) ON DELETE CASCADE,
        webhook TEXT NOT NULL,
        state TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        due REAL NOT NULL,
        answered INTEGER,
        complaint TEXT
    );
    CREATE TABLE endpoint_usage (
        client TEXT NOT NULL,
        day TEXT NOT NULL,
        pictures INTEGER NOT NULL,
        PRIMARY KEY (client, day)
    )
    """,
    """
    ALTER TABLE endpoint_jobs ADD COLUMN server TEXT;
    ALTER TABLE endpoint_jobs ADD COLUMN unwanted INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE endpoint_servers (
        id TEXT PRIMARY KEY,
        beat INTEGER NOT NULL
    );
    CREATE TABLE endpoint_counted (
        request TEXT PRIMARY KEY,
        client TEXT NOT NULL,
        counted DOUBLE PRECISION NOT NULL,
        pictures INTEGER NOT NULL
    );
    CREATE INDEX endpoint_counted_of_client ON endpoint_counted (client, counted)
    """,
)
OVER = ("completed", "failed", "cancelled")


@dataclass(frozen=True)
class Record:
    """One job as the database knows it."""

    id: str
    client: str
    operation: str
    model: str
    site: str  # where the one who asked reaches this server
    webhook: str | None
    fingerprint: str
    state: str  # queued, completed, failed, cancelled; what is under way is queued here
    http_status: int | None  # of the reply; None until it is over
    created: float  # Unix time
    ended: float | None


class JobStore:
    """The jobs that are kept. Every method waits for the disk or the network, so all are called in threads.

    Args:
        server: what this server is called among those that share the jobs.
    """

    def __init__(self, keeper: Keeper, server: str = ""):
        self._keeper, self._server = keeper, server
        self._used = keeper.shared

    @property
    def is_in_use(self) -> bool:
        """False until the first job: who never has one, has no file of it."""
        self._used = self._used or bool(self._keeper.names("jobs"))
        return self._used

    def add(
        self,
        job_id: str,
        client: str,
        model: str,
        submission: Submission,
        *,
        site: str = "",
        webhook: str | None = None,
        idempotency_key: str | None = None,
    ) -> Record:
        """Keep a job; whoever has it acknowledged may rely on it. Returns an earlier one with the same key instead."""
        fingerprint = submission.fingerprint()
        folder = self._folder(job_id)
        for index, file in enumerate(submission.files):
            self._keeper.write(f"{folder}/{index}", file.data)
        head = {
            "operation": submission.operation.value,
            "fields": dict(submission.fields),
            "files": [file.name for file in submission.files],
            "is_form": submission.is_form,
        }
        self._keeper.write(f"{folder}/request.json", json.dumps(head).encode())
        with self._keeper.database(ROOM, MIGRATIONS) as database:
            database.execute(
                "INSERT INTO endpoint_jobs (id, client, operation, model, site, webhook, idempotency_key, fingerprint, "
                "state, created, server) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'queued', ?, ?) "
                "ON CONFLICT (client, idempotency_key) DO NOTHING",
                (
                    job_id,
                    client,
                    submission.operation.value,
                    model,
                    site,
                    webhook,
                    idempotency_key,
                    fingerprint,
                    time.time(),
                    self._server,
                ),
            )
            if idempotency_key is not None:
                row = database.execute(
                    "SELECT * FROM endpoint_jobs WHERE client = ? AND idempotency_key = ?", (client, idempotency_key)
                ).fetchone()
            else:
                row = database.execute("SELECT * FROM endpoint_jobs WHERE id = ?", (job_id,)).fetchone()
        record = record_of(row)
        if record.id != job_id:
            self._keeper.remove(folder)
        return record

    def get(self, job_id: str) -> Record | None:
        with self._keeper.database(ROOM, MIGRATIONS) as database:
            row = database.execute("SELECT * FROM endpoint_jobs WHERE id = ?", (job_id,)).fetchone()
        return record_of(row) if row else None

    def of_key(self, client: str, idempotency_key: str) -> Record | None:
        """The job that a client's idempotency key stands for."""
        if not self.is_in_use:
            return None
        with self._keeper.database(ROOM, MIGRATIONS) as database:
            row = database.execute(
                "SELECT * FROM endpoint_jobs WHERE client = ? AND idempotency_key = ?", (client, idempotency_key)
            ).fetchone()
        return record_of(row) if row else None

    def newest(self, limit: int, client: str | None = None) -> list[Record]:
        """Newest first."""
        if not self.is_in_use:
            return []
        of_client, values = ("", ()) if client is None else ("WHERE client = ? ", (client,))
        with self._keeper.database(ROOM, MIGRATIONS) as database:
            rows = database.execute(
                f"SELECT * FROM endpoint_jobs {of_client}ORDER BY created DESC LIMIT ?", (*values, limit)
            ).fetchall()
        return [record_of(row) for row in rows]

    def unfinished(self) -> list[Record]:
        """What a restart has to draw, oldest first."""
        if not self.is_in_use:
            return []
        with self._keeper.database(ROOM, MIGRATIONS) as database:
            rows = database.execute("SELECT * FROM endpoint_jobs WHERE state = 'queued' ORDER BY created").fetchall()
        return [record_of(row) for row in rows]

    def submission(self, job_id: str) -> Submission:
        """The request, as it came.

        Raises:
            OSError, ValueError, KeyError: it is no longer there, or was changed.
        """
        folder = self._folder(job_id)
        head = json_text.read(self._keeper.read(f"{folder}/request.json"))
        files = tuple(File(name, self._keeper.read(f"{folder}/{index}")) for index, name in enumerate(head["files"]))
        return Submission(Operation(head["operation"]), head["fields"], files, head["is_form"])

    def end(self, job_id: str, state: str, http_status: int, reply: Mapping[str, Any], webhook: str | None) -> None:
        """Keep how it ended, and that its webhook is to be called; nothing if it has ended already."""
        record = self.get(job_id)
        if record is None or record.state in OVER:
            return
        self._keeper.write(f"{self._folder(job_id)}/reply.json", json.dumps(reply).encode())
        now = time.time()
        with self._keeper.database(ROOM, MIGRATIONS) as database:
            database.execute(
                "UPDATE endpoint_jobs SET state = ?, http_status = ?, ended = ? WHERE id = ? AND state = 'queued'",
                (state, http_status, now, job_id),
            )
            if webhook:
                database.execute(
                    "INSERT INTO endpoint_deliveries (id, job, webhook, state, attempts, due) "
                    "VALUES (?, ?, ?, 'due', 0, ?) ON CONFLICT (id) DO NOTHING",
                    (f"evt_{job_id}", job_id, webhook, now),
                )

    def reply(self, job_id: str) -> dict[str, Any]:
        """What the call was or would have been answered.

        Raises:
            OSError, ValueError: it is no longer there.
        """
        reply: dict[str, Any] = json_text.read(self._keeper.read(f"{self._folder(job_id)}/reply.json"))
        return reply

    def forget(self, job_id: str) -> None:
        """As if it had never been."""
        with self._keeper.database(ROOM, MIGRATIONS) as database:
            database.execute("DELETE FROM endpoint_jobs WHERE id = ?", (job_id,))
        self._keeper.remove(self._folder(job_id))

    def sweep(self, hours: float) -> None:
        """Forget jobs that ended so long ago, once their webhooks are done with."""
        if not self.is_in_use:
            return
        with self._keeper.database(ROOM, MIGRATIONS) as database:
            rows = database.execute(
                "SELECT id FROM endpoint_jobs WHERE ended < ? AND id NOT IN "
                "(SELECT job FROM endpoint_deliveries WHERE state = 'due')",
                (time.time() - hours * 3600,),
            ).fetchall()
        for row in rows:
            self.forget(row["id"])

    def _folder(self, job_id: str) -> str:
        return f"jobs/{job_id}"


def record_of(row: Any) -> Record:
    return Record(**{field.name: row[field.name] for field in dataclasses.fields(Record)})
