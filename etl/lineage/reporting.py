"""Tells the world what became of jobs: follows the job table, so that no crash of a worker loses an event."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator, Sequence
from typing import Final

from etl.lineage.openlineage import Document, EventWriter
from etl.outgoing import Outbox, webhook
from gateway.ports import JobQueue, Versions
from gateway.terms.extract import Job, JobState
from gateway.terms.notice import Notice

LOOK_BACK: Final = datetime.timedelta(days=1)
"""Jobs that ended before that are not told any more: a gateway that begins to report does not tell its history."""
_ENDED: Final[tuple[JobState, ...]] = ("published", "failed", "cancelled")
_LOST: Final = "unavailable.claim"
"""An attempt that a later one replaced: its worker died, lost its lease or will try again."""
_EARLIER: Final = 10
"""Earlier attempts told of one job."""


class Reporter:
    """Puts OpenLineage events and webhook calls into the outbox, each once; MUST be called every minute or so.

    An attempt's START carries the moment at which this saw it; one that began and ended between two calls carries its
    end's.
    """

    def __init__(
        self,
        *,
        queue: JobQueue,
        versions: Versions,
        outbox: Outbox,
        writer: EventWriter,
        lineage_channels: Sequence[str] = (),
        webhook_channels: Sequence[str] = (),
    ) -> None:
        self._queue = queue
        self._versions = versions
        self._outbox = outbox
        self._writer = writer
        self._lineage = tuple(lineage_channels)
        self._webhooks = tuple(webhook_channels)
        self._told: set[tuple[str, int, str]] = set()

    def run_once(self, now: datetime.datetime) -> int:
        """Follow up all jobs that run or ended within a day; how many had news."""
        if not self._lineage and not self._webhooks:
            return 0
        jobs = [job for job in self._jobs(now) if (job.id, job.epoch, job.state) not in self._told]
        for job in sorted(jobs, key=lambda job: (job.ended or now, job.created)):
            self._outbox.put(list(self._notices(job, now)))
            self._told.add((job.id, job.epoch, job.state))
        return len(jobs)

    def _jobs(self, now: datetime.datetime) -> Sequence[Job]:
        ended = [job for state in _ENDED for job in self._queue.listed(state=state)]
        recent = [job for job in ended if job.ended is not None and now - job.ended <= LOOK_BACK]
        found = [*self._queue.listed(state="running"), *recent]
        self._told &= {(job.id, job.epoch, job.state) for job in found}
        return found

    def _notices(self, job: Job, now: datetime.datetime) -> Iterator[Notice]:
        at = job.ended or now
        for epoch, event in self._events(job, at):
            key = f"{event['eventType']} {job.id} {epoch}"
            for channel in self._lineage:
                yield Notice(channel=channel, key=key, body=json.dumps(event, sort_keys=True))
        if job.state == "failed":
            yield from webhook.failed(job, at=at, channels=self._webhooks)
        version = self._versions.of_job(job.id) if job.state == "published" else None
        if version is not None:
            yield from webhook.published(job, version, channels=self._webhooks)

    def _events(self, job: Job, at: datetime.datetime) -> Iterator[tuple[int, Document]]:
        if not self._lineage or job.epoch == 0:  # cancelled before it ran: there was no run
            return
        for epoch in range(max(1, job.epoch - _EARLIER), job.epoch):
            yield epoch, self._writer.start(job, epoch=epoch, at=at)
            yield epoch, self._writer.fail(job, epoch=epoch, code=_LOST, at=at)
        yield job.epoch, self._writer.start(job, epoch=job.epoch, at=at)
        match job.state:
            case "failed":
                yield job.epoch, self._writer.fail(job, epoch=job.epoch, code=job.code, at=at)
            case "cancelled":
                yield job.epoch, self._writer.abort(job, epoch=job.epoch, at=at)
            case "published":
                version = self._versions.of_job(job.id)
                if version is not None:
                    yield job.epoch, self._writer.complete(job, version, at=at)
            case _:
                return
