"""Builders of scans, and what they must deliver, computed row by row in plain Python."""

from __future__ import annotations

import decimal
import operator
from collections.abc import Callable, Mapping, Sequence

import pyarrow as pa

from gateway.ports import Source
from gateway.terms.dataset import Column
from gateway.terms.plan import GuardedScan, Measure, Scan
from gateway.terms.policy import Follow
from gateway.terms.predicate import And, Compare, IsNull, Not, OneOf, Or, Predicate
from gateway.terms.streams import RawStream, Tally
from tests.conformance.tables import SOURCE, Rows


def scan_of(
    table: Rows,
    *names: str,
    name: str = "t",
    aux: Sequence[str] = (),
    rows: Predicate | None = None,
    pushed: Predicate | None = None,
    follow: Follow | None = None,
) -> Scan:
    return Scan(
        id="__scan_1",
        dataset=f"{SOURCE}.{name}",
        source=SOURCE,
        table=(name,),
        columns=tuple(table.column(n) for n in names),
        aux_columns=tuple(table.column(n) for n in aux),
        rows=rows,
        follow=follow,
        pushed=pushed,
    )


def guarded_of(
    scan: Scan,
    *,
    subject: str,
    dimensions: Sequence[str] = (),
    measured: Sequence[str] = (),
    keep: Predicate | None = None,
) -> GuardedScan:
    measures = [Measure(name=f"__measure_{i}", function="sum", column=c) for i, c in enumerate(measured)]
    return GuardedScan(scan=scan, subject=subject, dimensions=tuple(dimensions), measures=tuple(measures), filter=keep)


def follow_of(column: str, predicate: Predicate, *, table: str = "people", key: str = "id") -> Follow:
    return Follow(
        column=column, dataset=f"{SOURCE}.{table}", table=(table,), source=SOURCE, key=key, predicate=predicate
    )


def read(stream: RawStream) -> list[dict[str, object]]:
    with stream:
        rows = []
        for batch in stream:
            assert batch.schema == stream.schema
            batch.validate(full=True)
            rows += batch.to_pylist()
        return rows


def scanned(source: Source, scan: Scan, deadline: float, tally: Tally | None = None) -> list[dict[str, object]]:
    session = source.session(receipt="r_test", deadline=deadline, tally=tally or Tally())
    try:
        return read(session.scan(scan))
    finally:
        session.close()


def as_set(rows: Sequence[Mapping[str, object]]) -> list[tuple[object, ...]]:
    """Rows in an order of their own: a source has none."""
    return sorted((tuple(row.values()) for row in rows), key=repr)


_OPERATORS: Mapping[str, Callable[[object, object], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def truth(predicate: Predicate, row: Mapping[str, object]) -> bool | None:
    """SQL's three values, in plain Python: the oracle."""
    match predicate:
        case Compare(column, op, value):
            cell = row[column]
            if cell is None:
                return None
            if isinstance(cell, str) and isinstance(value, str):
                return _OPERATORS[op](cell.encode(), value.encode())
            return _OPERATORS[op](cell, value)
        case OneOf(column, values):
            return None if row[column] is None else row[column] in values
        case IsNull(column):
            return row[column] is None
        case Not(part):
            inner = truth(part, row)
            return None if inner is None else not inner
        case And(parts):
            verdicts = [truth(part, row) for part in parts]
            return False if False in verdicts else None if None in verdicts else True
        case Or(parts):
            verdicts = [truth(part, row) for part in parts]
            return True if True in verdicts else None if None in verdicts else False


def grouped(rows: Sequence[Mapping[str, object]], guarded: GuardedScan) -> dict[tuple[object, ...], dict[str, object]]:
    """Stage 1 of a guarded aggregate, in plain Python."""
    measured = [c for c in guarded.scan.columns if c.name in {m.column for m in guarded.measures}]
    groups: dict[tuple[object, ...], dict[str, object]] = {}
    for row in rows:
        if row[guarded.subject] is None:
            continue
        key = (*(row[d] for d in guarded.dimensions), row[guarded.subject])
        figures = groups.setdefault(key, {"__rows": 0, **{f"__count_{c.name}": 0 for c in measured}})
        figures["__rows"] += 1  # type: ignore[operator]
        for measure in measured:
            _add(figures, measure, row[measure.name])
    return groups


def _add(figures: dict[str, object], column: Column, value: object) -> None:
    is_number = not (pa.types.is_string(column.type) or pa.types.is_date(column.type))
    if is_number:
        figures.setdefault(f"__sum_{column.name}", None)
    if value is None:
        return
    if isinstance(value, float):
        value = decimal.Decimal(repr(value)).quantize(decimal.Decimal("1e-9"))
    figures[f"__count_{column.name}"] += 1  # type: ignore[operator]
    if is_number:
        so_far = figures[f"__sum_{column.name}"]
        figures[f"__sum_{column.name}"] = value if so_far is None else so_far + value  # type: ignore[operator]
