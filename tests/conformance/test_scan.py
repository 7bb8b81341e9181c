"""What every adapter's `scan` keeps to."""

from __future__ import annotations

import datetime
import decimal
import threading
import time

import pyarrow as pa
import pytest

from gateway.errors import Exhausted, Integrity, Unavailable, Unsupported
from gateway.terms.predicate import And, Compare, IsNull, Not, OneOf, Operator, Or, Predicate
from gateway.terms.streams import Tally
from tests.conformance.plans import as_set, follow_of, scan_of, scanned, truth
from tests.conformance.tables import Adapter, Rows, column

D = decimal.Decimal
UTC = datetime.UTC


def moment(year: int, microsecond: int = 0) -> datetime.datetime:
    return datetime.datetime(year, 2, 3, 4, 5, 6, microsecond, tzinfo=UTC)


VALUES: dict[str, list[object]] = {
    "int64": [0, -1, 7, 2**63 - 1, -(2**63)],
    "string": ["", "a", "A", "acme", "ACME", "äcme", "acme ", "o'hara", 'x" , ssn --', "a\\b", "日本", "🙂", "\n\t%_"],
    "float64": [0.0, -1.5, 0.1 + 0.2, 1e308, -5e-324, 2.5],
    "decimal": [D("0.00"), D("-0.01"), D("1234.56"), D("9999999999.99"), D("-9999999999.99"), D("0.10")],
    "date": [
        datetime.date(1, 1, 1),
        datetime.date(1969, 12, 31),
        datetime.date(2024, 2, 29),
        datetime.date(9999, 12, 31),
    ],
    "timestamp": [moment(1), moment(1969, 1), moment(2026, 999_999), moment(9999, 123_456), moment(2026)],
    "bool": [True, False],
}


def one_column(kind: str) -> Rows:
    return Rows((column("id", "int64"), column("v", kind)), [*enumerate(VALUES[kind]), (99, None)])


@pytest.mark.parametrize("kind", VALUES)
def test_every_type_is_delivered_exactly(adapter: Adapter, deadline: float, kind: str) -> None:
    table = one_column(kind)
    adapter.create("t", table)
    assert as_set(scanned(adapter.source(), scan_of(table, "id", "v"), deadline)) == as_set(table.dicts())


def test_long_decimals_are_delivered_exactly(adapter: Adapter, deadline: float) -> None:
    values = [D("1234567890123456789012345678.0123456789"), D("-0.0000000001"), None]
    table = Rows((column("v", "wide"),), [(v,) for v in values])
    adapter.create("t", table)
    assert as_set(scanned(adapter.source(), scan_of(table, "v"), deadline)) == as_set(table.dicts())


@pytest.mark.parametrize("kind", VALUES)
def test_a_column_that_begins_with_many_nulls_keeps_its_type(adapter: Adapter, deadline: float, kind: str) -> None:
    table = Rows((column("v", kind),), [(None,)] * 3_000 + [(VALUES[kind][-1],)])
    adapter.create("t", table)
    assert as_set(scanned(adapter.source(), scan_of(table, "v"), deadline)) == as_set(table.dicts())


@pytest.mark.parametrize("kind", VALUES)
def test_an_empty_table_delivers_no_row(adapter: Adapter, deadline: float, kind: str) -> None:
    table = Rows((column("v", kind),), [])
    adapter.create("t", table)
    assert scanned(adapter.source(), scan_of(table, "v"), deadline) == []


def test_columns_come_in_the_order_that_was_asked_for(adapter: Adapter, deadline: float) -> None:
    table = Rows((column("a", "int64"), column("b", "int64"), column("c", "int64")), [(1, 2, 3)])
    adapter.create("t", table)
    stream = (
        adapter.source()
        .session(receipt="r_test", deadline=deadline, tally=Tally())
        .scan(scan_of(table, "c", "a", aux=["b"]))
    )
    with stream:
        (batch,) = stream
    assert batch.schema.names == ["c", "a", "b"]
    assert batch.to_pylist() == [{"c": 3, "a": 1, "b": 2}]


def test_a_column_may_be_released_and_auxiliary_at_once(adapter: Adapter, deadline: float) -> None:
    table = Rows((column("a", "int64"),), [(1,)])
    adapter.create("t", table)
    with (
        adapter.source()
        .session(receipt="r_test", deadline=deadline, tally=Tally())
        .scan(scan_of(table, "a", aux=["a"])) as stream
    ):
        (batch,) = stream
    assert [batch.column(i).to_pylist() for i in range(2)] == [[1], [1]]


def test_a_scan_without_columns_delivers_its_number_of_rows(adapter: Adapter, deadline: float) -> None:
    table = Rows((column("a", "int64"),), [(i,) for i in range(1_000)])
    adapter.create("t", table)
    with adapter.source().session(receipt="r_test", deadline=deadline, tally=Tally()).scan(scan_of(table)) as stream:
        assert stream.schema == pa.schema([pa.field("__row", pa.int8())])
        assert sum(batch.num_rows for batch in stream) == 1_000


def test_a_wide_table_is_delivered(adapter: Adapter, deadline: float) -> None:
    names = [f"c{i}" for i in range(300)]
    table = Rows(tuple(column(n, "int64") for n in names), [tuple(range(300)), tuple(range(300, 600))])
    adapter.create("t", table)
    assert as_set(scanned(adapter.source(), scan_of(table, *names), deadline)) == as_set(table.dicts())


def test_a_hostile_column_name_names_only_itself(adapter: Adapter, deadline: float) -> None:
    hostile = "x' , ssn --"
    table = Rows((column(hostile, "string"), column("ssn", "string")), [("plain", "ZQX-SSN-000042")])
    adapter.create("t", table)
    assert scanned(adapter.source(), scan_of(table, hostile), deadline) == [{hostile: "plain"}]


OPERATORS: list[Operator] = ["=", "<>", "<", "<=", ">", ">="]


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("op", OPERATORS)
def test_a_row_filter_means_the_same_for_every_type(adapter: Adapter, deadline: float, kind: str, op: Operator) -> None:
    table = one_column(kind)
    adapter.create("t", table)
    for value in VALUES[kind]:
        predicate = Compare("v", op, value)  # type: ignore[arg-type]  # values of the column's own type
        assert_same(adapter, table, predicate, deadline)


@pytest.mark.parametrize("kind", VALUES)
def test_one_of_means_the_same_for_every_type(adapter: Adapter, deadline: float, kind: str) -> None:
    table = one_column(kind)
    adapter.create("t", table)
    some = OneOf("v", tuple(VALUES[kind][:2]))  # type: ignore[arg-type]  # values of the column's own type
    assert_same(adapter, table, some, deadline)
    assert_same(adapter, table, Not(some), deadline)


def assert_same(adapter: Adapter, table: Rows, predicate: Predicate, deadline: float) -> None:
    tally = Tally()
    got = scanned(adapter.source(), scan_of(table, "id", aux=["v"], rows=predicate), deadline, tally)
    want = [row for row in table.dicts() if truth(predicate, row)]
    assert as_set(got) == as_set(want), predicate
    assert tally.rejected_rows == 0


A, B = Compare("a", "=", 1), Compare("b", "=", 1)
NULL_LOGIC: list[Predicate] = [
    A,
    Not(A),
    Not(Not(A)),
    IsNull("a"),
    Not(IsNull("a")),
    And((A, B)),
    Or((A, B)),
    Not(And((A, B))),
    Not(Or((A, B))),
    And((A, Not(B))),
    Or((IsNull("a"), B)),
    Not(OneOf("a", (1, 2))),
    And((Or((A, B)), Not(IsNull("b")))),
    And((A,)),
    Or((B,)),
]


@pytest.mark.parametrize("predicate", NULL_LOGIC)
def test_null_is_neither_true_nor_false(adapter: Adapter, deadline: float, predicate: Predicate) -> None:
    states = [None, 0, 1]
    table = Rows((column("a", "int64"), column("b", "int64")), [(a, b) for a in states for b in states])
    adapter.create("t", table)
    got = scanned(adapter.source(), scan_of(table, "a", "b", rows=predicate), deadline)
    assert as_set(got) == as_set([row for row in table.dicts() if truth(predicate, row)])


def test_a_pushed_predicate_leaves_out_rows(adapter: Adapter, deadline: float) -> None:
    table = Rows((column("a", "int64"),), [(i,) for i in range(10)])
    adapter.create("t", table)
    scan = scan_of(table, "a", rows=Compare("a", ">", 2), pushed=Compare("a", "<", 5))
    assert as_set(scanned(adapter.source(), scan, deadline)) == [(3,), (4,)]


PEOPLE = Rows(
    (column("id", "int64"), column("region", "string"), column("income", "decimal"), column("born", "date")),
    [
        (1, "DE", D("100.00"), datetime.date(2000, 1, 1)),
        (2, "FR", D("200.00"), datetime.date(1990, 1, 1)),
        (3, "de", D("300.00"), None),
        (4, None, D("400.00"), datetime.date(1980, 1, 1)),
        (None, "DE", D("500.00"), datetime.date(1970, 1, 1)),
    ],
)
ACCOUNTS = Rows(
    (column("n", "int64"), column("owner", "int64")), [(10, 1), (11, 1), (12, 2), (13, 3), (14, 4), (15, None), (16, 9)]
)

FOLLOWED: list[tuple[Predicate, set[int]]] = [
    (Compare("region", "=", "DE"), {10, 11}),
    (OneOf("region", ("DE", "FR")), {10, 11, 12}),
    (Not(Compare("region", "=", "DE")), {12, 13}),
    (IsNull("region"), {14}),
    (Compare("income", ">=", D("300.00")), {13, 14}),
    (Compare("born", "<", datetime.date(1995, 1, 1)), {12, 14}),
    (And((Compare("region", "=", "DE"), IsNull("born"))), set()),
]


@pytest.mark.parametrize(("predicate", "want"), FOLLOWED)
def test_rows_follow_those_of_another_dataset(
    adapter: Adapter, deadline: float, predicate: Predicate, want: set[int]
) -> None:
    adapter.create("people", PEOPLE)
    adapter.create("t", ACCOUNTS)
    scan = scan_of(ACCOUNTS, "n", aux=["owner"], follow=follow_of("owner", predicate))
    assert {row["n"] for row in scanned(adapter.source(), scan, deadline)} == want


def test_rows_follow_by_text_keys_exactly(adapter: Adapter, deadline: float) -> None:
    people = Rows((column("id", "string"), column("ok", "bool")), [("acme", True), ("ACME", False), ("b ", True)])
    items = Rows(
        (column("n", "int64"), column("owner", "string")), [(1, "acme"), (2, "ACME"), (3, "b"), (4, "b "), (5, None)]
    )
    adapter.create("people", people)
    adapter.create("t", items)
    scan = scan_of(items, "n", aux=["owner"], follow=follow_of("owner", Compare("ok", "=", True)))
    assert {row["n"] for row in scanned(adapter.source(), scan, deadline)} == {1, 4}


def test_a_follow_into_another_source_is_refused(adapter: Adapter, deadline: float) -> None:
    adapter.create("t", ACCOUNTS)
    follow = follow_of("owner", Compare("region", "=", "DE"))
    elsewhere = type(follow)(**{f: getattr(follow, f) for f in follow.__slots__} | {"source": "crm"})
    with pytest.raises(Unsupported, match="another source"):
        scanned(adapter.source(), scan_of(ACCOUNTS, "n", aux=["owner"], follow=elsewhere), deadline)


def test_a_follow_of_a_column_that_is_not_carried_is_refused(adapter: Adapter, deadline: float) -> None:
    adapter.create("people", PEOPLE)
    adapter.create("t", ACCOUNTS)
    with pytest.raises(Integrity, match="does not carry"):
        scanned(adapter.source(), scan_of(ACCOUNTS, "n", follow=follow_of("owner", IsNull("region"))), deadline)


def test_a_row_filter_on_a_column_that_is_not_carried_is_refused(adapter: Adapter, deadline: float) -> None:
    adapter.create("t", ACCOUNTS)
    with pytest.raises(Integrity):
        scanned(adapter.source(), scan_of(ACCOUNTS, "n", rows=Compare("owner", "=", 1)), deadline)


MANY = Rows((column("a", "int64"), column("s", "string")), [(i, "x" * 40) for i in range(150_000)])


def test_batches_are_bounded_in_rows(adapter: Adapter, deadline: float) -> None:
    adapter.create("t", MANY)
    with (
        adapter.source()
        .session(receipt="r_test", deadline=deadline, tally=Tally())
        .scan(scan_of(MANY, "a", "s")) as stream
    ):
        sizes = [batch.num_rows for batch in stream]
    assert sum(sizes) == 150_000
    assert max(sizes) <= 65_536


def test_batches_are_bounded_in_bytes(adapter: Adapter, deadline: float) -> None:
    table = Rows((column("s", "string"),), [("x" * 100_000,)] * 300)
    adapter.create("t", table)
    with (
        adapter.source().session(receipt="r_test", deadline=deadline, tally=Tally()).scan(scan_of(table, "s")) as stream
    ):
        sizes = [batch.nbytes for batch in stream]
    assert len(sizes) > 1
    assert max(sizes) <= 40 << 20


def test_nothing_is_opened_before_the_first_batch_is_asked_for(adapter: Adapter, deadline: float) -> None:
    table = Rows((column("a", "int64"),), [])
    stream = adapter.source().session(receipt="r_test", deadline=deadline, tally=Tally()).scan(scan_of(table, "a"))
    stream.close()
    with pytest.raises(Integrity, match="no such table"):
        scanned(adapter.source(), scan_of(table, "a"), deadline)


def test_reading_past_the_deadline_ends_in_exhausted(adapter: Adapter) -> None:
    adapter.create("t", MANY)
    stream = (
        adapter.source()
        .session(receipt="r_test", deadline=time.monotonic() + 0.05, tally=Tally())
        .scan(scan_of(MANY, "a"))
    )
    with stream, pytest.raises(Exhausted) as caught:
        next(iter(stream))
        time.sleep(0.1)
        list(stream)
    assert caught.value.code == "exhausted.time"


def test_a_closed_stream_never_looks_like_one_that_ended(adapter: Adapter, deadline: float) -> None:
    adapter.create("t", MANY)
    stream = adapter.source().session(receipt="r_test", deadline=deadline, tally=Tally()).scan(scan_of(MANY, "a"))
    batches = iter(stream)
    next(batches)
    stream.close()
    stream.close()
    with pytest.raises(Unavailable):
        next(batches)


def test_another_thread_ends_a_running_read(adapter: Adapter, deadline: float) -> None:
    adapter.create("t", MANY)
    stream = adapter.source().session(receipt="r_test", deadline=deadline, tally=Tally()).scan(scan_of(MANY, "a", "s"))
    caught: list[Exception] = []
    started = threading.Event()

    def drain() -> None:
        try:
            for _ in stream:
                started.set()
                time.sleep(0.01)
        except Unavailable as error:
            caught.append(error)

    thread = threading.Thread(target=drain)
    thread.start()
    assert started.wait(10)
    began = time.monotonic()
    stream.close()
    thread.join(10)
    assert time.monotonic() - began < 1
    assert [error.code for error in caught] == ["unavailable.closed"]


def test_a_missing_table_is_named(adapter: Adapter, deadline: float) -> None:
    adapter.create("t", ACCOUNTS)
    adapter.drop("t")
    with pytest.raises(Integrity, match=r"core\.t: .*no such table"):
        scanned(adapter.source(), scan_of(ACCOUNTS, "n"), deadline)


def test_a_view_is_not_a_table(adapter: Adapter, deadline: float) -> None:
    adapter.create("base", ACCOUNTS)
    adapter.make_view("t", of="base")
    with pytest.raises(Integrity, match=r"view|symbolic link"):
        scanned(adapter.source(), scan_of(ACCOUNTS, "n"), deadline)


def test_a_renamed_column_is_named(adapter: Adapter, deadline: float) -> None:
    adapter.create("t", ACCOUNTS)
    adapter.rename_column("t", "owner", "holder")
    with pytest.raises(Integrity, match=r"core\.t\.owner: .*no such column"):
        scanned(adapter.source(), scan_of(ACCOUNTS, "n", "owner"), deadline)


def test_a_renamed_filter_column_never_keeps_every_row(adapter: Adapter, deadline: float) -> None:
    adapter.create("t", PEOPLE)
    adapter.rename_column("t", "region", "area")
    scan = scan_of(PEOPLE, "id", aux=["region"], rows=Compare("region", "<>", "XX"))
    with pytest.raises(Integrity, match=r"core\.t\.region"):
        scanned(adapter.source(), scan, deadline)


def test_a_column_of_another_type_is_named(adapter: Adapter, deadline: float) -> None:
    adapter.create("t", ACCOUNTS)
    adapter.change_type("t", "owner")
    with pytest.raises(Integrity, match=r"core\.t\.owner"):
        scanned(adapter.source(), scan_of(ACCOUNTS, "n", "owner"), deadline)


def test_drift_in_a_followed_table_is_named(adapter: Adapter, deadline: float) -> None:
    adapter.create("t", ACCOUNTS)
    adapter.create("people", PEOPLE)
    adapter.rename_column("people", "region", "area")
    scan = scan_of(ACCOUNTS, "n", aux=["owner"], follow=follow_of("owner", Compare("region", "=", "DE")))
    with pytest.raises(Integrity, match=r"core\.people\.region"):
        scanned(adapter.source(), scan, deadline)
