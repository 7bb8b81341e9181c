"""Joins the partial groups of several windows into one row per group."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from gateway.errors import Exhausted, Integrity
from gateway.sources.convert import BATCH_ROWS, decimals, shifted
from gateway.sources.render import is_number
from gateway.terms.dataset import Column
from gateway.terms.plan import FIXED_POINT, GuardedScan

MAX_GROUPS: Final = 2_000_000
"""Groups held at once; merging peaks at some 300 bytes a group (measured: one text dimension, one sum): 600 MB."""
_PENDING_ROWS: Final = 1 << 18
"""Partial groups that wait before they are merged, so that merging stays linear."""


class Groups:
    """Sums figures by keys. Keys are compared by their typed value: two spellings of one value are one group.

    Figures MUST be int64 (counts) or decimal128(38, s); int64 figures may not leave their type.
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


def measured_of(guarded: GuardedScan) -> list[Column]:
    """The columns that are counted and summed, each once, in scan order."""
    named = {m.column for m in guarded.measures}
    # By name: a column may stand in the list twice, and need not be hashable.
    return [c for name, c in {c.name: c for c in guarded.scan.columns}.items() if name in named]


def group_schema(guarded: GuardedScan) -> pa.Schema:
    """Of the groups, as ports.SourceSession.group says.

    Raises:
        Integrity: the scan does not carry a dimension or the subject.
    """
    types = {c.name: c.type for c in guarded.scan.columns + guarded.scan.aux_columns}
    missing = [name for name in (*guarded.dimensions, guarded.subject) if name not in types]
    if missing:
        raise Integrity(f"{guarded.scan.dataset}: the guarded scan does not carry {missing[0]}", code="plan")
    fields = [pa.field(name, types[name]) for name in guarded.dimensions]
    fields += [pa.field("__subject", types[guarded.subject]), pa.field("__rows", pa.int64())]
    for column in measured_of(guarded):
        fields.append(pa.field(f"__count_{column.name}", pa.int64()))
        if is_number(column):
            fields.append(pa.field(f"__sum_{column.name}", _sum_type(column.type)))
    return pa.schema(fields)


def _sum_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_decimal(kind):
        return pa.decimal128(38, kind.scale)
    return pa.int64() if pa.types.is_integer(kind) else FIXED_POINT


def figures_of(
    raw: Sequence[pa.Array], measured: Sequence[Column], dataset: str, *, has_halves: bool
) -> list[pa.Array]:
    """count(*), then counts and sums: sums of integers as decimals, so that merging cannot wrap around.

    Sums come as int64 in units of the last digit, or as exact decimals or their texts. Those of floating-point columns
    come, if `has_halves`, as the sum of whole parts and then that of the billionths, both int64.

    Raises:
        Integrity: a value or a sum does not fit.
    """
    figures = [raw[0]]
    place = 1
    for column in measured:
        figures.append(raw[place])
        place += 1
        if not is_number(column):
            continue
        width = 2 if has_halves and pa.types.is_floating(column.type) else 1
        sums, misfits = raw[place : place + width], raw[place + width]
        place += width + 1
        if pc.any(pc.not_equal(misfits, 0)).as_py():
            raise Integrity(f"{dataset}.{column.name}: a value does not fit the declared type", code="source.value")
        figures.append(_joined(*sums) if width > 1 else _exact(sums[0], column, dataset))
    return figures


def _joined(whole: pa.Array, billionths: pa.Array) -> pa.Array:
    """19 digits and 9 behind them: the sum has one more."""
    units = whole.cast(pa.decimal128(19, 0)).cast(pa.decimal128(28, FIXED_POINT.scale))
    return pc.add(units, shifted(billionths, pa.decimal128(28, FIXED_POINT.scale))).cast(FIXED_POINT)


def _exact(total: pa.Array, column: Column, dataset: str) -> pa.Array:
    kind = FIXED_POINT if pa.types.is_floating(column.type) else pa.decimal128(38, getattr(column.type, "scale", 0))
    if pa.types.is_integer(total.type):
        return shifted(total, kind)
    try:
        return decimals(total, kind)
    except pa.ArrowException:
        raise Integrity(f"{dataset}.{column.name}: a sum does not fit 38 digits", code="source.value") from None


def groups_as(schema: pa.Schema, merged: pa.Table | None, *, dataset: str) -> Iterator[pa.RecordBatch]:
    """The merged groups in their final types, in batches.

    Raises:
        Integrity: a sum does not fit.
    """
    if merged is None:
        return
    try:
        table = merged.cast(schema)
    except pa.ArrowException:
        raise Integrity(f"{dataset}: a sum does not fit 64 bits", code="source.value") from None
    yield from table.to_batches(max_chunksize=BATCH_ROWS)
