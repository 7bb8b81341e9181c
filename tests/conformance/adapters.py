"""How each adapter's tables come to be. A new adapter adds one class here and one line in ADAPTERS."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import LiteralString, Protocol

import psycopg
import pyarrow as pa
import pytest
from psycopg import sql

from gateway.ports import Source, SourceSession
from gateway.sources import MariadbSource, PostgresSource, SqliteSource
from gateway.sources.mariadb import address_of
from gateway.terms.dataset import Column
from gateway.terms.plan import Snapshot
from gateway.terms.streams import Tally
from tests.maria import Database

SOURCE = "core"
TYPES: Mapping[str, pa.DataType] = {
    "int64": pa.int64(),
    "string": pa.string(),
    "float64": pa.float64(),
    "decimal": pa.decimal128(12, 2),
    "wide": pa.decimal128(38, 10),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
    "bool": pa.bool_(),
}


def column(name: str, kind: str) -> Column:
    return Column(name=name, type=TYPES[kind], classification="public")


@dataclasses.dataclass(frozen=True)
class Rows:
    """A table as the tests mean it: columns of the catalog, and typed Python values."""

    columns: tuple[Column, ...]
    rows: Sequence[Sequence[object]]

    def column(self, name: str) -> Column:
        return next(c for c in self.columns if c.name == name)

    def dicts(self) -> list[dict[str, object]]:
        return [dict(zip((c.name for c in self.columns), row, strict=True)) for row in self.rows]


class Adapter(Protocol):
    """A kind of source, with what the tests do to its tables."""

    def create(self, name: str, table: Rows) -> None: ...

    def rename_column(self, table: str, old: str, new: str) -> None: ...

    def change_type(self, table: str, name: str) -> None:
        """The column keeps its name and becomes of a type that no test column of `table` has."""

    def drop(self, table: str) -> None: ...

    def make_view(self, name: str, *, of: str) -> None: ...

    def source(self) -> Source: ...


class SqliteAdapter:
    """A file; written with Python's sqlite3, which is closed before the adapter reads."""

    _DECLARED: Mapping[pa.DataType, str] = {
        TYPES["int64"]: "INTEGER",
        TYPES["string"]: "TEXT",
        TYPES["float64"]: "REAL",
        TYPES["decimal"]: "DECIMAL(12,2)",
        TYPES["wide"]: "TEXT",
        TYPES["date"]: "TEXT",
        TYPES["timestamp"]: "TEXT",
        TYPES["bool"]: "BOOLEAN",
    }

    def __init__(self, folder: Path) -> None:
        self.path = folder / "conformance.db"
        self._run("PRAGMA user_version = 1")

    def create(self, name: str, table: Rows) -> None:
        listed = ", ".join(f'"{c.name}" {self._DECLARED[c.type]}' for c in table.columns)
        marks = ", ".join("?" * len(table.columns))
        self._run(f'CREATE TABLE "{name}" ({listed})')
        self._run(f'INSERT INTO "{name}" VALUES ({marks})', [[_stored(v) for v in row] for row in table.rows])

    def rename_column(self, table: str, old: str, new: str) -> None:
        self._run(f'ALTER TABLE "{table}" RENAME COLUMN "{old}" TO "{new}"')

    def change_type(self, table: str, name: str) -> None:
        self._run(f'ALTER TABLE "{table}" DROP COLUMN "{name}"')
        self._run(f'ALTER TABLE "{table}" ADD COLUMN "{name}" BLOB')

    def drop(self, table: str) -> None:
        self._run(f'DROP TABLE "{table}"')

    def make_view(self, name: str, *, of: str) -> None:
        self._run(f'CREATE VIEW "{name}" AS SELECT * FROM "{of}"')

    def source(self) -> Source:
        return SqliteSource(SOURCE, self.path)

    def _run(self, sql: str, rows: Sequence[Sequence[object]] | None = None) -> None:
        connection = sqlite3.connect(self.path)
        try:
            with connection:
                if rows is None:
                    connection.execute(sql)
                else:
                    connection.executemany(sql, rows)
        finally:
            connection.close()


class PostgresAdapter:
    """A schema of its own, which the URL's search_path names. Sessions that a test leaves open are closed later."""

    _DECLARED: Mapping[pa.DataType, LiteralString] = {
        TYPES["int64"]: "bigint",
        TYPES["string"]: "text",
        TYPES["float64"]: "double precision",
        TYPES["decimal"]: "numeric(12,2)",
        TYPES["wide"]: "numeric(38,10)",
        TYPES["date"]: "date",
        TYPES["timestamp"]: "timestamptz",
        TYPES["bool"]: "boolean",
    }

    def __init__(self, url: str, *, at_end: Callable[[Callable[[], object]], None]) -> None:
        self.url = url
        self._at_end = at_end

    def create(self, name: str, table: Rows) -> None:
        pairs = [sql.SQL("{} " + self._DECLARED[c.type]).format(sql.Identifier(c.name)) for c in table.columns]
        with psycopg.connect(self.url) as connection:
            create = sql.SQL("CREATE TABLE {} ({})").format(sql.Identifier(name), sql.SQL(", ").join(pairs))
            connection.execute(create)
            with connection.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(name))) as copy:
                for row in table.rows:
                    copy.write_row(row)

    def rename_column(self, table: str, old: str, new: str) -> None:
        self._run("ALTER TABLE {} RENAME COLUMN {} TO {}", table, old, new)

    def change_type(self, table: str, name: str) -> None:
        self._run("ALTER TABLE {} ALTER COLUMN {} TYPE bytea USING NULL", table, name)

    def drop(self, table: str) -> None:
        self._run("DROP TABLE {}", table)

    def make_view(self, name: str, *, of: str) -> None:
        self._run("CREATE VIEW {} AS SELECT * FROM {}", name, of)

    def source(self) -> Source:
        return _Closing(PostgresSource(SOURCE, self.url), self._at_end)

    def _run(self, text: LiteralString, *names: str) -> None:
        with psycopg.connect(self.url) as connection:
            connection.execute(sql.SQL(text).format(*map(sql.Identifier, names)))


class MariadbAdapter:
    """A database, whose collation takes `acme`, `ACME` and `äcme` for one."""

    _DECLARED: Mapping[pa.DataType, str] = {
        TYPES["int64"]: "BIGINT",
        TYPES["string"]: "LONGTEXT",
        TYPES["float64"]: "DOUBLE",
        TYPES["decimal"]: "DECIMAL(12,2)",
        TYPES["wide"]: "DECIMAL(38,10)",
        TYPES["date"]: "DATE",
        TYPES["timestamp"]: "DATETIME(6)",
        TYPES["bool"]: "BOOLEAN",
    }

    def __init__(self, database: Database, *, at_end: Callable[[Callable[[], object]], None]) -> None:
        self._database = database
        self._at_end = at_end

    def create(self, name: str, table: Rows) -> None:
        listed = ", ".join(f"{_ticked(c.name)} {self._DECLARED[c.type]}" for c in table.columns)
        marks = ", ".join(["%s"] * len(table.columns))
        self._database.run(f"CREATE TABLE {_ticked(name)} ({listed})")
        if table.rows:
            rows = [[_stored(v) for v in row] for row in table.rows]
            self._database.run(f"INSERT INTO {_ticked(name)} VALUES ({marks})", rows=rows)

    def rename_column(self, table: str, old: str, new: str) -> None:
        self._database.run(f"ALTER TABLE {_ticked(table)} RENAME COLUMN {_ticked(old)} TO {_ticked(new)}")

    def change_type(self, table: str, name: str) -> None:
        self._database.run(f"ALTER TABLE {_ticked(table)} DROP COLUMN {_ticked(name)}, ADD COLUMN {_ticked(name)} TIME")

    def drop(self, table: str) -> None:
        self._database.run(f"DROP TABLE {_ticked(table)}")

    def make_view(self, name: str, *, of: str) -> None:
        self._database.run(f"CREATE VIEW {_ticked(name)} AS SELECT * FROM {_ticked(of)}")

    def source(self) -> Source:
        source = MariadbSource(SOURCE, address_of(SOURCE, self._database.rest, folder=Path()))
        return _Closing(source, self._at_end)


def _ticked(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


@dataclasses.dataclass(frozen=True)
class _Closing:
    """A source whose sessions are closed at the test's end, if not before."""

    source: Source
    at_end: Callable[[Callable[[], object]], None]

    @property
    def consistency(self) -> Snapshot:
        return self.source.consistency

    def session(self, *, receipt: str, deadline: float, tally: Tally) -> SourceSession:
        session = self.source.session(receipt=receipt, deadline=deadline, tally=tally)
        self.at_end(session.close)
        return session

    def check(self) -> Sequence[str]:
        return self.source.check()


def _stored(value: object) -> object:
    match value:
        case bool():
            return int(value)
        case decimal.Decimal():
            return str(value)
        case datetime.datetime():
            naive = value.astimezone(datetime.UTC).replace(tzinfo=None)
            return naive.isoformat(sep=" ", timespec="microseconds")
        case datetime.date():
            return value.isoformat()
        case _:
            return value


ADAPTERS: Mapping[str, Callable[[pytest.FixtureRequest], Adapter]] = {
    "mariadb": lambda request: MariadbAdapter(request.getfixturevalue("mariadb"), at_end=request.addfinalizer),
    "postgres": lambda request: PostgresAdapter(request.getfixturevalue("postgres_url"), at_end=request.addfinalizer),
    "sqlite": lambda request: SqliteAdapter(request.getfixturevalue("tmp_path")),
}
