"""Notices that wait to leave. At least once, in order, one taker at a time; time is the database's."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from gateway.store.database import database_time, writing
from gateway.store.models.tables import notice
from gateway.terms.notice import Notice, WaitingNotice

_SECOND: Final = 1_000_000
"""µs."""


class Outbox:
    """etl.outgoing's Outbox. A row outlives its delivery, without its body: its key keeps a repeat from being sent."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def put(self, notices: Sequence[Notice]) -> None:
        """Store those whose channel and key are new, all or none."""
        if not notices:
            return
        insert = postgresql.insert if self._engine.dialect.name == "postgresql" else sqlite.insert
        with writing(self._engine) as connection:
            now = _now(connection)
            for one in notices:
                row = {"channel": one.channel, "key": one.key, "body": one.body, "created": now, "next_attempt": now}
                connection.execute(insert(notice).values(row | {"attempts": 0}).on_conflict_do_nothing())

    def take(self, channel: str, *, lease_seconds: float) -> WaitingNotice | None:
        """The channel's oldest notice, for this taker alone until the lease ends; None if it must wait, or is none."""
        oldest = (
            sa.select(notice)
            .where(notice.c.channel == channel, notice.c.done.is_(None))
            .order_by(notice.c.sequence)
            .limit(1)
            .with_for_update()
        )
        with writing(self._engine) as connection:
            row = connection.execute(oldest).one_or_none()
            now = _now(connection)
            if row is None or row.next_attempt > now:
                return None
            until = now + datetime.timedelta(seconds=lease_seconds)
            connection.execute(notice.update().where(notice.c.sequence == row.sequence).values(next_attempt=until))
        sent = Notice(channel=row.channel, key=row.key, body=row.body)
        return WaitingNotice(sequence=row.sequence, notice=sent, created=row.created, attempts=row.attempts)

    def done(self, sequence: int) -> None:
        """It was delivered, or given up; the next one is due."""
        ended = notice.update().where(notice.c.sequence == sequence).values(done=database_time(), body="")
        with writing(self._engine) as connection:
            connection.execute(ended)

    def retry(self, sequence: int, *, after_seconds: float) -> None:
        """It failed; the channel waits so long."""
        later = notice.update().where(notice.c.sequence == sequence, notice.c.done.is_(None))
        moment = database_time() + round(after_seconds * _SECOND)
        with writing(self._engine) as connection:
            connection.execute(later.values(attempts=notice.c.attempts + 1, next_attempt=moment))

    def forget(self, *, days: int) -> int:
        """Delete what was done that many days ago; how many."""
        old = notice.c.done < database_time() - days * 86_400 * _SECOND
        with writing(self._engine) as connection:
            return connection.execute(notice.delete().where(old)).rowcount


def _now(connection: sa.Connection) -> datetime.datetime:
    micros = connection.scalar(sa.select(database_time()))
    return datetime.datetime.fromtimestamp(0, datetime.UTC) + datetime.timedelta(microseconds=micros or 0)
