"""A world's files: SQLite, Parquet and DuckDB."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from tests import bank
from tests.fuzz.banks.tables import FILES, LEADS, TYPED


def write(tables: bank.Tables, folder: Path) -> None:
    """As files of every source, in the tables' order of rows; files that are there are replaced at once."""
    for source, names in FILES.items():
        fresh = folder / f"{source}.new"
        fresh.unlink(missing_ok=True)
        with sqlite3.connect(fresh) as connection:
            for name in names:
                _write_rows(connection, name, tables[name])
        connection.close()
        fresh.replace(folder / f"{source}.db")
    typed = {name: pa.Table.from_pylist(tables[name], schema) for name, schema in TYPED.items()}
    (folder / "lake").mkdir(exist_ok=True)
    pq.write_table(typed["visits"], folder / "visits.new", row_group_size=16)
    (folder / "visits.new").replace(folder / "lake" / "visits.parquet")
    (folder / "mart.new").unlink(missing_ok=True)
    with duckdb.connect(folder / "mart.new") as mart:
        mart.register("rows", typed["orders"])
        mart.execute("CREATE TABLE orders AS SELECT * FROM rows")
    (folder / "mart.new").replace(folder / "mart.db")


def _write_rows(connection: sqlite3.Connection, name: str, rows: Sequence[bank.Row]) -> None:
    columns = LEADS if name == "leads" else bank.DECLARED[name]
    declared = ", ".join(f"{column} {kind.removesuffix(' PRIMARY KEY')}" for column, kind in columns.items())
    connection.execute(f"CREATE TABLE {name} ({declared})")
    marks = ", ".join("?" * len(columns))
    connection.executemany(
        f"INSERT INTO {name} VALUES ({marks})", [tuple(bank._stored(row[column]) for column in columns) for row in rows]
    )
