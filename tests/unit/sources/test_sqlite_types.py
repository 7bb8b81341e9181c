"""What SQLite's values are as values of the catalog's types, and which fit none."""

from __future__ import annotations

import datetime
from pathlib import Path

import pyarrow as pa
import pytest

from gateway.errors import Integrity, Invalid, Unsupported
from gateway.sources import evaluate
from gateway.sources.sqlite.affinity import affinity
from gateway.terms.plan import GuardedScan, Measure
from gateway.terms.predicate import Compare, IsNull, Not, OneOf
from tests.scans import column, scan
from tests.unit.sources.sqlite_files import TYPES, file, groups, values

DECLARED = {"i": "INTEGER", "s": "TEXT", "f": "REAL", "m": "DECIMAL(12,2)", "d": "DATE", "ts": "TEXT", "b": "BOOLEAN"}


SECRET = "ZQX-SECRET-000042"
MISFITS = {
    "i": [f"'{SECRET}'", "1.5", "x'ff'"],
    "s": ["x'ff'", "zeroblob(2000000)"],
    "f": [f"'{SECRET}'", "x'01'"],
    "m": [f"'{SECRET}'", "1.005", "1e12", "9e999", "x'01'"],
    "d": [f"'{SECRET}'", "'2026-02-30'", "'2026-1-1'", "1700000000", "'0000-01-01'"],
    "ts": [f"'{SECRET}'", "'2026-01-01'", "'2026-01-01 10:00:00+02:00'", "'2026-01-01 10:00:00.123456789'", "17"],
    "b": ["2", "-1", f"'{SECRET}'"],
}
CASES = [(kind, value) for kind, several in MISFITS.items() for value in several]


@pytest.mark.parametrize("before", [0, 3_000])
@pytest.mark.parametrize(("kind", "value"), CASES)
def test_a_value_that_does_not_fit_names_the_column_and_not_itself(
    tmp_path: Path, kind: str, value: str, before: int
) -> None:
    path = file(
        tmp_path,
        f"CREATE TABLE t (n INTEGER PRIMARY KEY, v {DECLARED[kind]})",
        f"WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {before}) "
        f"INSERT INTO t SELECT n, NULL FROM c WHERE {before} > 0",
        f"INSERT INTO t (v) VALUES ({value})",
    )
    with pytest.raises(Integrity, match=r"core\.t\.v") as caught:
        values(path, scan(column("v", TYPES[kind])))
    text = f"{caught.value} {caught.value.__cause__} {caught.value.reasons} {caught.value.fix}"
    assert SECRET not in text
    assert "1.005" not in text
    assert str(tmp_path) not in text


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("2026-01-02 03:04:05", 0),
        ("2026-01-02T03:04:05", 0),
        ("2026-01-02T03:04:05Z", 0),
        ("2026-01-02 03:04:05+00:00", 0),
        ("2026-01-02 03:04:05.1", 100_000),
        ("2026-01-02T03:04:05.123456", 123_456),
        ("2026-01-02T03:04:05.123Z", 123_000),
    ],
)
def test_spellings_of_one_moment_are_one_value_filter_and_group(tmp_path: Path, text: str, microseconds: int) -> None:
    plain = f"2026-01-02 03:04:05.{microseconds:06d}"
    path = file(tmp_path, "CREATE TABLE t (i INTEGER, ts TEXT)", f"INSERT INTO t VALUES (1, '{text}'), (1, '{plain}')")
    ts, i = column("ts", TYPES["ts"]), column("i", TYPES["i"])
    first, second = values(path, scan(ts))
    assert first == second
    assert values(path, scan(ts, rows=Compare("ts", "=", first))) == [first, first]
    guarded = GuardedScan(scan=scan(ts, i), subject="i", dimensions=("ts",), measures=(), filter=None)
    assert groups(path, guarded) == [{"ts": first, "__subject": 1, "__rows": 2}]


def test_float_noise_in_a_decimal_is_rounded_away(tmp_path: Path) -> None:
    path = file(tmp_path, "CREATE TABLE t (v DECIMAL(12,2))", "INSERT INTO t VALUES (0.1 + 0.2), (1.1 * 3), (7)")
    assert [str(v) for v in values(path, scan(column("v", TYPES["m"])))] == ["0.30", "3.30", "7.00"]


def test_a_long_decimal_stored_as_a_float_beyond_its_digits_is_refused(tmp_path: Path) -> None:
    path = file(tmp_path, "CREATE TABLE t (v DECIMAL(30,2))", "INSERT INTO t VALUES (12.5)")
    long = column("v", pa.decimal128(30, 2))
    assert [str(v) for v in values(path, scan(long))] == ["12.50"]
    path.unlink()
    path = file(tmp_path, "CREATE TABLE t (v DECIMAL(30,2))", "INSERT INTO t VALUES (1234567890123456.5)")
    with pytest.raises(Integrity, match=r"core\.t\.v"):
        values(path, scan(long))


def test_a_long_decimal_can_be_read_but_neither_compared_nor_summed(tmp_path: Path) -> None:
    path = file(tmp_path, "CREATE TABLE t (i INTEGER, v TEXT)", "INSERT INTO t VALUES (1, '1.50')")
    long, i = column("v", pa.decimal128(30, 2)), column("i", TYPES["i"])
    value = values(path, scan(long))[0]
    with pytest.raises(Unsupported, match="cannot be compared"):
        values(path, scan(long, rows=Compare("v", "=", value)))
    assert values(path, scan(long, rows=Not(IsNull("v")))) == [value]
    measures = (Measure(name="__measure_1", function="sum", column="v"),)
    with pytest.raises(Unsupported, match="cannot be summed"):
        groups(path, GuardedScan(scan=scan(long, i), subject="i", dimensions=(), measures=measures, filter=None))


def test_a_misfit_inside_a_group_is_refused(tmp_path: Path) -> None:
    for value in (f"'{SECRET}'", "1.005"):
        path = file(
            tmp_path, "CREATE TABLE t (i INTEGER, v DECIMAL(12,2))", f"INSERT INTO t VALUES (1, {value}), (1, 2)"
        )
        asked = scan(column("v", TYPES["m"]), column("i", TYPES["i"]))
        measures = (Measure(name="__measure_1", function="sum", column="v"),)
        with pytest.raises(Integrity, match=r"core\.t\.v") as caught:
            groups(path, GuardedScan(scan=asked, subject="i", dimensions=(), measures=measures, filter=None))
        assert SECRET not in str(caught.value)
        path.unlink()


def test_negative_zero_is_zero(tmp_path: Path) -> None:
    batch = pa.RecordBatch.from_pydict({"f": [0.0, -0.0]})
    assert evaluate.passes(OneOf("f", (0.0,)), batch).to_pylist() == [True, True]


def test_a_type_that_sqlite_does_not_hold_is_refused(tmp_path: Path) -> None:
    path = file(tmp_path, "CREATE TABLE t (v BLOB)")
    for kind in (pa.binary(), pa.list_(pa.int64())):
        with pytest.raises(Unsupported, match="not read from SQLite"):
            values(path, scan(column("v", kind)))


AFFINITIES = {
    "INTEGER": "integer",
    "bigint": "integer",
    "CHARINT": "integer",
    "VARCHAR(20)": "text",
    "CLOB": "text",
    "BLOB": "blob",
    "": "blob",
    "DOUBLE PRECISION": "real",
    "FLOAT": "real",
    "DECIMAL(12,2)": "numeric",
    "BOOLEAN": "numeric",
    "DATE": "numeric",
    "STRING": "numeric",
}


@pytest.mark.parametrize(("declared", "want"), AFFINITIES.items())
def test_affinity_follows_the_rules_of_sqlite(declared: str, want: str) -> None:
    assert affinity(declared) == want


@pytest.mark.parametrize(
    ("kind", "value"),
    [("i", "1"), ("i", 1.0), ("i", True), ("i", 2**63), ("s", 1), ("b", 1), ("f", float("nan")), ("s", "\ud800")],
)
def test_a_literal_of_another_type_is_invalid(tmp_path: Path, kind: str, value: object) -> None:
    path = file(tmp_path, f"CREATE TABLE t (v {DECLARED[kind]})")
    with pytest.raises(Invalid):
        values(path, scan(column("v", TYPES[kind]), rows=Compare("v", "=", value)))  # type: ignore[arg-type]  # the point


def test_a_moment_without_a_zone_is_invalid(tmp_path: Path) -> None:
    path = file(tmp_path, "CREATE TABLE t (v TEXT)")
    naive = datetime.datetime(2026, 1, 1)  # noqa: DTZ001 - the point
    with pytest.raises(Invalid):
        values(path, scan(column("v", TYPES["ts"]), rows=Compare("v", "=", naive)))


@pytest.mark.parametrize("value", [float("inf"), float("-inf")])
def test_infinity_is_a_number(tmp_path: Path, value: float) -> None:
    path = file(tmp_path, "CREATE TABLE t (v REAL)", "INSERT INTO t VALUES (9e999), (-9e999), (1)")
    assert values(path, scan(column("v", TYPES["f"]), rows=Compare("v", "=", value))) == [value]
