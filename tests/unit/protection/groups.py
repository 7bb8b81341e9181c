"""Guarded scans, stage 1 as a source gives it, and a plain Python oracle."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pyarrow as pa

from gateway.terms.dataset import Column
from gateway.terms.plan import FIXED_POINT, Function, GuardedScan, Measure, Scan
from gateway.terms.streams import RawStream

SUM_TYPES = {"income": pa.decimal128(38, 2), "visits": pa.int64(), "rate": FIXED_POINT}
TYPES = {
    "region": pa.string(),
    "segment": pa.string(),
    "born": pa.date32(),
    "income": pa.decimal128(12, 2),
    "visits": pa.int32(),
    "rate": pa.float64(),
}
ALL: tuple[tuple[Function, str | None], ...] = (
    ("count_rows", None),
    ("count_subjects", None),
    ("count_values", "income"),
    ("sum", "income"),
    ("avg", "income"),
    ("sum", "visits"),
    ("sum", "rate"),
    ("avg", "rate"),
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the dataset."""

    subject: int | None
    region: str | None = "DE"
    segment: str | None = "retail"
    income: Decimal | None = None
    visits: int | None = None
    rate: float | None = None


def guarded(
    dimensions: Sequence[str] = ("region",), measures: Sequence[tuple[Function, str | None]] = ALL
) -> GuardedScan:
    measured = dict.fromkeys(column for _, column in measures if column is not None)
    columns = tuple(Column(name=n, type=TYPES[n], classification="public") for n in (*dimensions, *measured))
    return GuardedScan(
        scan=Scan(
            id="__scan_1",
            dataset="core.customers",
            source="core",
            table=("customers",),
            columns=columns,
            aux_columns=(Column(name="customer_id", type=pa.int64(), classification="direct_identifier"),),
            rows=None,
            follow=None,
            pushed=None,
        ),
        subject="customer_id",
        dimensions=tuple(dimensions),
        measures=tuple(Measure(name=f"__measure_{i}", function=f, column=c) for i, (f, c) in enumerate(measures, 1)),
        filter=None,
    )


def schema_of(scan: GuardedScan) -> pa.Schema:
    fields = [(name, TYPES[name]) for name in scan.dimensions] + [("__subject", pa.int64()), ("__rows", pa.int64())]
    for column in scan.scan.columns[len(scan.dimensions) :]:
        fields += [(f"__count_{column.name}", pa.int64()), (f"__sum_{column.name}", SUM_TYPES[column.name])]
    return pa.schema(fields)


def stage_one(rows: Iterable[Row], scan: GuardedScan) -> list[dict[str, object]]:
    """One partial row for each row of the dataset: a source may merge them or not."""
    measured = [column.name for column in scan.scan.columns[len(scan.dimensions) :]]
    return [
        {
            **{name: getattr(row, name) for name in scan.dimensions},
            "__subject": row.subject,
            "__rows": 1,
            **{f"__count_{name}": int(getattr(row, name) is not None) for name in measured},
            **{f"__sum_{name}": addend(getattr(row, name)) for name in measured},
        }
        for row in rows
    ]


def addend(value: object) -> object:
    """As a source adds it up: a floating-point number in billionths."""
    return Decimal(repr(value)).quantize(Decimal("1e-9")) if isinstance(value, float) else value


def stream(records: list[dict[str, object]], scan: GuardedScan, *, batch: int = 7) -> RawStream:
    schema = schema_of(scan)

    def batches() -> Iterator[pa.RecordBatch]:
        for start in range(0, len(records), batch):
            yield pa.RecordBatch.from_pylist(records[start : start + batch], schema=schema)

    return RawStream(schema, batches())


def oracle(rows: Iterable[Row], scan: GuardedScan, *, threshold: int) -> list[tuple[object, ...]]:
    """SQL's group by, by hand."""
    groups: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        if row.subject is not None:
            groups.setdefault(tuple(getattr(row, name) for name in scan.dimensions), []).append(row)
    shown = {key: group for key, group in groups.items() if len({row.subject for row in group}) >= threshold}
    ordered = sorted(shown, key=lambda key: [(value is None, value if value is not None else 0) for value in key])
    return [(*key, *(_figure(measure, shown[key]) for measure in scan.measures)) for key in ordered]


def _figure(measure: Measure, group: Sequence[Row]) -> object:
    given = [value for row in group if measure.column and (value := getattr(row, measure.column)) is not None]
    values: list[Any] = [addend(value) for value in given]
    total = sum(values[1:], start=values[0]) if values else None
    match measure.function:
        case "count_rows":
            return len(group)
        case "count_subjects":
            return len({row.subject for row in group})
        case "count_values":
            return len(values)
        case "sum":
            return float(total) if total is not None and isinstance(given[0], float) else total
        case "avg":
            return None if total is None else float(Fraction(total) / len(values))


def table(batches: Iterable[pa.RecordBatch]) -> Mapping[str, list[object]]:
    merged = pa.Table.from_batches(list(batches))
    return {name: merged[name].to_pylist() for name in merged.column_names}
