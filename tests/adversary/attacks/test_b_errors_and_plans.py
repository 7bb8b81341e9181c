"""B. Errors, plans, statistics."""

from __future__ import annotations

import pytest

from gateway.http.models import ExplanationOut
from tests import bank
from tests.adversary.attacks.attackers import EMAIL, Attackers


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT CAST(email AS int) FROM core.customers",
        "SELECT CAST(iban AS date) FROM core.accounts",
        "SELECT CAST(segment AS int) FROM core.customers",
        "SELECT CAST(customer_id AS bigint) + 1 FROM core.customers",
        "SELECT 1 / (income - income) FROM core.customers WHERE income IS NOT NULL",
    ],
)
def test_b1_value_in_the_error(attack: Attackers, sql: str) -> None:
    told = attack.ask("ana", sql)
    assert told.code == "invalid.execution"
    assert (told.entry.kind, told.result) == ("access", "failed")


@pytest.mark.parametrize("call", ["error(email)", "CAST(full_name AS json)", "raise(email)"])
def test_b1_functions_that_raise_are_not_offered(attack: Attackers, call: str) -> None:
    assert attack.refused("ana", f"SELECT {call} FROM core.customers").startswith("unsupported.")


def test_b3_error_from_a_hidden_row(attack: Attackers) -> None:
    hidden = next(
        row["income"] for row in attack.tables["customers"] if row["region"] not in bank.VISIBLE and row["income"]
    )
    seen = next(row["income"] for row in attack.tables["customers"] if row["region"] in bank.VISIBLE and row["income"])
    sql = "SELECT count(1 / (income - {})) FROM core.customers"
    assert attack.ask("ana", sql.format(seen)).code == "invalid.execution"
    assert attack.ask("ana", sql.format(hidden)).code == ""
    filtered = "SELECT region FROM core.customers WHERE 1 / (income - {}) IS NOT NULL"
    assert attack.ask("ana", filtered.format(hidden)).code == ""


@pytest.mark.parametrize(
    "sql",
    [
        f"EXPLAIN ANALYZE SELECT email FROM core.customers WHERE email = '{EMAIL}'",
        "EXPLAIN SELECT email FROM core.customers",
        "PRAGMA enable_profiling",
    ],
)
def test_b4_explain_analyze_and_profiling(attack: Attackers, sql: str) -> None:
    assert attack.refused("ana", sql) == "unsupported.statement"


def test_b4_the_gateways_own_explanation_has_no_counts_and_no_row_filter(attack: Attackers) -> None:
    sql = "SELECT region, income FROM core.customers"
    explained = attack.house.explain(attack.tokens["ana"], sql, purpose=bank.ANA[1])
    told = ExplanationOut.of(explained).model_dump_json()
    assert '"has_row_filter":true' in told
    assert "'DE'" not in told
    assert "rows_read" not in told


@pytest.mark.parametrize(
    "name",
    ["pg_stats", "pg_catalog.pg_stats", "information_schema.columns", "sqlite_master", "core.sqlite_master",
     "core.sqlite_stat1", "duckdb_columns", "core.alembic_version"],
)  # fmt: skip
def test_b5_statistics_are_no_datasets(attack: Attackers, name: str) -> None:
    assert attack.refused("ana", f"SELECT * FROM {name}") == "invalid.dataset"


@pytest.mark.parametrize(
    "sql",
    [
        "SHOW STATS FOR core.customers",
        "SELECT stats(email) FROM core.customers",
        "SELECT * FROM parquet_metadata('x.parquet')",
        "SELECT * FROM duckdb_columns()",
        "SELECT * FROM duckdb_views()",
        "SELECT * FROM pragma_table_info('customers')",
        "SELECT current_setting('memory_limit')",
    ],
)
def test_b5_statistics_are_no_functions(attack: Attackers, sql: str) -> None:
    assert attack.refused("ana", sql).startswith("unsupported.")


ENDLESS = {
    "a cross join": "SELECT count(*) FROM core.transactions a, core.transactions b, core.transactions c,"
    " core.transactions d, core.transactions e WHERE a.amount + b.amount + c.amount + d.amount > e.amount",
    "a recursion": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
    " SELECT count(*) FROM n JOIN core.loans AS l ON l.amount > n.i",
}


@pytest.mark.parametrize("name", ENDLESS)
def test_b7_resource_error(attack: Attackers, name: str) -> None:
    told = attack.ask("ana", ENDLESS[name])
    assert told.code.startswith("exhausted.")
    assert told.result == "exhausted"
    assert len(attack.answered("ana", "SELECT region FROM core.customers")) == 12, "the gateway goes on"


@pytest.mark.parametrize(
    "sql", ["SELECT repeat(email, 1000000000) FROM core.customers", "SELECT " + "(" * 10_000 + "1" + ")" * 10_000]
)
def test_b7_resource_error_before_anything_is_read(attack: Attackers, sql: str) -> None:
    assert attack.refused("ana", sql) in {"unsupported.function", "invalid.size"}


def test_b8_audit_as_a_leak(attack: Attackers) -> None:
    """What an auditor, or a thief of the control database, reads of the literals that users typed."""
    for sql in (
        f"SELECT region FROM core.customers WHERE email = '{EMAIL}'",
        f"SELECT region AS r FROM core.customers WHERE email = '{EMAIL}' AND",
        f"SELECT nothing FROM core.customers WHERE iban = '{EMAIL}'",
        f"SELECT region FROM core.customers GROUP BY '{EMAIL}'",
        f"SELECT '{EMAIL}' AS e",
    ):
        attack.ask("ana", sql)
    files = [path for path in attack.house.settings.home.rglob("*") if path.is_file()]
    assert {"control.db", "control.db-wal"} <= {path.name for path in files}
    assert not [path.name for path in files if EMAIL.encode() in path.read_bytes()]
