"""Joins the partial groups of several windows into one row per group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from gateway.errors import Exhausted

MAX_GROUPS: Final = 2_000_000
"""Groups held at once; merging peaks at some 300 bytes a group (measured: one text dimension, one sum): 600 MB."""
_PENDING_ROWS: Final = 1 << 18
"""Partial groups that wait before they are merged, so that merging stays linear."""


class Groups:
    """Sums figures by keys. Keys are compared by their typed value: two spellings of one value are one group.

    Figures MUST be int64 (counts), decimal128(38, s) or float64; int64 figures may not leave their type.
    """

    def __init__(self, *, keys: Sequence[str], dataset: str) -> None:
        self._keys = list(keys)
        self._dataset = dataset
        self._merged: pa.Table | None = None
        self._pending: list[pa.RecordBatch] = []
        self._pending_rows = 0

    def add(self, partial: pa.RecordBatch) -> None:
        """Take in partial groups: the keys, then the figures.

        Raises:
            Exhausted: more than MAX_GROUPS groups.
        """
        self._pending.append(partial)
        self._pending_rows += partial.num_rows
        held = self._merged.num_rows if self._merged is not None else 0
        if self._pending_rows >= max(_PENDING_ROWS, held):
            self._merge()

    def whole(self) -> pa.Table | None:
        """Every group once, in no order; None if nothing was added."""
        if self._pending:
            self._merge()
        return self._merged

    def _merge(self) -> None:
        parts = [pa.Table.from_batches(self._pending)]
        if self._merged is not None:
            parts.insert(0, self._merged)
        self._merged = _summed(pa.concat_tables(parts), self._keys)
        self._pending, self._pending_rows = [], 0
        if self._merged.num_rows > MAX_GROUPS:
            raise Exhausted(
                f"{self._dataset}: more than {MAX_GROUPS} groups of dimensions and data subject",
                code="memory",
                fix="group by fewer dimensions, or filter by one",
            )


def _summed(table: pa.Table, keys: list[str]) -> pa.Table:
    figures = table.column_names[len(keys) :]
    for place, name in enumerate(keys):
        if pa.types.is_floating(table.schema.field(name).type):
            # Grouping hashes, and hashes tell -0.0 from 0.0; SQL does not.
            table = table.set_column(place, name, pc.add(table[name], 0.0))
    summed = table.group_by(keys, use_threads=False).aggregate([(name, "sum") for name in figures])
    return summed.select(keys + [f"{name}_sum" for name in figures]).rename_columns(table.column_names)
