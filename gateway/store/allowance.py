"""Rows taken interactively, by principal, dataset and day (T6).

A charge is durable before its rows leave, and a commit waits for the disk: charges that come while one is under way
are committed together by the next.
"""

from __future__ import annotations

import copy
import dataclasses
import datetime
import functools
import threading
from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from gateway.errors import GatewayError, Unavailable
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

_Key = tuple[str, str, datetime.date]
"""Principal, dataset, day."""


@dataclasses.dataclass(slots=True, kw_only=True, eq=False)
class _Charge:
    """What one caller waits for."""

    keys: Sequence[_Key]
    rows: int
    allowance: int
    answer: bool | GatewayError | None = None
    """None: not committed yet."""


class Allowances:
    """ports.RowAllowance."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._changed = threading.Condition()
        self._waiting: list[_Charge] = []
        self._is_committing = False

    def take(self, *, principal: str, datasets: Sequence[str], day: datetime.date, rows: int, allowance: int) -> bool:
        """Charge every dataset, or none; returns once that is durable.

        Raises:
            Unavailable: the control database did not answer; nothing was charged that is known of.
        """
        if rows > allowance or not datasets:
            return rows <= allowance
        keys = [(principal, dataset, day) for dataset in datasets]
        charge = _Charge(keys=keys, rows=rows, allowance=allowance)
        with self._changed:
            self._waiting.append(charge)
            self._changed.wait_for(lambda: charge.answer is not None or not self._is_committing)
            batch = self._taken_over() if charge.answer is None else []
        if batch:
            self._commit(batch)
        if isinstance(charge.answer, GatewayError):
            raise copy.copy(charge.answer)  # threads must not share one traceback
        return charge.answer is True

    def _taken_over(self) -> list[_Charge]:
        """All that wait; the caller MUST commit them."""
        batch, self._waiting, self._is_committing = self._waiting, [], True
        return batch

    def _commit(self, batch: Sequence[_Charge]) -> None:
        """Give each charge its answer, once all that were granted are durable."""
        answers: Sequence[bool | GatewayError] = [_failed() for _ in batch]
        try:
            answers = self._write(batch)
        except GatewayError as error:
            answers = [error for _ in batch]
        finally:
            with self._changed:
                for charge, answer in zip(batch, answers, strict=True):
                    charge.answer = answer
                self._is_committing = False
                self._changed.notify_all()

    def _write(self, batch: Sequence[_Charge]) -> list[bool]:
        # One order everywhere: two transactions cannot wait for each other.
        keys = sorted({key for charge in batch for key in charge.keys})
        with writing(self._engine) as connection:
            rows = connection.execute(_locking(connection.dialect.name), [_zero(key) for key in keys])
            taken = {(row.principal, row.dataset, row.day): row.taken for row in rows}
            answers = [_is_granted(charge, taken) for charge in batch]
            connection.execute(_SET, [{"now": taken[key], "of": key[0], "from": key[1], "on": key[2]} for key in keys])
        return answers

    def taken(self, *, principal: str, dataset: str, day: datetime.date) -> int:
        """Rows charged on that day."""
        row = row_allowance.c
        asked = sa.select(row.taken).where(row.principal == principal, row.dataset == dataset, row.day == day)
        with reading(self._engine) as connection:
            return connection.scalar(asked) or 0


def _is_granted(charge: _Charge, taken: dict[_Key, int]) -> bool:
    """Counts the charge in `taken`, in all its datasets or in none."""
    if any(taken[key] + charge.rows > charge.allowance for key in charge.keys):
        return False
    taken |= {key: taken[key] + charge.rows for key in charge.keys}
    return True


@functools.cache
def _locking(dialect: str) -> sa.Executable:
    """Gives each row as it is, made if there was none, and locked until the transaction's end."""
    insert = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(row_allowance)
    locked = insert.on_conflict_do_update(
        index_elements=["principal", "dataset", "day"], set_={"taken": row_allowance.c.taken}
    )
    return locked.returning(row_allowance)


_SET: Final = (
    row_allowance.update()
    .where(
        row_allowance.c.principal == sa.bindparam("of"),
        row_allowance.c.dataset == sa.bindparam("from"),
        row_allowance.c.day == sa.bindparam("on"),
    )
    .values(taken=sa.bindparam("now"))
)


def _zero(key: _Key) -> dict[str, object]:
    principal, dataset, day = key
    return {"principal": principal, "dataset": dataset, "day": day, "taken": 0}


def _failed() -> Unavailable:
    return Unavailable("rows could not be charged", code="control", fix="ask again")
