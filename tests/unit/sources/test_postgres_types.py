"""A PostgreSQL's types and tables: what is read exactly, and what is named and refused."""

from __future__ import annotations

import datetime
import decimal

import pyarrow as pa
import pytest

from gateway.errors import Integrity
from gateway.sources import PostgresSource
from gateway.terms.predicate import Compare
from tests.scans import column
from tests.unit.sources.postgres_scans import Run, scan
from tests.unit.sources.sessions import first

pytestmark = pytest.mark.postgres

UTC = datetime.UTC
D = decimal.Decimal


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
