"""Stage 2 of a guarded aggregate: from one row per group and data subject to released groups."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from gateway.errors import Exhausted, Integrity
from gateway.protection.suppression import Entries, grid, number_cells, shown_cells
from gateway.terms.dataset import Column
from gateway.terms.mask_spec import family_of
from gateway.terms.plan import FIXED_POINT, GuardedScan, Measure
from gateway.terms.streams import RawStream, ReleasedStream

FLOOR: Final = 5
"""Distinct subjects; no setting may go below."""
MAX_STATE_BYTES: Final = 512 << 20
"""Arrow bytes of stage 1: about 8 million groups × subjects with two measures."""

_WIDE_DIGITS: Final = 76
"""decimal256 holds any sum of 2^63 values of 38 digits, so summing cannot wrap."""


def release(
    raw: RawStream, guarded: GuardedScan, *, threshold: int, max_state_bytes: int = MAX_STATE_BYTES
) -> ReleasedStream:
    """Release the groups that have enough distinct data subjects, and whose absence hides enough of them.

    A group has at least `threshold` subjects, and nobody or at least `threshold` of them contribute to each measured
    column. Where totals minus the other groups would tell fewer, the smallest group that adds to them is suppressed
    too. So the set of released groups depends on who is in suppressed ones and who contributes there, but on no value
    of theirs, and what is said of a released group depends on its own rows alone.

    Columns: the dimensions in order, then each measure by its name: counts int64, avg float64, and sum as
    decimal128(38, scale), int64 or float64 after its column. Nulls are left out as in SQL: a sum or average of
    nothing is null. Rows are sorted by the dimensions, nulls last. Without dimensions there is one row, or none when
    it is suppressed, like over an empty dataset. Several rows of one group and subject are merged.

    Args:
        raw: stage 1 as ports.Source.group describes it; it is closed when the released stream is, or was read.
        max_state_bytes: what stage 1 may weigh; state is one row per group and subject.

    Raises:
        Integrity: a threshold below FLOOR, another schema than described, or a sum that does not fit its type.
        Exhausted: `memory`, while reading.
    """
    if threshold < FLOOR:
        raise Integrity(f"a threshold of {threshold} data subjects is below the floor of {FLOOR}")
    if not _is_stage_one(raw.schema, guarded):
        raise Integrity("a source delivered another schema than a guarded scan has")
    schema = _released_schema(guarded)
    return ReleasedStream(
        schema, _released(raw, guarded, schema, threshold=threshold, limit=max_state_bytes), close=raw.close
    )


def _measured(guarded: GuardedScan) -> tuple[Column, ...]:
    return guarded.scan.columns[len(guarded.dimensions) :]


def _is_stage_one(schema: pa.Schema, guarded: GuardedScan) -> bool:
    """Whether names, order and types are as described; the subject's type is the source's business."""
    dimensions = guarded.scan.columns[: len(guarded.dimensions)]
    if tuple(column.name for column in dimensions) != guarded.dimensions:
        raise Integrity("a guarded scan reads other dimensions than it groups by")
    expected: list[tuple[str, pa.DataType | None]] = [(column.name, column.type) for column in dimensions]
    expected += [("__subject", None), ("__rows", pa.int64())]
    for column in _measured(guarded):
        expected += [(f"__count_{column.name}", pa.int64()), (f"__sum_{column.name}", _sum_type(column))]
    return len(schema) == len(expected) and all(
        field.name == name and (kind is None or field.type == kind)
        for field, (name, kind) in zip(schema, expected, strict=True)
    )


def _sum_type(column: Column) -> pa.DataType:
    match family_of(column.type):
        case "decimal":
            return pa.decimal128(38, column.type.scale)
        case "integer":
            return pa.int64()
        case "float":
            return FIXED_POINT
        case _:
            raise Integrity(f"column {column.name} is no number and cannot be summed")


def _released_schema(guarded: GuardedScan) -> pa.Schema:
    columns = {column.name: column for column in guarded.scan.columns}
    fields = [pa.field(name, columns[name].type) for name in guarded.dimensions]
    for measure in guarded.measures:
        match measure.function:
            case "sum":
                column = columns[measure.column or ""]
                kind = pa.float64() if pa.types.is_floating(column.type) else _sum_type(column)
            case "avg":
                kind = pa.float64()
            case "count_rows" | "count_values" | "count_subjects":
                kind = pa.int64()
        fields.append(pa.field(measure.name, kind))
    return pa.schema(fields)


def _released(
    raw: RawStream, guarded: GuardedScan, schema: pa.Schema, *, threshold: int, limit: int
) -> Iterator[pa.RecordBatch]:
    table = _read(raw, limit=limit)
    try:
        groups = _groups(table, guarded, threshold=threshold)
        order = [(name, "ascending", "at_end") for name in guarded.dimensions]
        if order:
            groups = groups.take(pc.sort_indices(groups, sort_keys=order))
        columns = [groups[name] for name in guarded.dimensions]
        columns += [_figure(groups, measure, schema.field(measure.name).type) for measure in guarded.measures]
        arrays = [_rebuilt(column, field.type) for column, field in zip(columns, schema, strict=True)]
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        # Arrow's own text may quote the value that did not fit.
        raise Integrity("a sum of a guarded aggregate does not fit its type") from None
    yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _read(raw: RawStream, *, limit: int) -> pa.Table:
    """All of stage 1, without rows that are about nobody."""
    batches: list[pa.RecordBatch] = []
    weight = 0
    with raw:
        for batch in raw:
            kept = batch.filter(pc.is_valid(batch["__subject"]))
            weight += kept.nbytes
            if weight > limit:
                raise Exhausted(
                    "too many groups and data subjects for one aggregate", code="memory", fix="group by fewer columns"
                )
            batches.append(kept)
    table = pa.Table.from_batches(batches, schema=raw.schema)
    if any(table[name].null_count for name in table.column_names if name.startswith(("__rows", "__count_"))):
        raise Integrity("a source delivered a group without a count")
    return table


def _groups(table: pa.Table, guarded: GuardedScan, *, threshold: int) -> pa.Table:
    """One row per shown group: its dimensions, distinct subjects, and the sum of every figure."""
    # By name: the order in which dimensions are asked for must not choose which cells are hidden.
    names = sorted(guarded.dimensions)
    ranks = np.array([_ranks(table[name]) for name in names], dtype=np.int64).reshape(len(names), table.num_rows)
    cell, example = number_cells(ranks)
    counted = [np.ones(table.num_rows, dtype=np.bool_)]
    counted += [table[f"__count_{column.name}"].to_numpy() > 0 for column in _measured(guarded)]
    entries = Entries(cell=cell, subject=_codes(table["__subject"])[0], counted=np.stack(counted))
    cells = grid(entries, ranks[:, example])
    shown = shown_cells(cells, threshold=threshold)
    groups = _summed(table.append_column("__cell", pa.array(cell)), guarded)
    number = groups["__cell"].to_numpy()
    groups = groups.append_column("__subjects", pa.array(cells.counts[0][number]))
    for name in guarded.dimensions:
        groups = groups.append_column(name, table[name].take(pa.array(example[number])))
    return groups.filter(pa.array(shown[number]))


def _codes(column: pa.ChunkedArray) -> tuple[NDArray[np.int64], pa.Array]:
    """A number for each row, and the value that each number stands for; null is a value."""
    encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
    return encoded.indices.to_numpy().astype(np.int64), encoded.dictionary


def _ranks(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """The place of each row's value among the column's values, nulls last."""
    codes, values = _codes(column)
    rank = np.empty(len(values), dtype=np.int64)
    rank[pc.array_sort_indices(values, null_placement="at_end").to_numpy()] = np.arange(len(values))
    return rank[codes]


def _summed(table: pa.Table, guarded: GuardedScan) -> pa.Table:
    """The sum of every figure, by cell."""
    figures = ["__rows"]
    for column in _measured(guarded):
        figures += [f"__count_{column.name}", f"__sum_{column.name}"]
    for name in figures:
        table = table.set_column(table.column_names.index(name), name, _widened(table[name]))
    return table.group_by("__cell", use_threads=False).aggregate([(name, "sum") for name in figures])


def _widened(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """decimal256: hash_sum of int64 and decimal128 wraps around without a word."""
    if pa.types.is_integer(column.type):
        column = column.cast(pa.decimal128(38, 0))
    return column.cast(pa.decimal256(_WIDE_DIGITS, column.type.scale))


def _figure(groups: pa.Table, measure: Measure, kind: pa.DataType) -> pa.ChunkedArray:
    match measure.function:
        case "count_rows":
            return groups["__rows_sum"].cast(kind)
        case "count_subjects":
            return groups["__subjects"]
        case "count_values":
            return groups[f"__count_{measure.column}_sum"].cast(kind)
    total, count = groups[f"__sum_{measure.column}_sum"], groups[f"__count_{measure.column}_sum"].cast(pa.int64())
    total = pc.if_else(pc.greater(count, 0), total, pa.scalar(None, total.type))
    if measure.function == "sum" and not pa.types.is_floating(kind):
        return total.cast(kind)
    parts = count.to_pylist() if measure.function == "avg" else [1] * len(count)
    means = [_quotient(*pair) for pair in zip(total.to_pylist(), parts, strict=True)]
    return pa.chunked_array([means], type=kind)


def _quotient(total: Decimal | None, count: int) -> float | None:
    """Rounded once: Arrow's cast from decimal to double is not the nearest double."""
    return None if total is None else float(Fraction(total) / count)


def _rebuilt(column: pa.ChunkedArray, kind: pa.DataType) -> pa.Array:
    """A copy by value: buffers of a filtered array still hold bytes of what was filtered out."""
    return pa.array(column.to_pylist(), type=kind)
