"""How each adapter's tables come to be. A new adapter adds one class here and one line in ADAPTERS."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from gateway.ports import Source
from gateway.sources import SqliteSource
from gateway.terms.dataset import Column

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


ADAPTERS: Mapping[str, Callable[[Path], Adapter]] = {"sqlite": SqliteAdapter}
