"""Parquet. Whole iff it has a footer, whose key `gateway.trailer` then stands there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from gateway.delivery.chunks import Chunks

GROUP_ROWS: Final = 122_880
"""DuckDB's and Parquet's usual size: readers skip and parallelize by groups."""
GROUP_BYTES: Final = 64 << 20
"""Wide rows end a group earlier: a group is held in memory."""


def encode(schema: pa.Schema, batches: Iterator[pa.RecordBatch], *, seal: Callable[[], str]) -> Iterator[bytes]:
    """Row groups of many batches, compressed with zstd."""
    sink = Chunks()
    writer = pq.ParquetWriter(sink, schema, compression="zstd")
    for group in _groups(schema, batches):
        writer.write_table(group, row_group_size=GROUP_ROWS)
        yield sink.take()
    writer.add_key_value_metadata({"gateway.trailer": seal()})
    writer.close()
    yield sink.take()


def _groups(schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    held: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        if held and (rows + batch.num_rows > GROUP_ROWS or size + batch.nbytes > GROUP_BYTES):
            yield pa.Table.from_batches(held, schema)
            held, rows, size = [], 0, 0
        held.append(batch)
        rows, size = rows + batch.num_rows, size + batch.nbytes
    if held:
        yield pa.Table.from_batches(held, schema)
