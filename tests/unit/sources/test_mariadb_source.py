"""What only a MariaDB server, its types and its connections can do wrong."""

from __future__ import annotations

import contextlib
import datetime
import decimal
import random
import secrets
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pymysql
import pytest

from gateway.errors import Exhausted, GatewayError, Integrity, Invalid, Unavailable, Unsupported
from gateway.sources import MariadbSource
from gateway.sources.mariadb import Address, address_of
from gateway.sources.mariadb.account import excess_privileges
from gateway.sources.mariadb.session import Session
from gateway.terms.plan import GuardedScan, Measure, Scan
from gateway.terms.policy import Follow
from gateway.terms.predicate import And, Compare, IsNull, OneOf, Predicate
from gateway.terms.streams import RawStream, Tally
from tests.maria import Database, mariadb  # noqa: F401 - a fixture
from tests.scans import column, scan

pytestmark = pytest.mark.mariadb
D = decimal.Decimal
UTC = datetime.UTC
INT, TEXT, BOOL, FLOAT = pa.int64(), pa.string(), pa.bool_(), pa.float64()
MONEY, DAY, MOMENT, LOCAL = pa.decimal128(12, 2), pa.date32(), pa.timestamp("us", "UTC"), pa.timestamp("us")


def source_of(database: Database) -> MariadbSource:
    return MariadbSource("core", address_of("core", database.rest, folder=Path()))


@contextlib.contextmanager
def reading(
    database: Database, asked: Scan, *, seconds: float = 30, receipt: str = "r_test", tally: Tally | None = None
) -> Iterator[RawStream]:
    session = source_of(database).session(receipt=receipt, deadline=time.monotonic() + seconds, tally=tally or Tally())
    with contextlib.closing(session):
        yield session.scan(asked)


def values(database: Database, asked: Scan) -> list[object]:
    with reading(database, asked) as stream:
        return [value for batch in stream for value in batch.column(0).to_pylist()]


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
    mariadb: Database,  # noqa: F811 - the fixture
    declared: str,
    value: str,
    kind: pa.DataType,
    want: object,
) -> None:
    mariadb.run(f"CREATE TABLE t (v {declared} NULL)", f"INSERT INTO t VALUES ({value}), (NULL)")
    assert values(mariadb, scan(column("v", kind))) == [want, None]


@pytest.mark.parametrize(("declared", "value", "kind", "want"), READ)
def test_each_native_type_is_filtered_and_grouped_exactly(
    mariadb: Database,  # noqa: F811 - the fixture
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
    mariadb: Database,  # noqa: F811 - the fixture
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
    mariadb: Database,  # noqa: F811 - the fixture
    declared: str,
    kind: pa.DataType,
) -> None:
    mariadb.run(f"CREATE TABLE t (v {declared} NULL)")
    with pytest.raises(Integrity, match=r"core\.t\.v: declared") as caught:
        values(mariadb, scan(column("v", kind)))
    assert SECRET not in caught.value.message


def test_doubles_survive_their_spelling(mariadb: Database) -> None:  # noqa: F811 - the fixture
    draw = random.Random(5)
    floats = [x for x in (struct.unpack("d", draw.randbytes(8))[0] for _ in range(2_000)) if abs(x) < 1e308]
    mariadb.run("CREATE TABLE t (v DOUBLE)")
    mariadb.run("INSERT INTO t VALUES (%s)", rows=[[x] for x in floats])
    assert sorted(values(mariadb, scan(column("v", FLOAT)))) == sorted(floats)  # type: ignore[type-var]


def test_an_infinity_in_a_filter_is_refused(mariadb: Database) -> None:  # noqa: F811 - the fixture
    mariadb.run("CREATE TABLE t (v DOUBLE)")
    with pytest.raises(Unsupported):
        values(mariadb, scan(column("v", FLOAT), rows=Compare("v", "<", float("inf"))))


def test_long_texts_with_one_beginning_are_several_groups(mariadb: Database) -> None:  # noqa: F811 - the fixture
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


def test_an_unsigned_sum_that_holds_a_misfit_is_refused(mariadb: Database) -> None:  # noqa: F811 - the fixture
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


def test_a_table_of_another_database_is_named_with_it(mariadb: Database) -> None:  # noqa: F811 - the fixture
    mariadb.run("CREATE TABLE t (v BIGINT)", "INSERT INTO t VALUES (7)")
    assert values(mariadb, scan(column("v", INT), table=(mariadb.name, "t"))) == [7]


def test_a_table_without_snapshots_is_refused(mariadb: Database) -> None:  # noqa: F811 - the fixture
    mariadb.run("CREATE TABLE t (v BIGINT) ENGINE = MyISAM")
    with pytest.raises(Unsupported, match="snapshot"):
        values(mariadb, scan(column("v", INT)))


def test_the_newest_is_that_of_the_rows_that_the_filter_keeps(mariadb: Database) -> None:  # noqa: F811 - the fixture
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
    mariadb: Database,  # noqa: F811 - the fixture
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


def filled(database: Database) -> None:
    """Some 60 MB: more than the server and the kernel keep for a reader that stalls."""
    database.run(
        "CREATE TABLE t (i BIGINT PRIMARY KEY, s VARCHAR(300))",
        "INSERT INTO t SELECT seq, REPEAT('x', 300) FROM seq_1_to_200000",
    )


def statements(database: Database, receipt: str) -> list[object]:
    found = database.run(
        "SELECT INFO FROM information_schema.PROCESSLIST"
        f" WHERE DB = '{database.name}' AND ID <> CONNECTION_ID() AND INFO LIKE '/* gateway {receipt} */%'"
    )
    return [row[0] for row in found]


def connections(database: Database) -> int:
    query = f"SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB = '{database.name}'"
    return int(str(database.run(f"{query} AND ID <> CONNECTION_ID()")[0][0]))


def test_the_servers_own_list_of_statements_shows_the_receipt(mariadb: Database) -> None:  # noqa: F811 - the fixture
    filled(mariadb)
    with reading(mariadb, scan(column("s", TEXT)), receipt="r_tagged") as stream:
        next(iter(stream))
        (statement,) = statements(mariadb, "r_tagged")
    assert str(statement).startswith("/* gateway r_tagged */ SELECT `r`.`s` FROM")


@pytest.mark.parametrize("receipt", ["", "*/ DROP TABLE t; /*", "R", "r-1", "r\n", "r" * 65])
def test_a_receipt_that_is_no_plain_name_is_refused(receipt: str) -> None:
    address = Address(host="127.0.0.1", port=1, user="u", password="p", database="d", ssl_ca=None)
    with pytest.raises(Integrity):
        MariadbSource("core", address).session(receipt=receipt, deadline=0, tally=Tally())


def test_t15_closing_ends_a_scan_whose_reader_stalled(mariadb: Database) -> None:  # noqa: F811 - the fixture
    filled(mariadb)
    with reading(mariadb, scan(column("s", TEXT))) as stream:
        next(iter(stream))
        time.sleep(0.3)
        assert connections(mariadb) == 1
        began = time.monotonic()
    assert time.monotonic() - began < 1
    while connections(mariadb) and time.monotonic() - began < 1:
        time.sleep(0.02)
    assert connections(mariadb) == 0


@contextlib.contextmanager
def locked(database: Database) -> Iterator[None]:
    """Nobody reads the table meanwhile: a scan of it waits inside the server."""
    connection = pymysql.connect(
        host=database.host, port=database.port, user=database.user, password=database.password, database=database.name
    )
    with connection, connection.cursor() as cursor:
        cursor.execute("LOCK TABLES t WRITE")
        yield


def test_t15_closing_ends_a_statement_that_waits_in_the_server(mariadb: Database) -> None:  # noqa: F811 - the fixture
    mariadb.run("CREATE TABLE t (v BIGINT)")
    caught: list[GatewayError] = []
    with locked(mariadb), reading(mariadb, scan(column("v", INT)), receipt="r_waits") as stream:

        def drain() -> None:
            try:
                list(stream)
            except GatewayError as error:
                caught.append(error)

        reader = threading.Thread(target=drain)
        reader.start()
        began = time.monotonic()
        while not statements(mariadb, "r_waits") and time.monotonic() - began < 10:
            time.sleep(0.02)
        began = time.monotonic()
        stream.close()
        assert time.monotonic() - began < 1
        reader.join(5)
        while statements(mariadb, "r_waits") and time.monotonic() - began < 1:
            time.sleep(0.02)
        assert statements(mariadb, "r_waits") == []
    assert [error.code for error in caught] == ["unavailable.closed"]


def test_t15_the_deadline_ends_a_statement_that_waits_in_the_server(
    mariadb: Database,  # noqa: F811 - the fixture
) -> None:
    mariadb.run("CREATE TABLE t (v BIGINT)")
    began = time.monotonic()
    with locked(mariadb), reading(mariadb, scan(column("v", INT)), seconds=0.5, receipt="r_late") as stream:
        with pytest.raises(Exhausted) as caught:
            list(stream)
        assert time.monotonic() - began < 3
        assert statements(mariadb, "r_late") == []
    assert caught.value.code == "exhausted.time"


def test_t15_the_server_knows_the_deadline(mariadb: Database) -> None:  # noqa: F811 - the fixture
    address = address_of("core", mariadb.rest, folder=Path())
    with Session(address, source="core", receipt="r_test", deadline=time.monotonic() + 20) as session:
        ((seconds,),) = session.facts("SELECT @@SESSION.max_statement_time")
    assert 15 < float(str(seconds)) <= 20


def test_a_connection_that_breaks_never_looks_like_an_end(mariadb: Database) -> None:  # noqa: F811 - the fixture
    filled(mariadb)
    with reading(mariadb, scan(column("s", TEXT))) as stream:
        batches = iter(stream)
        read = next(batches).num_rows
        ((number,),) = mariadb.run(
            f"SELECT ID FROM information_schema.PROCESSLIST WHERE DB = '{mariadb.name}' AND ID <> CONNECTION_ID()"
        )
        mariadb.run(f"KILL CONNECTION {number}")
        with pytest.raises(Unavailable):
            while True:
                read += next(batches).num_rows
    assert read < 200_000


def test_a_scan_reads_one_state_though_a_writer_commits(mariadb: Database) -> None:  # noqa: F811 - the fixture
    filled(mariadb)
    with reading(mariadb, scan(column("i", INT), column("s", TEXT))) as stream:
        read = next(iter(stream)).num_rows
        mariadb.run("DELETE FROM t")
        read += sum(batch.num_rows for batch in stream)
    assert read == 200_000


@pytest.fixture
def reader(mariadb: Database) -> Iterator[Database]:  # noqa: F811 - the fixture
    """The same database, as an account that may read only, from few connections."""
    name, password = f"gw_{secrets.token_hex(6)}", "p@ss:w/ö?#"
    mariadb.run(
        f"CREATE USER {name} IDENTIFIED BY '{password}' WITH MAX_USER_CONNECTIONS 5",
        f"GRANT SELECT ON {mariadb.name}.* TO {name}",
    )
    account = Database(mariadb.url)
    account.user, account.password, account.name = name, password, mariadb.name
    try:
        yield account
    finally:
        mariadb.run(f"DROP USER {name}")


def test_check_finds_nothing_where_all_is_well(
    mariadb: Database,  # noqa: F811 - the fixture
    reader: Database,
) -> None:
    mariadb.run("CREATE TABLE t (v BIGINT)", "INSERT INTO t VALUES (1)")
    assert source_of(reader).check() == []
    assert values(reader, scan(column("v", INT))) == [1]


def test_an_account_of_its_own_may_end_its_statements(
    mariadb: Database,  # noqa: F811 - the fixture
    reader: Database,
) -> None:
    filled(mariadb)
    with reading(reader, scan(column("s", TEXT))) as stream:
        next(iter(stream))
        began = time.monotonic()
    while connections(mariadb) and time.monotonic() - began < 1:
        time.sleep(0.02)
    assert connections(mariadb) == 0


def test_check_says_in_words_what_is_wrong(mariadb: Database) -> None:  # noqa: F811 - the fixture
    found = source_of(mariadb).check()
    assert any("may do more than read: ALL PRIVILEGES, GRANT OPTION" in text for text in found)
    assert any("MAX_USER_CONNECTIONS" in text for text in found)
    assert any("no table" in text for text in found)


def test_check_says_that_it_cannot_connect_and_not_with_what(reader: Database) -> None:
    reader.password = SECRET
    assert source_of(reader).check() == ["source core: the server refuses the gateway's account"]
    reader.port = 1
    assert source_of(reader).check() == ["source core: the server cannot be reached"]


def test_a_missing_right_is_unavailable_and_names_no_account(
    mariadb: Database,  # noqa: F811 - the fixture
    reader: Database,
) -> None:
    mariadb.run("CREATE TABLE t (v BIGINT)", f"REVOKE SELECT ON {mariadb.name}.* FROM {reader.user}")
    mariadb.run("CREATE TABLE u (v BIGINT)", f"GRANT SELECT ON {mariadb.name}.u TO {reader.user}")
    with pytest.raises(Integrity, match="no such table"):
        values(reader, scan(column("v", INT)))


GRANTS = [
    ("GRANT USAGE ON *.* TO `u`@`%` IDENTIFIED BY PASSWORD '*0'", []),
    ("GRANT SELECT, SHOW VIEW ON `d`.* TO `u`@`%`", []),
    ("GRANT SELECT (`a`, `b`), INSERT (`a`) ON `d`.`t` TO `u`@`%`", ["INSERT"]),
    ("GRANT SELECT, INSERT, UPDATE ON `d`.* TO `u`@`%`", ["INSERT", "UPDATE"]),
    ("GRANT ALL PRIVILEGES ON *.* TO `root`@`h` WITH GRANT OPTION", ["ALL PRIVILEGES", "GRANT OPTION"]),
    ("GRANT `reader` TO `u`@`%`", []),
    ("REVOKED ON HOLD", ["a grant that is not understood"]),
]


@pytest.mark.parametrize(("line", "want"), GRANTS)
def test_privileges_beyond_reading_are_found(line: str, want: list[str]) -> None:
    assert excess_privileges([line]) == want


def test_an_address_is_read_from_a_url() -> None:
    address = address_of("core", "us%3Aer:p%40ss@db.bank.example/core?ssl_ca=ca.pem", folder=Path("/etc"))
    assert (address.host, address.port, address.database) == ("db.bank.example", 3306, "core")
    assert (address.user, address.password, address.ssl_ca) == ("us:er", "p@ss", Path("/etc/ca.pem"))
    assert not address.is_local
    assert "p@ss" not in repr(address)


@pytest.mark.parametrize(
    "rest",
    [
        "",
        "host/db",
        "u:p@host",
        "u:p@host/",
        "u:p@/db",
        "u:p@host:x/db",
        "u:p@host/db/t",
        "u:p@host/db#f",
        "u:p@host/db?ssl_ca",
        "u:p@host/db?local_infile=1",
    ],
)
def test_a_url_of_another_form_is_invalid_and_not_repeated(rest: str) -> None:
    with pytest.raises(Invalid) as caught:
        address_of("core", rest, folder=Path())
    assert rest == "" or rest not in f"{caught.value} {caught.value.fix}"
