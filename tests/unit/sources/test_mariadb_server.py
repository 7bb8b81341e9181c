"""A MariaDB server and its account: receipts, waits, breaks, rights, addresses."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from gateway.errors import Exhausted, GatewayError, Integrity, Invalid, Unavailable
from gateway.sources import MariadbSource
from gateway.sources.mariadb import Address, address_of
from gateway.sources.mariadb.account import excess_privileges
from gateway.sources.mariadb.session import Session
from gateway.terms.streams import Tally
from tests.maria import Database, locked
from tests.scans import column, scan
from tests.unit.sources.mariadb_reads import reading, source_of, values

pytestmark = pytest.mark.mariadb
INT, TEXT = pa.int64(), pa.string()
SECRET = "ZQX-SECRET-000042"


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


def test_the_servers_own_list_of_statements_shows_the_receipt(mariadb: Database) -> None:
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


def test_t15_closing_ends_a_scan_whose_reader_stalled(mariadb: Database) -> None:
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


def test_t15_closing_ends_a_statement_that_waits_in_the_server(mariadb: Database) -> None:
    mariadb.run("CREATE TABLE t (v BIGINT)")
    caught: list[GatewayError] = []
    with locked(mariadb, "t"), reading(mariadb, scan(column("v", INT)), receipt="r_waits") as stream:

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
    mariadb: Database,
) -> None:
    mariadb.run("CREATE TABLE t (v BIGINT)")
    began = time.monotonic()
    with locked(mariadb, "t"), reading(mariadb, scan(column("v", INT)), seconds=0.5, receipt="r_late") as stream:
        with pytest.raises(Exhausted) as caught:
            list(stream)
        assert time.monotonic() - began < 3
        assert statements(mariadb, "r_late") == []
    assert caught.value.code == "exhausted.time"


def test_t15_the_server_knows_the_deadline(mariadb: Database) -> None:
    address = address_of("core", mariadb.rest, folder=Path())
    with Session(address, source="core", receipt="r_test", deadline=time.monotonic() + 20) as session:
        ((seconds,),) = session.facts("SELECT @@SESSION.max_statement_time")
    assert 15 < float(str(seconds)) <= 20


def test_a_connection_that_breaks_never_looks_like_an_end(mariadb: Database) -> None:
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


def test_a_scan_reads_one_state_though_a_writer_commits(mariadb: Database) -> None:
    filled(mariadb)
    with reading(mariadb, scan(column("i", INT), column("s", TEXT))) as stream:
        read = next(iter(stream)).num_rows
        mariadb.run("DELETE FROM t")
        read += sum(batch.num_rows for batch in stream)
    assert read == 200_000


@pytest.fixture
def reader(mariadb: Database) -> Iterator[Database]:
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
    mariadb: Database,
    reader: Database,
) -> None:
    mariadb.run("CREATE TABLE t (v BIGINT)", "INSERT INTO t VALUES (1)")
    assert source_of(reader).check() == []
    assert values(reader, scan(column("v", INT))) == [1]


def test_an_account_of_its_own_may_end_its_statements(
    mariadb: Database,
    reader: Database,
) -> None:
    filled(mariadb)
    with reading(reader, scan(column("s", TEXT))) as stream:
        next(iter(stream))
        began = time.monotonic()
    while connections(mariadb) and time.monotonic() - began < 1:
        time.sleep(0.02)
    assert connections(mariadb) == 0


def test_check_says_in_words_what_is_wrong(mariadb: Database) -> None:
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
    mariadb: Database,
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
