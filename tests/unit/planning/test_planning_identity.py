"""With `keep` everywhere, the planned query answers exactly like DuckDB alone; with masks, no raw value comes out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot
import yaml

from gateway.errors import Invalid
from gateway.terms.plan import MaskedScan
from gateway.terms.predicate import Compare
from tests.unit.planning.bank import PSEUDONYMS, bank, decision, plan, released, rows, run

QUERIES: list[dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parents[2] / "vectors" / "query" / "accepted.yaml").read_text()
)


@pytest.fixture(scope="module")
def production() -> duckdb.DuckDBPyConnection:
    return bank()


def native(sql: str, production: duckdb.DuckDBPyConnection) -> list[tuple[object, ...]]:
    return rows(production.sql(sqlglot.transpile(sql, read="postgres", write="duckdb")[0]))


def sorted_rows(answer: list[tuple[object, ...]]) -> list[str]:
    return sorted(map(repr, answer))


@pytest.mark.parametrize("sql", [case["sql"] for case in QUERIES])
def test_kept_columns_answer_like_the_engine_alone(sql: str, production: duckdb.DuckDBPyConnection) -> None:
    made = plan(sql, decision())
    got = run(made, lambda step: released(step, production))
    assert sorted_rows(got) == sorted_rows(native(sql, production))
    assert all(len(row) == len(made.output_names) for row in got)


@pytest.mark.parametrize("sql", [case["sql"] for case in QUERIES])
def test_masked_columns_show_no_raw_value(sql: str, production: duckdb.DuckDBPyConnection) -> None:
    try:
        made = plan(sql, decision(masked=PSEUDONYMS))
    except Invalid as error:
        assert error.code == "invalid.masked_column"  # the only reason to refuse
        return
    shown = repr(run(made, lambda step: released(step, production)))
    assert "raw" not in shown.casefold()


def test_a_scan_reads_only_what_its_mentions_need() -> None:
    made = plan("SELECT a.email FROM core.customers a JOIN core.accounts b ON a.region = b.kind", decision())
    assert [[column.name for column in step.scan.columns] for step in made.steps] == [["email", "region"], ["kind"]]
    made = plan("SELECT a.email FROM core.customers a JOIN core.customers b ON a.region = b.city", decision())
    assert [[column.name for column in step.scan.columns] for step in made.steps] == [["email", "city", "region"]]


def test_a_source_is_given_predicates_and_no_expression() -> None:
    sql = "SELECT email FROM core.customers WHERE customer_id = 1 AND upper(region) = 'DE' AND region = city"
    (step,) = plan(sql, decision()).steps
    assert isinstance(step, MaskedScan)
    assert step.scan.pushed == Compare("customer_id", "=", 1)
    assert step.scan.rows is None
