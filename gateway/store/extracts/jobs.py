"""The queue of jobs. A claim is (job, epoch); whoever holds an older one can neither renew nor write."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any, Final, get_args

import sqlalchemy as sa

from gateway.errors import Integrity
from gateway.store.database import database_time, reading, writing
from gateway.store.extracts.tables import extract_job
from gateway.terms.extract import ExtractSpec, Job, JobCause, JobState
from gateway.terms.identity import JobTicket

MAX_LISTED: Final = 1_000
"""Jobs of one answer; older ones are found by their id."""
_SECOND: Final = 1_000_000
_START: Final = datetime.datetime.fromtimestamp(0, datetime.UTC)
_LIVE: Final = ("waiting", "queued", "running")
_STORED: Final = tuple(column for column in extract_job.c if column.name not in {"name", "not_before", "lease_until"})


class Jobs:
    """ports.JobQueue."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add(self, job: Job) -> None:
        """Store a new one.

        Raises:
            Integrity: its id is taken.
        """
        row = {column.name: getattr(job, column.name) for column in _STORED}
        row |= {"spec": _to_json(job.spec), "name": job.spec.name, "not_before": _START, "lease_until": _START}
        with writing(self._engine) as connection:
            connection.execute(extract_job.insert(), row)

    def find(self, job: str) -> Job | None:
        """By id."""
        with reading(self._engine) as connection:
            return _found(connection, job)

    def listed(self, *, requester: str | None = None, state: JobState | None = None) -> Sequence[Job]:
        """Newest first, 1000 at most."""
        wanted = sa.select(*_STORED).order_by(extract_job.c.created.desc(), extract_job.c.id).limit(MAX_LISTED)
        if requester is not None:
            wanted = wanted.where(extract_job.c.requester == requester)
        if state is not None:
            wanted = wanted.where(extract_job.c.state == state)
        with reading(self._engine) as connection:
            return [_job(row) for row in connection.execute(wanted)]

    def claim(self, *, lease_seconds: float) -> Job | None:
        """The oldest job that is queued, or running on a lease that ran out; its epoch goes up by one."""
        free = sa.or_(
            sa.and_(extract_job.c.state == "queued", extract_job.c.not_before <= database_time()),
            sa.and_(extract_job.c.state == "running", extract_job.c.lease_until < database_time()),
        )
        # NOTE: SQLite has no row locks and leaves FOR UPDATE out; `writing` holds its one write lock already.
        oldest = (
            sa.select(extract_job.c.id)
            .where(free)
            .order_by(extract_job.c.created, extract_job.c.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        with writing(self._engine) as connection:
            job = connection.scalar(oldest)
            if job is None:
                return None
            taken = {
                "state": "running",
                "epoch": extract_job.c.epoch + 1,
                "rows": 0,
                "lease_until": _after(lease_seconds),
            }
            connection.execute(extract_job.update().where(extract_job.c.id == job).values(taken))
            return _found(connection, job)

    def is_claimed(self, ticket: JobTicket) -> bool:
        """Whether this claim is the newest, still runs, and its lease holds."""
        held = sa.select(extract_job.c.id).where(fence(ticket), extract_job.c.lease_until > database_time())
        with reading(self._engine) as connection:
            return connection.scalar(held) is not None

    def renew(self, ticket: JobTicket, *, lease_seconds: float, rows: int) -> bool:
        """False: the claim is lost or the job was cancelled; the worker MUST stop."""
        return self._write(fence(ticket), {"lease_until": _after(lease_seconds), "rows": rows})

    def end(self, ticket: JobTicket, *, state: JobState, code: str, message: str, receipt: str) -> bool:
        """Failed or cancelled. False if the claim is lost. Its rows are forgotten: they tell where a bad one stands."""
        ended = {"state": state, "code": code, "message": message, "receipt": receipt, "ended": database_time()}
        return self._write(fence(ticket), ended | {"rows": 0})

    def retry(self, ticket: JobTicket, *, delay_seconds: float, code: str, message: str, receipt: str) -> bool:
        """Give the claim back: the job is queued again after a while. False if the claim is lost."""
        queued = {"state": "queued", "code": code, "message": message, "receipt": receipt, "rows": 0}
        return self._write(fence(ticket), queued | {"not_before": _after(delay_seconds)})

    def release(self, job: str) -> bool:
        """A waiting job was approved: queue it."""
        return self._write(_waiting(job), {"state": "queued"})

    def refuse(self, job: str, *, code: str, message: str) -> bool:
        """A waiting job was not approved: it failed."""
        refused = {"state": "failed", "code": code, "message": message, "ended": database_time()}
        return self._write(_waiting(job), refused)

    def cancel(self, job: str) -> bool:
        """False if it has ended."""
        live = sa.and_(extract_job.c.id == job, extract_job.c.state.in_(_LIVE))
        return self._write(live, {"state": "cancelled", "ended": database_time()})

    def _write(self, where: sa.ColumnElement[bool], values: Mapping[str, object]) -> bool:
        with writing(self._engine) as connection:
            return connection.execute(extract_job.update().where(where).values(values)).rowcount == 1


def fence(ticket: JobTicket) -> sa.ColumnElement[bool]:
    """Holds for the newest claim of a job that runs."""
    return sa.and_(
        extract_job.c.id == ticket.job, extract_job.c.epoch == ticket.epoch, extract_job.c.state == "running"
    )


def _waiting(job: str) -> sa.ColumnElement[bool]:
    return sa.and_(extract_job.c.id == job, extract_job.c.state == "waiting")


def _after(seconds: float) -> sa.ColumnElement[int]:
    return database_time() + round(seconds * _SECOND)


def _found(connection: sa.Connection, job: str) -> Job | None:
    row = connection.execute(sa.select(*_STORED).where(extract_job.c.id == job)).one_or_none()
    return None if row is None else _job(row)


def _job(row: sa.Row[Any]) -> Job:
    values = dict(row._mapping)
    if values["state"] not in get_args(JobState) or values["cause"] not in get_args(JobCause):
        raise _unreadable()
    return Job(**(values | {"spec": _from_json(values["spec"])}))


def _to_json(spec: ExtractSpec) -> Mapping[str, object]:
    """Every field under its name; a duration as seconds."""
    values = {name: getattr(spec, name) for name in ExtractSpec.__slots__}
    return values | {"max_age": None if spec.max_age is None else spec.max_age.total_seconds()}


def _from_json(document: Mapping[str, Any]) -> ExtractSpec:
    """The spec.

    Raises:
        Integrity: the document is not one that _to_json made: a job that cannot be read is not run.
    """
    try:
        seconds = document["max_age"]
        max_age = None if seconds is None else datetime.timedelta(seconds=seconds)
        return ExtractSpec(**{**document, "max_age": max_age})
    except (KeyError, TypeError, ValueError, OverflowError):
        raise _unreadable() from None


def _unreadable() -> Integrity:
    return Integrity("a stored job cannot be read", code="job")
