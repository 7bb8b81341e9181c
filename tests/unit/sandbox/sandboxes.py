"""Builders: limits, bindings, released streams, and one question."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping

import pyarrow as pa

from gateway.sandbox import Binding, Sandbox, SandboxLimits
from gateway.terms.streams import ReleasedStream

SCHEMA = pa.schema([("id", pa.int64()), ("who", pa.string())])


def limits(**changes: object) -> SandboxLimits:
    values: dict[str, object] = {
        "memory_mb": 512,
        "address_space_mb": 1_200,
        "cpu_seconds": 60,
        "warm_children": 1,
        "max_children": 3,
        "queries_per_child": 50,
        "idle_seconds": 30.0,
        "max_scans": 3,
        "kernel_isolation": "required",
    }
    return SandboxLimits(**{**values, **changes})  # type: ignore[arg-type]  # built from plain values


def binding(principal: str = "anna", **changes: object) -> Binding:
    values: dict[str, object] = {"principal": principal, "purpose": "p", "grants": ("g",), "digest": "d" * 64}
    return Binding(**{**values, **changes})  # type: ignore[arg-type]  # built from plain values


@contextlib.contextmanager
def started(**changes: object) -> Iterator[Sandbox]:
    sandbox = Sandbox(limits(**changes))
    sandbox.start()
    try:
        yield sandbox
    finally:
        sandbox.close()


def rows(count: int, *, step: int = 1_000) -> Iterator[pa.RecordBatch]:
    for start in range(0, count, step):
        ids = range(start, min(start + step, count))
        yield pa.record_batch([pa.array(ids, pa.int64()), pa.array([f"p{i % 97}" for i in ids])], schema=SCHEMA)


def scan(count: int = 3_000, **streams: Iterable[pa.RecordBatch]) -> dict[str, ReleasedStream]:
    return {"__scan_1": ReleasedStream(SCHEMA, rows(count))}


def ask(
    sandbox: Sandbox,
    sql: str,
    streams: Mapping[str, ReleasedStream] | None = None,
    *,
    names: tuple[str, ...] = ("x",),
    materialized: Iterable[str] = (),
    seconds: float = 20.0,
    by: Binding | None = None,
) -> pa.Table:
    with sandbox.execute(
        sql,
        streams or {},
        binding=by or binding(),
        output_names=names,
        materialized=frozenset(materialized),
        deadline=time.monotonic() + seconds,
    ) as answer:
        return pa.Table.from_batches(list(answer), answer.schema)
