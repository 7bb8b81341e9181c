"""Rows taken interactively, by principal, dataset and day (T6)."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from gateway.store.database import reading, writing
from gateway.store.tables import metadata

row_allowance = sa.Table(
    "row_allowance",
    metadata,
    sa.Column("principal", sa.Text, primary_key=True),
    sa.Column("dataset", sa.Text, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("taken", sa.BigInteger, nullable=False),
)


class _Short(Exception):
    """A dataset's allowance does not suffice."""


class Allowances:
    """ports.RowAllowance."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def take(self, *, principal: str, datasets: Sequence[str], day: datetime.date, rows: int, allowance: int) -> bool:
        """Charge every dataset, or none: one statement each, under the row's own lock."""
        if rows > allowance:
            return False
        insert = postgresql.insert if self._engine.dialect.name == "postgresql" else sqlite.insert
        with contextlib.suppress(_Short), writing(self._engine) as connection:
            for dataset in sorted(datasets):  # one order everywhere: two takers cannot wait for each other
                charge = insert(row_allowance).values(principal=principal, dataset=dataset, day=day, taken=rows)
                charge = charge.on_conflict_do_update(
                    index_elements=["principal", "dataset", "day"],
                    set_={"taken": row_allowance.c.taken + rows},
                    where=row_allowance.c.taken + rows <= allowance,
                )
                # RETURNING, not rowcount: of an INSERT psycopg's is not kept
                if connection.scalar(charge.returning(row_allowance.c.taken)) is None:
                    raise _Short  # rolls back what other datasets were charged
            return True
        return False

    def taken(self, *, principal: str, dataset: str, day: datetime.date) -> int:
        """Rows charged on that day."""
        row = row_allowance.c
        asked = sa.select(row.taken).where(row.principal == principal, row.dataset == dataset, row.day == day)
        with reading(self._engine) as connection:
            return connection.scalar(asked) or 0
