"""SQL for the engine says what PostgreSQL would leave to a default, and repeats no more than it may."""

from __future__ import annotations

import pytest

from gateway.errors import Invalid
from gateway.planning import make_plan
from gateway.query import QueryLimits, bind, parse
from tests.unit.planning.bank import CATALOG, decision, plan


def written(sql: str) -> str:
    return plan(sql, decision()).sql


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("income", '"income" NULLS LAST'),
        ("income DESC", '"income" DESC NULLS FIRST'),
        ("income DESC NULLS LAST", '"income" DESC NULLS LAST'),
        ("income NULLS FIRST", '"income" NULLS FIRST'),
    ],
)
def test_every_order_says_where_nulls_go(order: str, expected: str) -> None:
    assert expected in written(f"SELECT sum(income) OVER (ORDER BY {order}) FROM core.customers")
    assert expected in written(f"SELECT email, income FROM core.customers ORDER BY {order}")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("rate / 2", 'CAST("loans"."rate" AS DOUBLE) / 2'),
        ("term_months / 2", 'CAST(TRUNC("loans"."term_months" / 2) AS BIGINT)'),
        ("round(rate)", 'ROUND_EVEN("loans"."rate", 0)'),
        ("round(amount)", 'ROUND("loans"."amount")'),
        ("substring(loan_purpose from 2)", 'SUBSTRING("loans"."loan_purpose", 2)'),
        ("loan_purpose LIKE 'a%'", "LIKE 'a%'"),
        ("loan_purpose LIKE 'a\\%'", "LIKE 'a\\%' ESCAPE '\\'"),
        ("power(rate, 2)", 'POWER("loans"."rate", 2)'),
    ],
)
def test_only_what_differs_is_written_otherwise(expression: str, expected: str) -> None:
    assert expected in written(f"SELECT {expression} FROM core.loans")


def test_operands_are_not_repeated_without_end() -> None:
    with pytest.raises(Invalid) as refused:
        written("SELECT " + "sqrt(" * 20 + "rate" + ")" * 20 + " FROM core.loans")
    assert (refused.value.code, refused.value.fix) == ("invalid.size", "use a subquery")


def test_a_parameter_is_typed_like_a_literal() -> None:
    query = parse(
        "SELECT $1 / 2, $2 / 2 FROM core.loans", dialect="postgres", limits=QueryLimits(), parameters=(7, 7.5)
    )
    made = make_plan(bind(query, datasets=CATALOG), decision(), datasets=CATALOG, max_scans=1)
    assert 'SELECT CAST(TRUNC(7 / 2) AS BIGINT) AS "_col_0", 7.5 / 2 AS' in made.sql
