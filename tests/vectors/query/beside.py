"""The same SQL on a PostgreSQL server and on the engine as a sandbox child has it, over the same small bank."""

from __future__ import annotations

import contextlib
import datetime
import decimal
import math
import secrets
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import duckdb
import psycopg
import pyarrow as pa
import sqlalchemy as sa

from gateway.errors import GatewayError
from gateway.sandbox.child import lock, session
from gateway.terms.plan import MaskedScan
from tests.unit.planning.bank import TABLES, bank, decision, plan, released

Row = Sequence[object]
Outcome = list[Row] | str
"""Rows, or why there are none: a server's SQLSTATE class, the gateway's code, or a child's status."""

_TYPES = {"int64": "bigint", "string": 'text COLLATE "C"', "double": "double precision", "bool": "boolean"}
_DAYS_OF_MONTH, _DAYS_OF_YEAR = 30, 365
"""As psycopg counts them: a timedelta has no months."""


class Months(NamedTuple):
    """pyarrow's interval."""

    months: int
    days: int
    nanoseconds: int


@contextlib.contextmanager
def open_server(url: str) -> Iterator[psycopg.Connection]:
    """A database of our own with the bank in it, in UTC."""
    name = f"beside_{secrets.token_hex(8)}"
    admin = sa.make_url(url).set(drivername="postgresql")
    with psycopg.connect(admin.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        try:
            own = admin.set(database=name).render_as_string(hide_password=False)
            with psycopg.connect(own, autocommit=True) as server:
                _fill(server)
                yield server
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def _fill(server: psycopg.Connection) -> None:
    production = bank()
    server.execute("SET TIME ZONE 'UTC'")
    server.execute("CREATE SCHEMA core")
    for table, columns in TABLES.items():
        declared = ", ".join(f"{name} {_declared(kind)}" for name, kind in columns.items())
        server.execute(f"CREATE TABLE core.{table} ({declared})".encode())
        rows = production.sql(f"SELECT {', '.join(columns)} FROM core.{table}").to_arrow_table().to_pylist()
        marks = ", ".join(["%s"] * len(columns))
        insert = f"INSERT INTO core.{table} VALUES ({marks})".encode()
        server.cursor().executemany(insert, [tuple(row.values()) for row in rows])


def _declared(kind: pa.DataType) -> str:
    if pa.types.is_decimal(kind):
        return f"numeric({kind.precision}, {kind.scale})"
    return "timestamptz" if pa.types.is_timestamp(kind) else "date" if pa.types.is_date(kind) else _TYPES[str(kind)]


def by_server(server: psycopg.Connection, sql: str) -> Outcome:
    try:
        return server.execute(sql.encode()).fetchall()
    except psycopg.Error as error:
        return f"error {(error.sqlstate or '')[:2]}"


class Engine:
    """Plans with everything in full, and runs the plan's SQL as a child does."""

    def __init__(self) -> None:
        self._production = bank()
        self._locked: duckdb.DuckDBPyConnection = lock.locked(memory_mb=256)

    def rows(self, sql: str) -> Outcome:
        try:
            made = plan(sql, decision())
        except GatewayError as error:
            return error.code
        box = self._locked.cursor()
        for step in made.steps:
            assert isinstance(step, MaskedScan)
            box.register(step.scan.id, released(step, self._production))
        try:
            table = box.sql(made.sql).to_arrow_reader(1_000).read_all()
        except (duckdb.Error, OSError, pa.ArrowException) as error:
            return session._status(str(error))
        finally:
            box.close()
        return [tuple(row) for row in zip(*(column.to_pylist() for column in table.columns), strict=True)]


def same(left: Outcome, right: Outcome) -> bool:
    """Equal values; numbers to nine digits, whatever their types. Two errors are the same."""
    if isinstance(left, str) or isinstance(right, str):
        return isinstance(left, str) and isinstance(right, str)
    return len(left) == len(right) and all(
        len(a) == len(b) and all(map(_same_value, a, b)) for a, b in zip(left, right, strict=True)
    )


def _same_value(left: Any, right: Any) -> bool:
    left, right = _plain(left), _plain(right)
    if isinstance(left, float) and isinstance(right, float):
        return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-12) or (math.isnan(left) and math.isnan(right))
    return type(left) is type(right) and bool(left == right)


def _plain(value: Any) -> Any:
    if isinstance(value, int | float | decimal.Decimal) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, tuple) and len(value) == len(Months._fields):
        interval = Months(*value)
        years, months = divmod(interval.months, 12)
        days = years * _DAYS_OF_YEAR + months * _DAYS_OF_MONTH + interval.days
        return datetime.timedelta(days=days, microseconds=interval.nanoseconds // 1_000)
    if isinstance(value, datetime.datetime) and hasattr(value, "to_pydatetime"):
        return value.to_pydatetime()
    return value
