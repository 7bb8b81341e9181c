"""The 22 queries of TPC-H through the gateway at level full, beside the same texts in DuckDB on the same file."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import duckdb

from tests.bench.harness import record, spread_of
from tests.integration.tpc.material import Material, material
from tests.integration.tpc.stand import PURPOSE, ROLE, open_stand

SCALE: Final = "1"
RUNS: Final = 3
MEMORY_MB: Final = 4_096
"""Of a sandbox child: what an operator who serves such joins would give."""


def identity() -> None:
    """Wall clock of all 22 texts, to the last byte as Arrow, over DuckDB's own time for them, two threads."""
    made = material("tpch", SCALE)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        file = root / "bench.duckdb"  # DuckDB calls its catalog so: named like the schema, a table would be ambiguous
        _write(made, file)
        limits = {"sandbox_memory_mb": MEMORY_MB, "sandbox_address_space_mb": 2 * MEMORY_MB, "query_seconds": 120}
        ours, native = [], []
        with open_stand(root / "stand", urls={"tpch": f"duckdb:///{file}"}, materials=[made], **limits) as house:
            token = house.token("analyst", ROLE)
            for run in range(RUNS + 1):
                both = (
                    _seconds(made, lambda sql: house.ask(token, sql, purpose=PURPOSE, form="arrow")),
                    _native(made, file),
                )
                if run:  # the first warms both up
                    ours.append(both[0])
                    native.append(both[1])
    ratios = [own / bare for own, bare in zip(ours, native, strict=True)]
    record(
        "query.tpch_sf1_identity_vs_duckdb",
        statistics.median(ratios),
        "x",
        better="lower",
        ours=statistics.median(ours),
        peer=statistics.median(native),
        peer_name="duckdb, 2 threads, the same file",
        op=f"TPC-H scale {SCALE}, sum of 22 texts, level full, Arrow; ours and peer in s",
        clock="wall",
        runs=RUNS,
        spread=spread_of(ratios),
    )


def _write(made: Material, path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"CREATE SCHEMA {made.kind}")
        for table in made.tables:
            connection.execute(f"CREATE TABLE {made.kind}.{table} AS SELECT * FROM '{made.file(table)}'")


def _native(made: Material, path: Path) -> float:
    with duckdb.connect(str(path), read_only=True, config={"threads": 2}) as connection:
        return _seconds(made, lambda sql: connection.sql(sql).to_arrow_table())


def _seconds(made: Material, ask: Callable[[str], object]) -> float:
    begin = time.perf_counter()
    for sql in made.queries.values():
        ask(sql)
    return time.perf_counter() - begin


BENCHES: dict[str, Callable[[], None]] = {"query.tpch_sf1_identity_vs_duckdb": identity}
