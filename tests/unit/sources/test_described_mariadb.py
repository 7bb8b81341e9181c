"""What a MariaDB server says is in a database: keys, comments, rights, locks, samples by key and by chance."""

from __future__ import annotations

import secrets
import threading
import time
from pathlib import Path

import pyarrow as pa
import pytest

from gateway.errors import GatewayError, Unavailable
from gateway.ports import SourceSession
from gateway.sources import MariadbSource
from gateway.sources.mariadb import address_of
from gateway.terms.source_schema import ForeignKey, SchemaTable, SourceSchema
from tests.maria import Database, locked
from tests.unit.sources import sessions
from tests.unit.sources.sessions import sample_of, schema_of, table

pytestmark = pytest.mark.mariadb

UTC = pa.timestamp("us", "UTC")


def session(rest: str) -> SourceSession:
    return sessions.session(source_of(rest))


def source_of(rest: str) -> MariadbSource:
    return MariadbSource("core", address_of("core", rest, folder=Path()))


def described(rest: str) -> SourceSchema:
    return schema_of(source_of(rest))


def sampled(rest: str, wanted: SchemaTable, *, rows: int = 100) -> list[dict[str, object]]:
    return sample_of(source_of(rest), wanted, rows=rows)


def test_keys_and_comments_are_told(mariadb: Database) -> None:
    mariadb.run(
        "CREATE TABLE customers (region int, id int, mail varchar(80) NOT NULL UNIQUE COMMENT 'an e-mail address',"
        " PRIMARY KEY (region, id), KEY (id, region)) COMMENT 'who buys'",
        "CREATE TABLE orders (no int PRIMARY KEY, c_id int, c_region int,"
        " FOREIGN KEY (c_id, c_region) REFERENCES customers (id, region))",
    )
    schema = described(mariadb.rest)
    customers, orders = table(schema, "customers"), table(schema, "orders")
    assert (schema.dialect, schema.default_schema) == ("mysql", mariadb.name)
    assert customers.name == (mariadb.name, "customers")
    assert (customers.primary_key, customers.unique, customers.comment) == (("region", "id"), (("mail",),), "who buys")
    assert [(c.name, c.comment, c.is_nullable) for c in customers.columns] == [
        ("region", "", False),
        ("id", "", False),
        ("mail", "an e-mail address", False),
    ]
    key = ForeignKey(columns=("c_id", "c_region"), table=customers.name, references=("id", "region"))
    assert orders.foreign_keys == (key,)


def test_a_type_is_told_as_a_catalog_would_declare_it(mariadb: Database) -> None:
    want: dict[str, pa.DataType | None] = {
        "tinyint(1)": pa.bool_(),
        "bit(1)": pa.bool_(),
        "bit(3)": pa.int64(),
        "bigint unsigned": pa.int64(),
        "decimal(12,2)": pa.decimal128(12, 2),
        "decimal(60,2)": None,
        "datetime": UTC,
        "timestamp": UTC,
        "date": pa.date32(),
        "time": None,
        "enum('ZQX','b')": pa.string(),
        "longtext": pa.string(),
        "blob": pa.binary(),
        "longblob": None,
        "point": None,
    }
    mariadb.run("CREATE TABLE t (" + ", ".join(f"c{i} {kind}" for i, kind in enumerate(want)) + ")")
    schema = described(mariadb.rest)
    assert [c.type for c in table(schema, "t").columns] == list(want.values())
    assert "zqx" not in repr(schema).lower()
    assert sampled(mariadb.rest, table(schema, "t")) == []


def test_views_are_told_and_a_broken_one_too(mariadb: Database) -> None:
    mariadb.run(
        "CREATE TABLE t (id int, v text)",
        "CREATE VIEW w AS SELECT id AS number, v FROM t",
        "CREATE TABLE passing (id int)",
        "CREATE VIEW broken AS SELECT id FROM passing",
        "DROP TABLE passing",
    )
    schema = described(mariadb.rest)
    assert [(c.name, c.type) for c in table(schema, "w").columns] == [("number", pa.int64()), ("v", pa.string())]
    assert f"`{mariadb.name}`.`t`" in table(schema, "w").definition
    assert (table(schema, "broken").columns, table(schema, "broken").comment) == ((), "")
    assert table(schema, "t").refused == ""


def test_a_table_without_a_snapshot_is_told_and_not_sampled(mariadb: Database) -> None:
    mariadb.run("CREATE TABLE t (id int) ENGINE = MyISAM")
    assert "snapshot" in table(described(mariadb.rest), "t").refused


def test_what_the_account_may_not_read_is_left_out(mariadb: Database) -> None:
    name = f"reader_{secrets.token_hex(4)}"
    mariadb.run(
        "CREATE TABLE closed (id int)",
        "CREATE TABLE half (id int, hidden text)",
        "INSERT INTO half VALUES (1, 'ZQX')",
        f"CREATE USER {name} IDENTIFIED BY 'reader'",
        f"GRANT SELECT (id), UPDATE (hidden) ON {mariadb.name}.half TO {name}",
    )
    try:
        rest = mariadb.rest_as(name, "reader")
        schema = described(rest)
        assert schema.find(("closed",)) is None
        assert [c.type for c in table(schema, "half").columns] == [pa.int64(), None]
        assert sampled(rest, table(schema, "half")) == [{"id": 1}]
    finally:
        mariadb.run(f"DROP USER {name}")


def test_a_writer_that_locks_a_table_costs_that_table_only(mariadb: Database) -> None:
    mariadb.run("CREATE TABLE t (id int)", "CREATE TABLE u (id int)", "INSERT INTO u VALUES (7)")
    with locked(mariadb, "t"):
        schema = described(mariadb.rest)
        with pytest.raises(Unavailable) as caught:
            sampled(mariadb.rest, table(schema, "t"))
        assert "a writer holds the table" in str(caught.value)
        assert sampled(mariadb.rest, table(schema, "u")) == [{"id": 7}]


def test_a_session_that_is_closed_ends_a_sample_that_waits(mariadb: Database) -> None:
    mariadb.run("CREATE TABLE t (id int)")
    wanted, opened = table(described(mariadb.rest), "t"), session(mariadb.rest)
    caught: list[GatewayError] = []

    def drain() -> None:
        try:
            list(opened.sample(wanted, rows=5))
        except GatewayError as error:
            caught.append(error)

    with locked(mariadb, "t"):
        thread = threading.Thread(target=drain)
        thread.start()
        time.sleep(0.5)
        opened.close()
        thread.join(10)
    assert [error.code for error in caught] == ["unavailable.closed"]


@pytest.mark.parametrize(
    "key", ["id bigint PRIMARY KEY", "id bigint unsigned PRIMARY KEY", "id bigint, PRIMARY KEY (id, v)"]
)
def test_a_table_with_a_key_of_whole_numbers_is_read_by_it(mariadb: Database, key: str) -> None:
    mariadb.run(f"CREATE TABLE t (v varchar(20), {key})")
    mariadb.run("INSERT INTO t SELECT 'x', seq * 1000 FROM seq_1_to_20000")
    ids = [int(str(row["id"])) for row in sampled(mariadb.rest, table(described(mariadb.rest), "t"), rows=1_000)]
    assert len(set(ids)) == len(ids) == 1_000
    assert {i * 10 // 20_001_000 for i in ids} == set(range(10))


def test_keys_far_apart_and_uneven_still_give_a_sample(mariadb: Database) -> None:
    mariadb.run("CREATE TABLE t (id bigint PRIMARY KEY)")
    mariadb.run(f"INSERT INTO t VALUES ({-(2**63)}), ({2**63 - 1})", "INSERT INTO t SELECT seq FROM seq_1_to_500")
    assert len(sampled(mariadb.rest, table(described(mariadb.rest), "t"), rows=400)) == 400


def test_values_that_do_not_fit_are_null_in_a_sample(mariadb: Database) -> None:
    mariadb.run("CREATE TABLE t (id int PRIMARY KEY, b tinyint(1), d date, u bigint unsigned)")
    mariadb.run(f"INSERT INTO t VALUES (1, 5, '0000-00-00', {2**63}), (2, 1, '2020-02-29', 7)", mode="")
    first, second = sampled(mariadb.rest, table(described(mariadb.rest), "t"))
    assert (first["b"], first["d"], first["u"]) == (None, None, None)
    assert (second["b"], str(second["d"]), second["u"]) == (True, "2020-02-29", 7)


def test_a_row_longer_than_a_chunk_of_the_wire_is_read(mariadb: Database) -> None:
    """It was waited for till the deadline once."""
    names = [f"c{i}" for i in range(40)]
    mariadb.run("CREATE TABLE t (" + ", ".join(f"{n} longtext" for n in names) + ")")
    mariadb.run("INSERT INTO t VALUES (" + ", ".join(["repeat('x', 32000)"] * 40) + ")")
    (row,) = sampled(mariadb.rest, table(described(mariadb.rest), "t"))
    assert {len(str(value)) for value in row.values()} == {32_000}
