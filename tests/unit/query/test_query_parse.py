"""Sizes, folding, shapes, and what an error may repeat."""

from __future__ import annotations

import pytest
from sqlglot import exp

from gateway.errors import GatewayError, Invalid
from gateway.query import DIALECTS, QueryLimits, bind, grammar, parse
from gateway.terms.query import Query
from gateway.trees import copy_of, nodes_of
from tests.unit.planning.bank import CATALOG

SMALL = QueryLimits(max_bytes=200, max_nodes=40, max_depth=8, max_output_columns=3, max_scans=2)


def read(sql: str, *, dialect: str = "postgres", limits: QueryLimits | None = None) -> Query:
    return parse(sql, dialect=dialect, limits=limits or QueryLimits())


def error(sql: str, *, limits: QueryLimits | None = None) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        bind(read(sql, limits=limits), datasets=CATALOG, limits=limits or QueryLimits())
    return caught.value


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 -- " + "x" * 200,
        "SELECT '" + "é" * 99 + "'",
        "SELECT " + "+".join(["1"] * 30),
        "SELECT " + "(" * 9 + "1" + ")" * 9,
        "SELECT 1, 2, 3, 4",
        "SELECT * FROM core.loans",
        "SELECT 1 FROM core.loans, core.loans b, core.loans c",
        "SELECT 1 WHERE 1 IN (" + ",".join(["1"] * 40) + ")",
    ],
)
def test_refused_when_larger_than_a_limit(sql: str) -> None:
    assert error(sql, limits=SMALL).code == "invalid.size"


def test_a_chain_of_conditions_is_not_deep() -> None:
    read("SELECT 1 WHERE " + " AND ".join(["true"] * 900))


@pytest.mark.parametrize("sql", ["SELECT 1\0", "SELECT '\ud800'"])
def test_refused_when_the_text_is_no_text(sql: str) -> None:
    assert error(sql).code == "invalid.syntax"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_reads_a_plain_query(dialect: str) -> None:
    query = read("SELECT c.Email FROM Core.Customers AS c WHERE c.region = 'DE'", dialect=dialect)
    assert query.names == ("core.customers",)
    assert bind(query, datasets=CATALOG).uses == {"core.customers": frozenset({"email", "region"})}


def test_quoted_names_keep_their_case_where_the_dialect_says_so() -> None:
    assert read('SELECT x FROM "Core"."Customers"').names == ("Core.Customers",)
    assert read('SELECT x FROM "Core"."Customers"', dialect="duckdb").names == ("core.customers",)


def test_datasets_are_named_once_in_order_of_appearance() -> None:
    query = read("SELECT 1 FROM core.loans a, core.accounts b, core.loans c")
    assert query.names == ("core.loans", "core.accounts")


def test_shape_has_no_literal_and_no_comment() -> None:
    shape = read(
        "SELECT 'secret1', -42, DATE '1990-01-01', INTERVAL '3 days' /* secret2 */ FROM core.loans "
        "WHERE rate IN (0.1, 0.2) AND granted_on > '2024-01-01' -- secret3\nLIMIT 77"
    ).shape
    assert shape == (
        "SELECT ?, -?, CAST(? AS DATE), INTERVAL '? DAYS' "
        'FROM "core"."loans" WHERE "rate" IN (?) AND "granted_on" > ? LIMIT ?'
    )


def test_shapes_are_equal_when_only_literals_differ() -> None:
    assert read("SELECT 1 FROM core.loans WHERE rate = 1").shape == read("select 2 from core.loans where rate=2").shape


def test_an_unknown_dataset_and_a_hidden_one_are_one_text() -> None:
    hidden = {name: dataset for name, dataset in CATALOG.items() if name != "core.loans"}
    with pytest.raises(Invalid) as caught:
        bind(read("SELECT rate FROM core.loans"), datasets=hidden)
    unknown = error("SELECT rate FROM core.loanz")
    assert (caught.value.message, caught.value.fix) == (unknown.message.replace("loanz", "loans"), unknown.fix)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT x FROM nope", "unknown dataset: nope"),
        ("SELECT x FROM core.nope", "unknown dataset: core.nope"),
        ('SELECT x FROM "a b"', "unknown dataset"),
        (f"SELECT x FROM {'a' * 65}", "unknown dataset"),
        ("SELECT NoPe FROM core.loans", "unknown column NoPe in core.loans"),
        ('SELECT "x y" FROM core.loans', "unknown column in core.loans"),
        ("SELECT l.NOPE FROM core.loans l", "unknown column l.NOPE in core.loans"),
        ("SELECT z.rate FROM core.loans l", "unknown column z.rate"),
        ("SELECT nope FROM core.loans, core.accounts", "unknown column nope"),
        ("SELECT q.b FROM (SELECT rate AS a FROM core.loans) q", "unknown column q.b"),
        ("SELECT customer_id FROM core.loans, core.accounts", "ambiguous column customer_id"),
        ("SELECT 1 WHERE EXISTS (SELECT 1 FROM core.accounts a WHERE a.x = 1)", "unknown column a.x in core.accounts"),
        ("SELECT 1 FROM core.loans a, core.loans a", "a name in the query does not resolve"),
    ],
)  # fmt: skip
def test_what_does_not_resolve_is_named_as_it_was_written(sql: str, message: str) -> None:
    assert error(sql).message == message


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 'ZQX-SECRET' FROM",
        "SELECT x FROM core.loans WHERE a = 'ZQX-SECRET' 'x' y z",
        "SELECT frobnicate('ZQX-SECRET')",
        "SELECT nope FROM core.loans WHERE loan_purpose = 'ZQX-SECRET'",
        "SELECT 'ZQX-SECRET",
        "DROP TABLE 'ZQX-SECRET'",
        "SELECT 1; DROP 'ZQX-SECRET' x",
        "SELECT CAST('ZQX-SECRET' AS regclass)",
        'SELECT extract("ZQX-SECRET" FROM now())',
    ],
)
def test_no_literal_is_repeated_in_an_error_or_a_log(sql: str, caplog: pytest.LogCaptureFixture) -> None:
    found = error(sql)
    assert "ZQX" not in "".join((found.message, found.fix, *found.reasons, caplog.text))


def test_a_query_is_not_changed_by_binding_it() -> None:
    query = read("SELECT * FROM core.loans WHERE EXISTS (SELECT * FROM core.accounts)")
    first = bind(query, datasets=CATALOG)
    assert bind(query, datasets=CATALOG).uses == first.uses
    assert "*" in query.shape


def test_exists_needs_no_column() -> None:
    bound = bind(read("SELECT rate FROM core.loans WHERE EXISTS (SELECT * FROM core.accounts)"), datasets=CATALOG)
    assert bound.uses == {"core.loans": frozenset({"rate"}), "core.accounts": frozenset()}


def test_a_tree_of_another_room_is_refused() -> None:
    with pytest.raises(GatewayError, match="was not made by this room"):
        bind(Query(dialect="postgres", tree=object(), names=(), shape=""), datasets={})


@pytest.mark.parametrize(
    "tree",
    [
        exp.Window(this=exp.RowNumber(), over="KEEP"),
        exp.Table(this=exp.to_identifier("x"), sample=0),
        exp.Window(this=exp.RowNumber(), alias=exp.Placeholder()),
        exp.Hint(expressions=[]),
    ],
    ids=lambda tree: type(tree).__name__,
)
def test_what_sqlglot_does_not_read_yet_is_refused_too(tree: exp.Expr) -> None:
    with pytest.raises(GatewayError):
        grammar.check(nodes_of(tree))


def test_a_copied_tree_is_equal_and_shares_no_node() -> None:
    sql = "SELECT a.x AS y, count(*) FROM s.t AS a WHERE a.x IN (1, 2, (SELECT max(z) FROM s.u)) GROUP BY a.x"
    tree = parse(sql, dialect="postgres", limits=QueryLimits()).tree
    assert isinstance(tree, exp.Query)
    for node in tree.walk():
        node.meta["seen"] = True
        node.type = "int"
    copy = copy_of(tree)
    assert repr(copy) == repr(tree)
    assert copy.sql("postgres") == tree.sql("postgres")
    pairs = list(zip(tree.walk(), copy.walk(), strict=True))
    assert not {id(node) for node, _ in pairs} & {id(node) for _, node in pairs}
    for node, again in pairs:
        assert (again.arg_key, again.index, again.meta) == (node.arg_key, node.index, node.meta)
        assert again.meta is not node.meta
        assert all(part.parent is again for part in again.iter_expressions())
        assert again.type == node.type
