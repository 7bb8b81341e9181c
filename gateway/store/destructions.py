"""Which epochs of keys were destroyed: conditions of accesses read it (T17). The log is the witness, not this table."""

from __future__ import annotations

import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from gateway.store.database import heading
from gateway.store.tables import key_destruction
from gateway.terms.key import KeyEpoch


class Destructions:
    """Rows only grow."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add(self, epoch: KeyEpoch, *, now: datetime.datetime) -> None:
        """After it returned no access entry and no publication is under this epoch. A second call does nothing."""
        insert = postgresql.insert if self._engine.dialect.name == "postgresql" else sqlite.insert
        row = insert(key_destruction).values(project=epoch.project, epoch=epoch.number, destroyed_at=now)
        with heading(self._engine) as (connection, _):
            connection.execute(row.on_conflict_do_nothing())
