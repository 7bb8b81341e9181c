"""How each adapter's tables come to be. A new adapter adds one class here and one line in ADAPTERS."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import decimal
import shutil
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import LiteralString, Protocol

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from psycopg import sql

from gateway.ports import Source, SourceSession
from gateway.sources import DuckdbSource, MariadbSource, ParquetSource, PostgresSource, SqliteSource
from gateway.sources.mariadb import address_of
from gateway.terms.dataset import Column
from gateway.terms.plan import Snapshot
from gateway.terms.streams import Tally
from tests.maria import Database

SOURCE = "core"
TYPES: Mapping[str, pa.DataType] = {
    "int64": pa.int64(),
    "int32": pa.int32(),
    "string": pa.string(),
    "float64": pa.float64(),
    "decimal": pa.decimal128(12, 2),
    "wide": pa.decimal128(38, 10),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
    "clock": pa.timestamp("us"),
    "bool": pa.bool_(),
}
ODD_FLOATS = (float("nan"), float("inf"), float("-inf"), -0.0)


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

    odd_floats: Sequence[float]
    """Of ODD_FLOATS, those that it can hold."""
    holds_nul: bool
    """In a text."""

    def create(self, name: str, table: Rows, *, kinds: Mapping[str, str] | None = None) -> None:
        """`kinds`: types in SQL, of columns that are to be other than usual; no SQL makes Parquet files."""

    def rename_column(self, table: str, old: str, new: str) -> None: ...

    def change_type(self, table: str, name: str) -> None:
        """The column keeps its name and becomes of a type that no test column of `table` has."""

    def drop(self, table: str) -> None: ...

    def make_view(self, name: str, *, of: str) -> None: ...

    def break_off(self, receipt: str) -> None:
        """The worst that can happen to a source while it is read."""

    def is_held(self, receipt: str) -> bool:
        """Whether something is open there for the access."""

    def gone(self) -> Source:
        """One that is not there."""

    def source(self) -> Source: ...


class SqliteAdapter:
    """A file; written with Python's sqlite3, which is closed before the adapter reads."""

    odd_floats = ODD_FLOATS[1:3]
    holds_nul = True
    _DECLARED: Mapping[pa.DataType, str] = {
        TYPES["int64"]: "INTEGER",
        TYPES["int32"]: "INTEGER",
        TYPES["clock"]: "TEXT",
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

    def create(self, name: str, table: Rows, *, kinds: Mapping[str, str] | None = None) -> None:
        listed = ", ".join(
            f"{_quoted(c.name)} {(kinds or {}).get(c.name, self._DECLARED[c.type])}" for c in table.columns
        )
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

    def break_off(self, receipt: str) -> None:
        self.path.unlink()

    def is_held(self, receipt: str) -> bool:
        return _has_open(self.path)

    def gone(self) -> Source:
        return SqliteSource(SOURCE, self.path / "none")

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

    odd_floats = ODD_FLOATS
    holds_nul = False
    _DECLARED: Mapping[pa.DataType, LiteralString] = {
        TYPES["int64"]: "bigint",
        TYPES["int32"]: "integer",
        TYPES["clock"]: "timestamp",
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

    def create(self, name: str, table: Rows, *, kinds: Mapping[str, str] | None = None) -> None:
        pairs = [
            sql.SQL("{} {}").format(sql.Identifier(c.name), sql.SQL((kinds or {}).get(c.name, self._DECLARED[c.type])))  # type: ignore[arg-type]  # a test's own words
            for c in table.columns
        ]
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

    def break_off(self, receipt: str) -> None:
        with psycopg.connect(self.url) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s",
                [f"gateway {receipt}"],
            )

    def is_held(self, receipt: str) -> bool:
        with psycopg.connect(self.url) as connection:
            query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
            return connection.execute(query, [f"gateway {receipt}"]).fetchone() != (0,)

    def gone(self) -> Source:
        return PostgresSource(SOURCE, "postgresql://nobody@127.0.0.1:1/none")

    def source(self) -> Source:
        return _Closing(PostgresSource(SOURCE, self.url), self._at_end)

    def _run(self, text: LiteralString, *names: str) -> None:
        with psycopg.connect(self.url) as connection:
            connection.execute(sql.SQL(text).format(*map(sql.Identifier, names)))


class MariadbAdapter:
    """A database, whose collation takes `acme`, `ACME` and `äcme` for one."""

    odd_floats = ()
    holds_nul = True
    _DECLARED: Mapping[pa.DataType, str] = {
        TYPES["int64"]: "BIGINT",
        TYPES["int32"]: "INT",
        TYPES["clock"]: "DATETIME(6)",
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

    def create(self, name: str, table: Rows, *, kinds: Mapping[str, str] | None = None) -> None:
        listed = ", ".join(
            f"{_ticked(c.name)} {(kinds or {}).get(c.name, self._DECLARED[c.type])}" for c in table.columns
        )
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

    def break_off(self, receipt: str) -> None:
        for (number,) in self._others():
            self._database.run(f"KILL {number}")

    def is_held(self, receipt: str) -> bool:
        return bool(self._others())

    def _others(self) -> list[tuple[object, ...]]:
        return self._database.run(
            "SELECT ID FROM information_schema.PROCESSLIST"
            f" WHERE DB = '{self._database.name}' AND ID <> CONNECTION_ID()"
        )

    def gone(self) -> Source:
        return MariadbSource(SOURCE, address_of(SOURCE, "nobody:@127.0.0.1:1/none", folder=Path()))

    def source(self) -> Source:
        source = MariadbSource(SOURCE, address_of(SOURCE, self._database.rest, folder=Path()))
        return _Closing(source, self._at_end)


class DuckdbAdapter:
    """A file; written with DuckDB, which is closed before the adapter reads. Its texts' collation takes `a` for `A`."""

    odd_floats = ODD_FLOATS
    holds_nul = True
    _DECLARED: Mapping[pa.DataType, str] = {
        TYPES["int64"]: "BIGINT",
        TYPES["int32"]: "INTEGER",
        TYPES["clock"]: "TIMESTAMP",
        TYPES["string"]: "VARCHAR COLLATE NOCASE",
        TYPES["float64"]: "DOUBLE",
        TYPES["decimal"]: "DECIMAL(12,2)",
        TYPES["wide"]: "DECIMAL(38,10)",
        TYPES["date"]: "DATE",
        TYPES["timestamp"]: "TIMESTAMPTZ",
        TYPES["bool"]: "BOOLEAN",
    }

    def __init__(self, folder: Path, *, at_end: Callable[[Callable[[], object]], None]) -> None:
        self.path = folder / "conformance.duckdb"
        self._at_end = at_end
        self._run("SELECT 1")

    def create(self, name: str, table: Rows, *, kinds: Mapping[str, str] | None = None) -> None:
        listed = ", ".join(
            f"{_quoted(c.name)} {(kinds or {}).get(c.name, self._DECLARED[c.type])}" for c in table.columns
        )
        with duckdb.connect(self.path) as connection:
            connection.execute(f"CREATE TABLE {_quoted(name)} ({listed})")
            connection.register("written", _arrow(table, range(len(table.rows))))
            connection.execute(f"INSERT INTO {_quoted(name)} FROM written")

    def rename_column(self, table: str, old: str, new: str) -> None:
        self._run(f"ALTER TABLE {_quoted(table)} RENAME COLUMN {_quoted(old)} TO {_quoted(new)}")

    def change_type(self, table: str, name: str) -> None:
        self._run(f"ALTER TABLE {_quoted(table)} ALTER COLUMN {_quoted(name)} TYPE BLOB USING NULL")

    def drop(self, table: str) -> None:
        self._run(f"DROP TABLE {_quoted(table)}")

    def make_view(self, name: str, *, of: str) -> None:
        self._run(f"CREATE VIEW {_quoted(name)} AS SELECT * FROM {_quoted(of)}")

    def break_off(self, receipt: str) -> None:
        self.path.unlink()

    def is_held(self, receipt: str) -> bool:
        return _has_open(self.path)

    def gone(self) -> Source:
        return DuckdbSource(SOURCE, self.path / "none")

    def source(self) -> Source:
        return _Closing(DuckdbSource(SOURCE, self.path), self._at_end)

    def _run(self, sql: str) -> None:
        with duckdb.connect(self.path) as connection:
            connection.execute(sql)


class ParquetAdapter:
    """A folder of folders. A table is two files, and a third of none or few rows with narrower types."""

    odd_floats = ODD_FLOATS
    holds_nul = True

    def __init__(self, folder: Path, *, at_end: Callable[[Callable[[], object]], None]) -> None:
        self.path = folder / "lake"
        self.path.mkdir()
        self._at_end = at_end

    def create(self, name: str, table: Rows, *, kinds: Mapping[str, str] | None = None) -> None:
        half = len(table.rows) // 2
        (self.path / name / "more").mkdir(parents=True)
        pq.write_table(_arrow(table, range(half)), self.path / name / "a.parquet", row_group_size=10_000)
        pq.write_table(_arrow(table, range(half, len(table.rows))), self.path / name / "more" / "b.parquet")
        narrow = [pa.int8() if c.type == pa.int64() else c.type for c in table.columns]
        names = [c.name for c in table.columns]
        pq.write_table(pa.schema(zip(names, narrow, strict=True)).empty_table(), self.path / name / "c.parquet")

    def rename_column(self, table: str, old: str, new: str) -> None:
        self._rewrite(table, lambda held: held.rename_columns({old: new}))

    def change_type(self, table: str, name: str) -> None:
        def changed(held: pa.Table) -> pa.Table:
            place = held.schema.get_field_index(name)
            return held.set_column(place, name, pa.nulls(held.num_rows, pa.binary()))

        self._rewrite(table, changed)

    def drop(self, table: str) -> None:
        shutil.rmtree(self.path / table)

    def make_view(self, name: str, *, of: str) -> None:
        (self.path / name).symlink_to(of)

    def break_off(self, receipt: str) -> None:
        shutil.rmtree(self.path)

    def is_held(self, receipt: str) -> bool:
        return _has_open(self.path)

    def gone(self) -> Source:
        return ParquetSource(SOURCE, self.path / "none")

    def source(self) -> Source:
        return _Closing(ParquetSource(SOURCE, self.path), self._at_end)

    def _rewrite(self, table: str, change: Callable[[pa.Table], pa.Table]) -> None:
        """The last file only: each is looked at."""
        file = self.path / table / "more" / "b.parquet"
        pq.write_table(change(pq.read_table(file)), file)


def _arrow(table: Rows, places: range) -> pa.Table:
    arrays = [pa.array([table.rows[i][n] for i in places], c.type) for n, c in enumerate(table.columns)]
    return pa.table(arrays, names=[c.name for c in table.columns])


def _has_open(path: Path) -> bool:
    """Whether this process has the file open, or one below the folder."""
    opened = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            opened.append(descriptor.readlink())
    return any(file == path or path in file.parents for file in opened)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


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
            moment = value.astimezone(datetime.UTC) if value.tzinfo else value
            return moment.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
        case datetime.date():
            return value.isoformat()
        case _:
            return value


ADAPTERS: Mapping[str, Callable[[pytest.FixtureRequest], Adapter]] = {
    "duckdb": lambda request: DuckdbAdapter(request.getfixturevalue("tmp_path"), at_end=request.addfinalizer),
    "mariadb": lambda request: MariadbAdapter(request.getfixturevalue("mariadb"), at_end=request.addfinalizer),
    "parquet": lambda request: ParquetAdapter(request.getfixturevalue("tmp_path"), at_end=request.addfinalizer),
    "postgres": lambda request: PostgresAdapter(request.getfixturevalue("postgres_url"), at_end=request.addfinalizer),
    "sqlite": lambda request: SqliteAdapter(request.getfixturevalue("tmp_path")),
}
