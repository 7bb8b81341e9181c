"""The sandbox: what a child costs when it is warm, when it is not, and when rows go through."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator

import duckdb
import pyarrow as pa

from gateway.sandbox import Binding, Sandbox, SandboxLimits
from gateway.terms.streams import ReleasedStream
from tests.bench.harness import interleave, record, spread_of

ROWS = 300_000
BATCH = 16_384
BINDING = Binding(principal="bench", purpose="bench", grants=("bench",), digest="0" * 64)
LIMITS = SandboxLimits(
    memory_mb=512,
    address_space_mb=1_200,
    cpu_seconds=600,
    warm_children=1,
    max_children=4,
    queries_per_child=10**6,
    idle_seconds=600,
    max_scans=4,
    kernel_isolation="required",
)


@contextlib.contextmanager
def _started() -> Iterator[Sandbox]:
    sandbox = Sandbox(LIMITS)
    sandbox.start()
    try:
        yield sandbox
    finally:
        sandbox.close()


def _ask(sandbox: Sandbox, sql: str, streams: dict[str, ReleasedStream], *names: str) -> int:
    with sandbox.execute(
        sql,
        streams,
        binding=BINDING,
        output_names=names,
        materialized=frozenset(),
        deadline=time.monotonic() + 60,
    ) as answer:
        return sum(batch.num_rows for batch in answer)


def _table() -> pa.Table:
    return pa.table({"id": pa.array(range(ROWS)), "who": pa.array([f"customer {i % 9973}" for i in range(ROWS)])})


def warm_query() -> None:
    with _started() as sandbox:
        connection = duckdb.connect()
        ours, peer = interleave(
            lambda: _ask(sandbox, "SELECT 1", {}, "x"),
            lambda: connection.cursor().sql("SELECT 1").to_arrow_reader(1024).read_all(),
            runs=51,
            clock="wall",
        )
    _record("sandbox.warm_query.ms", ours, peer, op="SELECT 1 on a warm, bound child")


def cold_start() -> None:
    seconds = []
    for _ in range(5):
        sandbox = Sandbox(LIMITS)
        begin = time.perf_counter()
        sandbox.start()
        seconds.append(time.perf_counter() - begin)
        sandbox.close()
    _record("sandbox.cold_start.ms", seconds, None, op="spawn, import, lock, confine, report")


def through() -> None:
    table, sql = _table(), "SELECT id, who FROM s"
    connection = duckdb.connect()
    with _started() as sandbox:
        ours, peer = interleave(
            lambda: _ask(sandbox, sql, {"s": _stream(table)}, "id", "who"),
            lambda: _in_process(connection, sql, table),
            runs=7,
            clock="wall",
        )
    _record(
        "sandbox.through_300k.ms", ours, peer, op="300,000 rows × 2 columns into a child and back, checked and copied"
    )


def _stream(table: pa.Table) -> ReleasedStream:
    return ReleasedStream(table.schema, iter(table.to_batches(max_chunksize=BATCH)))


def _in_process(connection: duckdb.DuckDBPyConnection, sql: str, table: pa.Table) -> pa.Table:
    session = connection.cursor()
    session.register("s", pa.RecordBatchReader.from_batches(table.schema, iter(table.to_batches(max_chunksize=BATCH))))
    return session.sql(sql).to_arrow_reader(BATCH).read_all()


def _record(name: str, ours: list[float], peer: list[float] | None, *, op: str) -> None:
    value = statistics.median(ours) * 1e3
    record(
        name,
        value,
        "ms",
        better="lower",
        ours=value,
        peer=statistics.median(peer) * 1e3 if peer else None,
        peer_name="DuckDB in process, unlocked" if peer else None,
        op=op,
        clock="wall",
        runs=len(ours),
        spread=spread_of(ours),
    )


BENCHES: dict[str, Callable[[], None]] = {
    "sandbox.warm_query.ms": warm_query,
    "sandbox.cold_start.ms": cold_start,
    "sandbox.through_300k.ms": through,
}
