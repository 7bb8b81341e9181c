"""A dataset version's files: bucketed Parquet in a folder. The body that is delivered names them, line by line.

Rows lie in the bucket that the keyed hash of their data subject gives, within it in an order that the rows' own
values give: neither tells of production's order (T7). A subject's rows are in one file, so that erasing him rewrites
one file. Nothing here is published: the folder belongs to one attempt.

Lines are JSON: {"rows": n} as rows come in; {"schema": [{"name", "type"}…]}; {"file": {"path", "bucket", "rows",
"bytes", "sha256"}} for each file once it is on disk; {"trailer": {…}} last.
"""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import itertools
import json
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gateway.delivery.partitions import PARTITIONS, Hashes, Partitions
from gateway.errors import Integrity, Unavailable

BUCKET_ROWS: Final = 250_000
MAX_BUCKETS: Final = PARTITIONS
WRITERS: Final = 2
"""Buckets written at a time."""
PROGRESS_ROWS: Final = 100_000
SAMPLED_ROWS: Final = 8_192
"""Decide on a column's encoding."""


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
            f"the extract's files cannot be written: {os.strerror(error.errno or errno.EIO)}",
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
        with Partitions(schema, folder=spill, order=order) as partitions:
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
    """All files, or none: one that fails takes those that are done with it."""
    with ThreadPoolExecutor(WRITERS, thread_name_prefix="dataset-writer") as writers:
        files = writers.map(lambda bucket: _bucket(partitions, schema, folder, bucket, count), range(count))
        try:
            for file in files:
                yield _line("file", file)
            _make_durable(folder)
        except BaseException:
            writers.shutdown(cancel_futures=True)
            for bucket in range(count):
                (folder / _name(bucket)).unlink(missing_ok=True)
            raise


def _bucket(partitions: Partitions, schema: pa.Schema, folder: Path, bucket: int, count: int) -> dict[str, str | int]:
    """One file, durable under its name, and what the manifest says of it."""
    path, part = folder / _name(bucket), folder / f".{_name(bucket)}.part"
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        own = [place for place in range(PARTITIONS) if place * count // PARTITIONS == bucket]
        rows = _write_tables(part, schema, (table for place in own for table in partitions.read(place)))
        with part.open("rb") as file:
            os.fsync(file.fileno())
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        part.rename(path)  # NOTE: an error above closes the writer, which ends a half file like a whole one
    finally:
        part.unlink(missing_ok=True)
    return {"path": path.name, "bucket": bucket, "rows": rows, "bytes": path.stat().st_size, "sha256": digest}


def _write_tables(path: Path, schema: pa.Schema, tables: Iterator[pa.Table]) -> int:
    """One Parquet file of them, and its rows. Columns whose values repeat get a dictionary, as the first rows show."""
    first = next(tables, schema.empty_table())
    rows = 0
    with pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=_repeating(first)) as writer:
        for table in itertools.chain([first], tables):
            writer.write_table(table)
            rows += table.num_rows
    return rows


def _repeating(table: pa.Table) -> list[str]:
    """A dictionary of unique values costs twice: it is built, and then given up."""
    sample = table.slice(0, SAMPLED_ROWS)
    plain = [name for name in table.column_names if not pa.types.is_nested(table.schema.field(name).type)]
    return [name for name in plain if 2 * pc.count_distinct(sample.column(name)).as_py() <= max(sample.num_rows, 1)]


def _name(bucket: int) -> str:
    return f"bucket-{bucket:02d}.parquet"


def _make_durable(folder: Path) -> None:
    """The names as well."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _line(name: str, value: object) -> bytes:
    return json.dumps({name: value}, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
