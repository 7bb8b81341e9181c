"""Views resolved to base columns; somebody's text is parsed, never run."""

from __future__ import annotations

import pyarrow as pa
import pytest

from gateway.catalog.views import resolve_views
from gateway.terms.proposal_catalog import ViewProposal
from gateway.terms.source_schema import SchemaColumn, SchemaTable, SourceSchema


def relation(name: str, columns: str, definition: str | None = None) -> SchemaTable:
    return SchemaTable(
        name=tuple(name.split(".")),
        kind="table" if definition is None else "view",
        columns=tuple(SchemaColumn(name=c, spelled="text", type=pa.string()) for c in columns.split()),
        definition=definition or "",
    )


BASE = (relation("public.customers", "id full_name email"), relation("public.accounts", "id customer_id iban"))


def resolved(
    *views: SchemaTable, dialect: str = "postgres", schema: str = "public", base: tuple[SchemaTable, ...] = BASE
) -> dict[str, ViewProposal]:
    known = SourceSchema(source="core", dialect=dialect, tables=(*base, *views), default_schema=schema)
    return {view.view.rpartition(".")[2]: view for view in resolve_views(known)}


def columns(view: ViewProposal) -> dict[str, list[str]]:
    return {name: [base.removeprefix("public.") for base in bases] for name, bases in view.columns}


RESOLVED = {
    "renamed": ("who", "SELECT full_name AS who FROM customers", {"who": ["customers.full_name"]}),
    "expression": (
        "x",
        "SELECT upper(full_name) || email FROM public.customers",
        {"x": ["customers.email", "customers.full_name"]},
    ),
    "star": (
        "id customer_id iban",
        "SELECT * FROM accounts",
        {"id": ["accounts.id"], "customer_id": ["accounts.customer_id"], "iban": ["accounts.iban"]},
    ),
    "join": (
        "n i",
        "SELECT c.full_name, a.iban FROM customers c JOIN accounts a ON a.customer_id = c.id",
        {"n": ["customers.full_name"], "i": ["accounts.iban"]},
    ),
    "union": (
        "x",
        "SELECT email FROM customers UNION ALL SELECT iban FROM accounts",
        {"x": ["accounts.iban", "customers.email"]},
    ),
    "derived": ("x", "SELECT q.e FROM (SELECT email AS e FROM customers) q", {"x": ["customers.email"]}),
    "with": ("x", "WITH q AS (SELECT email AS e FROM customers) SELECT e FROM q", {"x": ["customers.email"]}),
    "recursive": (
        "n",
        "WITH RECURSIVE r AS (SELECT id AS n FROM customers UNION ALL SELECT r.n FROM r) SELECT n FROM r",
        {"n": ["customers.id"]},
    ),
    "created": ("x", "CREATE VIEW created AS SELECT email FROM customers", {"x": ["customers.email"]}),
    "constant": ("c x", "SELECT 1, email FROM customers", {"c": [], "x": ["customers.email"]}),
}


@pytest.mark.parametrize("name", RESOLVED)
def test_a_view_names_the_columns_that_it_is_made_of(name: str) -> None:
    named, definition, wanted = RESOLVED[name]
    found = resolved(relation(f"public.{name}", named, definition))[name]
    assert columns(found) == wanted
    assert found.note == ""


def test_a_scalar_subquery_counts_with_its_table() -> None:
    text = "SELECT (SELECT max(a.iban) FROM accounts a WHERE a.customer_id = c.id) FROM customers c"
    found = columns(resolved(relation("public.v", "i", text))["v"])
    assert "accounts.iban" in found["i"]


def test_a_view_upon_a_view_is_resolved_to_its_table() -> None:
    found = resolved(
        relation("public.a", "who", "SELECT full_name FROM customers"), relation("public.b", "x", "SELECT who FROM a")
    )
    assert columns(found["b"]) == {"x": ["customers.full_name"]}


def test_views_that_lead_to_each_other_end() -> None:
    found = resolved(relation("public.a", "x", "SELECT x FROM b"), relation("public.b", "x", "SELECT x FROM a"))
    assert {view.note for view in found.values()} == {"it leads back to itself"}


@pytest.mark.parametrize(
    ("definition", "note"),
    [
        ("SELEC 1 FROM", "not understood"),
        ("", "not seen"),
        ("DROP TABLE customers", "no query"),
        ("SELECT " + "(" * 400 + "1" + ")" * 400, ""),
        ("SELECT " + " + ".join(["1"] * 6_000), "too long"),
    ],
)
def test_what_is_not_understood_says_so(definition: str, note: str) -> None:
    found = resolved(relation("public.v", "x", definition))["v"]
    assert note in found.note
    assert found.columns == ()


def test_a_source_without_schemas_has_views_too() -> None:
    base = (relation("customers", "id email"),)
    text = "CREATE VIEW v AS SELECT email FROM customers"
    found = resolved(relation("v", "x", text), dialect="sqlite", schema="", base=base)["v"]
    assert columns(found) == {"x": ["customers.email"]}


def test_mariadbs_quoted_names_are_resolved() -> None:
    base = (relation("bank.customers", "id email"),)
    text = "select `bank`.`customers`.`email` AS `x` from `bank`.`customers`"
    found = resolved(relation("bank.v", "x", text), dialect="mysql", schema="bank", base=base)["v"]
    assert columns(found) == {"x": ["bank.customers.email"]}
