"""Values that are easily bent: every adapter delivers them exactly, or refuses them by the column's name."""

from __future__ import annotations

import datetime
import decimal
import math
from collections.abc import Sequence

import pytest

from gateway.errors import Integrity, Unsupported
from gateway.sources.convert import MAX_VALUE_BYTES
from gateway.terms.predicate import Compare, OneOf
from gateway.terms.streams import Tally
from tests.conformance.plans import as_set, guarded_of, read, scan_of, scanned
from tests.conformance.tables import Adapter, Rows, column

D = decimal.Decimal
UTC = datetime.UTC
WIDEST = [D(f"{sign}{'9' * 28}.{'9' * 10}") for sign in ("", "-")] + [D("0E-10"), D("1E-10"), D("-1E-10")]
FIRST = datetime.datetime(1, 1, 1, tzinfo=UTC)
LAST = datetime.datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


def one(kind: str, values: Sequence[object]) -> Rows:
    return Rows((column("id", "int64"), column("v", kind)), list(enumerate(values)))


def test_decimals_of_38_digits_are_delivered_and_compared_to_the_last(adapter: Adapter, deadline: float) -> None:
    table = one("wide", [*WIDEST, None])
    adapter.create("t", table)
    assert as_set(scanned(adapter.source(), scan_of(table, "id", "v"), deadline)) == as_set(table.dicts())
    for place, value in enumerate(WIDEST):
        scan = scan_of(table, "id", aux=["v"], rows=Compare("v", "=", value))
        try:
            got = [row["id"] for row in scanned(adapter.source(), scan, deadline)]
        except Unsupported:
            assert type(adapter).__name__ == "SqliteAdapter"  # it has no such numbers: it stores texts
            return
        assert got == [place]


def test_a_sum_beyond_38_digits_is_refused(adapter: Adapter, deadline: float) -> None:
    table = Rows((column("s", "int64"), column("v", "wide")), [(1, WIDEST[0])] * 20)
    adapter.create("t", table)
    guarded = guarded_of(scan_of(table, "v", aux=["s"]), subject="s", measured=["v"])
    with pytest.raises((Integrity, Unsupported), match=r"38 digits|cannot be summed"):
        read(adapter.source().session(receipt="r_test", deadline=deadline, tally=Tally()).group(guarded))


@pytest.mark.parametrize("kind", ["timestamp", "clock"])
def test_moments_at_the_bounds_keep_their_microseconds(adapter: Adapter, deadline: float, kind: str) -> None:
    zone = UTC if kind == "timestamp" else None
    values = [each.replace(tzinfo=zone) for each in (FIRST, LAST, datetime.datetime(1970, 1, 1, tzinfo=UTC))]
    table = one(kind, [*values, None])
    adapter.create("t", table)
    assert as_set(scanned(adapter.source(), scan_of(table, "id", "v"), deadline)) == as_set(table.dicts())
    for place, value in enumerate(values):
        scan = scan_of(table, "id", aux=["v"], rows=Compare("v", "=", value))
        assert [row["id"] for row in scanned(adapter.source(), scan, deadline)] == [place]
    last = scan_of(table, "id", aux=["v"], rows=Compare("v", ">", values[2]))
    assert [row["id"] for row in scanned(adapter.source(), last, deadline)] == [1]


def test_the_newest_is_the_newest(adapter: Adapter, deadline: float) -> None:
    table = one("timestamp", [FIRST, LAST, None])
    adapter.create("t", table)
    session = adapter.source().session(receipt="r_test", deadline=deadline, tally=Tally())
    assert session.newest(scan_of(table, "v")) == LAST
    of_first = scan_of(table, "v", aux=["id"], rows=Compare("id", "=", 0))
    assert session.newest(of_first) == FIRST
    assert session.newest(scan_of(table, "v", aux=["id"], rows=Compare("id", "=", 2))) is None
    session.close()


def test_floats_that_are_no_numbers_stay_what_they_are(adapter: Adapter, deadline: float) -> None:
    table = one("float64", [*adapter.odd_floats, 1.5])
    adapter.create("t", table)
    got = {row["id"]: row["v"] for row in scanned(adapter.source(), scan_of(table, "id", "v"), deadline)}
    assert [repr(got[place]) for place in range(len(table.rows))] == [repr(row[1]) for row in table.rows]


@pytest.mark.parametrize("op", ["=", "<", "<=", ">", ">="])
def test_a_value_that_is_no_number_passes_no_comparison(adapter: Adapter, deadline: float, op: str) -> None:
    table = one("float64", [*adapter.odd_floats, 1.5, -1.5])
    adapter.create("t", table)
    compare = {"=": float.__eq__, "<": float.__lt__, "<=": float.__le__, ">": float.__gt__, ">=": float.__ge__}[op]
    rows = Compare("v", op, 1.5)  # type: ignore[arg-type]  # the operators above
    got = scanned(adapter.source(), scan_of(table, "id", aux=["v"], rows=rows), deadline)
    want = [row["id"] for row in table.dicts() if compare(row["v"], 1.5)]  # type: ignore[arg-type]
    assert sorted(row["id"] for row in got) == want  # type: ignore[type-var]


def test_zeros_of_both_signs_are_one_group(adapter: Adapter, deadline: float) -> None:
    table = Rows((column("s", "int64"), column("v", "float64")), [(1, 0.0), (1, -0.0), (1, None)])
    adapter.create("t", table)
    guarded = guarded_of(scan_of(table, "v", aux=["s"]), subject="s", dimensions=["v"])
    got = read(adapter.source().session(receipt="r_test", deadline=deadline, tally=Tally()).group(guarded))
    assert sorted((row["__rows"], row["v"] is None) for row in got) == [(1, True), (2, False)]
    assert not any(isinstance(row["v"], float) and math.isnan(row["v"]) for row in got)


TEXTS = [
    "",
    " ",
    "\n",
    "a\r\nb\tc",
    "e\u0301",
    "\u00e9",
    "\u202e\u200b\ufeff",
    "\U0001f469\u200d\U0001f4bb",
    "\uffff",
    "İıſß",
    "'; DROP TABLE t; --",
    '"',
    "\\",
    "\\'",
    "%_*",
    "\x01\x1b[31m\x7f",
]


def test_texts_keep_every_byte(adapter: Adapter, deadline: float) -> None:
    texts = [*TEXTS, *(["a\0b", "\0"] if adapter.holds_nul else [])]
    table = one("string", texts)
    adapter.create("t", table)
    assert as_set(scanned(adapter.source(), scan_of(table, "id", "v"), deadline)) == as_set(table.dicts())


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_found_by_its_bytes_only(adapter: Adapter, deadline: float, text: str) -> None:
    table = one("string", TEXTS)
    adapter.create("t", table)
    tally = Tally()
    scan = scan_of(table, "id", aux=["v"], rows=OneOf("v", (text, "not there")))
    assert [row["id"] for row in scanned(adapter.source(), scan, deadline, tally)] == [TEXTS.index(text)]
    assert tally.rejected_rows == 0


def test_a_nul_in_a_row_filter_is_refused(adapter: Adapter, deadline: float) -> None:
    table = one("string", ["a"])
    adapter.create("t", table)
    with pytest.raises(Unsupported):
        scanned(adapter.source(), scan_of(table, "id", aux=["v"], rows=Compare("v", "=", "a\0b")), deadline)


def test_a_text_of_a_mebibyte_is_delivered_and_a_longer_one_refused(adapter: Adapter, deadline: float) -> None:
    longest = "ä" * (MAX_VALUE_BYTES // 2)
    table = one("string", [longest])
    adapter.create("t", table)
    assert [row["v"] for row in scanned(adapter.source(), scan_of(table, "v"), deadline)] == [longest]
    table = one("string", [longest + "x"])
    adapter.create("longer", table)
    with pytest.raises(Integrity, match=r"core\.longer\.v"):
        scanned(adapter.source(), scan_of(table, "v", name="longer"), deadline)
    assert len(scanned(adapter.source(), scan_of(table, "id", name="longer"), deadline)) == 1


def test_char_is_read_without_the_spaces_that_pad_it(adapter: Adapter, deadline: float) -> None:
    table = one("string", ["a", "ab", "A"])
    adapter.create("t", table, kinds={"v": "CHAR(8)"})
    assert as_set(scanned(adapter.source(), scan_of(table, "id", "v"), deadline)) == as_set(table.dicts())
    scan = scan_of(table, "id", aux=["v"], rows=Compare("v", "=", "a"))
    assert [row["id"] for row in scanned(adapter.source(), scan, deadline)] == [0]


def test_a_narrow_integer_is_delivered_where_a_wide_one_is_declared(adapter: Adapter, deadline: float) -> None:
    table = one("int32", [-(2**31), 2**31 - 1, None])
    adapter.create("t", table)
    wide = one("int64", [row[1] for row in table.rows])
    assert as_set(scanned(adapter.source(), scan_of(wide, "id", "v"), deadline)) == as_set(wide.dicts())
    assert as_set(scanned(adapter.source(), scan_of(table, "id", "v"), deadline)) == as_set(table.dicts())


def test_a_number_where_a_text_is_declared_is_refused(adapter: Adapter, deadline: float) -> None:
    adapter.create("t", one("int64", [42_424_242]))
    with pytest.raises(Integrity, match=r"core\.t\.v") as caught:
        scanned(adapter.source(), scan_of(one("string", []), "v"), deadline)
    assert "42424242" not in str(caught.value)


def test_a_text_where_a_number_is_declared_is_refused(adapter: Adapter, deadline: float) -> None:
    adapter.create("t", one("string", ["42424242"]))
    with pytest.raises(Integrity, match=r"core\.t\.v") as caught:
        scanned(adapter.source(), scan_of(one("int64", []), "v"), deadline)
    assert "42424242" not in str(caught.value)
