"""What only a PostgreSQL can do wrong."""

from __future__ import annotations

import datetime
import decimal
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from psycopg.conninfo import make_conninfo

from gateway.errors import Exhausted, GatewayError, Integrity, Invalid, Unavailable, Unsupported
from gateway.ports import SourceSession
from gateway.sources import PostgresSource, open_sources
from gateway.terms.dataset import Column
from gateway.terms.plan import GuardedScan, Measure, Scan
from gateway.terms.policy import Follow
from gateway.terms.predicate import Compare
from gateway.terms.streams import Tally
from tests import scans
from tests.pg import postgres_server, postgres_url  # noqa: F401 - fixtures
from tests.scans import column

pytestmark = pytest.mark.postgres

UTC = datetime.UTC
D = decimal.Decimal
Run = Callable[..., list[tuple[object, ...]]]


@pytest.fixture
def run(postgres_url: str) -> Iterator[Run]:  # noqa: F811 - a fixture
    with psycopg.connect(postgres_url, autocommit=True) as connection:

        def execute(*statements: str) -> list[tuple[object, ...]]:
            for statement in statements:
                cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

        yield execute


@pytest.fixture
def source(postgres_url: str) -> PostgresSource:  # noqa: F811 - a fixture
    return PostgresSource("core", postgres_url)


def scan(*columns: Column, **more: Any) -> Scan:
    """Of the first column; the others are auxiliary."""
    return scans.scan(*columns[:1], aux=columns[1:], **more)


def session(source: PostgresSource, *, receipt: str = "r_test", seconds: float = 60) -> SourceSession:
    return source.session(receipt=receipt, deadline=time.monotonic() + seconds, tally=Tally())


def first(source: PostgresSource, asked: Scan) -> list[object]:
    """Of each row the first column."""
    reads = session(source)
    try:
        with reads.scan(asked) as stream:
            return [value for batch in stream for value in batch.column(0).to_pylist()]
    finally:
        reads.close()


KEPT: list[tuple[str, str, pa.DataType, object]] = [
    ("smallint", "-32768", pa.int64(), -32768),
    ("integer", "2147483647", pa.int32(), 2147483647),
    ("real", "0.1", pa.float64(), 0.10000000149011612),
    ("varchar(5)", "'ab  '", pa.string(), "ab  "),
    ("varchar", "'ä'", pa.string(), "ä"),
    ("char(5)", "'ab'", pa.string(), "ab"),
    ("uuid", "'6AC85AEC-4BD5-4815-8BBC-7310080ABD08'", pa.string(), "6ac85aec-4bd5-4815-8bbc-7310080abd08"),
    ("json", """'{"b": 1,  "a": 2}'""", pa.string(), '{"b": 1,  "a": 2}'),
    ("jsonb", """'{"b": 1,  "a": 2}'""", pa.string(), '{"a": 2, "b": 1}'),
    ("bytea", "'\\x00ff'", pa.binary(), b"\x00\xff"),
    ("timestamp", "'2026-01-02 03:04:05.000006'", pa.timestamp("us"), datetime.datetime(2026, 1, 2, 3, 4, 5, 6)),  # noqa: DTZ001 - naive
    (
        "timestamptz",
        "'2026-01-02 03:04:05+02'",
        pa.timestamp("us", "UTC"),
        datetime.datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC),
    ),
    ("numeric(5,1)", "1.5", pa.decimal128(12, 2), D("1.50")),
    ("numeric(5,-2)", "12345", pa.decimal128(12, 2), D("12300.00")),
    ("numeric", "1.500", pa.decimal128(12, 2), D("1.50")),
]


@pytest.mark.parametrize(("declared", "literal", "kind", "want"), KEPT)
def test_a_type_is_delivered_exactly(
    run: Run, source: PostgresSource, declared: str, literal: str, kind: pa.DataType, want: object
) -> None:
    run(f"CREATE TABLE t (v {declared})", f"INSERT INTO t VALUES ({literal}), (NULL)")
    assert first(source, scan(column("v", kind))) == [want, None]


def test_an_enumeration_and_a_domain_are_read_as_what_they_are_made_of(run: Run, source: PostgresSource) -> None:
    run("CREATE TYPE color AS ENUM ('red', 'blue')", "CREATE DOMAIN money2 AS numeric(10,2)")
    run("CREATE DOMAIN nested AS money2 CHECK (value > 0)")
    run("CREATE TABLE t (c color, n nested)", "INSERT INTO t VALUES ('blue', 1.5)")
    assert first(source, scan(column("c", pa.string()))) == ["blue"]
    assert first(source, scan(column("n", pa.decimal128(10, 2)))) == [D("1.50")]
    # by the name, not by the order of the declaration
    assert first(source, scan(column("c", pa.string()), rows=Compare("c", "<", "red"))) == ["blue"]
    assert first(source, scan(column("n", pa.decimal128(10, 2)), rows=Compare("n", ">", D("1.50")))) == []


REFUSED_VALUES: list[tuple[str, str, pa.DataType]] = [
    ("numeric(12,2)", "'NaN'", pa.decimal128(12, 2)),
    ("numeric", "'Infinity'", pa.decimal128(12, 2)),
    ("numeric", "1.234", pa.decimal128(12, 2)),
    ("numeric", "1e20", pa.decimal128(12, 2)),
    ("timestamptz", "'infinity'", pa.timestamp("us", "UTC")),
    ("timestamptz", "'-infinity'", pa.timestamp("us", "UTC")),
    ("timestamptz", "'10000-01-01'", pa.timestamp("us", "UTC")),
    ("timestamptz", "'294276-12-31'", pa.timestamp("us", "UTC")),
    ("timestamp", "'0001-12-31 BC'", pa.timestamp("us")),
    ("date", "'infinity'", pa.date32()),
    ("date", "'-infinity'", pa.date32()),
    ("date", "'5874897-12-31'", pa.date32()),
    ("text", "repeat('x', 1048577)", pa.string()),
    ("text", "repeat('ä', 524289)", pa.string()),
    ("jsonb", "to_jsonb(repeat('x', 1048577))", pa.string()),
    ("bytea", "convert_to(repeat('x', 1048577), 'UTF8')", pa.binary()),
]


@pytest.mark.parametrize(("declared", "literal", "kind"), REFUSED_VALUES)
def test_a_value_that_the_declared_type_cannot_hold_is_no_garbage(
    run: Run, source: PostgresSource, declared: str, literal: str, kind: pa.DataType
) -> None:
    run(f"CREATE TABLE t (v {declared}, ok boolean)", f"INSERT INTO t VALUES ({literal}, false), (NULL, true)")
    with pytest.raises(Integrity, match=r"^core\.t\.v: a value does not fit") as caught:
        first(source, scan(column("v", kind)))
    assert caught.value.code == "integrity.source.value"
    # an error from a hidden row would tell of it
    asked = scan(column("v", kind), column("ok", pa.bool_()), rows=Compare("ok", "=", True))
    assert first(source, asked) == [None]


def test_a_text_of_the_largest_size_is_delivered(run: Run, source: PostgresSource) -> None:
    run("CREATE TABLE t (v text)", "INSERT INTO t VALUES (repeat('ä', 524288))")
    assert first(source, scan(column("v", pa.string()))) == ["ä" * 524_288]


DRIFTED: list[tuple[str, pa.DataType, str]] = [
    ("bigint", pa.int32(), "int8"),
    ("double precision", pa.float32(), "float8"),
    ("numeric(14,2)", pa.decimal128(12, 2), r"numeric\(14,2\)"),
    ("numeric(12,3)", pa.decimal128(12, 2), r"numeric\(12,3\)"),
    ("timestamp", pa.timestamp("us", "UTC"), "timestamp"),
    ("timestamptz", pa.timestamp("us"), "timestamptz"),
    ("text", pa.int64(), "text"),
    ("integer", pa.string(), "int4"),
    ("inet", pa.string(), "inet"),
    ("integer[]", pa.int64(), "_int4"),
    ("timetz", pa.timestamp("us", "UTC"), "timetz"),
    ("regclass", pa.string(), "regclass"),
    ("money", pa.int64(), "money"),
    ("int4range", pa.string(), "int4range"),
]


@pytest.mark.parametrize(("declared", "kind", "says"), DRIFTED)
def test_a_type_that_the_catalog_does_not_declare_is_named(
    run: Run, source: PostgresSource, declared: str, kind: pa.DataType, says: str
) -> None:
    run(f"CREATE TABLE t (v {declared})")
    with pytest.raises(Integrity, match=rf"^core\.t\.v: .*has {says} there") as caught:
        first(source, scan(column("v", kind)))
    assert caught.value.code == "integrity.source.schema"


def test_a_composite_type_is_named_with_its_schema(run: Run, source: PostgresSource) -> None:
    run("CREATE TYPE pair AS (a integer, b integer)", "CREATE TABLE t (v pair)")
    with pytest.raises(Integrity, match=r"has test_\w+\.pair there"):
        first(source, scan(column("v", pa.string())))


@pytest.mark.parametrize("kind", ["MATERIALIZED VIEW", "VIEW"])
def test_only_tables_are_read(run: Run, source: PostgresSource, kind: str) -> None:
    run("CREATE TABLE b (v integer)", f"CREATE {kind} t AS SELECT v FROM b")
    with pytest.raises(Integrity, match="a table is needed"):
        first(source, scan(column("v", pa.int64())))


def test_a_partitioned_table_is_read_whole(run: Run, source: PostgresSource) -> None:
    run("CREATE TABLE t (v integer) PARTITION BY RANGE (v)")
    run("CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10)")
    run("CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (10) TO (20)", "INSERT INTO t VALUES (1), (11)")
    assert sorted(map(str, first(source, scan(column("v", pa.int64()))))) == ["1", "11"]


@pytest.mark.parametrize("hidden", ["ctid", "xmin", "tableoid"])
def test_a_system_column_is_no_column(run: Run, source: PostgresSource, hidden: str) -> None:
    run("CREATE TABLE t (v integer)")
    with pytest.raises(Integrity, match="no such column"):
        first(source, scan(column(hidden, pa.string())))


def test_a_dropped_column_is_missing(run: Run, source: PostgresSource) -> None:
    run("CREATE TABLE t (v integer, w integer)", "ALTER TABLE t DROP COLUMN v")
    with pytest.raises(Integrity, match="no such column"):
        first(source, scan(column("v", pa.int64())))


def test_a_table_is_found_by_its_schema(run: Run, source: PostgresSource) -> None:
    (schema,) = run("SELECT current_schema()")[0]
    run("CREATE TABLE t (v integer)", "INSERT INTO t VALUES (7)")
    assert first(source, scan(column("v", pa.int64()), table=(str(schema), "t"))) == [7]


@pytest.mark.parametrize("path", [("none", "t"), ("a", "b", "t"), (), ("",), ("t\0",), ("t" * 64,), ("s" * 64, "t")])
def test_what_names_no_table_finds_none(run: Run, source: PostgresSource, path: tuple[str, ...]) -> None:
    run("CREATE TABLE t (v integer)", f"CREATE TABLE {'t' * 63} (v integer)")
    with pytest.raises(Integrity, match="no such table"):
        first(source, scan(column("v", pa.int64()), table=path))


# One snapshot


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


# Failures


def test_a_receipt_that_is_no_plain_name_is_refused(source: PostgresSource) -> None:
    for receipt in ("", "R", "r'", "r\n", "r x", "r" * 56, "r;"):
        with pytest.raises(Invalid, match="receipt"):
            session(source, receipt=receipt)


def test_the_server_sees_the_receipt_and_cannot_be_written(run: Run, source: PostgresSource) -> None:
    receipt = f"r_{secrets.token_hex(8)}"
    run("CREATE TABLE t (v text)", "INSERT INTO t SELECT repeat('x', 1000) FROM generate_series(1, 50000)")
    reads = session(source, receipt=receipt)
    try:
        with reads.scan(scan(column("v", pa.string()))) as stream:
            next(iter(stream))
            found = run(f"SELECT query FROM pg_stat_activity WHERE application_name = 'gateway {receipt}'")
            assert len(found) == 2
            assert any('"t"' in str(query) for (query,) in found)
    finally:
        reads.close()


def test_a_statement_that_waits_too_long_is_exhausted(run: Run, source: PostgresSource) -> None:
    run("CREATE TABLE t (v text)")
    reads = session(source, seconds=0.5)
    try:
        run("BEGIN", "LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        with reads.scan(scan(column("v", pa.string()))) as stream, pytest.raises(Exhausted) as caught:
            list(stream)
        assert time.monotonic() - began < 2
        assert caught.value.code == "exhausted.time"
    finally:
        run("ROLLBACK")
        reads.close()


def test_a_server_that_goes_away_is_never_a_short_result(run: Run, source: PostgresSource) -> None:
    receipt = f"r_{secrets.token_hex(8)}"
    run("CREATE TABLE t (v text)", "INSERT INTO t SELECT repeat('x', 1000) FROM generate_series(1, 100000)")
    reads = session(source, receipt=receipt)
    try:
        with reads.scan(scan(column("v", pa.string()))) as stream:
            next(iter(stream))
            run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'gateway {receipt}'")
            with pytest.raises(Unavailable):
                list(stream)
    finally:
        reads.close()


def test_a_read_that_waits_for_the_server_is_ended_from_another_thread(run: Run, source: PostgresSource) -> None:
    run("CREATE TABLE t (v integer)")
    caught: list[GatewayError] = []
    reads = session(source)

    def drain() -> None:
        try:
            list(reads.scan(scan(column("v", pa.int64()))))
        except GatewayError as error:
            caught.append(error)

    run("BEGIN", "LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
    try:
        thread = threading.Thread(target=drain)
        thread.start()
        time.sleep(0.5)
        began = time.monotonic()
        reads.close()
        thread.join(10)
        assert time.monotonic() - began < 1
        assert [error.code for error in caught] == ["unavailable.closed"]
    finally:
        run("ROLLBACK")


SECRET = "s3cr3t-Zq"


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://who:{SECRET}@127.0.0.1:1/db",
        f"postgresql://who:{SECRET}@host.invalid/db?connect_timeout=2",
    ],
)
def test_a_server_that_is_not_there_is_named_without_its_url(url: str) -> None:
    source = PostgresSource("core", url)
    with pytest.raises(Unavailable, match=r"^source core: ") as caught:
        first(source, scan(column("v", pa.int64())))
    texts = [str(caught.value), caught.value.fix, *source.check()]
    assert len(texts) == 3
    assert not any(word in text for text in texts for word in (SECRET, "127.0.0.1", "host.invalid", "who"))


def test_a_url_that_cannot_be_read_is_not_repeated() -> None:
    for url in (f"postgresql://u:{SECRET}@h/db?nope=1", f"postgresql://u:{SECRET}@[h/db", f"postgresql://u:%{SECRET}"):
        with pytest.raises(Invalid, match="source core") as caught:
            PostgresSource("core", url)
        assert SECRET not in str(caught.value)
        assert caught.value.__cause__ is None


# The role


@pytest.fixture
def role(run: Run, postgres_url: str) -> Iterator[tuple[str, str]]:  # noqa: F811 - a fixture
    """A login role that may do nothing yet, and the URL by which it connects to the test's schema."""
    name = f"test_{secrets.token_hex(8)}"
    run(f"CREATE ROLE {name} LOGIN PASSWORD '{SECRET}' CONNECTION LIMIT 20")
    run(f"ALTER ROLE {name} SET default_transaction_read_only = on")
    try:
        yield name, make_conninfo(postgres_url, user=name, password=SECRET)
    finally:
        run(f"DROP OWNED BY {name}", f"DROP ROLE {name}")


def test_a_role_that_may_only_read_gives_no_finding(run: Run, role: tuple[str, str]) -> None:
    name, conninfo = role
    (schema,) = run("SELECT current_schema()")[0]
    run("CREATE TABLE t (v integer, w integer)", f"GRANT USAGE ON SCHEMA {schema} TO {name}")
    run(f"GRANT SELECT (v) ON t TO {name}")
    assert own(PostgresSource("core", conninfo).check(), run) == []


def own(findings: Sequence[str], run: Run) -> list[str]:
    """Findings that the test's role earned: other schemas of a shared server may be open to everybody."""
    open_to_all = run(
        "SELECT 1 FROM pg_namespace WHERE has_schema_privilege('public', oid, 'CREATE') AND nspname NOT LIKE 'pg\\_%'"
    )
    return [f for f in findings if not (open_to_all and "create objects" in f)]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("GRANT INSERT ON t TO {role}", "may write"),
        ("GRANT UPDATE (v) ON t TO {role}", "may write"),
        ("GRANT CREATE ON SCHEMA {schema} TO {role}", "may create objects"),
        ("ALTER ROLE {role} CONNECTION LIMIT -1", "no CONNECTION LIMIT"),
        ("ALTER ROLE {role} SUPERUSER", "is a superuser"),
        ("ALTER ROLE {role} BYPASSRLS", "bypass row security"),
        ("GRANT pg_read_server_files TO {role}", "acts on the server"),
        ("ALTER ROLE {role} RESET default_transaction_read_only", "default_transaction_read_only"),
        ("ALTER ROLE {role} NOLOGIN", "refuses the gateway's role|could not be read"),
    ],
)
def test_a_role_that_may_too_much_is_a_finding(run: Run, role: tuple[str, str], change: str, says: str) -> None:
    name, conninfo = role
    (schema,) = run("SELECT current_schema()")[0]
    run("CREATE TABLE t (v integer)", change.format(role=name, schema=schema))
    findings = PostgresSource("core", conninfo).check()
    assert any(f.startswith("source core: ") for f in findings)
    assert any(word in finding for finding in findings for word in says.split("|")), findings
    assert not any(SECRET in finding or name in finding for finding in findings)


def test_a_column_grant_is_enough_to_read_and_a_missing_one_is_named(run: Run, role: tuple[str, str]) -> None:
    name, conninfo = role
    (schema,) = run("SELECT current_schema()")[0]
    run("CREATE TABLE t (v integer, w integer)", "INSERT INTO t VALUES (1, 2)")
    source = PostgresSource("core", conninfo)
    with pytest.raises(Unavailable, match="may not read") as caught:
        first(source, scan(column("v", pa.int64()), table=(str(schema), "t")))
    assert "GRANT" in caught.value.fix
    run(f"GRANT USAGE ON SCHEMA {schema} TO {name}", f"GRANT SELECT (v) ON t TO {name}")
    assert first(source, scan(column("v", pa.int64()))) == [1]
    with pytest.raises(Unavailable, match=r"core\.t\.w: the gateway's role may not read it"):
        first(source, scan(column("w", pa.int64())))


def test_the_sources_file_opens_it(run: Run, postgres_url: str, tmp_path: Path) -> None:  # noqa: F811 - a fixture
    run("CREATE TABLE t (v integer)", "INSERT INTO t VALUES (7)")
    path = tmp_path / "sources.yaml"
    (tmp_path / "core.url").write_text(postgres_url)
    path.write_text("core: {url: 'file:core.url'}")
    source = open_sources(path)["core"]
    assert isinstance(source, PostgresSource)
    assert source.consistency == "exported"
    assert first(source, scan(column("v", pa.int64()))) == [7]
