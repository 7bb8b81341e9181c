"""Arrow IPC stream. Whole iff its last batch has no rows and carries `gateway.trailer`, and its end mark follows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import pyarrow as pa

from gateway.delivery.chunks import Chunks


def encode(
    schema: pa.Schema,
    batches: Iterator[pa.RecordBatch],
    *,
    seal: Callable[[], str],
    compression: Literal["lz4", "zstd"] | None = None,
) -> Iterator[bytes]:
    """Each batch as it comes, its buffers compressed or not."""
    sink = Chunks()
    # NOTE: no `with`: its end would write the end mark of the stream when a batch fails.
    writer = pa.ipc.new_stream(sink, schema, options=pa.ipc.IpcWriteOptions(compression=compression))
    for batch in batches:
        writer.write_batch(batch)
        yield sink.take()
    last = pa.RecordBatch.from_arrays([pa.array([], field.type) for field in schema], schema=schema)
    writer.write_batch(last, custom_metadata={"gateway.trailer": seal()})
    writer.close()
    yield sink.take()
