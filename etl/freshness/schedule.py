"""Orders the retraining extract of a model whose data becomes too old, once.

Only what a person ordered before is ordered again: same spec, same requester, under the approval that it rests on.
A job's id is derived from model, data and number of the attempt, and ids are unique in the job table: two replicas
that decide alike order one job.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterator, Sequence
from typing import Final

from etl.freshness.desk import LIVE, belongs, newest_own
from etl.freshness.measure import Stores, is_aging, newest_of, watermark_of
from etl.lineage.entrance import Entrance
from etl.outgoing import Outbox, webhook
from gateway.errors import Integrity
from gateway.ports import Proposals
from gateway.terms.audit import Actor
from gateway.terms.extract import NO_SUBJECT, DatasetVersion, Job
from gateway.terms.model import ModelVersion

FIRST_WAIT: Final = datetime.timedelta(minutes=15)
LONGEST_WAIT: Final = datetime.timedelta(days=1)
PRINCIPAL: Final = "gateway:scheduler"
"""No token can have this name: it has a colon."""


class Scheduler:
    """One round looks at every model's newest version. Reads no row of production."""

    def __init__(
        self,
        desk: Entrance,
        *,
        stores: Stores,
        proposals: Proposals,
        outbox: Outbox,
        webhook_channels: Sequence[str] = (),
    ) -> None:
        """Prepare.

        Args:
            desk: the active policy and the log.
            stores: models, versions, and the queue where retraining is ordered.
            proposals: whether an approval still holds.
            outbox: takes `model.stale`.
            webhook_channels: for it.
        """
        self._desk = desk
        self._models = stores.models
        self._versions = stores.versions
        self._queue = stores.queue
        self._proposals = proposals
        self._outbox = outbox
        self._webhooks = tuple(webhook_channels)

    def run_once(self, now: datetime.datetime) -> int:
        """Look once; how many jobs were ordered."""
        return sum(self._attend(model, now) for model in newest_of(self._models.listed()) if model.max_age is not None)

    def _attend(self, model: ModelVersion, now: datetime.datetime) -> int:
        trained = [v for part in model.trained_on if (v := self._versions.find(*part)) is not None]
        watermark = watermark_of(trained)
        if watermark is None or not is_aging(watermark, model.max_age, now=now):
            return 0
        if model.max_age is not None and now - watermark > model.max_age:
            self._outbox.put(webhook.stale(model, watermark=watermark, at=now, channels=self._webhooks))
        return sum(self._renew(model, version, base, now) for version, base in self._recipes(model))

    def _recipes(self, model: ModelVersion) -> Iterator[tuple[DatasetVersion, Job]]:
        """The newest version of each dataset that the model was trained on, with the job that made it for the model."""
        for name in sorted({name for name, _ in model.trained_on}):
            newest = newest_own(self._versions, name, model)
            job = self._queue.find(newest.job) if newest is not None else None
            if newest is not None and job is not None and job.state == "published" and belongs(job, model):
                yield newest, job

    def _renew(self, model: ModelVersion, newest: DatasetVersion, base: Job, now: datetime.datetime) -> int:
        if not is_aging(newest.watermark, model.max_age, now=now) or not self._is_allowed(base):
            return 0
        jobs = [
            job
            for job in self._queue.listed(requester=model.owner)
            if belongs(job, model) and job.spec.name == newest.name
        ]
        ordered = [job for job in jobs if job.cause == "freshness"]
        if any(job.state in LIVE for job in jobs) or now < _not_before(ordered, model.max_age):
            return 0
        return self._order(model, newest, base, number=len(ordered) + 1, now=now)

    def _is_allowed(self, base: Job) -> bool:
        """Whether a person's approval covers it, where policy wants one now or wanted one then."""
        if base.proposal is not None:
            return self._proposals.is_approved(base.proposal)
        spec, purposes = base.spec, self._desk.policy().pdp.bundle.vocabulary.purposes
        purpose = purposes.get(spec.purpose)
        wants_one = spec.subject == NO_SUBJECT or spec.run_as != "requester"
        return purpose is not None and not wants_one and not purpose.approves_extracts

    def _order(
        self, model: ModelVersion, newest: DatasetVersion, base: Job, *, number: int, now: datetime.datetime
    ) -> int:
        job = Job(
            id=_job_id(model, newest, number),
            spec=base.spec,
            requester=base.requester,
            environment=base.environment,
            credential_id="",
            cause="freshness",
            proposal=base.proposal,
            created=now,
        )
        if self._queue.find(job.id) is not None:
            return 0
        actor = Actor(principal=PRINCIPAL, environment=job.environment, roles=(), door="job")
        detail = {"job": job.id, "dataset": job.spec.name, "model": model.id, "requester": job.requester}
        self._desk.write(actor, action="extract-schedule", now=now, detail=detail)
        try:
            self._queue.add(job)
        except Integrity:
            if self._queue.find(job.id) is None:
                raise
            return 0  # another replica was first
        return 1


def _job_id(model: ModelVersion, newest: DatasetVersion, number: int) -> str:
    text = f"{model.environment}\n{model.owner}\n{model.id}\n{newest.id}\n{number}"
    return f"j-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _not_before(ordered: Sequence[Job], max_age: datetime.timedelta | None) -> datetime.datetime:
    """When the next one may be ordered, given those that the scheduler ordered, newest first.

    After failures 15 minutes, doubling to a day. After a publication that is aging already (production has nothing
    newer, or is late itself) a fifth of the allowed age.
    """
    failures = 0
    for job in ordered:
        if job.state == "published":
            break
        failures += 1
    last = ordered[0].ended if ordered else None
    if last is None:
        return datetime.datetime.min.replace(tzinfo=datetime.UTC)
    renewed = max(FIRST_WAIT, (max_age or LONGEST_WAIT) / 5)
    wait = FIRST_WAIT * 2.0 ** min(failures - 1, 20) if failures else renewed
    return last + min(LONGEST_WAIT, wait)
