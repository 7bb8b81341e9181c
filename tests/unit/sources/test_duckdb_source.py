"""What only a DuckDB file can do wrong."""

from __future__ import annotations

import datetime
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from gateway.errors import Exhausted, GatewayError, Integrity, Unavailable
from gateway.sources import DuckdbSource
from gateway.sources.duckdb import engine as duckdb_engine
from gateway.sources.duckdb.database import Database
from gateway.sources.duckdb.engine import Engine
from gateway.sources.duckdb.layout import Kind
from gateway.sources.duckdb.session import Session
from gateway.sources.table import Statement, Table
from gateway.terms.plan import GuardedScan, Scan
from gateway.terms.predicate import Compare
from gateway.terms.streams import Tally
from tests.scans import column, scan

SECRET = "ZQX-SECRET-000042"
US, UTC = pa.timestamp("us"), pa.timestamp("us", "UTC")


def file(tmp_path: Path, *statements: str, name: str = "core.duckdb") -> Path:
    path = tmp_path / name
    with duckdb.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)
    path.chmod(0o600)
    return path


def values(path: Path, asked: Scan) -> list[object]:
    session = DuckdbSource("core", path).session(receipt="r", deadline=time.monotonic() + 30, tally=Tally())
    try:
        with session.scan(asked) as stream:
            return [value for batch in stream for value in batch.column(0).to_pylist()]
    finally:
        session.close()


READ = [
    ("TINYINT", pa.int32(), "-7", -7),
    ("UTINYINT", pa.int32(), "255", 255),
    ("UINTEGER", pa.int64(), "4294967295", 4294967295),
    ("BIGINT", pa.int64(), "9223372036854775807", 2**63 - 1),
    ("FLOAT", pa.float64(), "0.5", 0.5),
    ("DECIMAL(4,1)", pa.decimal128(12, 2), "1.5", None),
    ("VARCHAR", pa.string(), "'x'", "x"),
    ("UUID", pa.string(), "'00000000-0000-0000-0000-00000000000a'", "00000000-0000-0000-0000-00000000000a"),
    ("JSON", pa.string(), """'{"a": 1}'""", '{"a": 1}'),
    ("ENUM('a', 'b')", pa.string(), "'b'", "b"),
    ("BLOB", pa.binary(), "'\\xAA'", b"\xaa"),
    ("DATE", pa.date32(), "'2024-02-29'", datetime.date(2024, 2, 29)),
    ("TIMESTAMP_S", US, "'2024-02-29 01:02:03'", datetime.datetime(2024, 2, 29, 1, 2, 3)),  # noqa: DTZ001
    ("TIMESTAMP_MS", US, "'2024-02-29 01:02:03'", datetime.datetime(2024, 2, 29, 1, 2, 3)),  # noqa: DTZ001
    ("TIMESTAMP_NS", US, "'2024-02-29 01:02:03'", datetime.datetime(2024, 2, 29, 1, 2, 3)),  # noqa: DTZ001
    ("TIMESTAMPTZ", UTC, "'2024-02-29 01:02:03+01'", datetime.datetime(2024, 2, 29, 0, 2, 3, tzinfo=datetime.UTC)),
    ("BOOLEAN", pa.bool_(), "true", True),
]


@pytest.mark.parametrize(("declared", "kind", "written", "want"), READ, ids=[each[0] for each in READ])
def test_a_type_is_delivered_filtered_and_grouped(
    tmp_path: Path, declared: str, kind: pa.DataType, written: str, want: object
) -> None:
    path = file(
        tmp_path, f"CREATE TABLE t (v {declared}, s INTEGER)", f"INSERT INTO t VALUES ({written}, 1), (NULL, 2)"
    )
    v = column("v", kind)
    (first, second) = values(path, scan(v))
    assert second is None
    assert want is None or first == want
    if kind != pa.binary():
        assert values(path, scan(v, rows=Compare("v", "=", first))) == [first]  # type: ignore[arg-type]
    guarded = GuardedScan(
        scan=scan(v, column("s", pa.int64())), subject="s", dimensions=("v",), measures=(), filter=None
    )
    session = DuckdbSource("core", path).session(receipt="r", deadline=time.monotonic() + 30, tally=Tally())
    with session.group(guarded) as groups:
        found = {row["v"]: row["__subject"] for batch in groups for row in batch.to_pylist()}
    session.close()
    assert found == {first: 1, None: 2}


DRIFTED = [
    ("BIGINT", pa.int32()),
    ("UBIGINT", pa.int64()),
    ("HUGEINT", pa.int64()),
    ("VARCHAR", pa.int64()),
    ("INTEGER", pa.string()),
    ("DOUBLE", pa.decimal128(12, 2)),
    ("DECIMAL(12,2)", pa.float64()),
    ("DECIMAL(12,3)", pa.decimal128(12, 2)),
    ("DECIMAL(13,2)", pa.decimal128(12, 2)),
    ("TIMESTAMP", UTC),
    ("TIMESTAMPTZ", US),
    ("TIME", pa.string()),
    ("INTERVAL", pa.string()),
    ("INTEGER[]", pa.string()),
    (f'STRUCT("{SECRET}" INTEGER)', pa.string()),
    (f"ENUM('{SECRET}')", pa.int64()),
    ("BIT", pa.string()),
    ("DATE", US),
]


@pytest.mark.parametrize(("declared", "kind"), DRIFTED, ids=[f"{d}-{k}" for d, k in DRIFTED])
def test_another_type_is_drift_and_tells_no_value(tmp_path: Path, declared: str, kind: pa.DataType) -> None:
    path = file(tmp_path, f"CREATE TABLE t (v {declared})")
    with pytest.raises(Integrity, match=r"core\.t\.v: declared") as caught:
        values(path, scan(column("v", kind)))
    assert SECRET.lower() not in str(caught.value).lower()


def test_an_enumeration_keeps_its_values_to_itself() -> None:
    assert str(Kind.of("ENUM('a', 'b')")) == "enum"
    assert str(Kind.of("DECIMAL(12,2)")) == "decimal(12,2)"
    assert str(Kind.of("STRUCT(a INTEGER)")) == "struct"


MISFITS = [
    ("DATE", pa.date32(), "'infinity'"),
    ("DATE", pa.date32(), "'0044-03-15 (BC)'"),
    ("DATE", pa.date32(), "'12024-03-15'"),
    ("TIMESTAMP", US, "'infinity'"),
    ("TIMESTAMPTZ", UTC, "'-infinity'"),
    ("TIMESTAMP", US, "'20240-01-01 00:00:00'"),
    ("TIMESTAMP_NS", US, "'2024-01-01 00:00:00.000000001'"),
    ("VARCHAR", pa.string(), "repeat('x', 1048577)"),
    ("JSON", pa.string(), "('\"' || repeat('x', 1048577) || '\"')"),
    ("BLOB", pa.binary(), "encode(repeat('x', 1048577))"),
]


@pytest.mark.parametrize(("declared", "kind", "written"), MISFITS)
def test_a_value_that_does_not_fit_names_the_column(
    tmp_path: Path, declared: str, kind: pa.DataType, written: str
) -> None:
    path = file(
        tmp_path, f"CREATE TABLE t (v {declared}, i INTEGER)", f"INSERT INTO t VALUES ({written}, 1), (NULL, 2)"
    )
    with pytest.raises(Integrity, match=r"core\.t\.v") as caught:
        values(path, scan(column("v", kind)))
    assert "2024" not in str(caught.value)
    # and a row that the filter leaves out fails nobody
    rows = Compare("i", "=", 2)
    assert values(path, scan(column("v", kind), column("i", pa.int64()), rows=rows)) == [None]


REFUSED = [
    (("main", "core", "t"), "at most schema and table"),
    (("other", "t"), "no such table"),
    (("system", "t"), "no such table"),
    (("information_schema", "tables"), "view|no such table"),
    (("duckdb_tables",), "no such table"),
    (("/etc/passwd",), "no such table"),
    (("made",), "no such table"),
    (("T",), "no such table"),
    (("seen",), "view"),
    (("temp", "t"), "no such table"),
]


@pytest.mark.parametrize(("table", "text"), REFUSED, ids=[".".join(t) for t, _ in REFUSED])
def test_only_the_files_own_tables_are_read(tmp_path: Path, table: tuple[str, ...], text: str) -> None:
    path = file(
        tmp_path,
        "CREATE TABLE t (i INTEGER)",
        "CREATE VIEW seen AS SELECT * FROM t",
        "CREATE MACRO made() AS TABLE SELECT 1 AS i",
        "CREATE SCHEMA gateway_source",
        "CREATE TABLE gateway_source.t (i INTEGER)",
        "INSERT INTO gateway_source.t VALUES (5)",
    )
    with pytest.raises(Integrity, match=text):
        values(path, scan(column("i", pa.int64()), table=table))
    assert values(path, scan(column("i", pa.int64()), table=("gateway_source", "t"))) == [5]
    assert values(path, scan(column("i", pa.int64()), table=("main", "t"))) == []


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    path = file(tmp_path, "CREATE TABLE t (i INTEGER)")
    database = Database(path, source="core")
    engine = Engine(database.attach, source="core", at_end=database.close)
    (tmp_path / "other.csv").write_text("a\n1\n")
    with engine.cursor() as cursor:
        yield cursor
    engine.close()


CLOSED = [
    "FROM '{folder}/other.csv'",
    "FROM read_csv('{folder}/other.csv')",
    "FROM read_text('{folder}/other.csv')",
    "FROM glob('{folder}/*')",
    "ATTACH '{folder}/new.duckdb' AS n",
    "COPY gateway_source.main.t TO '{folder}/out.csv'",
    "EXPORT DATABASE gateway_source TO '{folder}/out'",
    "INSERT INTO gateway_source.main.t VALUES (1)",
    "CREATE TABLE gateway_source.main.u (i INTEGER)",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "SET memory_limit = '8GB'",
    "SET threads = 8",
    "SET temp_directory = '{folder}'",
    "RESET lock_configuration",
    "FROM opened",
]


@pytest.mark.parametrize("text", CLOSED)
def test_the_engine_is_locked(opened: duckdb.DuckDBPyConnection, tmp_path: Path, text: str) -> None:
    with pytest.raises(duckdb.Error):
        opened.execute(text.format(folder=tmp_path)).fetchall()


def failure(path: Path) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        values(path, scan(column("i", pa.int64())))
    assert str(path.parent) not in str(caught.value)
    assert path.name not in str(caught.value)
    assert DuckdbSource("core", path).check()[0] == caught.value.message.replace("core.t:", "source core:")
    return caught.value


def test_a_missing_file_is_unavailable_and_is_not_made(tmp_path: Path) -> None:
    assert "does not exist" in failure(tmp_path / "core.duckdb").message
    assert list(tmp_path.iterdir()) == []


def test_a_folder_or_a_pipe_is_unavailable(tmp_path: Path) -> None:
    assert isinstance(failure(tmp_path), Unavailable)
    os.mkfifo(tmp_path / "core.duckdb")
    assert isinstance(failure(tmp_path / "core.duckdb"), Unavailable)


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"SQLite format 3\0" + bytes(5000), bytes(8) + b"DUCK" + bytes(9000)]
)
def test_another_file_is_no_database(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "core.duckdb"
    path.write_bytes(content)
    path.chmod(0o600)
    assert isinstance(failure(path), Integrity | Unavailable)


ROWS = 2_000_000


def filled(tmp_path: Path, *, name: str = "core.duckdb", first: int = 0) -> Path:
    return file(
        tmp_path,
        f"CREATE TABLE t AS SELECT {first} + n AS i, md5(n::VARCHAR) AS s FROM range({ROWS}) AS r(n)",
        name=name,
    )


TEXTS = scan(column("s", pa.string()), column("i", pa.int64()))


def test_a_file_that_is_damaged_fails(tmp_path: Path) -> None:
    path = filled(tmp_path)
    with path.open("r+b") as damaged:
        damaged.seek(path.stat().st_size // 2)
        damaged.write(os.urandom(1 << 20))
    with pytest.raises(Integrity, match="damaged"):
        values(path, TEXTS)
    os.truncate(path, path.stat().st_size // 3)
    with pytest.raises(GatewayError):
        values(path, TEXTS)


WRITE = (
    "import duckdb, sys\n"
    "try:\n"
    "    connection = duckdb.connect(sys.argv[1])\n"
    "except duckdb.IOException:\n"
    "    sys.exit(7)\n"
    "connection.execute('DELETE FROM t')\n"
    "print('written', flush=True)\n"
    "sys.stdin.read()\n"
)


def writes(path: Path) -> bool:
    """Whether another process may write to the file."""
    command = [sys.executable, "-c", WRITE, str(path)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert done.returncode in {0, 7}, done.stderr
    return done.returncode == 0


def test_nobody_writes_while_an_access_reads_though_another_ended(tmp_path: Path) -> None:
    path = filled(tmp_path)
    source = DuckdbSource("core", path)
    session = source.session(receipt="r", deadline=time.monotonic() + 60, tally=Tally())
    batches = iter(session.scan(TEXTS))
    count = next(batches).num_rows
    assert len(values(path, scan(column("i", pa.int64())))) == ROWS  # another access, which closes the file
    assert not writes(path)
    assert sum(batch.num_rows for batch in batches) + count == ROWS
    assert not writes(path)  # a second scan of the access reads the same state
    session.close()
    assert writes(path)


def test_a_file_that_a_writer_holds_is_unavailable(tmp_path: Path) -> None:
    path = file(tmp_path, "CREATE TABLE t (i INTEGER)")
    command = [sys.executable, "-c", WRITE, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "written\n"
        error = failure(path)
        writer.communicate("")
    assert "writer" in error.message
    assert "finished copy" in error.fix
    assert values(path, scan(column("i", pa.int64()))) == []


def test_a_file_that_is_renamed_into_its_place_is_seen_by_the_next_access(tmp_path: Path) -> None:
    path, other = filled(tmp_path), filled(tmp_path, name="new.duckdb", first=10**9)
    session = DuckdbSource("core", path).session(receipt="r", deadline=time.monotonic() + 60, tally=Tally())
    i = scan(column("i", pa.int64()))
    with session.scan(i) as stream:
        batches = iter(stream)
        next(batches)
        other.rename(path)
        assert max(batch.column(0)[-1].as_py() for batch in batches) == ROWS - 1
    with session.scan(i) as stream:
        assert next(iter(stream)).column(0)[0].as_py() == 0
    session.close()
    assert values(path, i)[0] == 10**9


def test_a_file_that_is_overwritten_while_it_is_read_fails(tmp_path: Path) -> None:
    path, other = filled(tmp_path), filled(tmp_path, name="new.duckdb", first=10**9)
    session = DuckdbSource("core", path).session(receipt="r", deadline=time.monotonic() + 60, tally=Tally())
    with session.scan(TEXTS) as stream:
        batches = iter(stream)
        next(batches)
        shutil.copyfile(other, path)
        with pytest.raises(Integrity) as caught:
            list(batches)
    session.close()
    assert caught.value.code == "integrity.source.changed"


def test_what_does_not_fit_the_memory_is_exhausted_and_spills_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = filled(tmp_path)
    monkeypatch.setattr(duckdb_engine, "_CONFIG", {**duckdb_engine._CONFIG, "memory_limit": "40MiB"})
    monkeypatch.chdir(tmp_path)
    guarded = GuardedScan(scan=TEXTS, subject="i", dimensions=("s",), measures=(), filter=None)
    session = DuckdbSource("core", path).session(receipt="r", deadline=time.monotonic() + 60, tally=Tally())
    with session.group(guarded) as groups, pytest.raises(Exhausted) as caught:
        list(groups)
    session.close()
    assert caught.value.code == "exhausted.memory"
    assert sorted(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("columns", "rows"), [("n", 16_384), ("n, s", 2_048)])
def test_values_of_any_length_come_in_small_batches(tmp_path: Path, columns: str, rows: int) -> None:
    path = file(tmp_path, "CREATE TABLE t AS SELECT range AS n, range::VARCHAR AS s FROM range(40_000)")
    database = Database(path, source="core")
    engine = Engine(database.attach, source="core", at_end=database.close)
    asked = Statement(sql=f"SELECT {columns} FROM gateway_source.main.t", columns=tuple(columns.split(", ")), kinds=())
    with Session(engine, database, source="core").begun(lambda: None) as session:
        read = session.read(asked, table=Table(path=(), columns={}), dataset="core.t")
        assert max(batch.num_rows for batch in read) == rows
    engine.close()


def test_check_finds_nothing_where_all_is_well(tmp_path: Path) -> None:
    assert DuckdbSource("core", file(tmp_path, "CREATE TABLE t (i INTEGER)")).check() == []


def test_check_says_in_words_what_is_wrong(tmp_path: Path) -> None:
    path = file(tmp_path)
    path.chmod(0o644)
    assert DuckdbSource("core", path).check() == [
        "source core: the database holds no table",
        "source core: every user of this host can read the database file",
    ]
