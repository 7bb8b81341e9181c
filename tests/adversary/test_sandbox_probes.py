"""What DuckDB's lock closes and what it leaves open. A DuckDB that opens something fails here.

What is left open is closed twice more: the parser's allow-list never lets it through, and a child runs one SELECT only.
"""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pyarrow as pa
import pytest

from gateway.sandbox.child import lock

secret_var = pa.table({"raw": ["a Python variable that SQL must not see"]})

CLOSED = [
    "select * from secret_var",
    "select * from read_csv('/etc/passwd')",
    "select * from '/etc/passwd'",
    "select * from read_text('/etc/passwd')",
    "select * from read_blob('/etc/passwd')",
    "select * from glob('/etc/*')",
    "select * from read_parquet('/etc/x')",
    "select * from read_json('/etc/x')",
    "select * from sniff_csv('/etc/passwd')",
    "select * from parquet_metadata('/etc/x')",
    "from read_ndjson_objects('/etc/passwd')",
    "select * from read_duckdb('/etc/x')",
    "select * from 'https://example.com/x.parquet'",
    "select * from read_csv('s3://bucket/x')",
    "copy transactions to '/dev/stdout'",
    "copy transactions to 'x.csv'",
    "copy (select 1) to '/tmp/x.parquet'",
    "export database 'x'",
    "import database 'x'",
    "attach 'x.duckdb' as z",
    "attach '/etc/passwd' as z",
    "create secret s (type s3, key_id 'a', secret 'b')",
    "install httpfs",
    "load httpfs",
    "load '/x.duckdb_extension'",
    "update extensions",
    "select getenv('HOME')",
    "set enable_external_access=true",
    "set memory_limit='20GB'",
    "reset memory_limit",
    "pragma threads=8",
    "set lock_configuration=false",
    "set python_enable_replacements=true",
    "set profiling_output='x'",
    "pragma force_compression='x'",
    "call enable_logging()",
    "pragma enable_profiling",
    "select * from duckdb_secrets()",
    "select * from which_secret('a','s3')",
    "select * from arrow_scan(1,2,3)",
    "select * from python_map_function('x')",
    "set temp_directory='/tmp'",
    "set timezone='Europe/Berlin'",
    "set allowed_directories=['/']",
    "set home_directory='/'",
]
OPEN = [
    "attach ':memory:' as z2",
    "create table t(a int)",
    "create macro f(x) as x+1",
    "create or replace temp view transactions as select 1 hacked",
    "drop view transactions",
    "create sequence s",
    "create type m as enum ('a')",
    "comment on view transactions is 'x'",
    "set variable x=1",
    "select getvariable('x')",
    "set search_path='main'",
    "use memory",
    "begin transaction",
    "prepare p as select 1",
    "select 1; select 2",
    "select * from query('select 1')",
    "select * from query_table('transactions')",
    "select * from json_execute_serialized_sql(json_serialize_sql('select 1'))",
    "select json_serialize_plan('select 1')",
    "select * from duckdb_settings()",
    "select current_setting('home_directory')",
    "select * from duckdb_views()",
    "select * from duckdb_databases()",
    "select * from duckdb_functions() limit 1",
    "select * from duckdb_memory()",
    "pragma database_list",
    "explain analyze select count(*) from transactions",
    "select write_log('x')",
    "select sleep_ms(10)",
    "summarize transactions",
    "show tables",
    "select version(), current_database()",
    "checkpoint",
    "vacuum",
    "load json",
    "pragma add_parquet_key('k','0123456789112345')",
    "select * from repeat_row(1,2,num_rows=10)",
]


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = lock.locked(memory_mb=128)
    yield connection
    connection.close()


@pytest.fixture
def session(engine: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    session = engine.cursor()
    session.register("transactions", pa.table({"id": list(range(1000)), "iban": ["x"] * 1000}))
    yield session
    session.close()


@pytest.mark.parametrize("sql", CLOSED)
def test_closed_by_the_lock(session: duckdb.DuckDBPyConnection, sql: str) -> None:
    with pytest.raises(duckdb.Error):
        session.execute(sql).fetchmany(1)


@pytest.mark.parametrize("sql", OPEN)
def test_left_open_by_the_lock(sql: str) -> None:
    connection = lock.locked(memory_mb=128)  # its own: these leave something behind
    connection.register("transactions", pa.table({"id": list(range(1000)), "iban": ["x"] * 1000}))
    connection.execute(sql).fetchmany(1)
    connection.close()


def is_one_select(session: duckdb.DuckDBPyConnection, sql: str) -> bool:
    statements = session.extract_statements(sql)
    return len(statements) == 1 and statements[0].type is duckdb.StatementType.SELECT


def test_what_a_child_still_runs_of_it_writes_nothing(session: duckdb.DuckDBPyConnection) -> None:
    left = [sql for sql in OPEN if is_one_select(session, sql)]
    assert all(sql.startswith(("select ", "summarize ", "show ")) for sql in left)
    assert not [sql for sql in left if ";" in sql]


def test_an_upgrade_is_looked_at(session: duckdb.DuckDBPyConnection) -> None:
    assert duckdb.__version__.startswith("2.0."), "go through the engine's news, extend the lists, then raise this"
