"""Texts made to hang, crash or get past the reader. Each ends in an answer or a refusal in about a second."""

from __future__ import annotations

import contextlib
import time

import pytest

from gateway.errors import GatewayError
from gateway.planning import make_plan
from gateway.query import bind, parse
from gateway.query.limits import DEFAULT
from tests.unit.planning.bank import CATALOG, PSEUDONYMS, decision

LIMIT_SECONDS = 1.0
SLACK_SECONDS = 1.0
"""The machine may be busy."""

FROM = " FROM core.customers"
SIZE = "invalid.size"
HOSTILE: dict[str, tuple[str, str]] = {
    # quadratic in sqlglot or in us
    "5000 ANDed comparisons": ("SELECT 1" + FROM + " WHERE " + " AND ".join(["region='a'"] * 5000), SIZE),
    "900 ANDed comparisons": ("SELECT 1" + FROM + " WHERE " + " AND ".join(["customer_id=1"] * 900), ""),
    "ORs of pairs": ("SELECT 1" + FROM + " WHERE " + " OR ".join(["(region='a' AND city='b')"] * 400), ""),
    "IN of 10000": ("SELECT 1" + FROM + " WHERE customer_id IN (" + ",".join(["1"] * 10_000) + ")", SIZE),
    "IN of 4900": ("SELECT 1" + FROM + " WHERE customer_id IN (" + ",".join(["1"] * 4900) + ")", ""),
    "tuple of 4900": ("SELECT (" + ",".join(["1"] * 4900) + ")", ""),
    "2000 columns": ("SELECT " + ",".join(["region"] * 2000) + FROM, SIZE),
    "900 columns": ("SELECT " + ",".join(["region"] * 900) + FROM, ""),
    "1200 rows of VALUES": ("SELECT * FROM (VALUES " + ",".join(["(1,2)"] * 1200) + ") v(a, b)", ""),
    "CASE with 600 branches": ("SELECT CASE " + "WHEN region='a' THEN 1 " * 600 + "END" + FROM, ""),
    "300 windows": ("SELECT " + ",".join(["sum(income) OVER (PARTITION BY region ORDER BY city)"] * 300) + FROM, ""),
    "one ordinal 1500 times": ("SELECT region||city" + FROM + " GROUP BY " + ",".join(["1"] * 1500), ""),
    "1500 ordinals to sort by": ("SELECT region" + FROM + " ORDER BY " + ",".join(["1"] * 1500), ""),
    "200 CTEs": ("WITH " + ",".join(f"c{i} AS (SELECT 1 AS x)" for i in range(200)) + " SELECT 1 FROM c1", SIZE),
    "chain of 60 CTEs": (
        "WITH c0 AS (SELECT *" + FROM + ")" + "".join(f",c{i} AS (SELECT * FROM c{i - 1})" for i in range(1, 60))
        + " SELECT * FROM c59", ""),
    "700 scalar subqueries": ("SELECT " + ",".join(["(SELECT 1)"] * 700), SIZE),
    "190 correlated subqueries": ("SELECT " + ",".join(["(SELECT c.region)"] * 190) + FROM + " c", ""),
    "190 laterals": ("SELECT 1" + FROM + " c" + "".join(f", LATERAL (SELECT c.region) l{i}" for i in range(190)), ""),
    "60-fold cross join": ("SELECT 1 FROM " + ",".join(f"core.customers c{i}" for i in range(60)), SIZE),
    "16-fold natural join": (
        "SELECT * FROM core.customers c0" + "".join(f" NATURAL JOIN core.customers c{i}" for i in range(1, 16)), ""),
    "31-fold natural join": (
        "SELECT * FROM core.customers c0" + "".join(f" NATURAL JOIN core.customers c{i}" for i in range(1, 32)), SIZE),
    "32 mentions in subqueries": (
        "SELECT " + ",".join(f"(SELECT max(x{i}.income) FROM core.customers x{i} WHERE x{i}.region = c.region)"
        for i in range(31)) + FROM + " c", ""),
    "600 rows to compare": (
        "SELECT 1" + FROM + " WHERE (region, city) IN (" + ",".join(["('a','b')"] * 600) + ")", SIZE),
    "200 rows to compare": (
        "SELECT 1" + FROM + " WHERE (region, city) IN (" + ",".join(["('a','b')"] * 200) + ")", ""),
    "rows of 1000": ("SELECT (" + ",".join(["1"] * 1000) + ") < (" + ",".join(["1"] * 1000) + ")", SIZE),
    "500 patterns": ("SELECT 1" + FROM + " WHERE " + " OR ".join([r"city LIKE 'a\_'"] * 500), ""),
    "900 quoted names": ("SELECT " + ",".join(f'1 AS "A{i}"' for i in range(900)), ""),
    # exponential
    "roots of roots": ("SELECT " + "sqrt(" * 60 + "income" + ")" * 60 + FROM, SIZE),
    "powers of powers": ("SELECT " + "power(" * 40 + "income" + ",income)" * 40 + FROM, SIZE),
    "substrings of substrings": (
        "SELECT " + "length(substring(city from " * 30 + "1" + "))" * 30 + FROM, SIZE),
    "rows of rows": ("SELECT " + "((" * 20 + "1" + ",1)=(1,1),1)=(true,1)" * 20, SIZE),
    "array of array": ("SELECT " + "array[" * 40 + "1" + "]" * 40, SIZE),
    "struct of struct": ("SELECT " + "struct(" * 40 + "1" + ")" * 40, SIZE),
    "decimal of decimal": ("SELECT " + "decimal(" * 40 + "1" + ")" * 40, SIZE),
    "stars that double": (
        "WITH c0 AS (SELECT *" + FROM + ")" + "".join(f",c{i} AS (SELECT *,* FROM c{i - 1})" for i in range(1, 40))
        + " SELECT count(*) FROM c39", SIZE),
    "aliases that double": (
        "SELECT region AS a0" + "".join(f", a{i - 1}||a{i - 1} AS a{i}" for i in range(1, 40)) + FROM,
        "invalid.column"),
    "aliases in HAVING": (
        "SELECT " + "+".join(["income"] * 90) + " AS x" + FROM + " GROUP BY x HAVING " + " AND ".join(["x>1"] * 900),
        SIZE),
    # deep
    "200 parentheses": ("SELECT " + "(" * 200 + "1" + ")" * 200, SIZE),
    "60000 open parentheses": ("SELECT " + "(" * 60_000, SIZE),
    "60 derived tables": ("SELECT * FROM " + "(SELECT * FROM " * 60 + "core.customers" + ") x" * 60, SIZE),
    "5000 NOTs": ("SELECT " + "NOT " * 5000 + "true", SIZE),
    "5000 minus signs": ("SELECT " + "- " * 5000 + "1", SIZE),
    "2000 plus signs": ("SELECT " + "+".join(["1"] * 2000), SIZE),
    "1500 UNIONs": (" UNION ALL ".join(["SELECT 1"] * 1500), SIZE),
    "300 CASEs": ("SELECT " + "CASE WHEN true THEN " * 300 + "1" + " END" * 300, SIZE),
    "4000 casts": ("SELECT 1" + "::int" * 4000, SIZE),
    "3000 IS NULLs": ("SELECT 1" + " IS NULL" * 3000, SIZE),
    "3000 INTERVALs": ("SELECT " + "INTERVAL " * 3000 + "'1'", SIZE),
    "9000 subscripts": ("SELECT a" + "[1]" * 9000, SIZE),
    "20000 dots": ("SELECT a" + ".a" * 20_000, SIZE),
    # long
    "over the bytes": ("SELECT '" + "x" * 70_000 + "'", SIZE),
    "one long name": ("SELECT " + "a" * 60_000, "invalid.name"),
    "one long number": ("SELECT " + "9" * 60_000, "unsupported.literal"),
    "one long string": ("SELECT '" + "'" * 60_000 + "'", ""),
    "an open string": ("SELECT '" + "'" * 59_999, ""),
    "open comments": ("SELECT " + "/*" * 30_000, "invalid.syntax"),
    "open dollar quotes": ("SELECT $$" + "$" * 60_000, "invalid.syntax"),
    "semicolons": ("SELECT 1" + ";" * 60_000, SIZE),
    "commas": ("SELECT " + "," * 60_000, SIZE),
    "spaces": ("SELECT" + " " * 60_000 + "1", ""),
    "a megabyte": ("SELECT '" + "x" * 1_000_000 + "'", SIZE),
    "a megabyte of emoji": ("SELECT '" + "\U0001f600" * 250_000 + "'", SIZE),
    "10000 parentheses": ("SELECT " + "(" * 10_000 + "1" + ")" * 10_000, SIZE),
    "5000 columns": ("SELECT " + ",".join(f"c{i}" for i in range(5_000)) + FROM, SIZE),
    # strange
    "a NUL": ("SELECT 1\0", "invalid.syntax"),
    "a NUL in a literal": ("SELECT 'a\0b'", "invalid.syntax"),
    "a lone surrogate": ("SELECT '\ud800'", "invalid.syntax"),
    "text that runs backwards": ("SELECT 1 AS \"a\u202eb\"", "invalid.name"),
    "a name of another script": ("SELECT \u0435mail" + FROM, "invalid.column"),
    "full-width digits": ("SELECT \uff11", "invalid.name"),
    "full-width SELECT": ("\uff33\uff25\uff2c\uff25\uff23\uff34 1", "unsupported.statement"),
    "a zero-width space": ("SELECT\u200b1" + FROM, "unsupported.statement"),
    "no-break spaces": ("SELECT\u00a01", ""),
    "a combining mark": ("SELECT 1 AS e\u0301", "invalid.name"),
    "5000 combining marks": ("SELECT 1 AS e" + "\u0301" * 5_000, "invalid.name"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_b7_no_text_takes_long(name: str) -> None:
    sql, expected = HOSTILE[name]
    code = ""
    start = time.process_time()
    try:
        bound = bind(parse(sql, dialect="postgres", limits=DEFAULT), datasets=CATALOG)
        make_plan(bound, decision(masked=PSEUDONYMS), datasets=CATALOG, max_scans=DEFAULT.max_scans)
    except GatewayError as error:
        code = error.code
    assert time.process_time() - start < LIMIT_SECONDS + SLACK_SECONDS
    assert code == expected


@pytest.mark.parametrize("dialect", ["duckdb", "mysql", "sqlite", "snowflake", "bigquery", "tsql"])
@pytest.mark.parametrize("opening", ["array[", "struct(", "decimal(", "row(", "map {", "f(x -> ", "cast(", "{a:", "("])
def test_b7_no_nesting_is_exponential_in_any_dialect(dialect: str, opening: str) -> None:
    closing = {"[": "]", "(": ")", "{": "}"}
    ends = "".join(closing[c] for c in reversed(opening) if c in closing) or ")"
    sql = "SELECT " + opening * 45 + "1" + ends * 45
    start = time.process_time()
    with contextlib.suppress(GatewayError):
        parse(sql, dialect=dialect, limits=DEFAULT)
    assert time.process_time() - start < LIMIT_SECONDS + SLACK_SECONDS


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1; SELECT 2",
        "SELECT 1 /*!50000 ; DROP TABLE x */; DROP TABLE x",
        "FROM core.customers",
        "TABLE core.customers",
        "SELECT $$x$$",
    ],
)
def test_c5_what_two_parsers_could_read_differently_is_refused(sql: str) -> None:
    with pytest.raises(GatewayError):
        parse(sql, dialect="mysql" if "/*!" in sql else "postgres", limits=DEFAULT)


def test_c5_executable_comments_are_comments() -> None:
    query = parse("SELECT 1 /*!50000 , email FROM core.customers */", dialect="mysql", limits=DEFAULT)
    assert query.names == ()
    assert "email" not in query.shape


@pytest.mark.parametrize("name", ['x" , ssn --', "x'; DROP TABLE y", "a;b", "__scan_1", "$$", "%s", "{x}"])
def test_c12_names_are_quoted_in_what_is_generated(name: str) -> None:
    quoted = name.replace('"', '""')
    sql = f'SELECT q."{quoted}" FROM (SELECT 1 AS "{quoted}") AS q'
    if name.startswith("__"):
        with pytest.raises(GatewayError):
            parse(sql, dialect="postgres", limits=DEFAULT)
        return
    bound = bind(parse(sql, dialect="postgres", limits=DEFAULT), datasets=CATALOG)
    made = make_plan(bound, decision(), datasets=CATALOG, max_scans=16)
    assert made.output_names == (name,)
    assert f'"{quoted}"' in made.sql
