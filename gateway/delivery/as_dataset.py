"""A dataset version's files: bucketed Parquet in a folder. The body that is delivered names them, line by line.

Rows lie in the bucket that the keyed hash of their data subject gives, within it in an order that the rows' own
values give: neither tells of production's order (T7). A subject's rows are in one file, so that erasing him rewrites
one file. Nothing here is published: the folder belongs to one attempt.

Lines are JSON: {"rows": n} as rows come in; {"schema": [{"name", "type"}…]}; {"file": {"path", "bucket", "rows",
"bytes", "sha256"}} for each file once it is on disk; {"trailer": {…}} last.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from gateway.delivery.partitions import PARTITIONS, Hashes, Partitions
from gateway.errors import Integrity, Unavailable

BUCKET_ROWS: Final = 250_000
MAX_BUCKETS: Final = PARTITIONS
WRITERS: Final = 2
"""Buckets written at a time."""
PROGRESS_ROWS: Final = 100_000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """Where a dataset version's files go."""

    path: Path
    """Exists, is empty, and nobody else's."""
    subject: str | None
    """Output column whose hash chooses a row's bucket; None: the row's own."""


def encode(
    schema: pa.Schema,
    batches: Iterator[pa.RecordBatch],
    *,
    folder: Folder,
    order: str,
    hashes: Callable[[pa.Array], Hashes],
    seal: Callable[[], str],
) -> Iterator[bytes]:
    """Write the files; memory is bounded whatever the rows.

    Args:
        order: a uint64 column made of each row's values; not part of the files.
        hashes: 64 keyed bits for each value of the subject column.

    Raises:
        Integrity: the answer has no such subject column.
        Unavailable: `disk`: a file cannot be written.
    """
    column = order if folder.subject is None else folder.subject
    if schema.get_field_index(column) < 0 or schema.get_field_index(order) < 0:
        raise Integrity("the answer lacks the column of its data subject", code="delivery.subject")
    try:
        yield from _written(schema, batches, folder=folder, order=order, hashes=hashes)
    except OSError as error:  # its text may name a path of the host
        raise Unavailable(
            f"the extract's files cannot be written: {os.strerror(error.errno or 0)}",
            code="disk",
            fix="free space on the volume of the gateway's home, then run the extract again",
        ) from None
    yield _line("trailer", json.loads(seal()))


def _written(
    schema: pa.Schema,
    batches: Iterator[pa.RecordBatch],
    *,
    folder: Folder,
    order: str,
    hashes: Callable[[pa.Array], Hashes],
) -> Iterator[bytes]:
    spill = folder.path / ".rows"
    spill.mkdir(mode=0o700)
    try:
        partitions = Partitions(schema, folder=spill, order=order)
        told = rows = 0
        for batch in batches:
            key = batch.column(order).to_numpy() if folder.subject is None else hashes(batch.column(folder.subject))
            partitions.add(batch, key)
            rows += batch.num_rows
            if rows - told >= PROGRESS_ROWS:
                told = rows
                yield _line("rows", rows)
        partitions.whole()
        yield _line("rows", rows)
        kept = schema.remove(schema.get_field_index(order))
        yield _line("schema", [{"name": field.name, "type": str(field.type)} for field in kept])
        yield from _buckets(partitions, kept, folder=folder.path, count=_bucket_count(rows))
    finally:
        shutil.rmtree(spill, ignore_errors=True)


def _bucket_count(rows: int) -> int:
    return min(max(rows // BUCKET_ROWS, 1), MAX_BUCKETS)


def _buckets(partitions: Partitions, schema: pa.Schema, *, folder: Path, count: int) -> Iterator[bytes]:
    with ThreadPoolExecutor(WRITERS, thread_name_prefix="dataset-writer") as writers:
        files = writers.map(lambda bucket: _bucket(partitions, schema, folder, bucket, count), range(count))
        try:
            for file in files:
                yield _line("file", file)
        except BaseException:
            writers.shutdown(cancel_futures=True)
            raise


def _bucket(partitions: Partitions, schema: pa.Schema, folder: Path, bucket: int, count: int) -> dict[str, str | int]:
    """One file, durable under its name, and what the manifest says of it."""
    name = f"bucket-{bucket:02d}.parquet"
    path = folder / name
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    rows = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for partition in range(PARTITIONS):
            if partition * count // PARTITIONS == bucket:
                for table in partitions.read(partition):
                    writer.write_table(table)
                    rows += table.num_rows
    with path.open("rb") as file:
        os.fsync(file.fileno())
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"path": name, "bucket": bucket, "rows": rows, "bytes": path.stat().st_size, "sha256": digest}


def _line(name: str, value: object) -> bytes:
    return json.dumps({name: value}, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
