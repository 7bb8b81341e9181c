"""Reads of a PostgreSQL: one snapshot, groups, the newest value, rows that follow others."""

from __future__ import annotations

import datetime
import decimal

import psycopg
import pyarrow as pa
import pytest

from gateway.errors import Integrity, Unavailable, Unsupported
from gateway.sources import PostgresSource
from gateway.terms.plan import GuardedScan, Measure, Scan
from gateway.terms.policy import Follow
from gateway.terms.predicate import Compare
from tests.scans import column
from tests.unit.sources.postgres_scans import Run, scan
from tests.unit.sources.sessions import first, session

pytestmark = pytest.mark.postgres

UTC = datetime.UTC
D = decimal.Decimal


def test_all_scans_of_a_session_read_one_state(run: Run, source: PostgresSource) -> None:
    run("CREATE TABLE t (v integer, at timestamptz)", "INSERT INTO t VALUES (1, '2026-01-01')")
    at, v = column("at", pa.timestamp("us", "UTC")), column("v", pa.int64())
    guarded = GuardedScan(scan=scan(v), subject="v", dimensions=(), measures=(), filter=None)
    with_old = session(source)
    try:
        with with_old.scan(scan(v)) as stream:
            assert sum(b.num_rows for b in stream) == 1
        run("INSERT INTO t VALUES (2, '2027-01-01')")
        with with_old.scan(scan(v)) as stream:
            assert sum(b.num_rows for b in stream) == 1
        with with_old.group(guarded) as stream:
            assert sum(b.num_rows for b in stream) == 1
        assert with_old.newest(scan(at)) == datetime.datetime(2026, 1, 1, tzinfo=UTC)
    finally:
        with_old.close()
    assert len(first(source, scan(v))) == 2


@pytest.mark.parametrize(
    "change",
    [
        "TRUNCATE t",
        "ALTER TABLE t ALTER COLUMN v TYPE bigint",
        "ALTER TABLE t RENAME COLUMN v TO x; ALTER TABLE t RENAME COLUMN w TO v; ALTER TABLE t RENAME COLUMN x TO w",
        "ALTER TABLE t ADD COLUMN more integer",
    ],
    ids=["truncated", "rewritten", "swapped", "added"],
)
def test_a_table_that_changed_after_the_snapshot_is_not_read(run: Run, source: PostgresSource, change: str) -> None:
    """TRUNCATE and rewrites are not MVCC-safe: the old snapshot would see an empty table and call it whole."""
    run("CREATE TABLE o (v integer)", "CREATE TABLE t (v integer, w integer)", "INSERT INTO t VALUES (1, 2)")
    reads = session(source)
    try:
        with reads.scan(scan(column("v", pa.int64()), table=("o",))) as stream:
            assert list(stream) == []
        run(change)
        with reads.scan(scan(column("v", pa.int64()))) as stream, pytest.raises(Unavailable, match="was changed"):
            list(stream)
    finally:
        reads.close()


def test_a_partition_that_was_truncated_is_not_read(run: Run, source: PostgresSource) -> None:
    run("CREATE TABLE o (v integer)", "CREATE TABLE t (v integer) PARTITION BY RANGE (v)")
    run("CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10)", "INSERT INTO t VALUES (1)")
    reads = session(source)
    try:
        with reads.scan(scan(column("v", pa.int64()), table=("o",))) as stream:
            assert list(stream) == []
        run("TRUNCATE t1")
        with reads.scan(scan(column("v", pa.int64()))) as stream, pytest.raises(Unavailable, match="was changed"):
            list(stream)
    finally:
        reads.close()


def test_a_table_cannot_change_while_it_is_read(run: Run, source: PostgresSource) -> None:
    run("CREATE TABLE t (v text)", "INSERT INTO t SELECT repeat('x', 1000) FROM generate_series(1, 50000)")
    reads = session(source)
    try:
        with reads.scan(scan(column("v", pa.string()))) as stream:
            next(iter(stream))
            run("SET lock_timeout = 100")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                run("TRUNCATE t")
    finally:
        reads.close()


# Groups and the newest value


def test_sums_neither_wrap_nor_round(run: Run, source: PostgresSource) -> None:
    run("CREATE TABLE t (s integer, i integer, r real, n numeric)")
    run("INSERT INTO t SELECT 1, 2147483647, 0.1, 0.01 FROM generate_series(1, 10)")
    i, r, n = column("i", pa.int32()), column("r", pa.float64()), column("n", pa.decimal128(12, 2))
    guarded = GuardedScan(
        scan=Scan(
            **{f: getattr(scan(i), f) for f in Scan.__slots__}
            | {"columns": (i, r, n), "aux_columns": (column("s", pa.int64()),)}
        ),
        subject="s",
        dimensions=(),
        measures=tuple(Measure(name=f"m_{c}", function="sum", column=c) for c in "irn"),
        filter=None,
    )
    reads = session(source)
    try:
        with reads.group(guarded) as stream:
            ((row,),) = (batch.to_pylist() for batch in stream)
    finally:
        reads.close()
    assert (row["__sum_i"], row["__sum_n"]) == (21474836470, D("0.10"))
    assert row["__sum_r"] == pytest.approx(D("1.0"), rel=D("1e-7"))


@pytest.mark.parametrize("value", ["'NaN'", "1.234", "1e20", "'-Infinity'"])
def test_a_sum_over_a_misfit_is_refused(run: Run, source: PostgresSource, value: str) -> None:
    run("CREATE TABLE t (s integer, n numeric)", f"INSERT INTO t VALUES (1, 1), (1, {value})")
    guarded = GuardedScan(
        scan=scan(column("n", pa.decimal128(12, 2)), column("s", pa.int64())),
        subject="s",
        dimensions=(),
        measures=(Measure(name="m", function="sum", column="n"),),
        filter=None,
    )
    reads = session(source)
    try:
        with reads.group(guarded) as stream, pytest.raises(Integrity, match=r"core\.t\.n"):
            list(stream)
    finally:
        reads.close()


def test_groups_are_passed_on_as_they_come(run: Run, source: PostgresSource, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL makes each group once: nothing is held, so a bank may have more subjects than may be held."""
    monkeypatch.setattr("gateway.sources.merge.MAX_GROUPS", 10)
    run("CREATE TABLE t (s integer)", "INSERT INTO t SELECT generate_series(1, 100)")
    guarded = GuardedScan(scan=scan(column("s", pa.int64())), subject="s", dimensions=(), measures=(), filter=None)
    reads = session(source)
    try:
        with reads.group(guarded) as stream:
            assert sum(batch.num_rows for batch in stream) == 100
    finally:
        reads.close()


def test_the_newest_value_is_one_row_from_the_server(run: Run, source: PostgresSource) -> None:
    run("CREATE TABLE t (at timestamptz, d date, region text)")
    run("INSERT INTO t SELECT '2026-01-01'::timestamptz + i * interval '1 s', '2026-01-01', CASE i % 2 WHEN 0 THEN 'DE'"
        " ELSE 'FR' END FROM generate_series(1, 1000) AS i")  # fmt: skip
    at, day, region = column("at", pa.timestamp("us", "UTC")), column("d", pa.date32()), column("region", pa.string())
    start = datetime.datetime(2026, 1, 1, tzinfo=UTC)
    reads = session(source)
    try:
        assert reads.newest(scan(at)) == start + datetime.timedelta(seconds=1000)
        fr = scan(at, region, rows=Compare("region", "=", "FR"))
        assert reads.newest(fr) == start + datetime.timedelta(seconds=999)
        assert reads.newest(scan(at, region, rows=Compare("region", "=", "IT"))) is None
        assert reads.newest(scan(at, rows=Compare("at", "<", start + datetime.timedelta(seconds=5)))) == (
            start + datetime.timedelta(seconds=4)
        )
        assert reads.newest(scan(day)) == start
    finally:
        reads.close()


def test_the_newest_infinity_is_refused(run: Run, source: PostgresSource) -> None:
    run("CREATE TABLE t (at timestamptz)", "INSERT INTO t VALUES ('2026-01-01'), ('infinity')")
    reads = session(source)
    try:
        with pytest.raises(Integrity, match=r"core\.t\.at"):
            reads.newest(scan(column("at", pa.timestamp("us", "UTC"))))
    finally:
        reads.close()


def test_a_follow_reads_the_types_of_the_other_table(run: Run, source: PostgresSource) -> None:
    run("CREATE TABLE p (k integer, score numeric)", "CREATE TABLE t (v integer)")
    kept = Follow(
        column="v", dataset="core.p", table=("p",), source="core", key="k", predicate=Compare("score", ">", D("1.0"))
    )
    with pytest.raises(Unsupported, match=r"core\.p\.score: .*numeric"):
        first(source, scan(column("v", pa.int64()), follow=kept))
    run("ALTER TABLE p ALTER COLUMN score TYPE numeric(6,1)", "INSERT INTO p VALUES (1, 1.0), (2, 1.1)")
    run("INSERT INTO t VALUES (1), (2), (3)")
    assert first(source, scan(column("v", pa.int64()), follow=kept)) == [2]
