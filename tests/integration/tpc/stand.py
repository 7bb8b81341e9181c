"""A gateway over the benchmarks' data, with one role that sees all of it in full; and the data in a server."""

from __future__ import annotations

import contextlib
import datetime
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import yaml

from gateway.app import Control, Gateway, Host
from gateway.settings import Settings
from gateway.sources import open_sources
from tests.house import POLICIES, House
from tests.integration.tpc.material import Kind, Material, material

SCALES: Final[dict[Kind, str]] = {"tpch": os.environ.get("TPC_SCALE", "0.01"), "tpcds": "0.01"}
"""TPC_SCALE chooses TPC-H's size."""
QUERIES: Final = [("tpch", number) for number in range(1, 23)] + [("tpcds", number) for number in range(1, 100)]
ROLE: Final = "benchmark"
PURPOSE: Final = "benchmark-answers"

_POSTGRES_TYPES: Final = {"int64": "bigint", "int32": "integer", "date32[day]": "date", "string": 'text COLLATE "C"'}
_PADDED: Final = {"c_mktsegment": 10, "l_shipinstruct": 25, "l_shipmode": 10, "o_orderpriority": 15, "s_name": 25}
"""Columns that the benchmark declares as char(n): the server pads them, and compares them without the padding."""
_INDEXES: Final = {
    "lineitem": ("l_orderkey", "l_partkey, l_suppkey"),
    "orders": ("o_orderkey",),
    "partsupp": ("ps_partkey, ps_suppkey",),
}
"""Without them the server takes twenty seconds for query 20 of TPC-H. The gateway does not need them."""


def both() -> dict[str, Material]:
    """Both benchmarks; skips the test that asks where they cannot be had."""
    return {kind: material(kind, scale) for kind, scale in SCALES.items()}


def asked(house: House, token: str, sql: str) -> pa.Table:
    """The gateway's whole answer."""
    data, _ = house.ask(token, sql, purpose=PURPOSE, form="arrow")
    return pa.ipc.open_stream(data).read_all()


def rows(table: pa.Table) -> list[tuple[object, ...]]:
    """Row by row; names may repeat."""
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


@contextlib.contextmanager
def open_stand(
    root: Path, *, urls: Mapping[str, str], materials: Sequence[Material], **limits: object
) -> Iterator[House]:
    """A gateway whose sources are named like the benchmarks; `urls` by that name; `limits` are settings."""
    root.mkdir(exist_ok=True)
    sources = root / "sources.yaml"
    sources.write_text(yaml.safe_dump({name: {"url": url} for name, url in urls.items()}))
    places = {"home": root / "home", "policies": _policies(root / "policies", materials), "sources": sources}
    settings = Settings.model_validate({**places, "rows_per_day": 10**9, "requests_per_minute": 10**6, **limits})
    host = Host()
    host.initialize(settings)
    gateway = Gateway(Control(settings), sources=open_sources(sources))
    with contextlib.closing(gateway):
        gateway.start()
        yield House(gateway=gateway, host=host, settings=settings)


def _policies(folder: Path, materials: Sequence[Material]) -> Path:
    """A bundle of its own: the repository's vocabulary, and one grant of everything in full."""
    (folder / "catalog").mkdir(parents=True)
    for name in ("domains.yaml", "levels.yaml", "model.conf"):
        shutil.copy(POLICIES / name, folder / name)
    datasets = [f"{one.kind}.{table}" for one in materials for table in one.tables]
    grant = {"id": "all", "role": ROLE, "environment": "dev", "purposes": [PURPOSE], "level": "full"}
    purpose = {"project": "benchmark", "legal_basis": "none: generated data", "owner": "nobody", "retention": "1d"}
    _write(folder / "roles.yaml", {ROLE: {}})
    _write(folder / "purposes.yaml", {PURPOSE: purpose})
    _write(folder / "grants.yaml", [grant | {"datasets": datasets, "expires": datetime.date(2100, 1, 1)}])
    for one in materials:
        catalog = {f"{one.kind}.{table}": _dataset(one, table) for table in one.tables}
        _write(folder / "catalog" / f"{one.kind}.yaml", {"source": one.kind, "datasets": catalog})
    return folder


def _dataset(benchmark: Material, table: str) -> dict[str, object]:
    columns = {
        name: {"type": str(kind).replace(" ", ""), "class": "public"}
        for name, kind in ((name, _spelled(kind)) for name, kind in benchmark.columns(table).items())
    }
    return {"table": f"{benchmark.kind}.{table}", "owner": "nobody", "columns": columns}


def _spelled(kind: pa.DataType) -> str:
    return "date32" if pa.types.is_date(kind) else str(kind)


def _write(path: Path, value: object) -> None:
    path.write_text(yaml.safe_dump(value, sort_keys=False))


def load_postgres(benchmark: Material, connection: psycopg.Connection) -> None:
    """Every table into a schema of the benchmark's name."""
    connection.execute(f"CREATE SCHEMA {benchmark.kind}".encode())
    for table in benchmark.tables:
        kinds = benchmark.columns(table)
        declared = ", ".join(f"{name} {_postgres_type(name, kind)}" for name, kind in kinds.items())
        connection.execute(f"CREATE TABLE {benchmark.kind}.{table} ({declared})".encode())
        with connection.cursor().copy(f"COPY {benchmark.kind}.{table} FROM STDIN (FORMAT csv)".encode()) as copy:
            copy.write(_csv(pq.read_table(benchmark.file(table))))
        for columns in _INDEXES.get(table, ()):
            connection.execute(f"CREATE INDEX ON {benchmark.kind}.{table} ({columns})".encode())
        connection.execute(f"ANALYZE {benchmark.kind}.{table}".encode())


def write_duckdb(materials: Sequence[Material], path: Path) -> Path:
    """Every table into one database file, in schemas of the benchmarks' names."""
    with duckdb.connect(str(path)) as database:
        for one in materials:
            database.execute(f"CREATE SCHEMA {one.kind}")
            for table in one.tables:
                database.read_parquet(str(one.file(table))).create(f"{one.kind}.{table}")
    return path


def _postgres_type(name: str, kind: pa.DataType) -> str:
    if name in _PADDED:
        return f'char({_PADDED[name]}) COLLATE "C"'
    return f"numeric({kind.precision}, {kind.scale})" if pa.types.is_decimal(kind) else _POSTGRES_TYPES[str(kind)]


def _csv(table: pa.Table) -> memoryview:
    plain = [column.cast(pa.string()) if pa.types.is_decimal(column.type) else column for column in table.columns]
    buffer = pa.BufferOutputStream()
    options = pyarrow.csv.WriteOptions(include_header=False)
    pyarrow.csv.write_csv(pa.table(plain, names=table.column_names), buffer, options)
    return memoryview(buffer.getvalue())
