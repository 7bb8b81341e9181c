"""How the tables of files come to be."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from gateway.ports import Source
from gateway.sources import DuckdbSource, ParquetSource, SqliteSource
from tests.conformance.tables import ODD_FLOATS, SOURCE, TYPES, Closing, Rows, stored


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
        self._run(f'INSERT INTO "{name}" VALUES ({marks})', [[stored(v) for v in row] for row in table.rows])

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
        return Closing(DuckdbSource(SOURCE, self.path), self._at_end)

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
        return Closing(ParquetSource(SOURCE, self.path), self._at_end)

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
