"""Pseudonyms are text: what is compared, what is refused, and that no error depends on a value."""

from __future__ import annotations

import duckdb
import pytest

from gateway.errors import Invalid
from tests.unit.planning.bank import PSEUDONYMS, bank, decision, plan, pseudonym, released, run


@pytest.fixture(scope="module")
def production() -> duckdb.DuckDBPyConnection:
    return bank()


def answer(sql: str, production: duckdb.DuckDBPyConnection) -> list[tuple[object, ...]]:
    return run(plan(sql, decision(masked=PSEUDONYMS)), lambda step: released(step, production))


@pytest.mark.parametrize(
    "condition",
    [
        "customer_id = 1",
        "1 = customer_id",
        "customer_id = -1",
        "customer_id IN (1, 2, 3)",
        "customer_id IS NOT DISTINCT FROM 1",
        "customer_id = '1'",
        "customer_id IN (SELECT term_months FROM core.loans)",
        "customer_id IN (SELECT term_months FROM core.loans UNION ALL SELECT 1)",
        "CASE customer_id WHEN 1 THEN true ELSE false END",
        "coalesce(customer_id, 0) = 1",
        "nullif(customer_id, 1) IS NULL",
        "CASE WHEN region = 'DE' THEN customer_id ELSE 1 END = 2",
        "customer_id = income",
        "customer_id = length(region)",
        "email = 5",
        "email = 'p1@raw.example'",
    ],
)
def test_a_raw_value_matches_no_pseudonym(condition: str, production: duckdb.DuckDBPyConnection) -> None:
    assert answer(f"SELECT email FROM core.customers WHERE {condition}", production) == []


@pytest.mark.parametrize("condition", ["customer_id <> 1", "customer_id NOT IN (1, 2)", "NOT customer_id = 1"])
def test_every_pseudonym_differs_from_a_raw_value(condition: str, production: duckdb.DuckDBPyConnection) -> None:
    assert len(answer(f"SELECT email FROM core.customers WHERE {condition}", production)) == 40


def test_a_pseudonym_from_an_earlier_answer_matches(production: duckdb.DuckDBPyConnection) -> None:
    sql = f"SELECT region FROM core.customers WHERE customer_id = '{pseudonym(2)}'"
    assert answer(sql, production) == [("IT",)]


def test_pseudonyms_join(production: duckdb.DuckDBPyConnection) -> None:
    sql = "SELECT count(*) FROM core.customers c JOIN core.loans l ON c.customer_id = l.customer_id"
    assert answer(sql, production) == [(20,)]


def test_a_pseudonym_joins_no_unmasked_column(production: duckdb.DuckDBPyConnection) -> None:
    sql = "SELECT count(*) FROM core.customers c JOIN core.accounts a ON c.customer_id = a.account_id"
    assert answer(sql, production) == [(0,)]


def test_masks_are_seen_through_subqueries_and_ctes(production: duckdb.DuckDBPyConnection) -> None:
    sql = "WITH x AS (SELECT customer_id AS k FROM core.customers) SELECT q.k FROM (SELECT k FROM x) q WHERE q.k = 7"
    assert answer(sql, production) == []


@pytest.mark.parametrize(
    "expression",
    [
        "customer_id < 5",
        "5 >= customer_id",
        "customer_id BETWEEN 1 AND 2",
        "customer_id + 1 > 0",
        "-customer_id > 0",
        "customer_id % 2 = 0",
        "greatest(customer_id, 1) = 'x'",
        "abs(customer_id) = 1",
        "q.k > 3",
    ],
)
def test_refused_when_a_pseudonym_is_ordered_or_calculated_with(expression: str) -> None:
    sql = f"SELECT 1 FROM (SELECT customer_id, customer_id AS k FROM core.customers) q WHERE {expression}"
    with pytest.raises(Invalid) as caught:
        plan(sql, decision(masked=PSEUDONYMS))
    assert caught.value.code == "invalid.masked_column"


@pytest.mark.parametrize("function", ["sum", "avg", "median", "stddev"])
def test_refused_when_pseudonyms_are_summed(function: str) -> None:
    with pytest.raises(Invalid, match="one cannot calculate with it"):
        plan(f"SELECT {function}(customer_id) FROM core.customers", decision(masked=PSEUDONYMS))


def test_dates_and_texts_compare_with_literals_as_ever(production: duckdb.DuckDBPyConnection) -> None:
    condition = "birth_date > '1970-01-01' AND updated_at < '2030-01-01' AND city > 'A'"
    assert answer(f"SELECT count(*) FROM core.customers WHERE {condition}", production) == [(40,)]


def test_a1_predicates_on_masked_columns_answer_alike_in_two_worlds() -> None:
    """The plan depends on the decision and the text, never on data: nothing else is an argument."""
    first = plan("SELECT email FROM core.customers WHERE email = 'x'", decision(masked=PSEUDONYMS))
    second = plan("SELECT email FROM core.customers WHERE email = 'x'", decision(masked=PSEUDONYMS))
    assert first == second
