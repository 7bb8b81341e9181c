"""Rows on their way into a dataset version, held apart by their subject's hash; what exceeds memory goes to a folder.

A partition is one of 64 ranges of the hash. However many buckets the version gets in the end, each bucket is a run
of whole partitions, so rows are moved once.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Hashes = npt.NDArray[np.uint64]

PARTITIONS: Final = 64
_SHIFT: Final = 58
"""The upper six bits of a hash choose the partition."""
HELD_BYTES: Final = 64 << 20
"""Rows in memory before they are moved to the folder."""
SORTED_ROWS: Final = 500_000
"""Rows put into order at a time: one subject's rows are one partition, however many they are."""


class Partitions:
    """Add batches, then read each partition in the order that its rows' own values give."""

    def __init__(self, schema: pa.Schema, *, folder: Path, order: str) -> None:
        """`folder` exists and is private; `order` is a uint64 column of the schema, dropped on reading."""
        self._schema = schema
        self._folder = folder
        self._order = order
        self._held: list[tuple[pa.RecordBatch, Hashes]] = []
        self._held_bytes = 0
        self._kept: list[list[pa.RecordBatch]] = [[] for _ in range(PARTITIONS)]
        self._files: list[tuple[pa.OSFile, pa.RecordBatchWriter]] = []
        self.rows = [0] * PARTITIONS

    def add(self, batch: pa.RecordBatch, hashes: Hashes) -> None:
        """Take a batch; its rows go where their hashes say."""
        self._held.append((batch, hashes))
        self._held_bytes += batch.nbytes
        if self._held_bytes > HELD_BYTES:
            self._open_files()
            self._move()

    def whole(self) -> None:
        """No further batch comes."""
        self._move()
        for file, writer in self._files:
            writer.close()
            file.close()

    def read(self, partition: int) -> Iterator[pa.Table]:
        """A partition's rows as tables of bounded size, without the order column."""
        pieces = max(1, -(-self.rows[partition] // SORTED_ROWS))
        for piece in range(pieces):
            batches = [self._within(batch, piece, pieces) for batch in self._batches(partition)]
            table = pa.Table.from_batches(batches, self._schema)
            if table.num_rows:
                yield table.take(pc.sort_indices(table.column(self._order))).drop_columns([self._order])

    def _within(self, batch: pa.RecordBatch, piece: int, pieces: int) -> pa.RecordBatch:
        """The rows of one piece: a range of the order column's values."""
        if pieces == 1:
            return batch
        upper = batch.column(self._order).to_numpy() >> np.uint64(32)
        return batch.filter(pa.array(upper * np.uint64(pieces) >> np.uint64(32) == piece))

    def _batches(self, partition: int) -> Iterator[pa.RecordBatch]:
        if self._files:
            with pa.memory_map(str(self._path(partition))) as file:
                yield from pa.ipc.open_stream(file)
        yield from self._kept[partition]

    def _move(self) -> None:
        """Sort what is held by partition, and hand each its rows."""
        if not self._held:
            return
        chosen = (np.concatenate([hashes for _, hashes in self._held]) >> np.uint64(_SHIFT)).astype(np.uint8)
        order = np.argsort(chosen, kind="stable")
        bounds = np.searchsorted(chosen[order], np.arange(PARTITIONS + 1))
        table = pa.Table.from_batches([batch for batch, _ in self._held], self._schema)
        self._held, self._held_bytes = [], 0
        (rows,) = table.combine_chunks().to_batches() or [pa.RecordBatch.from_pylist([], self._schema)]
        rows = rows.take(pa.array(order))
        for partition in range(PARTITIONS):
            start, end = int(bounds[partition]), int(bounds[partition + 1])
            if start == end:
                continue
            self.rows[partition] += end - start
            own = rows.slice(start, end - start)
            if self._files:
                self._files[partition][1].write_batch(own)
            else:
                self._kept[partition].append(own)

    def _open_files(self) -> None:
        if self._files:
            return
        for partition in range(PARTITIONS):
            file = pa.OSFile(str(self._path(partition)), "wb")
            self._files.append((file, pa.ipc.new_stream(file, self._schema)))

    def _path(self, partition: int) -> Path:
        return self._folder / f"{partition:02d}.arrows"
