"""Published versions. Rows are added and marked, never changed: the manifest in them is what was signed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from gateway.errors import Denied, Integrity, Unavailable
from gateway.store.database import database_time, reading, writing
from gateway.store.extracts.jobs import fence
from gateway.store.extracts.tables import dataset_version, extract_job
from gateway.store.standing import Checks
from gateway.store.tables import audit_head
from gateway.terms.audit import ColumnAccess, Conditions
from gateway.terms.extract import DatasetVersion, Seal
from gateway.terms.identity import JobTicket

MAX_LISTED: Final = 1_000
"""Versions of one answer."""
_MARKS: Final = {"announced_at", "cleared_at"}
_STORED: Final = tuple(column for column in dataset_version.c if column.name not in _MARKS)


class Versions:
    """ports.Versions."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def publish(
        self, ticket: JobTicket, *, name: str, receipt: str, conditions: Conditions, seal: Seal
    ) -> DatasetVersion:
        """Publish exactly once: the fenced end of the job, the next number and the version are one transaction.

        The log's head is locked last, for a moment: a revocation that returned before is seen, and sealing, which
        waits for the disk, holds up nobody's access.

        Raises:
            Denied: a condition no longer holds (code `denied.stale`).
            Unavailable: the claim is lost (code `unavailable.claim`), or the database did not answer.
        """
        with writing(self._engine) as connection:
            self._lock(connection, ticket, name=name)
            newest = sa.select(sa.func.max(dataset_version.c.number)).where(dataset_version.c.name == name)
            version = seal((connection.scalar(newest) or 0) + 1)
            connection.execute(sa.select(audit_head.c.size).where(audit_head.c.id == 1).with_for_update())
            if broken := Checks(connection).broken(conditions):
                raise Denied(
                    f"the {broken} that allowed this extract no longer holds", code="stale", fix="order it again"
                )
            ended = {
                "state": "published",
                "version": version.number,
                "rows": version.rows,
                "receipt": receipt,
                "code": "",
                "message": "",
                "ended": database_time(),
            }
            if connection.execute(extract_job.update().where(fence(ticket)).values(ended)).rowcount != 1:
                raise _lost()
            connection.execute(dataset_version.insert(), _row(version))
        return version

    def _lock(self, connection: sa.Connection, ticket: JobTicket, *, name: str) -> None:
        """The job's row, and the name's numbers. SQLite's one writer holds both already."""
        held = sa.select(extract_job.c.id).where(fence(ticket), extract_job.c.lease_until > database_time())
        if connection.scalar(held.with_for_update()) is None:
            raise _lost()
        if self._engine.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(name, 0))))

    def find(self, name: str, number: int) -> DatasetVersion | None:
        """By name and number."""
        return self._one(_is(name, number))

    def listed(self, *, name: str | None = None) -> Sequence[DatasetVersion]:
        """By name, newest first, 1000 at most."""
        return self._all(sa.true() if name is None else dataset_version.c.name == name, limit=MAX_LISTED)

    def of_project(self, project: str) -> Sequence[DatasetVersion]:
        """All whose purpose was of this project, by name, newest first."""
        return self._all(dataset_version.c.project == project)

    def of_job(self, job: str) -> DatasetVersion | None:
        """The version that a job became."""
        return self._one(dataset_version.c.job == job)

    def unannounced(self) -> Sequence[DatasetVersion]:
        """Those whose publication is not yet in the log: the process ended between commit and entry."""
        return self._all(dataset_version.c.announced_at.is_(None))

    def announced(self, name: str, number: int) -> None:
        """Its publication is in the log now."""
        self._mark(name, number, "announced_at")

    def expired(self) -> Sequence[DatasetVersion]:
        """Those past their expiry whose files are still there."""
        over = dataset_version.c.expires <= database_time()
        return self._all(sa.and_(over, dataset_version.c.cleared_at.is_(None)))

    def cleared(self, name: str, number: int) -> None:
        """Its files are gone; its manifest stays here."""
        self._mark(name, number, "cleared_at")

    def _one(self, where: sa.ColumnElement[bool]) -> DatasetVersion | None:
        found = self._all(where)
        return found[0] if found else None

    def _all(self, where: sa.ColumnElement[bool], *, limit: int | None = None) -> Sequence[DatasetVersion]:
        order = (dataset_version.c.name, dataset_version.c.number.desc())
        with reading(self._engine) as connection:
            rows = connection.execute(sa.select(*_STORED).where(where).order_by(*order).limit(limit)).all()
        return [_version(row) for row in rows]

    def _mark(self, name: str, number: int, mark: str) -> None:
        unmarked = sa.and_(_is(name, number), dataset_version.c[mark].is_(None))
        with writing(self._engine) as connection:
            connection.execute(dataset_version.update().where(unmarked).values({mark: database_time()}))


def _is(name: str, number: int) -> sa.ColumnElement[bool]:
    return sa.and_(dataset_version.c.name == name, dataset_version.c.number == number)


def _lost() -> Unavailable:
    return Unavailable("this attempt's claim on the job is lost", code="claim", fix="a newer attempt goes on")


def _row(version: DatasetVersion) -> dict[str, object]:
    values = {column.name: getattr(version, column.name) for column in _STORED}
    return values | {"columns": [[c.dataset, c.column, c.level, c.grant] for c in version.columns]}


def _version(row: sa.Row[Any]) -> DatasetVersion:
    """The version.

    Raises:
        Integrity: its columns are not what _row made.
    """
    try:
        columns = tuple(
            ColumnAccess(dataset=dataset, column=column, level=level, grant=grant)
            for dataset, column, level, grant in row._mapping["columns"]
        )
    except (TypeError, ValueError):
        raise Integrity("a stored dataset version cannot be read", code="version") from None
    return DatasetVersion(**{**row._mapping, "columns": columns})
