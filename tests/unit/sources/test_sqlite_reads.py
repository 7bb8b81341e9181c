"""Reads of a SQLite file: windows, groups that are merged, rows that follow others, bounds."""

from __future__ import annotations

import datetime
import decimal
import time
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import Exhausted, Integrity, Unsupported
from gateway.sources import evaluate, merge
from gateway.sources.sqlite import session as sqlite_session
from gateway.terms.dataset import Column
from gateway.terms.mask_spec import MaskUse
from gateway.terms.plan import GuardedScan, Measure
from gateway.terms.policy import Follow
from gateway.terms.predicate import And, Compare, IsNull, Not, OneOf, Predicate
from tests.scans import column, scan
from tests.unit.sources.sqlite_files import TYPES, file, groups, values


def test_a_large_table_is_read_in_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_session, "WINDOW_ROWIDS", 100)
    path = file(
        tmp_path,
        "CREATE TABLE t (i INTEGER PRIMARY KEY, s INTEGER)",
        "WITH RECURSIVE c(n) AS (SELECT -250 UNION ALL SELECT n + 1 FROM c WHERE n < 249) "
        "INSERT INTO t SELECT n, n % 7 FROM c",
    )
    i, s = column("i", TYPES["i"]), column("s", TYPES["i"])
    assert values(path, scan(i)) == list(range(-250, 250))
    guarded = GuardedScan(
        scan=scan(i, s),
        subject="s",
        dimensions=(),
        measures=(Measure(name="m", function="sum", column="i"),),
        filter=None,
    )
    made = {row["__subject"]: (row["__rows"], row["__sum_i"]) for row in groups(path, guarded)}
    of = {k: [n for n in range(-250, 250) if (abs(n) % 7) * (-1 if n < 0 else 1) == k] for k in made}
    assert made == {k: (len(ns), sum(ns)) for k, ns in of.items()}


def summed(path: Path, measured: Column, *dimensions: Column) -> list[dict[str, object]]:
    guarded = GuardedScan(
        scan=scan(*dimensions, measured, column("s", TYPES["i"])),
        subject="s",
        dimensions=tuple(d.name for d in dimensions),
        measures=(Measure(name="__measure_1", function="sum", column=measured.name),),
        filter=None,
    )
    return groups(path, guarded)


@pytest.mark.parametrize("pending", [1, 1 << 18])
def test_groups_of_several_windows_are_merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pending: int) -> None:
    monkeypatch.setattr(sqlite_session, "WINDOW_ROWIDS", 1)
    monkeypatch.setattr(sqlite_session, "_SPARSE_SECONDS", 0)
    monkeypatch.setattr(merge, "_PENDING_ROWS", pending)
    path = file(
        tmp_path,
        "CREATE TABLE t (s INTEGER, f REAL, i INTEGER)",
        "INSERT INTO t VALUES (1, 0.0, 1), (1, -0.0, 2), (1, 0.5, NULL), (1, 0.5, NULL), (2, NULL, 7)",
    )
    made = summed(path, column("i", TYPES["i"]), column("f", TYPES["f"]))
    assert sorted(((r["f"], r["__subject"], r["__rows"], r["__sum_i"]) for r in made), key=repr) == [
        (0.0, 1, 2, 3),
        (0.5, 1, 2, None),
        (None, 2, 1, 7),
    ]


def test_a_sum_that_leaves_64_bits_only_when_merged_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_session, "WINDOW_ROWIDS", 1)
    monkeypatch.setattr(sqlite_session, "_SPARSE_SECONDS", 0)
    path = file(tmp_path, "CREATE TABLE t (s INTEGER, i INTEGER)", f"INSERT INTO t VALUES (1, {2**63 - 1}), (1, 1)")
    with pytest.raises(Integrity, match="64 bits"):
        summed(path, column("i", TYPES["i"]))


def test_sums_of_decimals_may_leave_64_bits_when_merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_session, "WINDOW_ROWIDS", 5_000)
    monkeypatch.setattr(sqlite_session, "_SPARSE_SECONDS", 0)
    path = file(
        tmp_path,
        "CREATE TABLE t (s INTEGER, m DECIMAL(15,0))",
        "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 20000) "
        "INSERT INTO t SELECT 1, 999999999999999 FROM c",
    )
    (row,) = summed(path, column("m", pa.decimal128(15, 0)))
    assert row["__sum_m"] == 20_000 * 999_999_999_999_999


def test_a_column_with_a_mask_is_grouped_like_any_other(tmp_path: Path) -> None:
    path = file(tmp_path, "CREATE TABLE t (s INTEGER, i INTEGER)", "INSERT INTO t VALUES (1, 2)")
    masked = Column(
        name="i", type=TYPES["i"], classification="sensitive", mask=MaskUse(name="bucket", parameters={"step": 5})
    )
    assert summed(path, masked) == [{"__subject": 1, "__rows": 1, "__count_i": 1, "__sum_i": 2}]


def test_sparse_rowids_take_no_time(tmp_path: Path) -> None:
    path = file(
        tmp_path, "CREATE TABLE t (i INTEGER PRIMARY KEY)", f"INSERT INTO t VALUES ({-(2**63)}), (0), ({2**63 - 1})"
    )
    began = time.monotonic()
    assert values(path, scan(column("i", TYPES["i"]))) == [-(2**63), 0, 2**63 - 1]
    assert time.monotonic() - began < 2


def test_a_table_without_rowid_or_with_its_names_taken_is_read(tmp_path: Path) -> None:
    path = file(tmp_path, "CREATE TABLE t (i INTEGER PRIMARY KEY) WITHOUT ROWID", "INSERT INTO t VALUES (5)")
    assert values(path, scan(column("i", TYPES["i"]))) == [5]
    path.unlink()
    path = file(tmp_path, "CREATE TABLE t (rowid TEXT, _rowid_ TEXT, oid TEXT)", "INSERT INTO t VALUES ('a', 'b', 'c')")
    assert values(path, scan(column("rowid", TYPES["s"]))) == ["a"]
    path.unlink()
    path = file(tmp_path, "CREATE TABLE t (ROWID TEXT)", "INSERT INTO t VALUES ('a')")
    assert values(path, scan(column("ROWID", TYPES["s"]))) == ["a"]


@pytest.mark.parametrize("schemas", [("public",), ("temp",), ("a", "main")])
def test_another_schema_than_main_is_refused(tmp_path: Path, schemas: tuple[str, ...]) -> None:
    path = file(tmp_path, "CREATE TABLE t (i INTEGER)")
    with pytest.raises(Integrity, match="one schema, main"):
        values(path, scan(column("i", TYPES["i"]), table=(*schemas, "t")))
    assert values(path, scan(column("i", TYPES["i"]), table=("main", "t"))) == []


def test_a_virtual_table_is_refused(tmp_path: Path) -> None:
    path = file(tmp_path, "CREATE VIRTUAL TABLE t USING rtree(i, a, b)")
    with pytest.raises(Integrity, match="virtual"):
        values(path, scan(column("i", TYPES["i"])))


def follow(predicate: Predicate) -> Follow:
    return Follow(column="i", dataset="core.u", table=("u",), source="core", key="k", predicate=predicate)


def test_too_many_followed_keys_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = file(
        tmp_path,
        "CREATE TABLE t (i INTEGER)",
        "CREATE TABLE u (k INTEGER, b INTEGER)",
        "INSERT INTO u VALUES (1, 1), (2, 1)",
    )
    monkeypatch.setattr(evaluate, "MAX_INTEGER_KEYS", 1)
    with pytest.raises(Exhausted) as caught:
        values(path, scan(column("i", TYPES["i"]), follow=follow(Compare("b", "=", 1))))
    assert caught.value.code == "exhausted.memory"


def test_too_many_followed_texts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "MAX_OTHER_KEYS", 1)
    keys = evaluate.KeySet(pa.string(), dataset="core.u")
    keys.add(pa.array(["a", "a", None]))
    with pytest.raises(Exhausted):
        keys.add(pa.array(["b"]))


@pytest.mark.parametrize("pending", [0, 1 << 18])
@given(
    added=st.lists(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3))),
    asked=st.lists(st.none() | st.integers(-4, 4) | st.sampled_from([-(2**63), 2**63 - 1])),
)
@settings(max_examples=50, deadline=None)
def test_a_key_set_holds_what_was_added(pending: int, added: list[list[int | None]], asked: list[int | None]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate, "_PENDING_KEYS", pending)
        keys = evaluate.KeySet(pa.int64(), dataset="core.u")
        for part in added:
            keys.add(pa.array(part, pa.int64()))
        held = {key for part in added for key in part if key is not None}
        assert keys.holds(pa.array(asked, pa.int64())).to_pylist() == [key in held for key in asked]


def test_too_many_groups_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merge, "MAX_GROUPS", 1)
    path = file(tmp_path, "CREATE TABLE t (i INTEGER)", "INSERT INTO t VALUES (1), (2)")
    asked = scan(column("i", TYPES["i"]))
    with pytest.raises(Exhausted) as caught:
        groups(path, GuardedScan(scan=asked, subject="i", dimensions=(), measures=(), filter=None))
    assert caught.value.code == "exhausted.memory"


FOLLOWED_TYPES = [
    ("b BOOLEAN", "1", Compare("b", "=", True)),
    ("b REAL", "1.5", Compare("b", ">", 1.0)),
    ("b DATE", "'2026-01-01'", Compare("b", "<", datetime.date(2026, 2, 1))),
    ("b INTEGER", "NULL", IsNull("b")),
    ("b REAL", "NULL", IsNull("b")),
    ("b TEXT", "'x'", Not(IsNull("b"))),
    ("b DECIMAL(9,2)", "2", And((Not(IsNull("b")), OneOf("b", (decimal.Decimal("2.00"),))))),
]


@pytest.mark.parametrize(("declared", "value", "predicate"), FOLLOWED_TYPES)
def test_a_follow_takes_its_types_from_its_values(
    tmp_path: Path, declared: str, value: str, predicate: Predicate
) -> None:
    path = file(
        tmp_path,
        "CREATE TABLE t (i INTEGER)",
        "INSERT INTO t VALUES (1), (2)",
        f"CREATE TABLE u (k INTEGER, {declared})",
        f"INSERT INTO u VALUES (1, {value})",
    )
    assert values(path, scan(column("i", TYPES["i"]), follow=follow(predicate))) == [1]


def test_a_followed_decimal_without_a_scale_is_refused(tmp_path: Path) -> None:
    path = file(tmp_path, "CREATE TABLE t (i INTEGER)", "CREATE TABLE u (k INTEGER, b NUMERIC)")
    predicate = Compare("b", ">", decimal.Decimal(1))
    with pytest.raises(Unsupported, match="DECIMAL"):
        values(path, scan(column("i", TYPES["i"]), follow=follow(predicate)))
