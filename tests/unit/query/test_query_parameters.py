"""Parameters are literals that no text is made of: typed, counted, all used, and in no shape."""

from __future__ import annotations

import math
from typing import Any

import pytest
from sqlglot import exp

from gateway.errors import GatewayError, Invalid
from gateway.query import QueryLimits, bind, parse
from gateway.terms.identity import Credentials
from gateway.terms.query import Query
from gateway.terms.request import Request
from tests.unit.planning.bank import CATALOG

INJECTION = "x' OR '1'='1'; DROP TABLE core.customers --"


def read(sql: str, parameters: Any, *, dialect: str = "postgres", **limits: int) -> Query:
    return parse(sql, dialect=dialect, limits=QueryLimits(**limits), parameters=parameters)


def refused(sql: str, parameters: Any, **limits: int) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        read(sql, parameters, **limits)
    return caught.value


def written(query: Query) -> str:
    assert isinstance(query.tree, exp.Query)
    return query.tree.sql("postgres")


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        ("DE", "'DE'"),
        ("it's", "'it''s'"),
        (INJECTION, "'x'' OR ''1''=''1''; DROP TABLE core.customers --'"),
        (7, "7"),
        (-7, "(-7)"),
        (1.5, "1.5"),
        (-0.0, "(-0.0)"),
        (1e300, "1e+300"),
        (True, "TRUE"),
        (None, "NULL"),
    ],
)
def test_a_value_is_a_literal_of_its_type(value: object, literal: str) -> None:
    assert written(read("SELECT $1", (value,))) == f"SELECT {literal}"
    assert written(read("SELECT :v", {"v": value})) == f"SELECT {literal}"
    assert bind(read("SELECT :v AS x", {"v": value}), datasets={}).output_names == ("x",)


def test_a_parameter_may_stand_where_a_literal_may() -> None:
    sql = (
        "SELECT email, $2 FROM core.customers WHERE region IN ($1, $2) AND income BETWEEN $3 AND $4 "
        "AND city LIKE $5 AND birth_date < $6 ORDER BY 1 LIMIT $7"
    )
    query = read(sql, ("DE", "FR", 1, 9.5, "B%", "2000-01-01", 3))
    assert bind(query, datasets=CATALOG).uses == {
        "core.customers": frozenset({"email", "region", "income", "city", "birth_date"})
    }
    assert "LIMIT 3" in written(query)


@pytest.mark.parametrize("dialect", ["postgres", "duckdb", "snowflake"])
def test_numbered_parameters_in_other_dialects(dialect: str) -> None:
    assert written(read("SELECT $1", (5,), dialect=dialect)) == "SELECT 5"


@pytest.mark.parametrize(
    ("sql", "dialect"),
    [("SELECT :a", "mysql"), ("SELECT $a", "duckdb"), ("SELECT @a", "tsql"), ("SELECT @a", "bigquery")],
)
def test_named_parameters_as_the_dialect_writes_them(sql: str, dialect: str) -> None:
    assert written(read(sql, {"a": "x"}, dialect=dialect)) == "SELECT 'x'"


@pytest.mark.parametrize(
    ("sql", "parameters", "message"),
    [
        ("SELECT $1, $3", (1, 2), "parameter 3 has no value"),
        ("SELECT $1", (1, 2), "parameter 2 is not in the query"),
        ("SELECT 1", (1,), "parameter 1 is not in the query"),
        ("SELECT $0", (1,), "parameter 0 has no value"),
        ("SELECT :a", {"b": 1}, "parameter a has no value"),
        ("SELECT :a", {"a": 1, "b": 1}, "parameter b is not in the query"),
        ("SELECT :A", {"a": 1}, "parameter A has no value"),
        ("SELECT :a", (1,), "parameter a has no value"),
        ("SELECT :a", (), "parameter a has no value"),
        ("SELECT 1", {"ZQX 'SECRET'": 1}, "parameter is not in the query"),
        ("SELECT $1", (math.nan,), "parameter 1 is not a number"),
        ("SELECT $1", (math.inf,), "parameter 1 is not a number"),
        ("SELECT $1", (10**64,), "parameter 1 has more than 64 digits"),
        ("SELECT $1", ([1, 2],), "parameter 1 is no single value"),
    ],
)
def test_every_parameter_has_one_value_and_every_value_one_place(sql: str, parameters: Any, message: str) -> None:
    error = refused(sql, parameters)
    assert (error.code, error.message) == ("invalid.parameter", message)
    assert isinstance(error, Invalid)


@pytest.mark.parametrize("sql", ["SELECT ?", "SELECT %s", "SELECT 1 AS :a"])
def test_what_has_no_number_and_no_name_is_refused(sql: str) -> None:
    assert refused(sql, ()).code == "unsupported.parameter"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT email FROM :t",
        "SELECT :t.email FROM core.customers t",
        "SELECT email FROM core.customers ORDER BY :t",
        "SELECT count(*) FROM core.customers GROUP BY :t",
        "SELECT DISTINCT ON (:t) email FROM core.customers",
        "SELECT CAST(email AS :t) FROM core.customers",
    ],
)
@pytest.mark.parametrize("value", ["core.accounts", 1])
def test_a_value_is_never_a_name_or_a_place(sql: str, value: object) -> None:
    with pytest.raises(GatewayError):
        bind(read(sql, {"t": value}), datasets=CATALOG)


def test_values_count_as_text() -> None:
    assert refused("SELECT $1", ("x" * 100,), max_bytes=100).code == "invalid.size"
    assert refused("SELECT $1", ("é" * 50,), max_bytes=100).code == "invalid.size"
    assert refused("SELECT 1", dict.fromkeys((f"p{n}" for n in range(1001)), 1)).code == "invalid.size"
    assert refused("SELECT $1", ("a\0b",)).code == "invalid.syntax"
    assert refused("SELECT $1", ("\ud800",)).code == "invalid.syntax"


@pytest.mark.parametrize("value", ["ZQX", 5, -5, 2.5, True, False, None, "a\\_b", "3"])
def test_a_shape_is_the_same_for_every_value(value: object) -> None:
    sql = "SELECT :v FROM core.customers WHERE email LIKE :v OR region IN (:v, 'x') OR income = -:v"
    assert read(sql, {"v": value}).shape == (
        'SELECT ? FROM "core"."customers" WHERE "email" LIKE ? OR "region" IN (?) OR "income" = -?'
    )


def test_an_interval_is_checked_as_if_it_were_written() -> None:
    assert refused("SELECT CAST($1 AS interval)", ("1 day ago",)).code == "unsupported.literal"


def test_what_is_committed_to_holds_the_values() -> None:
    asked = Request(
        credentials=Credentials(bearer="x"), sql="SELECT :b, :a", purpose="p", parameters={"b": 1, "a": "é"}
    )
    assert asked.text == 'SELECT :b, :a\n{"a":"\\u00e9","b":1}'
    assert Request(credentials=Credentials(bearer="x"), sql="SELECT 1", purpose="p").text == "SELECT 1"
    assert "é" not in repr(asked)
