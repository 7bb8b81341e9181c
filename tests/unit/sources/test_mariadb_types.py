"""A MariaDB's types and tables: what is read exactly, and what is named and refused."""

from __future__ import annotations

import contextlib
import datetime
import decimal
import random
import struct
import time

import pyarrow as pa
import pytest

from gateway.errors import Integrity, Unsupported
from gateway.terms.plan import GuardedScan, Measure, Scan
from gateway.terms.policy import Follow
from gateway.terms.predicate import And, Compare, IsNull, OneOf, Predicate
from gateway.terms.streams import Tally
from tests.maria import Database
from tests.scans import column, scan
from tests.unit.sources.mariadb_reads import source_of, values

pytestmark = pytest.mark.mariadb
D = decimal.Decimal
UTC = datetime.UTC
INT, TEXT, BOOL, FLOAT = pa.int64(), pa.string(), pa.bool_(), pa.float64()
MONEY, DAY, MOMENT, LOCAL = pa.decimal128(12, 2), pa.date32(), pa.timestamp("us", "UTC"), pa.timestamp("us")


READ = [
    ("TINYINT UNSIGNED", "255", INT, 255),
    ("INT(8) ZEROFILL", "42", INT, 42),
    ("BIGINT UNSIGNED", "9223372036854775807", INT, 2**63 - 1),
    ("YEAR", "2026", INT, 2026),
    ("BIT(20)", "b'10000000000000000001'", INT, 524289),
    ("MEDIUMINT", "-8388608", pa.int32(), -8388608),
    ("BOOLEAN", "TRUE", BOOL, True),
    ("TINYINT", "0", BOOL, False),
    ("BIT(1)", "b'1'", BOOL, True),
    ("FLOAT", "16777217", FLOAT, 16777216.0),
    ("FLOAT", "0.1", FLOAT, struct.unpack("f", struct.pack("f", 0.1))[0]),
    ("DOUBLE(10,2)", "0.1", FLOAT, 0.1),
    ("DECIMAL(12,2)", "-9999999999.99", MONEY, D("-9999999999.99")),
    ("DECIMAL(5,0)", "12345", MONEY, D("12345.00")),
    ("CHAR(10)", "'acme'", TEXT, "acme"),
    ("CHAR(10)", "' a b  '", TEXT, " a b"),
    ("VARCHAR(10)", "'acme  '", TEXT, "acme  "),
    ("VARCHAR(10) CHARACTER SET latin1", "'ä€'", TEXT, "ä€"),
    ("VARCHAR(10) CHARACTER SET utf8mb3", "'日本'", TEXT, "日本"),
    ("MEDIUMTEXT CHARACTER SET latin1", "'ä€'", TEXT, "ä€"),
    ("TEXT", "'🙂'", TEXT, "🙂"),
    ("LONGTEXT", "REPEAT('x', 1048576)", TEXT, "x" * 1048576),
    ("TEXT", "''", TEXT, ""),
    ("JSON", "'{\"a\": 1}'", TEXT, '{"a": 1}'),
    ("ENUM('a', 'B')", "'B'", TEXT, "B"),
    ("SET('a', 'b')", "'a,b'", TEXT, "a,b"),
    ("UUID", "'123E4567-e89b-12d3-a456-426655440000'", TEXT, "123e4567-e89b-12d3-a456-426655440000"),
    ("VARBINARY(10)", "x'00ff00'", pa.binary(), b"\x00\xff\x00"),
    ("DATE", "'2024-02-29'", DAY, datetime.date(2024, 2, 29)),
    ("DATETIME", "'2024-02-29 23:59:59'", MOMENT, datetime.datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC)),
    (
        "DATETIME(3)",
        "'2024-02-29 23:59:59.125'",
        MOMENT,
        datetime.datetime(2024, 2, 29, 23, 59, 59, 125_000, tzinfo=UTC),
    ),
    (
        "DATETIME(6)",
        "'2024-02-29 23:59:59.000001'",
        LOCAL,
        datetime.datetime(2024, 2, 29, 23, 59, 59, 1),  # noqa: DTZ001 - the point
    ),
    (
        "TIMESTAMP(6)",
        "'2024-07-01 12:00:00.5'",
        MOMENT,
        datetime.datetime(2024, 7, 1, 12, 0, 0, 500_000, tzinfo=UTC),
    ),
]


@pytest.mark.parametrize(("declared", "value", "kind", "want"), READ)
def test_each_native_type_is_delivered_exactly(
    mariadb: Database,
    declared: str,
    value: str,
    kind: pa.DataType,
    want: object,
) -> None:
    mariadb.run(f"CREATE TABLE t (v {declared} NULL)", f"INSERT INTO t VALUES ({value}), (NULL)")
    assert values(mariadb, scan(column("v", kind))) == [want, None]


@pytest.mark.parametrize(("declared", "value", "kind", "want"), READ)
def test_each_native_type_is_filtered_and_grouped_exactly(
    mariadb: Database,
    declared: str,
    value: str,
    kind: pa.DataType,
    want: object,
) -> None:
    mariadb.run(f"CREATE TABLE t (s BIGINT, v {declared} NULL)", f"INSERT INTO t VALUES (1, {value}), (1, NULL)")
    if not isinstance(want, bytes):
        assert values(mariadb, scan(column("v", kind), rows=Compare("v", "=", want))) == [want]  # type: ignore[arg-type]
    guarded = GuardedScan(
        scan=scan(column("v", kind), column("s", INT)), subject="s", dimensions=("v",), measures=(), filter=None
    )
    session = source_of(mariadb).session(receipt="r_test", deadline=time.monotonic() + 30, tally=Tally())
    with contextlib.closing(session), session.group(guarded) as groups:
        rows = [row for batch in groups for row in batch.to_pylist()]
    assert {row["v"] for row in rows} == {want, None}
    assert [row["__rows"] for row in rows] == [1, 1]


SECRET = "ZQX-SECRET-000042"
MISFITS = [
    ("DATE", "'0000-00-00'", DAY),
    ("DATE", "'2026-00-10'", DAY),
    ("DATETIME", "'0000-00-00 00:00:00'", MOMENT),
    ("DATETIME(6)", "'0000-00-00 00:00:00'", MOMENT),
    ("TIMESTAMP", "0", MOMENT),
    ("BIGINT UNSIGNED", "9223372036854775808", INT),
    ("BIGINT", "2147483648", pa.int32()),
    ("TINYINT(1)", "2", BOOL),
    ("LONGTEXT", "REPEAT('x', 1048577)", TEXT),
]


@pytest.mark.parametrize(("declared", "value", "kind"), MISFITS)
def test_a_value_that_does_not_fit_names_the_column(
    mariadb: Database,
    declared: str,
    value: str,
    kind: pa.DataType,
) -> None:
    mariadb.run("SET SESSION sql_mode = ''", f"CREATE TABLE t (v {declared} NULL)", f"INSERT INTO t VALUES ({value})")
    with pytest.raises(Integrity, match=r"core\.t\.v: a value does not fit"):
        values(mariadb, scan(column("v", kind)))


DRIFT = [
    ("DECIMAL(12,3)", MONEY),
    ("DECIMAL(13,2)", MONEY),
    ("DOUBLE", MONEY),
    ("BIGINT", TEXT),
    ("VARCHAR(20)", INT),
    ("VARCHAR(20)", DAY),
    ("TIME", TEXT),
    ("POINT", TEXT),
    ("BLOB", TEXT),
    ("LONGBLOB", pa.binary()),
    ("VARCHAR(9) CHARACTER SET binary", TEXT),
    ("DATE", MOMENT),
    ("TIMESTAMP", LOCAL),
    ("BIT(2)", BOOL),
    (f"ENUM('{SECRET}')", INT),
]


@pytest.mark.parametrize(("declared", "kind"), DRIFT)
def test_a_column_of_another_type_is_named_and_nothing_else(
    mariadb: Database,
    declared: str,
    kind: pa.DataType,
) -> None:
    mariadb.run(f"CREATE TABLE t (v {declared} NULL)")
    with pytest.raises(Integrity, match=r"core\.t\.v: declared") as caught:
        values(mariadb, scan(column("v", kind)))
    assert SECRET not in caught.value.message


def test_doubles_survive_their_spelling(mariadb: Database) -> None:
    draw = random.Random(5)
    floats = [x for x in (struct.unpack("d", draw.randbytes(8))[0] for _ in range(2_000)) if abs(x) < 1e308]
    mariadb.run("CREATE TABLE t (v DOUBLE)")
    mariadb.run("INSERT INTO t VALUES (%s)", rows=[[x] for x in floats])
    assert sorted(values(mariadb, scan(column("v", FLOAT)))) == sorted(floats)  # type: ignore[type-var]


def test_an_infinity_in_a_filter_is_refused(mariadb: Database) -> None:
    mariadb.run("CREATE TABLE t (v DOUBLE)")
    with pytest.raises(Unsupported):
        values(mariadb, scan(column("v", FLOAT), rows=Compare("v", "<", float("inf"))))


def test_long_texts_with_one_beginning_are_several_groups(mariadb: Database) -> None:
    mariadb.run(
        "CREATE TABLE t (s BIGINT, v TEXT)",
        *(f"INSERT INTO t VALUES (1, CONCAT(REPEAT('x', 60000), '{end}'))" for end in "abab"),
    )
    guarded = GuardedScan(
        scan=scan(column("v", TEXT), column("s", INT)), subject="s", dimensions=("v",), measures=(), filter=None
    )
    session = source_of(mariadb).session(receipt="r_test", deadline=time.monotonic() + 30, tally=Tally())
    with contextlib.closing(session), session.group(guarded) as groups:
        rows = [row for batch in groups for row in batch.to_pylist()]
    assert sorted((row["v"][-1], row["__rows"]) for row in rows) == [("a", 2), ("b", 2)]


def test_an_unsigned_sum_that_holds_a_misfit_is_refused(mariadb: Database) -> None:
    mariadb.run("CREATE TABLE t (s BIGINT, v BIGINT UNSIGNED)", "INSERT INTO t VALUES (1, 18446744073709551615)")
    guarded = GuardedScan(
        scan=scan(column("v", INT), column("s", INT)),
        subject="s",
        dimensions=(),
        measures=(Measure(name="__measure_1", function="sum", column="v"),),
        filter=None,
    )
    session = source_of(mariadb).session(receipt="r_test", deadline=time.monotonic() + 30, tally=Tally())
    with contextlib.closing(session), session.group(guarded) as groups, pytest.raises(Integrity, match="does not fit"):
        list(groups)


def test_a_table_of_another_database_is_named_with_it(mariadb: Database) -> None:
    mariadb.run("CREATE TABLE t (v BIGINT)", "INSERT INTO t VALUES (7)")
    assert values(mariadb, scan(column("v", INT), table=(mariadb.name, "t"))) == [7]


def test_a_table_without_snapshots_is_refused(mariadb: Database) -> None:
    mariadb.run("CREATE TABLE t (v BIGINT) ENGINE = MyISAM")
    with pytest.raises(Unsupported, match="snapshot"):
        values(mariadb, scan(column("v", INT)))


def test_the_newest_is_that_of_the_rows_that_the_filter_keeps(mariadb: Database) -> None:
    mariadb.run(
        "CREATE TABLE t (at DATETIME(3), region VARCHAR(10))",
        "INSERT INTO t VALUES ('2024-01-01', 'DE'), ('2026-01-01 00:00:00.5', 'de')",
        "INSERT INTO t VALUES ('2025-01-01', 'FR'), (NULL, 'DE')",
    )
    asked = scan(column("at", MOMENT))
    session = source_of(mariadb).session(receipt="r_test", deadline=time.monotonic() + 30, tally=Tally())
    with contextlib.closing(session):
        assert session.newest(asked) == datetime.datetime(2026, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)
        for keep, year in (("DE", 2024), ("FR", 2025)):
            filtered = Scan(
                **{f: getattr(asked, f) for f in asked.__slots__}
                | {"aux_columns": (column("region", TEXT),), "rows": Compare("region", "=", keep)}
            )
            assert session.newest(filtered) == datetime.datetime(year, 1, 1, tzinfo=UTC)


FOLLOWED: list[tuple[str, str, Predicate]] = [
    ("BOOLEAN", "1", Compare("b", "=", True)),
    ("DOUBLE", "1.5", Compare("b", ">", 1.0)),
    ("DECIMAL(9,2)", "2", OneOf("b", (D("2.00"),))),
    ("DATE", "'2026-01-01'", Compare("b", "<", datetime.date(2026, 2, 1))),
    ("DATETIME", "'2026-01-01'", Compare("b", "<", datetime.datetime(2026, 2, 1, tzinfo=UTC))),
    ("VARCHAR(9)", "'DE'", And((Compare("b", "=", "DE"), Compare("k", "=", 1)))),
    ("BIGINT", "NULL", IsNull("b")),
    ("DECIMAL(9,2)", "NULL", IsNull("b")),
    ("TEXT", "NULL", IsNull("b")),
    ("DATETIME", "NULL", IsNull("b")),
]


@pytest.mark.parametrize(("declared", "value", "predicate"), FOLLOWED)
def test_a_follow_takes_its_types_from_its_values(
    mariadb: Database,
    declared: str,
    value: str,
    predicate: Predicate,
) -> None:
    mariadb.run(
        "CREATE TABLE t (i BIGINT)",
        "INSERT INTO t VALUES (1), (2)",
        f"CREATE TABLE u (k BIGINT, b {declared} NULL)",
        f"INSERT INTO u VALUES (1, {value})",
    )
    follow = Follow(column="i", dataset="core.u", table=("u",), source="core", key="k", predicate=predicate)
    assert values(mariadb, scan(column("i", INT), follow=follow)) == [1]
