"""Runs in the environment of requirements.txt: `python generate.py tpch|tpcds SCALE FOLDER`.

Writes one Parquet file for each table, and queries.json: number to text.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import duckdb

GENERATORS = {"tpch": "dbgen", "tpcds": "dsdgen"}


def extension(kind: str) -> Path:
    """The extension's file in its wheel; DuckDB takes its name from it, and checks its signature."""
    package = Path(str(importlib.import_module(f"duckdb_extension_{kind}").__file__)).parent
    return next(package.rglob(f"{kind}.duckdb_extension"))


def main(kind: str, scale: str, folder: str) -> None:
    database = duckdb.connect()
    database.load_extension(str(extension(kind)))
    database.execute(f"CALL {GENERATORS[kind]}(sf = {float(scale)})")
    for (table,) in database.execute("SELECT table_name FROM duckdb_tables()").fetchall():
        database.table(table).write_parquet(str(Path(folder) / f"{table}.parquet"))
    queries = database.execute(f"SELECT query_nr, query FROM {kind}_queries() ORDER BY 1").fetchall()
    Path(folder, "queries.json").write_text(json.dumps(dict(queries)))


if __name__ == "__main__":
    main(*sys.argv[1:])
