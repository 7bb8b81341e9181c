"""What only a SQLite file can do wrong."""

from __future__ import annotations

import datetime
import decimal
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import Exhausted, GatewayError, Integrity, Invalid, Unavailable, Unsupported
from gateway.sources import SqliteSource, evaluate, merge
from gateway.sources.sqlite import session as sqlite_session
from gateway.sources.sqlite.affinity import affinity
from gateway.terms.dataset import Column
from gateway.terms.mask_spec import MaskUse
from gateway.terms.plan import GuardedScan, Measure, Scan
from gateway.terms.policy import Follow
from gateway.terms.predicate import And, Compare, IsNull, Not, OneOf, Predicate
from gateway.terms.streams import Tally
from tests.scans import column, scan

TYPES = {
    "i": pa.int64(),
    "s": pa.string(),
    "f": pa.float64(),
    "m": pa.decimal128(12, 2),
    "d": pa.date32(),
    "ts": pa.timestamp("us", "UTC"),
    "b": pa.bool_(),
}
DECLARED = {"i": "INTEGER", "s": "TEXT", "f": "REAL", "m": "DECIMAL(12,2)", "d": "DATE", "ts": "TEXT", "b": "BOOLEAN"}


def file(tmp_path: Path, *statements: str) -> Path:
    path = tmp_path / "core.db"
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
    path.chmod(0o600)
    return path


def values(path: Path, asked: Scan) -> list[object]:
    stream = (
        SqliteSource("core", path).session(receipt="r_test", deadline=time.monotonic() + 30, tally=Tally()).scan(asked)
    )
    with stream:
        return [value for batch in stream for value in batch.column(0).to_pylist()]


def groups(path: Path, guarded: GuardedScan) -> list[dict[str, object]]:
    stream = (
        SqliteSource("core", path)
        .session(receipt="r_test", deadline=time.monotonic() + 30, tally=Tally())
        .group(guarded)
    )
    with stream:
        return [row for batch in stream for row in batch.to_pylist()]


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


def test_negative_zero_is_zero(tmp_path: Path) -> None:
    batch = pa.RecordBatch.from_pydict({"f": [0.0, -0.0]})
    assert evaluate.passes(OneOf("f", (0.0,)), batch).to_pylist() == [True, True]


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


def failure(path: Path) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        values(path, scan(column("i", TYPES["i"])))
    assert str(path.parent) not in str(caught.value)
    assert path.name not in str(caught.value)
    return caught.value


def test_a_missing_file_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "core.db"
    error = failure(path)
    assert isinstance(error, Unavailable)
    assert "does not exist" in error.message
    assert not path.exists()


def test_a_folder_in_place_of_the_file_is_unavailable(tmp_path: Path) -> None:
    assert isinstance(failure(tmp_path), Unavailable)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission_is_unavailable(tmp_path: Path) -> None:
    path = file(tmp_path, "CREATE TABLE t (i INTEGER)")
    path.chmod(0)
    assert isinstance(failure(path), Unavailable)


@pytest.mark.parametrize("content", [b"", b"hello", os.urandom(8192), b"SQLite format 3\0" + bytes(5000)])
def test_another_file_is_no_database(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "core.db"
    path.write_bytes(content)
    assert isinstance(failure(path), Integrity)


def filled(tmp_path: Path, rows: int = 200_000) -> Path:
    return file(
        tmp_path,
        "CREATE TABLE t (i INTEGER PRIMARY KEY, s TEXT)",
        f"WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {rows}) "
        "INSERT INTO t SELECT n, 'some text that takes some room' FROM c",
    )


def test_a_file_that_was_cut_is_damaged(tmp_path: Path) -> None:
    path = filled(tmp_path)
    os.truncate(path, path.stat().st_size // 2)
    assert isinstance(failure(path), Integrity)


def test_a_file_that_is_damaged_in_the_middle_fails_in_the_middle(tmp_path: Path) -> None:
    path = filled(tmp_path)
    with path.open("r+b") as damaged:
        damaged.seek(path.stat().st_size // 2)
        damaged.write(b"\xff" * 12_288)
    stream = (
        SqliteSource("core", path)
        .session(receipt="r_test", deadline=time.monotonic() + 30, tally=Tally())
        .scan(scan(column("i", TYPES["i"])))
    )
    read = 0
    with stream, pytest.raises(Integrity, match="damaged"):
        for batch in stream:
            read += batch.num_rows
    assert 0 < read < 200_000


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Path]:
    path = file(tmp_path, "CREATE TABLE t (i INTEGER)")
    # In a process of its own: POSIX locks do not hold against the process that took them.
    script = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "c.execute('BEGIN EXCLUSIVE'); print('locked', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "locked\n"
        yield path
        writer.communicate("")


def test_a_locked_file_is_unavailable(locked: Path) -> None:
    error = failure(locked)
    assert isinstance(error, Unavailable)
    assert "writer" in error.message


def test_a_scan_reads_one_state_though_a_writer_commits(tmp_path: Path) -> None:
    path = filled(tmp_path)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    stream = (
        SqliteSource("core", path)
        .session(receipt="r_test", deadline=time.monotonic() + 30, tally=Tally())
        .scan(scan(column("i", TYPES["i"])))
    )
    with stream:
        read = next(iter(stream)).num_rows
        script = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('DELETE FROM t'); c.commit()"
        subprocess.run([sys.executable, "-c", script, str(path)], check=True)
        read += sum(batch.num_rows for batch in stream)
    assert read == 200_000


WRITE = (
    "import sqlite3, sys\n"
    "c = sqlite3.connect(sys.argv[1], timeout=0)\n"
    "try:\n"
    "    c.execute('DELETE FROM t WHERE i = 1'); c.commit()\n"
    "except sqlite3.OperationalError:\n"
    "    sys.exit(7)\n"
)


def test_nobody_writes_while_a_scan_reads_though_another_ended(tmp_path: Path) -> None:
    path = filled(tmp_path)
    source = SqliteSource("core", path)
    session = source.session(receipt="r_test", deadline=time.monotonic() + 30, tally=Tally())
    with session.scan(scan(column("i", TYPES["i"]))) as stream:
        next(iter(stream))
        assert len(values(path, scan(column("i", TYPES["i"])))) == 200_000  # another scan, which closes the file
        assert source.check() == []
        assert subprocess.run([sys.executable, "-c", WRITE, str(path)], check=False).returncode == 7
    assert subprocess.run([sys.executable, "-c", WRITE, str(path)], check=False).returncode == 0


def test_an_utf16_file_is_refused(tmp_path: Path) -> None:
    path = file(tmp_path, "PRAGMA encoding = 'UTF-16'", "CREATE TABLE t (i INTEGER)")
    assert isinstance(failure(path), Unsupported)


def test_check_finds_nothing_where_all_is_well(tmp_path: Path) -> None:
    assert SqliteSource("core", file(tmp_path, "CREATE TABLE t (i INTEGER)")).check() == []


def test_check_says_in_words_what_is_wrong(tmp_path: Path) -> None:
    assert SqliteSource("core", tmp_path / "no.db").check() == ["source core: the database file does not exist"]
    path = file(tmp_path, "PRAGMA user_version = 1")
    path.chmod(0o644)
    assert SqliteSource("core", path).check() == [
        "source core: the database holds no table",
        "source core: every user of this host can read the database file",
    ]


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
