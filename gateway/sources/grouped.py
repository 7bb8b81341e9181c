"""Groups of a plain scan (ports.SourceSession.aggregate): from what a statement delivers to parts of groups.

A part of a group is a row of keys and figures; the reader puts parts together, so a row of the table is one too. What a
source cannot group exactly is delivered that way. Parts that differ only in what a row filter reads are merged here:
nobody behind the gateway learns how a group falls apart by columns that were not asked for.
"""

from __future__ import annotations

import decimal
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from gateway.errors import Integrity
from gateway.sources.convert import decimals, declared, shifted
from gateway.sources.evaluate import passes
from gateway.terms.dataset import Column
from gateway.terms.plan import Figure, GroupedScan, Partial

MAX_GROUPS: Final = 250_000
"""Groups that are held to be merged, some 100 MB; of more the rows are read."""
_PENDING_ROWS: Final = 1 << 16
_MERGED_BY: Final[Mapping[Partial, str]] = MappingProxyType(
    {"rows": "sum", "count": "sum", "sum": "sum", "min": "min", "max": "max"}
)
_HALF: Final = pa.scalar(decimal.Decimal(1 << 32), pa.decimal128(10, 0))


def grouped_schema(grouped: GroupedScan) -> pa.Schema:
    """Keys in their declared types, then the figures.

    Raises:
        Integrity: the plan's columns are not its keys and figures.
    """
    names = [*grouped.keys, *(figure.name for figure in grouped.figures)]
    if [column.name for column in grouped.columns] != names or grouped.figures[:1] != (_rows(grouped),):
        raise Integrity(f"{grouped.scan.dataset}: a grouped scan is not in order", code="plan")
    return pa.schema([pa.field(column.name, column.type) for column in grouped.columns])


def _rows(grouped: GroupedScan) -> Figure:
    return Figure(name=grouped.figures[0].name, partial="rows", column=None)


def parts_of(
    raw: Sequence[pa.Array],
    grouped: GroupedScan,
    *,
    keys: Sequence[pa.Array],
    schema: pa.Schema,
    halved: bool,
) -> pa.RecordBatch:
    """Parts of groups from what render.parts asked for, behind its keys.

    Raises:
        Integrity: a value or a sum does not fit.
    """
    arrays = [*keys, raw[0].cast(pa.int64())]
    left = iter(raw[1:])
    for figure, column in _measured(grouped):
        dataset = grouped.scan.dataset
        if figure.partial == "count":
            arrays.append(next(left).cast(pa.int64()))
            continue
        if figure.partial == "sum":
            made = _sum([next(left) for _ in range(2 if halved else 1)], column, dataset)
        else:
            made = declared(next(left), column=column, dataset=dataset)
        if pc.any(pc.not_equal(next(left), 0)).as_py():
            raise Integrity(f"{dataset}.{column.name}: a value does not fit the declared type", code="source.value")
        arrays.append(made)
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def rows_as_parts(typed: pa.RecordBatch, grouped: GroupedScan, *, schema: pa.Schema) -> pa.RecordBatch:
    """Each row that the query's WHERE keeps, as a part of its group."""
    if grouped.filter is not None:
        typed = typed.filter(passes(grouped.filter, typed))
    arrays = [typed.column(name) for name in grouped.keys]
    arrays.append(pa.repeat(pa.scalar(1, pa.int64()), typed.num_rows))
    for figure, column in _measured(grouped):
        cells = typed.column(column.name)
        match figure.partial:
            case "count":
                arrays.append(cells.is_valid().cast(pa.int64()))
            case "sum":
                arrays.append(_widened(cells, schema.field(figure.name).type))
            case _:
                arrays.append(cells)
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


class Merged:
    """Parts of groups, joined by the typed values of their keys. Bounded."""

    def __init__(self, grouped: GroupedScan) -> None:
        self._keys = list(grouped.keys)
        self._figures = [(figure.name, _MERGED_BY[figure.partial]) for figure in grouped.figures]
        self._parts: list[pa.Table] = []
        self._waiting = 0
        self.is_over = False
        """Too many groups: they are gone, and what is added is dropped."""

    def add(self, parts: pa.RecordBatch) -> None:
        """Take more parts in."""
        if self.is_over or not parts.num_rows:
            return
        self._parts.append(pa.Table.from_batches([parts]))
        self._waiting += parts.num_rows
        if self._waiting >= max(_PENDING_ROWS, self._parts[0].num_rows):
            self._join()

    def whole(self) -> pa.Table | None:
        """Each group once; None without any."""
        if self._waiting:
            self._join()
        return self._parts[0] if self._parts else None

    def _join(self) -> None:
        table = pa.concat_tables(self._parts)
        joined = table.group_by(self._keys, use_threads=False).aggregate(self._figures)
        made = joined.select([*self._keys, *(f"{name}_{by}" for name, by in self._figures)])
        self._parts, self._waiting = [made.rename_columns(table.column_names).cast(table.schema)], 0
        if made.num_rows > MAX_GROUPS:
            self._parts, self.is_over = [], True


def has_extreme_moments(grouped: GroupedScan) -> bool:
    """Whether it asks for the least or greatest of dates or moments."""
    return any(f.partial in ("min", "max") and pa.types.is_temporal(c.type) for f, c in _measured(grouped))


def _measured(grouped: GroupedScan) -> list[tuple[Figure, Column]]:
    """The figures behind the number of rows, each with what it is of."""
    columns = {column.name: column for column in grouped.scan.columns}
    return [(figure, columns[figure.column or ""]) for figure in grouped.figures[1:]]


def _sum(totals: Sequence[pa.Array], column: Column, dataset: str) -> pa.Array:
    """Sums come as int64 in units of the last digit, in one or in two halves, or as exact decimals, mostly in text."""
    kind = pa.decimal128(38, getattr(column.type, "scale", 0))
    try:
        if len(totals) > 1:
            upper, lower = (shifted(total, pa.decimal128(19, 0)) for total in totals)
            return _rescaled(pc.add(pc.multiply(upper, _HALF), lower).cast(pa.decimal128(38, 0)), kind)
        if pa.types.is_integer(totals[0].type):
            return shifted(totals[0].cast(pa.int64()), kind)
        return decimals(totals[0], kind)
    except pa.ArrowException:
        raise Integrity(f"{dataset}.{column.name}: a sum does not fit 38 digits", code="source.value") from None


def _rescaled(units: pa.Array, kind: pa.Decimal128Type) -> pa.Array:
    """The same 128-bit integers under another scale."""
    return pa.Array.from_buffers(kind, len(units), units.buffers(), units.null_count, units.offset)


def _widened(cells: pa.Array, kind: pa.Decimal128Type) -> pa.Array:
    return shifted(cells.cast(pa.int64()), kind) if pa.types.is_integer(cells.type) else cells.cast(kind)
