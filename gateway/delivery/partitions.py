"""Rows on their way into a dataset version, held apart by their subject's hash; what exceeds memory goes to a folder.

A partition is one of 64 ranges of the hash. However many buckets the version gets in the end, each bucket is a run
of whole partitions, so rows are moved once. What is read back depends on the rows alone, not on how they came: rows
that share an order value are told apart by their bytes, because who asks can make rows that share it.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gateway.errors import Invalid

Hashes = npt.NDArray[np.uint64]

PARTITIONS: Final = 64
_SHIFT: Final = 58
"""The upper six bits of a hash choose the partition."""
HELD_BYTES: Final = 64 << 20
"""Rows in memory before they are moved to the folder."""
SORTED_ROWS: Final = 500_000
SORTED_BYTES: Final = 64 << 20
"""Rows put into order at a time, at most: one subject's rows are one partition, however many they are."""
_DIGIT: Final = 16
"""Bits of the order column that one pass counts."""
_LAST: Final = (1 << _DIGIT) - 1


class Partitions:
    """Add batches, then read each partition in the order that its rows' own values give. MUST be closed."""

    def __init__(self, schema: pa.Schema, *, folder: Path, order: str) -> None:
        """`folder` exists and is private; `order` is a uint64 column of the schema, dropped on reading."""
        self._schema = schema
        self._folder = folder
        self._order = order
        self._held_bytes = 0
        self._kept: list[list[pa.RecordBatch]] = [[] for _ in range(PARTITIONS)]
        self._files: list[tuple[pa.OSFile, pa.RecordBatchWriter]] = []
        self._width = 0
        self.rows = [0] * PARTITIONS

    def add(self, batch: pa.RecordBatch, hashes: Hashes) -> None:
        """Take a batch; its rows go where their hashes say."""
        chosen = (hashes >> np.uint64(_SHIFT)).astype(np.uint8)
        order = np.argsort(chosen, kind="stable")
        bounds = np.searchsorted(chosen[order], np.arange(PARTITIONS + 1)).tolist()
        rows = batch.take(pa.array(order))
        self._held_bytes += rows.nbytes
        self._width += sum(map(_width, rows.columns))
        for partition, (start, end) in enumerate(itertools.pairwise(bounds)):
            if start < end:
                self.rows[partition] += end - start
                self._put(partition, rows.slice(start, end - start))
        if self._held_bytes > HELD_BYTES and not self._files:
            self._spill()

    def whole(self) -> None:
        """No further batch comes."""
        for file, writer in self._files:
            writer.close()
            file.close()

    def close(self) -> None:
        """Give up what is held and every descriptor; the folder's files stay."""
        self._kept = [[] for _ in range(PARTITIONS)]
        for file, writer in self._files:
            with contextlib.suppress(OSError, pa.ArrowException):  # what failed may be this very file
                writer.close()
            with contextlib.suppress(OSError, pa.ArrowException):
                file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, partition: int) -> Iterator[pa.Table]:
        """A partition's rows as tables of bounded size, without the order column.

        Raises:
            Invalid: `order`: more rows share an order value than can be told apart at a time.
        """
        limit = self._limit()
        for low, high, rows in self._ranges(partition, limit=limit):
            batches = (self._within(batch, low, high) for batch in self._batches(partition))
            if rows <= limit:
                yield self._sorted(pa.Table.from_batches(batches, self._schema))
            else:
                yield from self._repeated(batches, rows=rows, limit=limit)

    def _limit(self) -> int:
        """Rows to sort at a time. By the rows' own values: how they came in batches must not show in the files."""
        width = self._width // max(1, sum(self.rows))
        return min(SORTED_ROWS, max(1, SORTED_BYTES // max(1, width)))

    def _ranges(
        self, partition: int, *, limit: int, prefix: int = 0, shift: int = 64
    ) -> Iterator[tuple[int, int, int]]:
        """Ranges of order values and their rows, ascending: at most `limit` rows each, or one value."""
        if prefix == 0 and self.rows[partition] <= limit:
            if self.rows[partition]:
                yield 0, (1 << 64) - 1, self.rows[partition]
            return
        shift -= _DIGIT
        counts = self._counts(partition, prefix=prefix, shift=shift)
        first = held = 0
        for digit in np.flatnonzero(counts).tolist():
            rows = int(counts[digit])
            if held and held + rows > limit:
                yield *_span(prefix, first, digit - 1, shift), held
                first, held = digit, 0
            if rows > limit and shift:
                yield from self._ranges(partition, limit=limit, prefix=prefix << _DIGIT | digit, shift=shift)
                first = digit + 1
            else:
                held += rows
        if held:
            yield *_span(prefix, first, _LAST, shift), held

    def _counts(self, partition: int, *, prefix: int, shift: int) -> npt.NDArray[np.int64]:
        """How often each next digit of an order value comes among those that begin with the prefix."""
        counts = np.zeros(_LAST + 1, np.int64)
        for batch in self._batches(partition):
            own = self._within(batch, *_span(prefix, 0, _LAST, shift)).column(self._order).to_numpy()
            digits = (own >> np.uint64(shift) & np.uint64(_LAST)).astype(np.int64)
            counts += np.bincount(digits, minlength=_LAST + 1)
        return counts

    def _within(self, batch: pa.RecordBatch, low: int, high: int) -> pa.RecordBatch:
        order = batch.column(self._order).to_numpy()
        inside = (order >= np.uint64(low)) & (order <= np.uint64(high))
        return batch if inside.all() else batch.filter(pa.array(inside))

    def _sorted(self, table: pa.Table) -> pa.Table:
        table = table.take(pc.sort_indices(table.column(self._order))).combine_chunks()
        order = table.column(self._order).to_numpy()
        table = table.drop_columns([self._order])
        same = order[1:] == order[:-1]
        return _settled(table, order, same) if same.any() else table

    def _repeated(self, batches: Iterator[pa.RecordBatch], *, rows: int, limit: int) -> Iterator[pa.Table]:
        """Rows of one order value, more than are sorted at a time: whole as long as they are all the same row."""
        first: pa.Table | None = None
        for batch in batches:
            own = pa.Table.from_batches([batch.drop_columns([self._order])])
            first = own.slice(0, 1) if first is None else first
            if any(len(_bits(column).unique()) > 1 for column in pa.concat_tables([first, own]).columns):
                raise Invalid(
                    f"more than {limit} rows are alike but for what no order can rest on",
                    code="order",
                    fix="add 0.0 to floating-point columns (-0.0 becomes 0.0), or select columns as they are",
                )
        for start in range(0, rows, limit):
            assert first is not None  # noqa: S101 - there are rows
            yield first.take(pa.array(np.zeros(min(limit, rows - start), np.int64))).combine_chunks()

    def _batches(self, partition: int) -> Iterator[pa.RecordBatch]:
        if self._files:
            with pa.memory_map(str(self._path(partition))) as file:
                yield from pa.ipc.open_stream(file)
        yield from self._kept[partition]

    def _put(self, partition: int, rows: pa.RecordBatch) -> None:
        if self._files:
            self._files[partition][1].write_batch(rows)
        else:
            self._kept[partition].append(rows)

    def _spill(self) -> None:
        """From now on rows go to files; those that are held go first."""
        for partition in range(PARTITIONS):
            file = pa.OSFile(str(self._path(partition)), "wb")
            self._files.append((file, pa.ipc.new_stream(file, self._schema)))
        for partition, kept in enumerate(self._kept):
            for rows in kept:
                self._put(partition, rows)
            kept.clear()

    def _path(self, partition: int) -> Path:
        return self._folder / f"{partition:02d}.arrows"


def _span(prefix: int, first: int, last: int, shift: int) -> tuple[int, int]:
    """The smallest and the largest order value whose digits are the prefix and then one from first to last."""
    return (prefix << _DIGIT | first) << shift, ((prefix << _DIGIT | last) + 1 << shift) - 1


def _settled(table: pa.Table, order: Hashes, same: npt.NDArray[np.bool_]) -> pa.Table:
    """Sort rows that share their order value by all their columns; most often they are the same row."""
    shared = np.flatnonzero(np.append(same, False) | np.append(False, same))
    rows = table.take(pa.array(shared))
    keys = pa.table(
        [pa.array(order[shared]), *map(_bits, rows.columns)], names=list(map(str, range(len(rows.columns) + 1)))
    )
    if not any(_differs(column, order[shared]) for column in keys.columns[1:]):
        return table
    places = np.arange(len(order))
    places[shared] = shared[pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in keys.column_names])]
    return table.take(pa.array(places)).combine_chunks()


def _differs(column: pa.ChunkedArray, order: Hashes) -> bool:
    """Whether neighbours of one order value differ; a null differs from every value."""
    left, right = column[1:], column[:-1]
    differ = pc.or_(pc.fill_null(pc.not_equal(left, right), fill_value=False), pc.xor(left.is_null(), right.is_null()))
    return bool((differ.to_numpy() & (order[1:] == order[:-1])).any())


def _bits(column: pa.ChunkedArray) -> pa.Array:
    """The same column, comparable byte by byte: -0.0 is not 0.0."""
    whole = column.combine_chunks()
    if pa.types.is_floating(whole.type):
        return whole.view({16: pa.int16(), 32: pa.int32(), 64: pa.int64()}[whole.type.bit_width])
    if pa.types.is_nested(whole.type):
        return pa.array(map(repr, whole.to_pylist()), pa.large_string())
    return whole


def _width(column: pa.Array) -> int:
    """Bytes of the values; unlike the buffers' size, the same however the rows are cut into batches."""
    kind = column.type
    if pa.types.is_map(kind):
        return 4 * len(column) + _width(column.keys) + _width(column.items)
    if pa.types.is_list(kind):
        return 4 * len(column) + _width(column.flatten())
    if pa.types.is_struct(kind):
        return sum(map(_width, column.flatten()))
    if pa.types.is_primitive(kind) or pa.types.is_decimal(kind):
        octets: int = max(kind.bit_width, 8) // 8
        return len(column) * octets
    body: int = pc.sum(pc.binary_length(column)).as_py() or 0
    return 4 * len(column) + body
