"""What a PostgreSQL database says is in it: keys, comments, partitions, rights, locks."""

from __future__ import annotations

import dataclasses
import secrets
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pyarrow as pa
import pytest
from psycopg import sql

from gateway.errors import Exhausted, GatewayError, Unavailable
from gateway.ports import SourceSession
from gateway.sources import PostgresSource
from gateway.terms.source_schema import ForeignKey, SchemaTable, SourceSchema
from tests.pg import own_schema
from tests.unit.sources import sessions
from tests.unit.sources.postgres_scans import Run
from tests.unit.sources.sessions import sample_of, schema_of, table

pytestmark = pytest.mark.postgres

UTC = pa.timestamp("us", "UTC")


def session(url: str, *, receipt: str = "r_test", seconds: float = 60) -> SourceSession:
    return sessions.session(PostgresSource("core", url), receipt=receipt, seconds=seconds)


def described(url: str) -> SourceSchema:
    return schema_of(PostgresSource("core", url))


def sampled(url: str, wanted: SchemaTable, *, rows: int = 100) -> list[dict[str, object]]:
    return sample_of(PostgresSource("core", url), wanted, rows=rows)


def test_keys_and_comments_are_told(run: Run, postgres_url: str) -> None:
    run(
        'CREATE TABLE customers (region int, id int, mail text NOT NULL UNIQUE, "from" text, PRIMARY KEY (region, id))',
        "CREATE TABLE orders (no int PRIMARY KEY, c_id int, c_region int,"
        " FOREIGN KEY (c_id, c_region) REFERENCES customers (id, region))",
        'CREATE UNIQUE INDEX ON customers ("from") INCLUDE (mail)',
        "CREATE UNIQUE INDEX ON customers (lower(mail))",
        "CREATE UNIQUE INDEX ON customers (id) WHERE region = 1",
        "COMMENT ON TABLE customers IS 'who buys'",
        "COMMENT ON COLUMN customers.mail IS 'an e-mail address'",
    )
    schema = described(postgres_url)
    customers, orders = table(schema, "customers"), table(schema, "orders")
    assert schema.dialect == "postgres"
    assert customers.name == (schema.default_schema, "customers")
    assert (customers.primary_key, customers.unique) == (("region", "id"), (("from",), ("mail",)))
    assert customers.comment == "who buys"
    assert [(c.name, c.comment, c.is_nullable) for c in customers.columns] == [
        ("region", "", False),
        ("id", "", False),
        ("mail", "an e-mail address", False),
        ("from", "", True),
    ]
    key = ForeignKey(columns=("c_id", "c_region"), table=customers.name, references=("id", "region"))
    assert orders.foreign_keys == (key,)


def test_a_type_is_told_as_a_catalog_would_declare_it(run: Run, postgres_url: str) -> None:
    run("CREATE DOMAIN money2 AS numeric(10,2)", "CREATE DOMAIN nested AS money2", "CREATE TYPE color AS ENUM ('red')")
    want: dict[str, pa.DataType | None] = {
        "smallint": pa.int64(),
        "varchar(40)": pa.string(),
        "nested": pa.decimal128(10, 2),
        "color": pa.string(),
        "numeric": pa.decimal128(38, 10),
        "numeric(5,-2)": pa.decimal128(7, 0),
        "numeric(2,4)": pa.decimal128(4, 4),
        "numeric(50,2)": None,
        "timestamptz": UTC,
        "timestamp": pa.timestamp("us"),
        "bytea": pa.binary(),
        "inet": None,
        "text[]": None,
        "interval": None,
    }
    run("CREATE TABLE t (" + ", ".join(f"c{i} {kind}" for i, kind in enumerate(want)) + ")")
    found = table(described(postgres_url), "t")
    assert [c.type for c in found.columns] == list(want.values())
    assert found.columns[1].spelled == "character varying(40)"
    assert sampled(postgres_url, found) == []


def test_partitions_are_part_of_their_table(run: Run, postgres_url: str) -> None:
    run(
        "CREATE TABLE t (id int PRIMARY KEY, v text) PARTITION BY RANGE (id)",
        "CREATE TABLE t_low PARTITION OF t FOR VALUES FROM (0) TO (500)",
        "CREATE TABLE t_high PARTITION OF t FOR VALUES FROM (500) TO (1000)",
        "INSERT INTO t SELECT i, 'v' FROM generate_series(0, 999) AS i",
        "ANALYZE t",
        "ANALYZE t_low",
        "ANALYZE t_high",
    )
    schema = described(postgres_url)
    found = table(schema, "t")
    assert schema.find(("t_low",)) is None
    assert (found.row_estimate, found.primary_key) == (1_000, ("id",))
    ids = [row["id"] for row in sampled(postgres_url, found)]
    assert 50 <= len(set(ids)) == len(ids) <= 100
    assert {int(str(i)) // 250 for i in ids} == {0, 1, 2, 3}


def test_no_table_is_counted(run: Run, postgres_url: str) -> None:
    run("CREATE TABLE t (id int) WITH (autovacuum_enabled = off)", "INSERT INTO t VALUES (1)")
    assert table(described(postgres_url), "t").row_estimate in {None, 0}


def test_views_are_told_with_their_definitions(run: Run, postgres_url: str) -> None:
    run(
        "CREATE TABLE t (id int, v text)",
        "CREATE VIEW w AS SELECT id AS number, v FROM t WHERE id > 1",
        "CREATE MATERIALIZED VIEW m AS SELECT v FROM t",
        "CREATE VIEW loop AS SELECT 1 AS x",
        "CREATE VIEW pool AS SELECT x FROM loop",
        "CREATE OR REPLACE VIEW loop AS SELECT x FROM pool",
    )
    schema = described(postgres_url)
    for name, word in [("w", f"{schema.default_schema}.t"), ("m", "v"), ("loop", "pool"), ("pool", "loop")]:
        assert table(schema, name).kind == "view"
        assert word in table(schema, name).definition
        assert table(schema, name).refused
    assert [(c.name, c.type) for c in table(schema, "w").columns] == [("number", pa.int64()), ("v", pa.string())]


def test_system_schemas_are_left_out(run: Run, postgres_url: str) -> None:
    run("CREATE TABLE t (id int)", "CREATE TEMPORARY TABLE passing (id int)")
    schemas = {each.name[0] for each in described(postgres_url).tables}
    assert not [name for name in schemas if name.startswith("pg_") or name == "information_schema"]


def test_tables_of_every_schema_are_told(run: Run, postgres_url: str, postgres_server: str) -> None:
    with own_schema(postgres_server) as (_, other):
        run("CREATE TABLE t (id int)", f'CREATE TABLE {other}."T.""x" (id int)')
        schema = described(postgres_url)
        assert schema.find((other, 'T."x')) is not None
        assert schema.find(('T."x',)) is None


@pytest.fixture
def role(run: Run) -> Iterator[str]:
    name = f"reader_{secrets.token_hex(6)}"
    run(f"CREATE ROLE {name} LOGIN PASSWORD 'reader'")
    yield name
    run(f"DROP OWNED BY {name}", f"DROP ROLE {name}")


def test_what_the_role_may_not_read_is_told_and_costs_nothing_else(
    run: Run,
    postgres_url: str,
    role: str,
) -> None:
    run(
        "CREATE TABLE closed (id int)",
        "CREATE TABLE half (id int, hidden text)",
        "INSERT INTO half VALUES (1, 'ZQX')",
        f"GRANT SELECT (id) ON half TO {role}",
    )
    ((schema_name,),) = run("SELECT current_schema()::text")
    run(f"GRANT USAGE ON SCHEMA {schema_name} TO {role}")
    address = urlsplit(postgres_url)
    host = address.netloc.rpartition("@")[2]
    path = f"options=-csearch_path%3D{schema_name}"
    own = urlunsplit(
        address._replace(netloc=f"{role}:reader@{host}", query="&".join(filter(None, [address.query, path])))
    )
    schema = described(own)
    closed, half = table(schema, "closed"), table(schema, "half")
    assert "may not read" in closed.refused
    assert [c.type for c in half.columns] == [pa.int64(), None]
    assert sampled(own, half) == [{"id": 1}]
    with pytest.raises(Unavailable) as caught:
        sampled(own, dataclasses.replace(half, columns=(*half.columns[:1], _readable(half))))
    assert "ZQX" not in str(caught.value)


def _readable(found: SchemaTable) -> object:
    return dataclasses.replace(found.columns[1], type=pa.string())


def test_a_writer_that_locks_a_table_costs_that_table_only(run: Run, postgres_url: str) -> None:
    run("CREATE TABLE t (id int)", "CREATE VIEW w AS SELECT id FROM t", "CREATE TABLE u (id int)")
    run("CREATE VIEW x AS SELECT id FROM u", "INSERT INTO u VALUES (7)")
    with psycopg.connect(postgres_url) as other:
        other.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        schema = described(postgres_url)
        assert table(schema, "w").definition == ""
        assert "id" in table(schema, "x").definition
        with pytest.raises(Unavailable) as caught:
            sampled(postgres_url, table(schema, "t"))
        assert "a writer holds the table" in str(caught.value)
        assert sampled(postgres_url, table(schema, "u")) == [{"id": 7}]


def test_a_session_that_is_closed_ends_a_sample_that_waits(run: Run, postgres_url: str) -> None:
    run("CREATE TABLE t (id int)")
    wanted, opened = table(described(postgres_url), "t"), session(postgres_url)
    caught: list[GatewayError] = []

    def drain() -> None:
        try:
            list(opened.sample(wanted, rows=5))
        except GatewayError as error:
            caught.append(error)

    with psycopg.connect(postgres_url) as other:
        other.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        thread = threading.Thread(target=drain)
        thread.start()
        time.sleep(0.5)
        opened.close()
        thread.join(10)
    assert [error.code for error in caught] == ["unavailable.closed"]


def test_a_deadline_ends_a_sample_that_waits(run: Run, postgres_url: str) -> None:
    run("CREATE TABLE t (id int)")
    wanted, opened = table(described(postgres_url), "t"), session(postgres_url, seconds=1)
    with psycopg.connect(postgres_url) as other:
        other.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        with pytest.raises((Exhausted, Unavailable)):
            list(opened.sample(wanted, rows=5))
    opened.close()


def test_describe_and_samples_read_one_snapshot(run: Run, postgres_url: str) -> None:
    run("CREATE TABLE t (id int)", "INSERT INTO t VALUES (1)")
    opened = session(postgres_url)
    try:
        schema = opened.describe()
        run("INSERT INTO t VALUES (2)", "CREATE TABLE later (id int)")
        with opened.sample(table(schema, "t"), rows=5) as stream:
            assert [row for batch in stream for row in batch.to_pylist()] == [{"id": 1}]
        assert opened.describe().find(("later",)) is None
    finally:
        opened.close()


def test_values_that_do_not_fit_are_null_in_a_sample(run: Run, postgres_url: str) -> None:
    run(
        "CREATE TABLE t (id int, n numeric(6,2), d date, u numeric)",
        "INSERT INTO t VALUES (1, 'NaN', 'infinity', 1e30), (2, 1.25, '2020-02-29', 1.5)",
    )
    first, second = sampled(postgres_url, table(described(postgres_url), "t"))
    assert (first["n"], first["d"], first["u"]) == (None, None, None)
    assert [str(second[name]) for name in ("n", "d", "u")] == ["1.25", "2020-02-29", "1.5000000000"]


def test_a_long_table_is_read_in_part(run: Run, postgres_url: str) -> None:
    """By pages, where it has many."""
    run("CREATE TABLE t (id int, v text)")
    run("INSERT INTO t SELECT i, repeat('x', 200) FROM generate_series(1, 60000) AS i")
    found = table(described(postgres_url), "t")
    ids = [int(str(row["id"])) for row in sampled(postgres_url, found, rows=2_000)]
    assert 500 <= len(set(ids)) == len(ids) <= 2_000
    assert len({i * 10 // 60_001 for i in ids}) >= 8


def test_a_receipt_names_what_describes(run: Run, postgres_url: str) -> None:
    run("CREATE TABLE t (id int)")
    opened = session(postgres_url, receipt="r_named")
    try:
        opened.describe()
        query = sql.SQL("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'gateway r_named'")
        assert run(query.as_string()) != [(0,)]
    finally:
        opened.close()
