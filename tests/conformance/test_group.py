"""What every adapter's `group` keeps to: the same groups as a plain Python loop."""

from __future__ import annotations

import decimal
import random
from collections.abc import Sequence

import pyarrow as pa
import pytest

from gateway.errors import Integrity
from gateway.terms.plan import FIXED_POINT
from gateway.terms.predicate import And, Compare, IsNull, Not, OneOf, Or, Predicate
from gateway.terms.streams import Tally
from tests.conformance.plans import follow_of, grouped, guarded_of, read, scan_of, truth
from tests.conformance.tables import Adapter, Rows, column

D = decimal.Decimal
_random = random.Random(7)
_REGIONS: Sequence[object] = ["DE", "de", "FR", None, ""]

PAYMENTS = Rows(
    (
        column("subject", "int64"),
        column("region", "string"),
        column("active", "bool"),
        column("amount", "decimal"),
        column("pieces", "int64"),
        column("score", "float64"),
        column("shop", "string"),
        column("day", "date"),
    ),
    [
        (
            _random.choice([None, *range(40)]),
            _random.choice(_REGIONS),
            _random.choice([True, False, None]),
            _random.choice([None, D(_random.randrange(-(10**6), 10**6)) / 100]),
            _random.choice([None, _random.randrange(-1000, 1000)]),
            _random.choice([None, _random.randrange(-8, 8) / 4]),
            _random.choice(["Penny", "penny", None]),
            None,
        )
        for _ in range(3_000)
    ],
)
MEASURED = ["amount", "pieces", "score", "shop", "day"]

FILTERS: list[tuple[Predicate | None, Predicate | None]] = [
    (None, None),
    (Compare("region", "=", "DE"), None),
    (None, OneOf("region", ("DE", "FR"))),
    (Compare("active", "=", True), OneOf("region", ("de",))),
    (Not(IsNull("amount")), None),
    (Or((Compare("pieces", ">", 100), Compare("amount", "<", D("0.00")))), Compare("region", "=", "FR")),
]


@pytest.mark.parametrize("dimensions", [["region"], ["region", "active"], []])
@pytest.mark.parametrize(("rows", "keep"), FILTERS)
def test_groups_are_those_of_a_plain_loop(
    adapter: Adapter, deadline: float, dimensions: list[str], rows: Predicate | None, keep: Predicate | None
) -> None:
    adapter.create("t", PAYMENTS)
    carried = [*dimensions, *MEASURED]
    aux = [n for n in ("subject", "region", "active") if n not in carried]
    guarded = guarded_of(
        scan_of(PAYMENTS, *carried, aux=aux, rows=rows),
        subject="subject",
        dimensions=dimensions,
        measured=MEASURED,
        keep=keep,
    )
    both = And(tuple(p for p in (rows, keep) if p)) if rows or keep else None
    kept = [row for row in PAYMENTS.dicts() if both is None or truth(both, row)]
    tally = Tally()
    got = read(adapter.source().session(receipt="r_test", deadline=deadline, tally=tally).group(guarded))
    want = grouped(kept, guarded)
    names = [*dimensions, "__subject"]
    assert len(got) == len(want)
    assert {tuple(row[n] for n in names): {k: v for k, v in row.items() if k not in names} for row in got} == want
    assert tally.rejected_rows == 0


def test_groups_have_the_types_of_the_port(adapter: Adapter, deadline: float) -> None:
    adapter.create("t", PAYMENTS)
    scan = scan_of(PAYMENTS, "region", *MEASURED, aux=["subject"])
    guarded = guarded_of(scan, subject="subject", dimensions=["region"], measured=MEASURED)
    stream = adapter.source().session(receipt="r_test", deadline=deadline, tally=Tally()).group(guarded)
    stream.close()
    assert list(zip(stream.schema.names, stream.schema.types, strict=True)) == [
        ("region", pa.string()),
        ("__subject", pa.int64()),
        ("__rows", pa.int64()),
        ("__count_amount", pa.int64()),
        ("__sum_amount", pa.decimal128(38, 2)),
        ("__count_pieces", pa.int64()),
        ("__sum_pieces", pa.int64()),
        ("__count_score", pa.int64()),
        ("__sum_score", FIXED_POINT),
        ("__count_shop", pa.int64()),
        ("__count_day", pa.int64()),
    ]


def test_sums_of_decimals_are_exact(adapter: Adapter, deadline: float) -> None:
    table = Rows((column("s", "int64"), column("v", "decimal")), [(1, D("0.10"))] * 10_007)
    adapter.create("t", table)
    guarded = guarded_of(scan_of(table, "v", aux=["s"]), subject="s", measured=["v"])
    (row,) = read(adapter.source().session(receipt="r_test", deadline=deadline, tally=Tally()).group(guarded))
    assert row == {"__subject": 1, "__rows": 10_007, "__count_v": 10_007, "__sum_v": D("1000.70")}


def test_sums_of_floats_are_exact_whatever_their_order(adapter: Adapter, deadline: float) -> None:
    """Added up as floats, the last digits would tell in which order the rows lie."""
    values = [1e6, 0.1, -1e14, 0.7, 1e-3, 0.1 + 0.2, 98765.432109876, -2.5] * 500 + [1e14] * 500
    total = sum((D(repr(value)).quantize(D("1e-9")) for value in values), start=D(0))
    orders = {"t": values, "u": values[::-1], "v": _random.sample(values, len(values))}
    tables = {
        name: Rows((column("s", "int64"), column("v", "float64")), [(1, value) for value in order])
        for name, order in orders.items()
    }
    for name, table in tables.items():
        adapter.create(name, table)
    for name, table in tables.items():
        guarded = guarded_of(scan_of(table, "v", name=name, aux=["s"]), subject="s", measured=["v"])
        (row,) = read(adapter.source().session(receipt="r_test", deadline=deadline, tally=Tally()).group(guarded))
        assert row["__sum_v"] == total


def test_a_float_that_has_no_billionths_is_refused(adapter: Adapter, deadline: float) -> None:
    odd_ones = [1e15, -1e15, 1e308, *(value for value in adapter.odd_floats if value != 0)]
    tables = {
        f"t{place}": Rows((column("s", "int64"), column("v", "float64")), [(1, 0.5), (1, odd)])
        for place, odd in enumerate(odd_ones)
    }
    for name, table in tables.items():
        adapter.create(name, table)
    for name, table in tables.items():
        scan = scan_of(table, "v", name=name, aux=["s"])
        stream = adapter.source().session(receipt="r_test", deadline=deadline, tally=Tally())
        with pytest.raises(Integrity, match="does not fit"):
            read(stream.group(guarded_of(scan, subject="s", measured=["v"])))


def test_a_sum_beyond_64_bits_is_refused(adapter: Adapter, deadline: float) -> None:
    table = Rows((column("s", "int64"), column("v", "int64")), [(1, 2**63 - 1), (1, 1)])
    adapter.create("t", table)
    guarded = guarded_of(scan_of(table, "v", aux=["s"]), subject="s", measured=["v"])
    with pytest.raises(Integrity, match="64 bits"):
        read(adapter.source().session(receipt="r_test", deadline=deadline, tally=Tally()).group(guarded))


def test_an_empty_table_has_no_group(adapter: Adapter, deadline: float) -> None:
    table = Rows((column("s", "int64"), column("v", "int64")), [])
    adapter.create("t", table)
    guarded = guarded_of(scan_of(table, "v", aux=["s"]), subject="s", measured=["v"])
    assert read(adapter.source().session(receipt="r_test", deadline=deadline, tally=Tally()).group(guarded)) == []


def test_groups_follow_the_rows_of_another_dataset(adapter: Adapter, deadline: float) -> None:
    people = Rows(
        (column("id", "int64"), column("region", "string")), [(i, "DE" if i % 2 else "FR") for i in range(40)]
    )
    adapter.create("people", people)
    adapter.create("t", PAYMENTS)
    scan = scan_of(PAYMENTS, "amount", aux=["subject"], follow=follow_of("subject", Compare("region", "=", "DE")))
    guarded = guarded_of(scan, subject="subject", measured=["amount"])
    odd = [row for row in PAYMENTS.dicts() if row["subject"] is not None and row["subject"] % 2]  # type: ignore[operator]
    got = read(adapter.source().session(receipt="r_test", deadline=deadline, tally=Tally()).group(guarded))
    assert {(row["__subject"],): row["__sum_amount"] for row in got} == {
        key: figures["__sum_amount"] for key, figures in grouped(odd, guarded).items()
    }


def test_a_guarded_scan_takes_no_pushed_predicate(adapter: Adapter, deadline: float) -> None:
    adapter.create("t", PAYMENTS)
    scan = scan_of(PAYMENTS, "amount", aux=["subject"], pushed=Compare("subject", "=", 1))
    with pytest.raises(Integrity):
        read(
            adapter.source()
            .session(receipt="r_test", deadline=deadline, tally=Tally())
            .group(guarded_of(scan, subject="subject"))
        )


def test_a_dimension_that_is_not_carried_is_refused(adapter: Adapter, deadline: float) -> None:
    adapter.create("t", PAYMENTS)
    scan = scan_of(PAYMENTS, "amount", aux=["subject"])
    with pytest.raises(Integrity, match="does not carry region"):
        adapter.source().session(receipt="r_test", deadline=deadline, tally=Tally()).group(
            guarded_of(scan, subject="subject", dimensions=["region"])
        )
