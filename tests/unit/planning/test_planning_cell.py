"""One text for one set of rows, however it was spelled; another for another."""

from __future__ import annotations

import dataclasses
import datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from gateway.planning import cell_text
from gateway.terms.dataset import Column
from gateway.terms.plan import GuardedScan, Scan
from gateway.terms.policy import Follow
from gateway.terms.predicate import And, Compare, IsNull, Not, OneOf, Or, Predicate, Scalar

A, B = Compare("region", "=", "a"), Compare("segment", "=", "b")


def guarded(filter_: Predicate | None, *, rows: Predicate | None = None, follow: Follow | None = None) -> GuardedScan:
    scan = Scan(
        id="__scan_1",
        dataset="core.customers",
        source="core",
        table=("customers",),
        columns=(Column(name="region", type=pa.string(), classification="public"),),
        aux_columns=(),
        rows=rows,
        follow=follow,
        pushed=None,
    )
    return GuardedScan(scan=scan, subject="customer_id", dimensions=("region",), measures=(), filter=filter_)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (A, OneOf("region", ("a",))),
        (OneOf("region", ("a", "b")), OneOf("region", ("b", "a", "b"))),
        (And((A, B)), And((B, A))),
        (And((A, B)), And((A, And((B, A))))),
        (And((A,)), A),
        (And((OneOf("region", ("a", "b")), OneOf("region", ("a", "c")))), A),
        (Or((A, B)), Or((B, Or((A,)), B))),
        (Compare("income", "=", Decimal("1.50")), Compare("income", "=", Decimal("1.5"))),
        (Compare("income", "=", Decimal("0.00")), Compare("income", "=", Decimal("-0"))),
        (Compare("rate", "<", 0.0), Compare("rate", "<", -0.0)),
        (
            Compare("t", "=", datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)),
            Compare("t", "=", datetime.datetime(2024, 1, 1, 2, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))),
        ),
    ],
)
def test_spellings_of_one_cell_have_one_text(one: Predicate, other: Predicate) -> None:
    assert cell_text(guarded(one)) == cell_text(guarded(other))
    assert cell_text(guarded(None, rows=one)) == cell_text(guarded(None, rows=other))


VALUES: list[Scalar] = [
    Decimal("1234567890123456789012345678901234567.1"), Decimal("1234567890123456789012345678901234567.2"),
    Decimal(100),
    True, 1, 1.0, Decimal(1), "1", "True", datetime.date(2024, 1, 1), "2024-01-01",
    datetime.datetime(2024, 1, 1),  # noqa: DTZ001  # a column without a zone
    datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC),
]  # fmt: skip


def test_cells_that_differ_have_different_texts() -> None:
    follow = Follow(column="c", dataset="core.customers", table=("t",), source="core", key="c", predicate=A)
    cells = [
        guarded(None),
        guarded(A),
        guarded(B),
        guarded(None, rows=A),
        guarded(A, rows=A),
        guarded(None, follow=follow),
        guarded(None, follow=dataclasses.replace(follow, predicate=B)),
        guarded(Or((A, B))),
        guarded(And((A, B))),
        guarded(Not(A)),
        guarded(IsNull("region")),
        guarded(Compare("region", "<", "a")),
        guarded(Compare("region", "<=", "a")),
        guarded(And((A, Compare("region", "=", "z")))),
        *(guarded(Compare("region", "=", value)) for value in VALUES),
    ]
    texts = [cell_text(cell) for cell in cells]
    assert len(set(texts)) == len(texts)


def test_the_dataset_is_part_of_the_text() -> None:
    cell = guarded(A)
    other = dataclasses.replace(cell, scan=dataclasses.replace(cell.scan, dataset="core.loans"))
    assert cell_text(cell) != cell_text(other)


def test_dimensions_and_measures_are_not() -> None:
    assert cell_text(guarded(A)) == cell_text(dataclasses.replace(guarded(A), dimensions=()))
